#include "http/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/container_of.h"
#include "base/log.h"
#include "http/dispatch.h"
#include "http/edge_json.h"
#include "http/edge_route.h"
#include "http/auth.h"
#include "http/call_aggregation.h"
#include "http/call_fetch.h"
#include "http/idempotency.h"
#include "http/own_errors.h"
#include "http/pressure.h"
#include "http/thread.h"
#include "loop/mailbox.h"
#include "worker/worker.h"

#define ACCEPTS_PER_TURN 16
#define ACCEPTS_AT_END 4096 /* more than the kernel keeps waiting for one listener by default */
/* TCP_USER_TIMEOUT: h2o itself would wait forever for a client that stopped reading. */
#define WRITE_STALL_MS 30000

struct handler {
    h2o_handler_t super;
    enum sl_listener_kind kind;
};

static int on_req(h2o_handler_t *self, h2o_req_t *req)
{
    struct sl_http_thread *t = H2O_STRUCT_FROM_MEMBER(struct sl_http_thread, ctx, req->conn->ctx);
    sl_dispatch(t, (sl_container_of(self, struct handler, super))->kind, req);
    return 0;
}

struct sl_http *sl_http_new(const struct sl_http_options *options, struct sl_shared *shared)
{
    static const char *const names[SL_LISTEN_KINDS] = {"public", "issuer", "both", "ops"};
    struct sl_http *h = sl_xcalloc(1, sizeof *h);
    sl_json_memory();
    h->options = options;
    h->shared = shared;
    h->claims = sl_claims_new();
    sl_random(&sl_clock_system, h->limits.seed, sizeof h->limits.seed);
    h->base = sl_url_path(sl_span(options->public_url, strlen(options->public_url)));
    h2o_config_init(&h->conf);
    h->conf.server_name = h2o_iovec_init(NULL, 0);
    h->conf.max_request_entity_size = options->limits.body;
    h->conf.http1.upgrade_to_http2 = 0;
    h->conf.http1.req_timeout = options->limits.request_ms;
    for (unsigned kind = 0; kind < SL_LISTEN_KINDS; kind++) {
        h2o_hostconf_t *host =
            h2o_config_register_host(&h->conf, h2o_iovec_init(names[kind], strlen(names[kind])), 65535);
        h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
        struct handler *handler = (struct handler *)h2o_create_handler(path, sizeof *handler);
        handler->super.on_req = on_req;
        handler->kind = (enum sl_listener_kind)kind;
        h->hosts[kind][0] = host;
        sl_own_errors_init(host, handler->kind);
    }
    return h;
}

void sl_http_set_credentials(struct sl_http *h, const struct sl_credentials *credentials)
{
    sl_assert(credentials->keyring != NULL);
    atomic_store_explicit(&h->credentials, credentials, memory_order_release);
}

struct sl_tls *sl_http_set_tls(struct sl_http *h, enum sl_tls_listener listener, struct sl_tls *tls)
{
    return atomic_exchange_explicit(&h->tls[listener], tls, memory_order_acq_rel);
}

void sl_http_audit(struct sl_http *h, struct sl_journal *j)
{
    h->journal = j;
}

void sl_http_free(struct sl_http *h)
{
    if (h == NULL)
        return;
    h2o_config_dispose(&h->conf);
    for (unsigned i = 0; i < SL_TLS_LISTENERS; i++)
        sl_tls_unref(h->tls[i]);
    sl_claims_free(h->claims);
    free(h);
}

struct sl_http_thread *sl_http_thread_new(struct sl_http *h, uint32_t connections)
{
    struct sl_http_thread *t = sl_xcalloc(1, sizeof *t);
    t->http = h;
    t->max_connections = connections;
    t->metrics = sl_metric_slab_new(&sl_http_thread_metric_table, "");
    for (unsigned r = 0; r < SL_ROUTE_COUNT; r++) {
        char labels[64];
        snprintf(labels, sizeof labels, "route=\"%s\"", sl_route_name((enum sl_route)r));
        t->routes[r] = sl_metric_slab_new(&sl_http_metric_table, labels);
    }
    return t;
}

/* ---- connections */

static void on_accept(h2o_socket_t *sock, const char *err);

static void accept_more(struct sl_http_thread *t, bool accepting)
{
    if (t->accepting == accepting)
        return;
    t->accepting = accepting;
    for (unsigned i = 0; i < t->listener_count; i++) {
        if (accepting)
            h2o_socket_read_start(t->listeners[i].sock, on_accept);
        else
            h2o_socket_read_stop(t->listeners[i].sock);
    }
}

static void on_connection_closed(void *data)
{
    struct sl_http_thread *t = data;
    t->connections--;
    sl_metric_set(t->metrics, SL_HT_CONNECTIONS, t->connections);
    if (!t->draining)
        accept_more(t, true);
}

/* The TLS in force for listeners of this kind, to be used until this loop turn ends; NULL: plain HTTP. */
static struct sl_tls *tls_of(const struct sl_http *h, enum sl_listener_kind kind)
{
    static const enum sl_tls_listener of[SL_LISTEN_KINDS] = {[SL_LISTEN_PUBLIC] = SL_TLS_PUBLIC,
                                                             [SL_LISTEN_ISSUER] = SL_TLS_ISSUER,
                                                             [SL_LISTEN_BOTH] = SL_TLS_PUBLIC,
                                                             [SL_LISTEN_OPS] = SL_TLS_OPS};
    return atomic_load_explicit(&h->tls[of[kind]], memory_order_acquire);
}

