/* Connections with TLS, from accept to the end of the handshake. One thread's own. */
#pragma once
#include <h2o.h>
#include "http/tls.h"
#include "loop/loop.h"

struct sl_metric_slab;

typedef void(sl_closed_cb)(void *arg);

struct sl_tls_accepts {
    struct sl_loop *loop;
    struct sl_metric_slab *metrics; /* of sl_http_thread_metric_table */
    /* The oldest first. */
    h2o_linklist_t handshakes, connections;
    /* Called when a connection has ended, in whatever state. */
    sl_closed_cb *on_closed;
    void *arg;
};

void sl_tls_accepts_init(struct sl_tls_accepts *all, struct sl_loop *loop, struct sl_metric_slab *metrics,
                         sl_closed_cb *on_closed, void *arg);
/* Goes on to HTTP as `accept` says after the handshake. Takes a reference of `tls`. */
void sl_tls_accept(struct sl_tls_accepts *all, h2o_accept_ctx_t *accept, h2o_socket_t *sock,
                   struct sl_tls *tls);
/* Ends all handshakes. */
void sl_tls_drain(struct sl_tls_accepts *all);
/* Ends the oldest handshake, if it began that long ago; false: there is none. */
bool sl_tls_shed(struct sl_tls_accepts *all, uint64_t age_ns);
/* Ends all connections, in whatever state. */
void sl_tls_cut(struct sl_tls_accepts *all);
