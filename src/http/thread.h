/* What the HTTP server consists of: sl_http, which all its threads read, and sl_http_thread, which belongs to
 * one of them. A part that belongs to one file is opaque here; that file makes it and frees it. The types of
 * h2o end in this layer. */
#pragma once
#include <h2o.h>
#include "base/http_date.h"
#include "http/keyring.h"
#include "http/limit.h"
#include "http/metrics.h"
#include "http/options.h"
#include "http/tls_accept.h"
#include "pool/pool.h"

struct sl_claims;
struct sl_journal;
struct sl_pressure;
struct sl_bearers;
struct sl_token_shares;
struct sl_catalogs;
struct sl_keeper;
struct sl_pool_worker;

struct sl_http {
    h2o_globalconf_t conf;
    /* Each NULL-terminated, as h2o wants it: a listener serves one kind of routes. */
    h2o_hostconf_t *hosts[SL_LISTEN_KINDS][2];
    const struct sl_http_options *options;
    _Atomic(const struct sl_credentials *) credentials;
    /* A reference for each listener; NULL: it speaks plain HTTP. */
    _Atomic(struct sl_tls *) tls[SL_TLS_LISTENERS];
    struct sl_shared *shared;
    struct sl_span base; /* path of public-url */
    struct sl_limits limits;
    struct sl_claims *claims;   /* idempotency.c */
    struct sl_journal *journal; /* the audit record; NULL: there is none */
};

/* Those in force: to be used until the present loop turn ends, not across turns. */
static inline const struct sl_credentials *sl_http_credentials(const struct sl_http *h)
{
    return atomic_load_explicit(&h->credentials, memory_order_acquire);
}

struct sl_http_thread {
    h2o_context_t ctx; /* first */
    struct sl_http *http;
    struct sl_loop *loop;
    const struct sl_clock *clock;
    struct sl_pool_worker *worker; /* NULL in the keeper's thread, which serves the ops listener */
    struct sl_keeper *keeper;      /* NULL in a worker's thread */
    struct sl_hasher *hasher;
    struct sl_metric_slab *metrics, *routes[SL_ROUTE_COUNT];
    h2o_accept_ctx_t accept[SL_LISTEN_KINDS];
    struct sl_listener {
        struct sl_http_thread *thread;
        h2o_socket_t *sock;
        enum sl_listener_kind kind;
    } listeners[SL_HTTP_LISTENERS];
    unsigned listener_count;
    uint32_t connections, max_connections;
    bool accepting, draining;
    uint64_t made_id;   /* call.c: the last request id, from a random one on */
    uint64_t wall_turn; /* call_fetch.c: the turn for which it read the clock, and what that said */
    int64_t wall_s;
    struct sl_tls_accepts tls;
    struct sl_pressure *pressure;
    struct sl_bearers *bearers;          /* auth.c */
    struct sl_token_shares *shares;      /* call_fetch.c */
    struct sl_catalogs *catalogs;        /* call_aggregation.c */
    struct sl_http_date_memo visible_by; /* committed.c */
};
