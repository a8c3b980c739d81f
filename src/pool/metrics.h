/* Metrics of the pool layer: one table for what workers count per pool, one for what the keeper counts per
 * pool. */
#pragma once
#include "base/metric.h"

enum sl_update_result {
    SL_UPDATED_CHANGED,
    SL_UPDATED_SAME,
    SL_UPDATED_REFUSED,
    SL_UPDATED_FAILED,
    SL_UPDATED_UNKNOWN
};

enum sl_keyed_result {
    SL_KEYED_FIRST,
    SL_KEYED_REPEATED,
    SL_KEYED_REUSED,
    SL_KEYED_FAILED,
    SL_KEYED_UNKNOWN
};

#define SL_POOL_WORKER_METRICS(X)                                                                            \
    X(RESERVED, "references_reserved_total", SL_COUNTER, "References handed to issuers.", NULL, NULL, NULL,  \
      0)                                                                                                     \
    X(RESERVE_WAITS, "reservations_queued_total", SL_COUNTER,                                                \
      "Reservations that queued with the keeper instead of taking from the ring.", NULL, NULL, NULL, 0)      \
    X(UNDERFLOWS, "reservation_underflows_total", SL_COUNTER,                                                \
      "Reservations refused because too few references were ready (on-underflow: fail, or "                  \
      "underflow-timeout).",                                                                                 \
      NULL, NULL, NULL, 0)                                                                                   \
    X(LIMITED, "rate_limited_total", SL_COUNTER,                                                             \
      "Calls refused because their credential had used up `limits.reservations-per-second` or "              \
      "`limits.updates-per-second`.",                                                                        \
      "limit", sl_limits_hit, NULL, 0)                                                                       \
    X(UPDATES, "updates_total", SL_COUNTER, "Status updates by result.", "result", sl_update_results, NULL,  \
      0)                                                                                                     \
    X(BATCHES, "batches_total", SL_COUNTER, "Batch updates sent to Redis.", NULL, NULL, NULL, 0)             \
    X(KEYED, "keyed_requests_total", SL_COUNTER,                                                             \
      "Requests with an Idempotency-Key by result: first, repeated (got the first answer), reused (the key " \
      "belongs to another request), failed (has not happened), unknown.",                                    \
      "result", sl_keyed_results, NULL, 0)                                                                   \
    X(GROUP_SIZE, "update_group_size", SL_HISTOGRAM, "Single updates that one flush to Redis carried.",      \
      NULL, NULL, sl_metric_size_bounds, 0)

