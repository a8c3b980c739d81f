/* What the files of the HTTP layer share. h2o types end here. */
#pragma once
#include <h2o.h>
#include "base/http_date.h"
#include "http/edge_body.h"
#include "http/edge_header.h"
#include "http/edge_query.h"
#include "http/edge_route.h"
#include "http/keyring.h"
#include "http/limit.h"
#include "http/metrics.h"
#include "http/pressure.h"
#include "http/server.h"
#include "http/tls.h"
#include "http/verified.h"
#include "loop/journal.h"

#define FIELD_LINES 8      /* lines of one field that count */
#define HEADER_BYTES 16384 /* names and values of a request */
#define TARGET_BYTES 2048
#define PIPELINE_BYTES 16384 /* of requests that may wait behind one */
#define MAX_LISTENERS 4

/* Requests with an Idempotency-Key that this process is answering: part of each key's record id, 0 where
 * free. A courtesy only (409 instead of a second try at the same time): what may happen once is decided in
 * Redis, so two that claim one id at the same moment, or find no room, do no harm. */
#define CLAIM_SLOTS 4096
struct claims {
    _Atomic uint64_t slots[CLAIM_SLOTS];
};

struct sl_http {
    h2o_globalconf_t conf;
    h2o_hostconf_t *hosts[SL_LISTEN_KINDS][2]; /* NULL-terminated: a listener serves one kind of routes */
    const struct sl_http_options *options;
    _Atomic(const struct sl_credentials *) credentials;
    _Atomic(struct sl_tls *) tls[SL_TLS_LISTENERS]; /* NULL: plain; a share of each */
    struct sl_shared *shared;
    struct sl_span base; /* path of public-url */
    struct claims claims;
    struct sl_limits limits;
    struct sl_journal *journal; /* the audit record; NULL: there is none */
};

/* Those in force: to be used until the present loop turn ends, not across turns. */
static inline const struct sl_credentials *sl_http_credentials(const struct sl_http *h)
{
    return atomic_load_explicit(&h->credentials, memory_order_acquire);
}

/* A share of a token that one thread keeps per list, so that requests touch no counter that other cores
 * touch. Counted by h2o's plain (not atomic) shared memory: never leaves its thread. */
struct handle {
    struct sl_token *token;
};

/* The aggregation of one pool, likewise. */
struct aggregation {
    struct catalog *catalog; /* NULL: not asked for yet */
    uint32_t seen;           /* lists of the table that it takes account of */
    uint32_t ended;          /* of the pool's: it leaves out */
};

struct sl_http_thread {
    h2o_context_t ctx; /* first */
    struct sl_http *http;
    struct sl_loop *loop;
    const struct sl_clock *clock;
    struct sl_pool_worker *pool;
    struct sl_keeper *keeper;
    struct sl_hasher *hasher;
    struct bearers {
        struct sl_verified *verified; /* NULL: no token was verified yet */
        uint64_t generation;          /* of the credentials that they were verified with */
        uint64_t forged_ns, paid_ns;  /* see auth.c */
    } bearers;
    struct handle **handles; /* by list number */
    uint32_t handle_cap;
    struct aggregation *aggregations; /* by pool number; NULL: none was asked for yet */
    struct sl_metric_slab *metrics, *routes[SL_ROUTE_COUNT];
    h2o_accept_ctx_t accept[SL_LISTEN_KINDS];
    struct listener {
        struct sl_http_thread *thread;
        h2o_socket_t *sock;
        enum sl_listener_kind kind;
    } listeners[MAX_LISTENERS];
    unsigned listener_count;
    h2o_linklist_t tls_handshakes, tls_connections; /* the oldest first */
    uint32_t connections, max_connections;
    bool accepting, draining, relieved;
    struct sl_timer look; /* pressure.c */
    struct {
        int64_t second;
        char text[SL_HTTP_DATE];
    } date; /* the last one that was written */
};

/* The fields of a request that somebody reads, gathered in one pass. */
struct fields {
    struct sl_span accept[FIELD_LINES], accept_encoding[FIELD_LINES], if_none_match[FIELD_LINES],
        if_match[FIELD_LINES];
    unsigned accepts, accept_encodings, if_none_matches, if_matches;
    struct sl_span if_modified_since, if_unmodified_since, content_type, api_key, authorization;
    bool has_modified_since, has_unmodified_since, has_content_type;
    unsigned api_keys, authorizations; /* lines */
    size_t bytes;
};

/* One request while it is answered. On the stack for answers given at once; in the request's pool while it
 * waits. */
struct call {
    struct sl_http_thread *t;
    h2o_req_t *req;
    enum sl_route route;
    bool public; /* CORS headers */
    uint64_t begun_ns;
    struct fields *f; /* during the handler only */
    struct sl_target target;
    struct sl_span query; /* without `?`; empty when none */
};

/* A call that waits. Lives in the request's pool: when the request ends first, `cancel` is called with
 * `waiting`. */
struct op {
    struct call call;
    void *waiting; /* NULL once it was answered */
    void (*cancel)(void *waiting);
    void (*gone)(struct op *o); /* before that; may be NULL */
    h2o_socket_t *sock;         /* the connection's: alive until the request's pool is gone */
};
struct op *sl_call_park(const struct call *c, size_t size); /* size >= sizeof(struct op), which comes first */

/* respond.c: each ends the request. */
void sl_respond_error(const struct call *c, enum sl_err err,
                      const char *detail); /* detail: NULL = the title */
/* Likewise; `seconds` for Retry-After. */
void sl_respond_later(const struct call *c, enum sl_err err, const char *detail, uint64_t seconds);
void sl_respond_not_allowed(const struct call *c, const char *allow);
void sl_respond_json(const struct call *c, char *body,
                     size_t len);                        /* body in the request's pool, or static */
