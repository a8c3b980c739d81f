/* Connections with TLS, from accept to the end of the handshake. libh2o's own way there is not taken: its
 * timeout follows the wall clock, it goes on to HTTP/2, and it keeps no list of handshakes. */
#include <stdlib.h>
#include <sys/socket.h>

#include <h2o.h>
#include <h2o/http1.h>

#include "base/assert.h"
#include "http/http_int.h"

#define HANDSHAKE_TIMEOUT_NS (10 * SL_NS_PER_S)

struct tls_connection {
    h2o_linklist_t link; /* in the thread's handshakes, then connections */
    struct sl_http_thread *thread;
    h2o_accept_ctx_t *accept;
    struct sl_tls *tls; /* a share: libh2o looks at the context again when the first bytes come */
    h2o_socket_t *sock;
    struct timeval accepted_at;
    struct sl_timer timeout; /* of the handshake */
    void (*on_closed)(void *t);
};

struct sl_tls *sl_http_tls(const struct sl_http *h, enum sl_listener_kind kind)
{
    static const enum sl_tls_listener of[SL_LISTEN_KINDS] = {[SL_LISTEN_PUBLIC] = SL_TLS_PUBLIC,
                                                             [SL_LISTEN_ISSUER] = SL_TLS_ISSUER,
                                                             [SL_LISTEN_BOTH] = SL_TLS_PUBLIC,
                                                             [SL_LISTEN_OPS] = SL_TLS_OPS};
    return atomic_load_explicit(&h->tls[of[kind]], memory_order_acquire);
}

struct sl_tls *sl_http_set_tls(struct sl_http *h, enum sl_tls_listener listener, struct sl_tls *t)
{
    return atomic_exchange_explicit(&h->tls[listener], t, memory_order_acq_rel);
}

static void on_closed(void *data)
{
    struct tls_connection *c = data;
    struct sl_http_thread *t = c->thread;
    void (*tell)(void *) = c->on_closed;
    sl_timer_stop(t->loop, &c->timeout);
    h2o_linklist_unlink(&c->link);
    sl_tls_unref(c->tls);
    free(c);
    tell(t);
}

static void count(const struct tls_connection *c, enum sl_tls_result result)
{
    sl_metric_add_label(c->thread->metrics, SL_HT_HANDSHAKES, result, 1);
}

static void on_timeout(void *arg)
{
    struct tls_connection *c = arg;
    count(c, SL_TLS_TIMEOUT);
    h2o_socket_close(c->sock);
}

static void on_handshake(h2o_socket_t *sock, const char *err)
{
    struct tls_connection *c = sock->data;
    sl_timer_stop(c->thread->loop, &c->timeout);
    if (err != NULL) {
        count(c, SL_TLS_FAILED);
        h2o_socket_close(sock);
        return;
    }
    h2o_linklist_unlink(&c->link);
    h2o_linklist_insert(&c->thread->tls_connections, &c->link);
    count(c, h2o_socket_get_ssl_session_reused(sock) == 1 ? SL_TLS_RESUMED : SL_TLS_FULL);
    h2o_http1_accept(c->accept, sock, c->accepted_at);
}

void sl_tls_accept(struct sl_http_thread *t, enum sl_listener_kind kind, h2o_socket_t *sock,
                   struct sl_tls *tls, void (*tell)(void *t))
{
    struct tls_connection *c = sl_xcalloc(1, sizeof *c);
    c->thread = t;
    c->accept = &t->accept[kind];
    c->tls = sl_tls_ref(tls);
    c->sock = sock;
    c->accepted_at = *h2o_get_timestamp(&t->ctx, NULL, NULL);
    c->on_closed = tell;
    h2o_linklist_insert(&t->tls_handshakes, &c->link);
    sl_timer_init(&c->timeout, on_timeout, c);
    sl_timer_start(t->loop, &c->timeout, HANDSHAKE_TIMEOUT_NS);
    sock->data = c;
    sock->on_close.cb = on_closed;
    sock->on_close.data = c;
    h2o_socket_ssl_handshake(sock, sl_tls_context(tls), NULL, on_handshake);
}

static void end_each(h2o_linklist_t *list, void (*end)(struct tls_connection *c))
{
    for (h2o_linklist_t *l = list->next, *next; l != list; l = next) {
        next = l->next; /* `end` may free this one, and no other */
        end(H2O_STRUCT_FROM_MEMBER(struct tls_connection, link, l));
    }
}

static void end_handshake(struct tls_connection *c)
{
    h2o_socket_close(c->sock);
}

void sl_tls_drain(struct sl_http_thread *t)
{
    end_each(&t->tls_handshakes, end_handshake);
}

bool sl_tls_shed(struct sl_http_thread *t, uint64_t age_ns)
{
    if (h2o_linklist_is_empty(&t->tls_handshakes))
        return false;
    struct tls_connection *c = H2O_STRUCT_FROM_MEMBER(struct tls_connection, link, t->tls_handshakes.next);
    if (sl_mono_ns(t->clock) + HANDSHAKE_TIMEOUT_NS < c->timeout.due_ns + age_ns)
        return false;
    end_handshake(c);
    return true;
}

static void cut(struct tls_connection *c)
{
    shutdown(h2o_socket_get_fd(c->sock), SHUT_RDWR);
}

void sl_tls_cut(struct sl_http_thread *t)
{
    end_each(&t->tls_handshakes, cut);
    end_each(&t->tls_connections, cut);
}
