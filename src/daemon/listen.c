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

static void log_address(const char *address, const char *what)
{
    sl_log(SL_ERROR, "listen", what, SL_KS("address", address), SL_KS("error", strerror(errno)));
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

/* `shared`: several sockets on one address, among which the kernel spreads connections. */
static int listen_tcp(const char *address, const struct sl_address *a, bool shared)
{
    char port[6];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *ai = NULL;
    int fd = -1, on = 1, buffer = RECEIVE_BUFFER;
    snprintf(port, sizeof port, "%u", (unsigned)a->port);
    if (getaddrinfo(a->host, port, &hints, &ai) != 0) {
        errno = EADDRNOTAVAIL;
    } else {
        fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool ok =
            fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
            setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer) == 0 &&
            (!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) &&
            (ai->ai_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
            bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
        if (!ok && fd >= 0) {
            int why = errno;
            close(fd);
            errno = why;
            fd = -1;
        }
        freeaddrinfo(ai);
    }
    if (fd < 0)
        log_address(address, "cannot listen");
    return fd;
}

/* SO_REUSEPORT would let a second process of ours take half of the connections unnoticed: one socket without
 * it first. */
static bool is_free(const char *address, const struct sl_address *a)
{
    int fd = listen_tcp(address, a, false);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool listen_workers(struct sl_daemon *d, const char *address, unsigned slot,
                           enum sl_listener_kind kind)
{
    struct sl_address a;
    bool parsed = sl_address_parse(address, &a);
    sl_assert(parsed); /* the configuration was checked */
    bool local = a.path[0] != '\0';
    if (!local && !is_free(address, &a))
        return false;
    for (unsigned i = 0; i < d->config->workers; i++) {
        struct sl_worker *w = &d->workers[i];
        w->kinds[slot] = kind;
        w->fds[slot] = !local   ? listen_tcp(address, &a, true)
                       : i == 0 ? listen_unix(address, &a)
                                : dup(d->workers[0].fds[slot]);
        if (w->fds[slot] < 0)
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
    const struct sl_http_options *o = &d->config->http;
    bool same = strcmp(o->listen_issuer, "same") == 0;
    if (!descriptors_suffice(d->config))
        return false;
    struct sl_address ops;
    bool parsed = sl_address_parse(o->listen_ops, &ops);
    sl_assert(parsed);
    d->keeper.ops_fd =
        ops.path[0] != '\0' ? listen_unix(o->listen_ops, &ops) : listen_tcp(o->listen_ops, &ops, false);
    return d->keeper.ops_fd >= 0 &&
           listen_workers(d, o->listen_public, 0, same ? SL_LISTEN_BOTH : SL_LISTEN_PUBLIC) &&
           (same || listen_workers(d, o->listen_issuer, 1, SL_LISTEN_ISSUER));
}