void sl_respond_empty(const struct call *c, int status); /* 204, 304: headers were added */
void sl_respond_body(const struct call *c, int status, struct sl_span body); /* outlives the request */
void sl_add_header(const struct call *c, const char *name,
                   struct sl_span value); /* value outlives the request */
char *sl_pool_alloc(const struct call *c, size_t n);
struct sl_span sl_pool_number(const struct call *c, const char *prefix, uint64_t v);
bool sl_is_method(const struct call *c, const char *method);

/* auth.c. Who calls, and the pools that the credential opens. */
struct sl_identity {
    /* Of the API key; of issuer and subject of a bearer token, whichever token it is. */
    uint8_t hash[SL_SHA256];
    const uint64_t *pools; /* see http/keyring.h; until the present loop turn ends */
};
/* False: the request has no credential that we know; it was answered. */
bool sl_authenticate(const struct call *c, struct sl_identity *ret);
/* A copy that lives as long as the request. */
struct sl_identity sl_identity_keep(const struct call *c, const struct sl_identity *who);
bool sl_may_use(const struct sl_identity *who, unsigned pool);
/* When the thread ends. */
void sl_bearers_free(struct sl_http_thread *t);

/* limits.c. Whether the caller may go on with n references or statuses of the pool; false: answered with 429.
 * Costs a branch where the pool has no such limit. */
bool sl_limit_answer(const struct call *c, const struct sl_identity *who, const struct sl_pool *pool,
                     enum sl_limit_kind kind, struct sl_limit_rate rate, uint32_t n);
static inline bool sl_may_reserve(const struct call *c, const struct sl_identity *who,
                                  const struct sl_pool *pool, uint32_t n)
{
    const struct sl_pool_options *o = sl_pool_options(pool);
    return o->reservations_per_second == 0 ||
           sl_limit_answer(c, who, pool, SL_LIMIT_RESERVATIONS,
                           (struct sl_limit_rate){o->reservations_per_second, o->limit_burst_ms}, n);
}
static inline bool sl_may_update(const struct call *c, const struct sl_identity *who,
                                 const struct sl_pool *pool, uint32_t n)
{
    const struct sl_pool_options *o = sl_pool_options(pool);
    return o->updates_per_second == 0 ||
           sl_limit_answer(c, who, pool, SL_LIMIT_UPDATES,
                           (struct sl_limit_rate){o->updates_per_second, o->limit_burst_ms}, n);
}

/* call_update.c: what the calls that set statuses share. False: refused and answered. */
struct sl_span sl_entity(const struct call *c);
/* Who calls, and the body of an update or a batch; the body is the caller's. */
bool sl_read_update(const struct call *c, bool batch, struct sl_identity *ret_who, struct sl_body **ret);
/* Whether the caller may know the list: another pool's, or another spelling of the URI, is like no list at
 * all. */
bool sl_is_theirs(const struct sl_identity *who, const struct sl_list *l, struct sl_span uri);
enum sl_err sl_check_entry(const struct sl_list *l, uint32_t index, uint32_t value, char why[static SL_WHY]);
const char *sl_explain_update(enum sl_err err); /* NULL: its title says it */

/* committed.c: 204 for a change that is committed, with what can be said about when it is seen; held until it
 * is published where the request prefers that. The arrays are copied. */
void sl_respond_committed(struct op *o, struct sl_list *const *lists, const uint64_t *versions, uint32_t n);

/* idempotency.c */
struct claim; /* in the request's pool; let go of with the request at the latest */
enum sl_keyed_request { SL_KEYED_NONE, SL_KEYED_YES, SL_KEYED_ANSWERED };
/* Whether the request has an Idempotency-Key; ANSWERED: it is malformed or under way, and was refused. YES:
 * *ret_key with everything but `print`, which is the hash of `request`: what makes it this request and no
 * other. */
enum sl_keyed_request sl_claim_key(const struct call *c, const struct sl_identity *who,
                                   struct sl_span request, struct sl_record_key *ret_key,
                                   struct claim **ret_claim);
void sl_claim_release(struct claim *claim); /* before the answer: its reader may ask again; NULL ok */

/* The calls. */
void sl_call_fetch(struct call *c);
void sl_call_aggregation(struct call *c);
void sl_call_preflight(struct call *c);
void sl_call_reserve(struct call *c);
void sl_call_update(struct call *c);
void sl_call_batch(struct call *c);
void sl_call_status(struct call *c);
void sl_call_ops(struct call *c);

/* tls_accept.c: connections of listeners with TLS. */
/* The context in force for the listener: to be used until the present loop turn ends; NULL: plain. */
struct sl_tls *sl_http_tls(const struct sl_http *h, enum sl_listener_kind kind);
/* Goes on to HTTP after the handshake; `on_closed` is called with `t` when the connection has ended. */
void sl_tls_accept(struct sl_http_thread *t, enum sl_listener_kind kind, h2o_socket_t *sock,
                   struct sl_tls *tls, void (*on_closed)(void *t));
void sl_tls_drain(struct sl_http_thread *t); /* ends handshakes */
/* Ends the oldest handshake, if it began so long ago. */
bool sl_tls_shed(struct sl_http_thread *t, uint64_t age_ns);
void sl_tls_cut(struct sl_http_thread *t); /* ends every connection, in whatever state */

/* call_aggregation.c: lets go of all that the thread keeps. */
void sl_aggregations_free(struct sl_http_thread *t);

/* call_fetch.c: lets go of the thread's share of a list's replaced token. */
void sl_handle_drop(void *thread, uint32_t list);
