/* From an address in the options to a connected socket: name resolution on the clerk, non-blocking connect,
 * each address in turn, the TLS handshake. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.h"
#include "store/conn_int.h"

struct sl_resolve {
    struct sl_job job;    /* first: it comes back as mail */
    struct sl_conn *conn; /* NULL: nobody waits any more */
    char *host;
    char port[8];
    unsigned count;
    struct sl_address found[SL_ADDRESS_MAX];
    const char *why; /* a constant of the C library */
};

/* On the clerk's thread: touches the job alone. */
static void work(struct sl_job *job, void *state)
{
    (void)state;
    struct sl_resolve *r = (struct sl_resolve *)job;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *list;
    int rc = getaddrinfo(r->host, r->port, &hints, &list);
    if (rc != 0) {
        r->why = gai_strerror(rc);
        return;
    }
    for (struct addrinfo *a = list; a != NULL && r->count < SL_ADDRESS_MAX; a = a->ai_next) {
        memcpy(&r->found[r->count].at, a->ai_addr, a->ai_addrlen);
        r->found[r->count++].len = a->ai_addrlen;
    }
    freeaddrinfo(list);
}

void sl_store_mail(struct sl_mail *m)
{
    struct sl_resolve *r = (struct sl_resolve *)m;
    struct sl_conn *c = r->conn;
    if (c != NULL) {
        sl_conn_hold(c);
        c->resolve = NULL;
        memcpy(c->addresses, r->found, sizeof c->addresses);
        c->address_count = r->count;
        if (r->count > 0)
            sl_conn_next_address(c);
        else
            sl_conn_drop(c, false, "cannot resolve %.100s: %s", r->host,
                         r->why != NULL ? r->why : "no address");
        sl_conn_release(c);
    }
    free(r->host);
    free(r);
}

void sl_conn_forget(struct sl_conn *c)
{
    if (c->resolve != NULL)
        c->resolve->conn = NULL;
    c->resolve = NULL;
}

static void resolve(struct sl_conn *c)
{
    struct sl_resolve *r = sl_xcalloc(1, sizeof *r);
    r->job = (struct sl_job){.mail.kind = SL_STORE_MAIL, .work = work, .reply_to = c->setup.mail};
    r->host = sl_xstrdup(c->setup.options->host);
    snprintf(r->port, sizeof r->port, "%u", c->setup.options->port);
    r->conn = c;
    c->resolve = r;
    sl_crew_submit(c->setup.clerk, &r->job);
    sl_conn_change(c, SL_STORE_RESOLVING);
}

/* Needs no resolver: a socket path, or an address in digits. */
static bool known_address(struct sl_conn *c)
{
    const struct sl_redis_options *o = c->setup.options;
    struct sl_address *a = &c->addresses[0];
    memset(a, 0, sizeof *a);
    struct sockaddr_un *un = (struct sockaddr_un *)&a->at;
    struct sockaddr_in *in = (struct sockaddr_in *)&a->at;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a->at;
    if (o->socket != NULL) {
        un->sun_family = AF_UNIX;
        snprintf(un->sun_path, sizeof un->sun_path, "%s", o->socket);
        a->len = sizeof *un;
    } else if (inet_pton(AF_INET, o->host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons(o->port);
        a->len = sizeof *in;
    } else if (inet_pton(AF_INET6, o->host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(o->port);
        a->len = sizeof *in6;
    }
    c->address_count = 1;
    return a->len > 0;
}

void sl_conn_dial(struct sl_conn *c)
{
    const struct sl_redis_options *o = c->setup.options;
    c->address_next = 0;
    if (o->socket != NULL && strlen(o->socket) >= sizeof((struct sockaddr_un *)0)->sun_path)
        sl_conn_drop(c, true, "the path of the Redis socket is longer than %zu bytes",
                     sizeof((struct sockaddr_un *)0)->sun_path - 1);
    else if (known_address(c))
        sl_conn_next_address(c);
    else
        resolve(c);
}

static void on_handshake(void *arg)
{
    struct sl_conn *c = arg;
    sl_conn_hold(c);
    int rc = sl_link_handshake(c->link);
    if (rc < 0)
        sl_conn_drop(c, sl_link_hopeless(c->link), "%s", sl_link_why(c->link));
    else if (rc > 0)
        sl_conn_attach(c, c->fd);
    else if (sl_link_wants_room(c->link))
        sl_watch_write(c->watch, on_handshake);
    sl_conn_release(c);
}

/* The context in force now; a share of it goes with the link. */
static void secure(struct sl_conn *c)
{
    struct ssl_ctx_st *ctx = atomic_load_explicit(&c->setup.tls->context, memory_order_acquire);
    c->link = sl_link_new(ctx, c->fd, c->setup.options);
    sl_watch_read(c->watch, on_handshake);
    on_handshake(c);
}

void sl_conn_unplug(struct sl_conn *c)
{
    sl_link_free(c->link);
    c->link = NULL;
    sl_watch_free(c->watch);
    c->watch = NULL;
}

static void on_connected(void *arg)
{
    struct sl_conn *c = arg;
    int err = 0;
    socklen_t len = sizeof err;
    sl_conn_hold(c);
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
        err = errno;
    if (err == 0 && c->setup.options->tls.enabled) {
        secure(c);
    } else if (err == 0) {
        sl_conn_attach(c, c->fd);
    } else if (c->address_next < c->address_count) {
        sl_conn_next_address(c);
    } else {
        sl_conn_drop(c, false, "cannot connect to Redis: %s", strerror(err));
    }
    sl_conn_release(c);
}

static int open_socket(const struct sl_address *a, uint32_t timeout_ms)
{
    int fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    unsigned gone_ms = timeout_ms * 2;
    if (fd >= 0 && a->at.ss_family != AF_UNIX) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &gone_ms, sizeof gone_ms);
    }
    return fd;
}

void sl_conn_next_address(struct sl_conn *c)
{
    int err = 0;
    sl_conn_unplug(c);
    while (c->address_next < c->address_count) {
        const struct sl_address *a = &c->addresses[c->address_next++];
        int fd = open_socket(a, c->setup.options->command_timeout_ms);
        if (fd >= 0 && (connect(fd, (const struct sockaddr *)&a->at, a->len) == 0 || errno == EINPROGRESS)) {
            c->fd = fd;
            c->watch = sl_watch_new(c->setup.loop, fd, c);
            c->progress_ns = sl_conn_now(c);
            sl_watch_write(c->watch, on_connected);
            sl_conn_watch_deadline(c);
            if (c->state != SL_STORE_CONNECTING)
                sl_conn_change(c, SL_STORE_CONNECTING);
            return;
        }
        err = errno;
        if (fd >= 0)
            close(fd);
    }
    sl_conn_drop(c, false, "cannot connect to Redis: %s", strerror(err));
}
