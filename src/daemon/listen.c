/* Listening sockets: bound before any thread starts, so that an address in use stops the start. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/daemon.h"

#define BACKLOG 1024
#define OWN_DESCRIPTORS 256 /* not client connections: Redis, event loops, logs */

static void complain(const char *address, const char *what)
{
    sl_log(SL_ERROR, "listen", what, SL_KS("address", address), SL_KS("error", strerror(errno)));
}

static int listen_unix(const char *address)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    const char *path = address + strlen("unix:");
    if (strlen(path) >= sizeof sa.sun_path) {
        errno = ENAMETOOLONG;
        complain(address, "cannot listen");
        return -1;
    }
    memcpy(sa.sun_path, path, strlen(path));
    /* A socket left by a process that ended; one in use is noticed by connecting to it. */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct stat st;
    if (fd >= 0 && stat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0)
            errno = EADDRINUSE;
        else if (errno == ECONNREFUSED && unlink(path) == 0)
            errno = 0;
        close(fd);
        if (errno != 0) {
            complain(address, "cannot listen");
            return -1;
        }
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    }
    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof sa) != 0 || listen(fd, BACKLOG) != 0) {
        complain(address, "cannot listen");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

static struct addrinfo *resolve(const char *address)
{
    char host[256];
    const char *colon = strrchr(address, ':');
    size_t n = colon != NULL ? (size_t)(colon - address) : 0;
    if (colon == NULL || n >= sizeof host)
        return NULL;
    memcpy(host, address, n);
    host[n] = '\0';
    char *name = host;
    if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = '\0';
        name++;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV},
                    *found = NULL;
    if (getaddrinfo(name[0] != '\0' ? name : NULL, colon + 1, &hints, &found) != 0)
        return NULL;
    return found;
}

/* `shared`: several sockets on one address, among which the kernel spreads connections. */
static int listen_tcp(const char *address, bool shared)
{
    struct addrinfo *ai = resolve(address);
    int fd = -1, on = 1;
    if (ai == NULL) {
        errno = EADDRNOTAVAIL;
    } else {
        fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool ok =
            fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
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
        complain(address, "cannot listen");
    return fd;
}

/* SO_REUSEPORT would let a second process of ours take half of the connections unnoticed: one socket without
 * it first. */
static bool is_free(const char *address)
{
    int fd = listen_tcp(address, false);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool listen_workers(struct sl_daemon *d, const char *address, unsigned slot,
                           enum sl_listener_kind kind)
{
    bool local = strncmp(address, "unix:", 5) == 0;
    if (!local && !is_free(address))
        return false;
    for (unsigned i = 0; i < d->config->workers; i++) {
        struct sl_worker *w = &d->workers[i];
        w->kinds[slot] = kind;
        w->fds[slot] = !local   ? listen_tcp(address, true)
                       : i == 0 ? listen_unix(address)
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
        sl_log(SL_ERROR, "listen", "limits.connections does not fit the limit of open files",
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
    d->keeper.ops_fd = strncmp(o->listen_ops, "unix:", 5) == 0 ? listen_unix(o->listen_ops)
                                                               : listen_tcp(o->listen_ops, false);
    return d->keeper.ops_fd >= 0 &&
           listen_workers(d, o->listen_public, 0, same ? SL_LISTEN_BOTH : SL_LISTEN_PUBLIC) &&
           (same || listen_workers(d, o->listen_issuer, 1, SL_LISTEN_ISSUER));
}
