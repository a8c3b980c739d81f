/* Listening sockets: bound before any thread starts, so that an address in use stops the start. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "daemon/address.h"
#include "daemon/daemon_int.h"

#define BACKLOG 4096
#define RECEIVE_BUFFER (128 << 10) /* of each connection: what one can send while others are served */
#define OWN_DESCRIPTORS 256        /* not client connections: Redis, event loops, logs */

/* False, for the caller to return. */
static bool log_address(const char *address, const char *what)
{
    sl_log(SL_ERROR, "listen", what, SL_KS("address", address), SL_KS("error", strerror(errno)));
    return false;
}

/* Whether the path is free; a socket left by a process that ended is removed. */
static bool claim_path(const struct sockaddr_un *sa)
{
    struct stat st;
    if (stat(sa->sun_path, &st) != 0)
        return errno == ENOENT;
    int fd = S_ISSOCK(st.st_mode) ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    bool dead = fd >= 0 && connect(fd, (const struct sockaddr *)sa, sizeof *sa) != 0 && errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    if (dead)
        return unlink(sa->sun_path) == 0;
    errno = EADDRINUSE;
    return false;
}

static int listen_unix(const char *address, const struct sl_address *a)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    _Static_assert(sizeof sa.sun_path > SL_UNIX_PATH_MAX, "a path that was parsed fits");
    memcpy(sa.sun_path, a->path, strlen(a->path));
    int fd = claim_path(&sa) ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof sa) != 0 || listen(fd, BACKLOG) != 0) {
        log_address(address, "cannot listen");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

/* An address of a family: what a socket is bound to. */
struct target {
    struct sockaddr_storage sa;
    socklen_t len;
};
#define TARGETS 16 /* that one name may have */

static bool add_target(struct target *all, size_t *n, const struct addrinfo *ai)
{
    struct target t = {.len = ai->ai_addrlen};
    memcpy(&t.sa, ai->ai_addr, ai->ai_addrlen);
    for (size_t i = 0; i < *n; i++)
        if (all[i].len == t.len && memcmp(&all[i].sa, &t.sa, t.len) == 0)
            return true;
    if (*n == TARGETS)
        return false;
    all[(*n)++] = t;
    return true;
}

/* All addresses that the text stands for; 0 after a line in the log. */
static size_t find_targets(const char *address, const struct sl_address *a, struct target *ret)
{
    char port[6];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV},
                    *all = NULL;
    size_t n = 0;
    bool room = true;
    snprintf(port, sizeof port, "%u", (unsigned)a->port);
    int why = getaddrinfo(a->all ? NULL : a->host, port, &hints, &all);
    if (why != 0) {
        sl_log(SL_ERROR, "listen", "the name of an address cannot be resolved", SL_KS("address", address),
               SL_KS("error", gai_strerror(why)));
        return 0;
    }
    for (const struct addrinfo *ai = all; ai != NULL && room; ai = ai->ai_next)
        room = add_target(ret, &n, ai);
    freeaddrinfo(all);
    if (room)
        return n;
    sl_log(SL_ERROR, "listen", "a name has too many addresses: name some of them", SL_KS("address", address),
           SL_KU("most", TARGETS));
    return 0;
}

/* `shared`: several sockets on one address, among which the kernel spreads connections. -1 with errno. */
static int listen_at(const struct target *t, bool shared)
{
    int on = 1, buffer = RECEIVE_BUFFER, family = t->sa.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                   setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer) == 0 &&
                   (!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) &&
                   (family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
                   bind(fd, (const struct sockaddr *)&t->sa, t->len) == 0 && listen(fd, BACKLOG) == 0))
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static bool add_socket(struct sl_sockets *s, int fd, enum sl_listener_kind kind)
{
    if (fd < 0)
        return false;
    if (s->count == SL_HTTP_LISTENERS) {
        close(fd);
        errno = EMFILE;
        return false;
    }
    s->fds[s->count] = fd;
    s->kinds[s->count++] = kind;
    return true;
}

/* Where a listener's sockets go: a thread has one of each address. */
struct receivers {
    struct sl_daemon *d;
    enum sl_listener_kind kind;
};

