#include "serve.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BACKLOG 1024
#define ACCEPTS_PER_TURN 16
#define WRITE_STALL_MS 30000

struct thread {
    h2o_context_t ctx; /* first */
    h2o_accept_ctx_t accept;
    h2o_globalconf_t *conf;
    const struct serve_options *options;
    serve_start *start;
    const void *arg;
    void *data;
    int cpu;
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

const char *serve_argument(int argc, char **argv, const char *name, const char *fallback)
{
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return fallback;
}

void serve_parse(struct serve_options *o, int argc, char **argv)
{
    const char *cpus = serve_argument(argc, argv, "--cpus", NULL);
    o->port = (uint16_t)atoi(serve_argument(argc, argv, "--port", "0"));
    o->threads = (unsigned)atoi(serve_argument(argc, argv, "--threads", "1"));
    if (o->port == 0 || o->threads == 0 || o->threads > SERVE_THREADS || argc % 2 == 0) {
        fprintf(stderr, "usage: %s --port N [--threads N | --cpus A,B] ...\n", argv[0]);
        exit(2);
    }
    for (unsigned i = 0; i < SERVE_THREADS; i++)
        o->cpus[i] = -1;
    if (cpus == NULL)
        return;
    o->threads = 0;
    for (const char *at = cpus; at != NULL && o->threads < SERVE_THREADS; at = strchr(at, ',')) {
        at += *at == ',';
        o->cpus[o->threads++] = atoi(at);
    }
}

h2o_iovec_t serve_read_file(const char *path)
{
    FILE *f = path != NULL ? fopen(path, "rb") : NULL;
    if (f == NULL)
        die(path != NULL ? path : "a file is missing in the arguments");
    size_t len = 0, cap = 1 << 16;
    char *data = malloc(cap);
    for (size_t n = 1; n > 0 && data != NULL; len += n) {
        if (cap - len < 2)
            data = realloc(data, cap *= 2);
        n = fread(data + len, 1, cap - len - 1, f);
    }
    fclose(f);
    data[len] = '\0';
    return h2o_iovec_init(data, len);
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
    struct thread *t = listener->data;
    if (err != NULL)
        return;
    for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
        h2o_socket_t *sock = h2o_evloop_socket_accept(listener);
        if (sock == NULL)
            return;
        int ms = WRITE_STALL_MS;
        (void)setsockopt(h2o_socket_get_fd(sock), IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
        h2o_accept(&t->accept, sock);
    }
}

static int listen_at(uint16_t port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)&sa, sizeof sa) != 0 || listen(fd, BACKLOG) != 0)
        die("listen");
    return fd;
}

static void *run(void *arg)
{
    struct thread *t = arg;
    if (t->cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(t->cpu, &set);
        if (sched_setaffinity(0, sizeof set, &set) != 0)
            die("sched_setaffinity");
    }
    h2o_context_init(&t->ctx, h2o_evloop_create(), t->conf);
    t->accept = (h2o_accept_ctx_t){.ctx = &t->ctx, .hosts = t->conf->hosts};
    if (t->start != NULL)
        t->data = t->start(t->ctx.loop, t->arg);
    h2o_socket_t *listener =
        h2o_evloop_socket_create(t->ctx.loop, listen_at(t->options->port), H2O_SOCKET_FLAG_DONT_READ);
    listener->data = t;
    h2o_socket_read_start(listener, on_accept);
    for (;;)
        (void)h2o_evloop_run(t->ctx.loop, INT32_MAX);
    return NULL;
}

void *serve_data(const h2o_req_t *req)
{
    return H2O_STRUCT_FROM_MEMBER(struct thread, ctx, req->conn->ctx)->data;
}

void serve_run(const struct serve_options *o, int (*on_req)(h2o_handler_t *self, h2o_req_t *req),
               serve_start *start, const void *arg)
{
    static h2o_globalconf_t conf;
    signal(SIGPIPE, SIG_IGN);
    h2o_config_init(&conf);
    conf.server_name = h2o_iovec_init(NULL, 0);
    conf.http1.upgrade_to_http2 = 0;
    h2o_hostconf_t *host = h2o_config_register_host(&conf, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_create_handler(h2o_config_register_path(host, "/", 0), sizeof(h2o_handler_t))->on_req = on_req;
    for (unsigned i = 0; i < o->threads; i++) {
        struct thread *t = calloc(1, sizeof *t);
        pthread_t id;
        *t = (struct thread){.conf = &conf, .options = o, .start = start, .arg = arg, .cpu = o->cpus[i]};
        if (i + 1 == o->threads)
            run(t);
        else if (pthread_create(&id, NULL, run, t) != 0)
            die("pthread_create");
    }
}