#define SL_KEEPER_METRICS(X)                                                                                 \
    X(RING_FILL, "ring_fill", SL_GAUGE, "References ready in the ring.", NULL, NULL, NULL, 0)                \
    X(RING_CAPACITY, "ring_capacity", SL_GAUGE,                                                              \
      "`prefetch.capacity`: what the ring may have; 0 of a retired pool.", NULL, NULL, NULL, 0)              \
    X(LIST_SIZE, "list_size", SL_GAUGE, "Entries of one list of the pool.", NULL, NULL, NULL, 0)             \
    X(LIST_LEFT, "list_references_left", SL_GAUGE,                                                           \
      "Indices of the list that was last taken from which nobody has taken yet.", NULL, NULL, NULL, 0)       \
    X(SPARES, "spare_lists", SL_GAUGE, "Open lists of which nothing was taken yet, at the last look.", NULL, \
      NULL, NULL, 0)                                                                                         \
    X(SPARES_WANTED, "spare_lists_wanted", SL_GAUGE,                                                         \
      "`precreation.lists`: how many there should be; 0 of a retired pool.", NULL, NULL, NULL, 0)            \
    X(LIFETIME, "token_lifetime_seconds", SL_GAUGE,                                                          \
      "`list-lifetime`; a token is renewed before a tenth of it is left.", NULL, NULL, NULL, 0)              \
    X(DIFFERS, "pool_differs", SL_GAUGE,                                                                     \
      "1 while another instance runs with other shared options of the pool.", NULL, NULL, NULL, 0)           \
    X(QUEUE, "reservation_queue", SL_GAUGE, "Reservations waiting in the keeper's queue.", NULL, NULL, NULL, \
      0)                                                                                                     \
    X(REFILLS, "refills_total", SL_COUNTER, "Blocks of indices taken from Redis.", NULL, NULL, NULL, 0)      \
    X(REFILL_FAILURES, "refill_failures_total", SL_COUNTER,                                                  \
      "Takes that failed; their indices, if any, are lost.", NULL, NULL, NULL, 0)                            \
    X(GIVEN_BACK, "references_given_back_total", SL_COUNTER, "References given back to Redis at shutdown.",  \
      NULL, NULL, NULL, 0)                                                                                   \
    X(LISTS, "lists", SL_GAUGE, "Lists of the pool that this instance knows.", NULL, NULL, NULL, 0)          \
    X(LISTS_UNPUBLISHED, "lists_unpublished", SL_GAUGE, "Known lists without a token yet.", NULL, NULL,      \
      NULL, 0)                                                                                               \
    X(SEALED, "lists_sealed_total", SL_COUNTER,                                                              \
      "Lists sealed because Redis was restarted, restored or failed over since they were created.", NULL,    \
      NULL, NULL, 0)                                                                                         \
    X(ADOPTED, "lists_adopted_total", SL_COUNTER,                                                            \
      "Open lists taken into a new epoch because the embedded Redis had lost nothing.", NULL, NULL, NULL, 0) \
    X(ROLLBACKS, "rollback_detected_total", SL_COUNTER,                                                      \
      "Lists found in Redis with an older version than this instance has seen.", NULL, NULL, NULL, 0)        \
    X(MENDED, "lists_mended_total", SL_COUNTER,                                                              \
      "Lists that Redis had lost, or lost changes of, and that were made again or raised from their last "   \
      "token, sealed; already: by another instance; retired: not, because it was retired.",                  \
      "how", sl_mended_hows, NULL, 0)                                                                        \
    X(RETIRED, "lists_retired_total", SL_COUNTER,                                                            \
      "Lists whose end this instance has learnt of (retire-after).", NULL, NULL, NULL, 0)                    \
    X(LOADS, "loads_total", SL_COUNTER, "Lists loaded from Redis for publication.", NULL, NULL, NULL, 0)     \
    X(SIGNINGS, "signings_total", SL_COUNTER,                                                                \
      "Publications signed: a JWT and a CWT each, of one compressed list.", NULL, NULL, NULL, 0)             \
    X(PUBLICATIONS, "publications_total", SL_COUNTER, "Tokens published, by cause.", "cause",                \
      sl_publication_causes, NULL, 0)                                                                        \
    X(PUBLISH_FAILURES, "publish_failures_total", SL_COUNTER, "Loads or signings that failed.", NULL, NULL,  \
      NULL, 0)                                                                                               \
    X(COMPRESS_SECONDS, "compress_seconds", SL_HISTOGRAM, "Time to compress a list.", NULL, NULL,            \
      sl_metric_latency_bounds, 1e-9)                                                                        \
    X(SIGN_SECONDS, "sign_seconds", SL_HISTOGRAM, "Time to sign a publication: a JWT and a CWT.", NULL,      \
      NULL, sl_metric_latency_bounds, 1e-9)                                                                  \
    X(VISIBLE_SECONDS, "commit_to_visible_seconds", SL_HISTOGRAM,                                            \
      "Time from the first commit that a token was missing to its publication.", NULL, NULL,                 \
      sl_metric_latency_bounds, 1e-9)                                                                        \
    X(TOKEN_BYTES, "token_bytes", SL_GAUGE, "Memory of all published tokens of the pool.", NULL, NULL, NULL, \
      0)                                                                                                     \
    X(OLDEST_IAT, "oldest_token_iat_seconds", SL_GAUGE,                                                      \
      "iat of the oldest published token: now minus this is the greatest token age.", NULL, NULL, NULL, 0)   \
    X(NEAREST_EXP, "nearest_token_exp_seconds", SL_GAUGE, "exp of the token that expires first.", NULL,      \
      NULL, NULL, 0)                                                                                         \
    X(NOT_AFTER, "certificate_not_after_seconds", SL_GAUGE,                                                  \
      "End of the signer's certificate, or of the first in its chain that ends, in seconds since 1970; 0 "   \
      "where there is no certificate. Minus time() it is what is left.",                                     \
      NULL, NULL, NULL, 0)                                                                                   \
    X(SIGNER_EXPIRED, "signer_expired", SL_GAUGE,                                                            \
      "1 once that has passed: nothing is signed any more, the last tokens are served until they expire.",   \
      NULL, NULL, NULL, 0)

enum sl_publication_cause { SL_PUBLISHED_FIRST, SL_PUBLISHED_CHANGE, SL_PUBLISHED_RENEWAL };

enum {
#define X(id, ...) SL_PW_##id,
    SL_POOL_WORKER_METRICS(X)
#undef X
};
enum {
#define X(id, ...) SL_KM_##id,
    SL_KEEPER_METRICS(X)
#undef X
};

extern const struct sl_metric_table sl_pool_worker_metric_table, sl_keeper_metric_table;