static unsigned count_receivers(const struct receivers *to)
{
    return to->kind == SL_LISTEN_OPS ? 1 : to->d->config->workers;
}

static struct sl_sockets *receiver(const struct receivers *to, unsigned i)
{
    return to->kind == SL_LISTEN_OPS ? &to->d->keeper.ops : &to->d->workers[i].sockets;
}

/* SO_REUSEPORT would let a second process of ours take half of the connections unnoticed: one socket without
 * it first. */
static bool listen_target(const struct receivers *to, const struct target *t)
{
    bool shared = to->kind != SL_LISTEN_OPS;
    int probe = shared ? listen_at(t, false) : 0;
    if (probe < 0)
        return false;
    if (shared)
        close(probe);
    for (unsigned i = 0; i < count_receivers(to); i++)
        if (!add_socket(receiver(to, i), listen_at(t, shared), to->kind))
            return false;
    return true;
}

/* A machine may lack one of the families, or the address of it, that a name or `*` stands for. */
static bool is_missing(int why)
{
    return why == EAFNOSUPPORT || why == EADDRNOTAVAIL;
}

static bool listen_tcp(const struct receivers *to, const char *address, const struct sl_address *a)
{
    struct target targets[TARGETS];
    size_t n = find_targets(address, a, targets), bound = 0;
    for (size_t i = 0; i < n; i++) {
        if (listen_target(to, &targets[i]))
            bound++;
        else if (n == 1 || !is_missing(errno) || (i + 1 == n && bound == 0))
            return log_address(address, "cannot listen");
    }
    return bound > 0;
}

static bool listen_local(const struct receivers *to, const char *address, const struct sl_address *a)
{
    for (unsigned i = 0; i < count_receivers(to); i++) {
        const struct sl_sockets *first = receiver(to, 0);
        int fd = i == 0 ? listen_unix(address, a) : dup(first->fds[first->count - 1]);
        if (!add_socket(receiver(to, i), fd, to->kind))
            return i == 0 ? false : log_address(address, "cannot listen");
    }
    return true;
}

static bool listen_listener(struct sl_daemon *d, enum sl_tls_listener listener, enum sl_listener_kind kind)
{
    const struct sl_texts *texts = &d->config->http.listen[listener];
    struct receivers to = {d, kind};
    for (size_t i = 0; i < texts->count; i++) {
        struct sl_address a;
        bool parsed = sl_address_parse(texts->at[i], &a);
        sl_assert(parsed); /* the configuration was checked */
        if (!(a.path[0] != '\0' ? listen_local(&to, texts->at[i], &a) : listen_tcp(&to, texts->at[i], &a)))
            return false;
    }
    return true;
}

static void fit_descriptors(const struct sl_config *c)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return;
    r.rlim_cur = r.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &r);
    if (c->http.limits.connections + OWN_DESCRIPTORS > r.rlim_cur)
        sl_log(SL_ERROR, "listen", "limits.connections exceeds what the limit of open files allows",
               SL_KU("connections", c->http.limits.connections), SL_KU("open-files", r.rlim_cur),
               SL_KU("most", r.rlim_cur > OWN_DESCRIPTORS ? r.rlim_cur - OWN_DESCRIPTORS : 0));
}

static bool descriptors_suffice(const struct sl_config *c)
{
    struct rlimit r;
    fit_descriptors(c);
    return getrlimit(RLIMIT_NOFILE, &r) != 0 || c->http.limits.connections + OWN_DESCRIPTORS <= r.rlim_cur;
}

bool sl_listen_all(struct sl_daemon *d)
{
    bool same = sl_issuers_share(&d->config->http);
    return descriptors_suffice(d->config) && listen_listener(d, SL_TLS_OPS, SL_LISTEN_OPS) &&
           listen_listener(d, SL_TLS_PUBLIC, same ? SL_LISTEN_BOTH : SL_LISTEN_PUBLIC) &&
           (same || listen_listener(d, SL_TLS_ISSUER, SL_LISTEN_ISSUER));
}