static bool accept_one(struct sl_listener *listener)
{
    struct sl_http_thread *t = listener->thread;
    h2o_socket_t *sock = h2o_evloop_socket_accept(listener->sock);
    if (sock == NULL)
        return false;
    int ms = WRITE_STALL_MS; /* a Unix socket refuses the option, and cannot stall like this */
    (void)setsockopt(h2o_socket_get_fd(sock), IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
    sock->on_close.cb = on_connection_closed;
    sock->on_close.data = t;
    t->connections++;
    sl_metric_add(t->metrics, SL_HT_ACCEPTED, 1);
    sl_metric_set(t->metrics, SL_HT_CONNECTIONS, t->connections);
    struct sl_tls *tls = tls_of(t->http, listener->kind);
    if (tls == NULL)
        h2o_accept(&t->accept[listener->kind], sock);
    else
        sl_tls_accept(&t->tls, &t->accept[listener->kind], sock, tls);
    return true;
}

static void on_accept(h2o_socket_t *sock, const char *err)
{
    struct sl_listener *listener = sock->data;
    struct sl_http_thread *t = listener->thread;
    if (err != NULL)
        return;
    /* A client waits, so an idle connection is closed for it; the next turn shows whether more wait. */
    if (t->connections >= t->max_connections && !sl_pressure_shed(t)) {
        sl_metric_add(t->metrics, SL_HT_AT_LIMIT, 1);
        sl_log(SL_WARN, "http", "connection limit reached", SL_KU("connections", t->connections));
        accept_more(t, false);
        return;
    }
    for (unsigned i = 0; i < ACCEPTS_PER_TURN && t->connections < t->max_connections; i++)
        if (!accept_one(listener))
            return;
}

void sl_http_thread_start(struct sl_http_thread *t, struct sl_loop *loop, struct sl_pool_worker *worker,
                          struct sl_keeper *keeper)
{
    t->loop = loop;
    t->clock = sl_loop_clock(loop);
    t->worker = worker;
    t->keeper = keeper;
    t->hasher = sl_hasher_new();
    t->bearers = sl_bearers_new();
    t->shares = sl_token_shares_new();
    t->catalogs = sl_catalogs_new(t->http->shared);
    sl_random(&sl_clock_system, &t->made_id, sizeof t->made_id);
    sl_tls_accepts_init(&t->tls, loop, t->metrics, on_connection_closed, t);
    if (worker != NULL)
        sl_pool_worker_on_replaced(worker, sl_token_shares_drop, t->shares);
    h2o_context_init(&t->ctx, sl_loop_h2o(loop), &t->http->conf);
    for (unsigned kind = 0; kind < SL_LISTEN_KINDS; kind++)
        t->accept[kind] = (h2o_accept_ctx_t){.ctx = &t->ctx, .hosts = t->http->hosts[kind]};
    t->accepting = true;
    sl_pressure_start(t);
}

void sl_http_listen(struct sl_http_thread *t, int fd, enum sl_listener_kind kind)
{
    sl_assert(t->listener_count < SL_HTTP_LISTENERS);
    struct sl_listener *listener = &t->listeners[t->listener_count++];
    *listener = (struct sl_listener){.thread = t, .kind = kind};
    listener->sock = h2o_evloop_socket_create(sl_loop_h2o(t->loop), fd, H2O_SOCKET_FLAG_DONT_READ);
    listener->sock->data = listener;
    h2o_socket_read_start(listener->sock, on_accept);
}

/* ---- shutdown */

static int end_connection(h2o_req_t *req, void *arg)
{
    (void)arg;
    if (req->version == 0) /* idle, or its request is not complete */
        shutdown(h2o_socket_get_fd(req->conn->callbacks->get_socket(req->conn)), SHUT_RD);
    else
        req->http1_is_persistent = 0;
    return 0;
}

/* Clients whose connections wait in the kernel would be reset; they are answered like those before them, if
 * their requests are here by the next call. */
static void close_listener(struct sl_listener *listener)
{
    for (unsigned i = 0; i < ACCEPTS_AT_END && accept_one(listener); i++) {
    }
    h2o_socket_read_stop(listener->sock);
    h2o_socket_close(listener->sock);
}

void sl_http_drain(struct sl_http_thread *t)
{
    if (!t->draining) {
        t->draining = true;
        /* Not h2o_context_request_shutdown: it starts an HTTP/2 timer that would outlive the context. */
        t->ctx.shutdown_requested = 1;
        for (unsigned i = 0; i < t->listener_count; i++)
            close_listener(&t->listeners[i]);
        t->listener_count = 0;
        return;
    }
    sl_tls_drain(&t->tls);
    t->http->conf.http1.callbacks.foreach_request(&t->ctx, end_connection, NULL);
}

static int cut_connection(h2o_req_t *req, void *arg)
{
    (void)arg;
    shutdown(h2o_socket_get_fd(req->conn->callbacks->get_socket(req->conn)), SHUT_RDWR);
    return 0;
}

void sl_http_cut(struct sl_http_thread *t)
{
    sl_tls_cut(&t->tls);
    t->http->conf.http1.callbacks.foreach_request(&t->ctx, cut_connection, NULL);
}

uint32_t sl_http_connections(const struct sl_http_thread *t)
{
    return t->connections;
}

void sl_http_thread_stop(struct sl_http_thread *t)
{
    sl_token_shares_drop_all(t->shares);
    sl_catalogs_free(t->catalogs);
    t->catalogs = NULL;
    sl_bearers_free(t->bearers);
    t->bearers = NULL;
    sl_pressure_stop(t);
    sl_hasher_free(t->hasher);
    t->hasher = NULL;
    if (t->connections == 0)
        h2o_context_dispose(&t->ctx);
}

void sl_http_thread_free(struct sl_http_thread *t)
{
    if (t == NULL)
        return;
    sl_token_shares_free(t->shares);
    free(t);
}
