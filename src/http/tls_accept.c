/* libh2o's own handshake is not used: its timeout follows the wall clock, it goes on to HTTP/2, and it keeps
 * no list of handshakes. */
#include "http/tls_accept.h"

#include <stdlib.h>
#include <sys/socket.h>

#include <h2o/http1.h>
#include <openssl/err.h>

#include "base/assert.h"
#include "base/log.h"
#include "http/metrics.h"

#define HANDSHAKE_TIMEOUT_NS (10 * SL_NS_PER_S)

struct tls_connection {
    h2o_linklist_t link; /* in the handshakes, then in the connections of `all` */
    struct sl_tls_accepts *all;
    h2o_accept_ctx_t *accept;
    struct sl_tls *tls; /* a reference: libh2o looks at the context again when the first bytes come */
    h2o_socket_t *sock;
    struct timeval accepted_at;
    struct sl_timer timeout; /* of the handshake */
};

static void on_socket_closed(void *data)
{
    struct tls_connection *c = data;
    struct sl_tls_accepts *all = c->all;
    sl_timer_stop(all->loop, &c->timeout);
    h2o_linklist_unlink(&c->link);
    sl_tls_unref(c->tls);
    free(c);
    all->on_closed(all->arg);
}

static void count_handshake(const struct tls_connection *c, enum sl_tls_result result)
{
    sl_metric_add_label(c->all->metrics, SL_HT_HANDSHAKES, result, 1);
}

/* Why it failed: OpenSSL's own reason, that of the verification of a client's certificate, or the end of the
 * connection, which is what a probe of the port looks like. Who it was is not logged. */
static void log_failure(const char *err)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    if (err == h2o_socket_error_closed)
        sl_log(SL_DEBUG, "tls", "the client closed the connection during the handshake");
    else if (reason != NULL && strcmp(err, "ssl handshake failure") == 0)
        sl_log(SL_INFO, "tls", "a handshake with a client failed", SL_KS("reason", reason));
    else
        sl_log(SL_INFO, "tls", "a handshake with a client failed", SL_KS("reason", err),
               SL_KS("openssl", reason != NULL ? reason : ""));
}

static void on_timeout(void *arg)
{
    struct tls_connection *c = arg;
    count_handshake(c, SL_TLS_TIMEOUT);
    sl_log(SL_INFO, "tls", "a handshake with a client failed", SL_KS("reason", "it took longer than 10 s"));
    h2o_socket_close(c->sock);
}

static void on_handshake(h2o_socket_t *sock, const char *err)
{
    struct tls_connection *c = sock->data;
    sl_timer_stop(c->all->loop, &c->timeout);
    if (err != NULL) {
        count_handshake(c, SL_TLS_FAILED);
        log_failure(err);
        h2o_socket_close(sock);
        return;
    }
    h2o_linklist_unlink(&c->link);
    h2o_linklist_insert(&c->all->connections, &c->link);
    count_handshake(c, h2o_socket_get_ssl_session_reused(sock) == 1 ? SL_TLS_RESUMED : SL_TLS_FULL);
    h2o_http1_accept(c->accept, sock, c->accepted_at);
}

void sl_tls_accepts_init(struct sl_tls_accepts *all, struct sl_loop *loop, struct sl_metric_slab *metrics,
                         sl_closed_cb *on_closed, void *arg)
{
    *all = (struct sl_tls_accepts){.loop = loop, .metrics = metrics, .on_closed = on_closed, .arg = arg};
    h2o_linklist_init_anchor(&all->handshakes);
    h2o_linklist_init_anchor(&all->connections);
}

void sl_tls_accept(struct sl_tls_accepts *all, h2o_accept_ctx_t *accept, h2o_socket_t *sock,
                   struct sl_tls *tls)
{
    struct tls_connection *c = sl_xcalloc(1, sizeof *c);
    c->all = all;
    c->accept = accept;
    c->tls = sl_tls_ref(tls);
    c->sock = sock;
    c->accepted_at = *h2o_get_timestamp(accept->ctx, NULL, NULL);
    h2o_linklist_insert(&all->handshakes, &c->link);
    sl_timer_init(&c->timeout, on_timeout, c);
    sl_timer_start(all->loop, &c->timeout, HANDSHAKE_TIMEOUT_NS);
    sock->data = c;
    sock->on_close.cb = on_socket_closed;
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

void sl_tls_drain(struct sl_tls_accepts *all)
{
    end_each(&all->handshakes, end_handshake);
}

bool sl_tls_shed(struct sl_tls_accepts *all, uint64_t age_ns)
{
    if (h2o_linklist_is_empty(&all->handshakes))
        return false;
    struct tls_connection *c = H2O_STRUCT_FROM_MEMBER(struct tls_connection, link, all->handshakes.next);
    if (sl_mono_ns(sl_loop_clock(all->loop)) + HANDSHAKE_TIMEOUT_NS < c->timeout.due_ns + age_ns)
        return false;
    end_handshake(c);
    return true;
}

static void cut_connection(struct tls_connection *c)
{
    shutdown(h2o_socket_get_fd(c->sock), SHUT_RDWR);
}

void sl_tls_cut(struct sl_tls_accepts *all)
{
    end_each(&all->handshakes, cut_connection);
    end_each(&all->connections, cut_connection);
}
