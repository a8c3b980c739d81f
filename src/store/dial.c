/* A socket path or an address in digits is taken as it stands; a name goes to the clerk's thread, because
 * getaddrinfo() blocks, and comes back as mail. Then try_next_address() connects to each address in turn;
 * each has the command timeout for connect() and, under TLS, the handshake together. An address that takes
 * longer gives way to the next, but a handshake that fails ends the round. If a dialler is stopped while
 * the clerk works, it removes itself from the job; the job is freed when its mail arrives. */
#include "store/dial_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/container_of.h"

static void fail_dial(struct sl_dial *d, bool hopeless, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void fail_dial(struct sl_dial *d, bool hopeless, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(d->why, sizeof d->why, fmt, ap);
    va_end(ap);
    d->hopeless = hopeless;
    sl_dial_stop(d);
    d->on_step(d->arg, SL_DIAL_FAILED);
}

/* ---- connecting */

static void close_attempt(struct sl_dial *d)
{
    sl_timer_stop(d->setup->loop, &d->deadline);
    sl_link_free(d->link);
    d->link = NULL;
    sl_watch_free(d->watch);
    d->watch = NULL;
}

static void finish_dial(struct sl_dial *d)
{
    sl_timer_stop(d->setup->loop, &d->deadline);
    d->on_step(d->arg, SL_DIAL_CONNECTED);
}

static void on_handshake(void *arg)
{
    struct sl_dial *d = arg;
    int rc = sl_link_handshake(d->link);
    if (rc < 0)
        fail_dial(d, sl_link_hopeless(d->link), "%s", sl_link_why(d->link));
    else if (rc > 0)
        finish_dial(d);
    else if (sl_link_wants_room(d->link))
        sl_watch_write(d->watch, on_handshake);
}

/* With the present context; the link keeps a reference to it. */
static void begin_handshake(struct sl_dial *d)
{
    struct ssl_ctx_st *ctx = atomic_load_explicit(&d->setup->tls->context, memory_order_acquire);
    d->link = sl_link_new(ctx, d->fd, d->setup->options);
    sl_watch_read(d->watch, on_handshake);
    on_handshake(d);
}

static void try_next_address(struct sl_dial *d);

static void on_connected(void *arg)
{
    struct sl_dial *d = arg;
    int err = 0;
    socklen_t len = sizeof err;
    if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
        err = errno;
    if (err == 0 && d->setup->options->tls.enabled)
        begin_handshake(d);
    else if (err == 0)
        finish_dial(d);
    else if (d->address_next < d->address_count)
        try_next_address(d);
    else
        fail_dial(d, false, "cannot connect to Redis: %s", strerror(err));
}

static void on_dial_deadline(void *arg)
{
    struct sl_dial *d = arg;
    unsigned limit = d->setup->options->command_timeout_ms;
    if (d->address_next < d->address_count)
        try_next_address(d);
    else if (d->link != NULL)
        fail_dial(d, false, "no TLS handshake with Redis for %u ms: is redis.port its TLS port?", limit);
    else
        fail_dial(d, false, "no reply from Redis for %u ms", limit);
}

static int open_socket(const struct sl_address *address, uint32_t timeout_ms)
{
    int fd = socket(address->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    unsigned gone_ms = timeout_ms * 2;
    if (fd >= 0 && address->at.ss_family != AF_UNIX) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &gone_ms, sizeof gone_ms);
    }
    return fd;
}

static void try_next_address(struct sl_dial *d)
{
    bool first = d->address_next == 0;
    uint32_t limit_ms = d->setup->options->command_timeout_ms;
    int err = 0;
    close_attempt(d);
    while (d->address_next < d->address_count) {
        const struct sl_address *address = &d->addresses[d->address_next++];
        int fd = open_socket(address, limit_ms);
        if (fd >= 0 &&
            (connect(fd, (const struct sockaddr *)&address->at, address->len) == 0 || errno == EINPROGRESS)) {
            d->fd = fd;
            d->watch = sl_watch_new(d->setup->loop, fd, d);
            sl_watch_write(d->watch, on_connected);
            sl_timer_start(d->setup->loop, &d->deadline, limit_ms * SL_NS_PER_MS);
            if (first)
                d->on_step(d->arg, SL_DIAL_CONNECTING);
            return;
        }
        err = errno;
        if (fd >= 0)
            close(fd);
    }
    fail_dial(d, false, "cannot connect to Redis: %s", strerror(err));
}

/* ---- addresses */

struct sl_resolve {
    struct sl_job job;    /* comes back as mail */
    struct sl_dial *dial; /* NULL: the dialler has stopped */
    char *host;
    char port[8];
    unsigned count;
    struct sl_address found[SL_ADDRESS_MAX];
    const char *why; /* a constant of the C library */
};

/* On the clerk's thread: touches the job only. */
static void resolve_host(struct sl_job *job, void *state)
{
    (void)state;
    struct sl_resolve *resolve = sl_container_of(job, struct sl_resolve, job);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *list;
    int rc = getaddrinfo(resolve->host, resolve->port, &hints, &list);
    if (rc != 0) {
        resolve->why = gai_strerror(rc);
        return;
    }
    for (struct addrinfo *info = list; info != NULL && resolve->count < SL_ADDRESS_MAX;
         info = info->ai_next) {
        memcpy(&resolve->found[resolve->count].at, info->ai_addr, info->ai_addrlen);
        resolve->found[resolve->count++].len = info->ai_addrlen;
    }
    freeaddrinfo(list);
}

void sl_dial_mail(struct sl_mail *mail)
{
    struct sl_resolve *resolve = sl_container_of(mail, struct sl_resolve, job.mail);
    struct sl_dial *d = resolve->dial;
    if (d != NULL) {
        d->resolve = NULL;
        memcpy(d->addresses, resolve->found, sizeof d->addresses);
        d->address_count = resolve->count;
        if (resolve->count > 0)
            try_next_address(d);
        else
            fail_dial(d, false, "cannot resolve %.100s: %s", resolve->host,
                      resolve->why != NULL ? resolve->why : "no address");
    }
    free(resolve->host);
    free(resolve);
}

static void start_resolving(struct sl_dial *d)
{
    struct sl_resolve *resolve = sl_xcalloc(1, sizeof *resolve);
    resolve->job =
        (struct sl_job){.mail.kind = SL_STORE_MAIL, .work = resolve_host, .reply_to = d->setup->mail};
    resolve->host = sl_xstrdup(d->setup->options->host);
    snprintf(resolve->port, sizeof resolve->port, "%u", d->setup->options->port);
    resolve->dial = d;
    d->resolve = resolve;
    sl_crew_submit(d->setup->clerk, &resolve->job);
    d->on_step(d->arg, SL_DIAL_RESOLVING);
}

/* Needs no resolver: a socket path, or an address in digits. */
static bool address_in_options(struct sl_dial *d)
{
    const struct sl_redis_options *options = d->setup->options;
    struct sl_address *address = &d->addresses[0];
    memset(address, 0, sizeof *address);
    struct sockaddr_un *un = (struct sockaddr_un *)&address->at;
    struct sockaddr_in *in = (struct sockaddr_in *)&address->at;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address->at;
    if (options->socket != NULL) {
        un->sun_family = AF_UNIX;
        snprintf(un->sun_path, sizeof un->sun_path, "%s", options->socket);
        address->len = sizeof *un;
    } else if (inet_pton(AF_INET, options->host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons(options->port);
        address->len = sizeof *in;
    } else if (inet_pton(AF_INET6, options->host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(options->port);
        address->len = sizeof *in6;
    }
    d->address_count = 1;
    return address->len > 0;
}

/* ---- life */

void sl_dial_init(struct sl_dial *d, const struct sl_store_setup *setup, sl_dial_cb *on_step, void *arg)
{
    *d = (struct sl_dial){.setup = setup, .on_step = on_step, .arg = arg, .fd = -1};
    sl_timer_init(&d->deadline, on_dial_deadline, d);
}

void sl_dial_start(struct sl_dial *d)
{
    const struct sl_redis_options *options = d->setup->options;
    const size_t room = sizeof((struct sockaddr_un *)0)->sun_path;
    d->address_next = 0;
    if (options->socket != NULL && strlen(options->socket) >= room)
        fail_dial(d, true, "the path of the Redis socket is longer than %zu bytes", room - 1);
    else if (address_in_options(d))
        try_next_address(d);
    else
        start_resolving(d);
}

void sl_dial_stop(struct sl_dial *d)
{
    if (d->resolve != NULL)
        d->resolve->dial = NULL;
    d->resolve = NULL;
    close_attempt(d);
}
