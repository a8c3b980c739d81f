/* Metrics per pool: one table of what each worker counts, one of what the keeper counts. */
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
    X(RESERVED, "references_reserved_total", SL_COUNTER, "References given to issuers.", NULL, NULL, NULL,   \
      0)                                                                                                     \
    X(RESERVE_WAITS, "reservations_queued_total", SL_COUNTER,                                                \
      "Reservations that had to wait for the keeper because the ring held too few references.", NULL, NULL,  \
      NULL, 0)                                                                                               \
    X(UNDERFLOWS, "reservation_underflows_total", SL_COUNTER,                                                \
      "Reservations refused because too few references were ready (`prefetch.on-underflow: fail`), or did "  \
      "not become ready within `prefetch.underflow-timeout`.",                                               \
      NULL, NULL, NULL, 0)                                                                                   \
    X(LIMITED, "rate_limited_total", SL_COUNTER,                                                             \
      "Calls refused because the credential exceeded `limits.reservations-per-second` or "                   \
      "`limits.updates-per-second`.",                                                                        \
      "limit", sl_limits_hit, NULL, 0)                                                                       \
    X(UPDATES, "updates_total", SL_COUNTER,                                                                  \
      "Single status updates, by result: changed, same (the entry had the value already), refused, failed "  \
      "(not made), unknown (Redis did not confirm).",                                                        \
      "result", sl_update_results, NULL, 0)                                                                  \
    X(BATCHES, "batches_total", SL_COUNTER, "Batch updates that were sent to Redis.", NULL, NULL, NULL, 0)   \
    X(KEYED, "keyed_requests_total", SL_COUNTER,                                                             \
      "Requests with an Idempotency-Key, by result: first, repeated (got the first answer again), reused "   \
      "(the key belongs to a different request), failed (nothing was done), unknown (Redis did not "         \
      "confirm).",                                                                                           \
      "result", sl_keyed_results, NULL, 0)                                                                   \
    X(HISTORY_REFUSALS, "history_refusals_total", SL_COUNTER,                                                \
      "Changes and status reads that Redis refused because its data have another history than the instance " \
      "knew; each is sent once more when the pool was opened anew.",                                         \
      NULL, NULL, NULL, 0)                                                                                   \
    X(GROUP_SIZE, "update_group_size", SL_HISTOGRAM, "Single updates that were sent to Redis together.",     \
      NULL, NULL, sl_metric_size_bounds, 0)

#define SL_KEEPER_METRICS(X)                                                                                 \
    X(RING_FILL, "ring_fill", SL_GAUGE, "References that are ready in the ring of prefetched references.",   \
      NULL, NULL, NULL, 0)                                                                                   \
    X(RING_CAPACITY, "ring_capacity", SL_GAUGE,                                                              \
      "How many references the ring may hold (`prefetch.capacity`); 0 for a retired pool.", NULL, NULL,      \
      NULL, 0)                                                                                               \
    X(LIST_SIZE, "list_size", SL_GAUGE, "Entries of one list of the pool (`size`).", NULL, NULL, NULL, 0)    \
    X(LIST_LEFT, "list_references_left", SL_GAUGE,                                                           \
      "Indices that are still free in the list from which references were last taken.", NULL, NULL, NULL, 0) \
    X(SPARES, "spare_lists", SL_GAUGE, "Unused lists of this instance.", NULL, NULL, NULL, 0)                \
    X(SPARES_WANTED, "spare_lists_wanted", SL_GAUGE,                                                         \
      "How many unused lists should be ready (`precreation.lists`); 0 for a retired pool.", NULL, NULL,      \
      NULL, 0)                                                                                               \
    X(LIFETIME, "token_lifetime_seconds", SL_GAUGE,                                                          \
      "How long a token is valid (`list-lifetime`). It is renewed before less than a tenth of this time is " \
      "left.",                                                                                               \
      NULL, NULL, NULL, 0)                                                                                   \
    X(DIFFERS, "pool_differs", SL_GAUGE,                                                                     \
      "1 while another instance runs this pool with different shared options.", NULL, NULL, NULL, 0)         \
    X(QUEUE, "reservation_queue", SL_GAUGE, "Reservations that wait in the keeper's queue.", NULL, NULL,     \
      NULL, 0)                                                                                               \
    X(REFILLS, "refills_total", SL_COUNTER, "Blocks of indices taken from Redis.", NULL, NULL, NULL, 0)      \
    X(REFILL_FAILURES, "refill_failures_total", SL_COUNTER,                                                  \
      "Attempts to take indices from Redis that failed; indices that Redis had already handed out are "      \
      "lost.",                                                                                               \
      NULL, NULL, NULL, 0)                                                                                   \
    X(GIVEN_BACK, "references_given_back_total", SL_COUNTER, "References given back to Redis at shutdown.",  \
      NULL, NULL, NULL, 0)                                                                                   \
    X(LISTS, "lists", SL_GAUGE, "Lists of the pool that this instance knows.", NULL, NULL, NULL, 0)          \
    X(LISTS_UNPUBLISHED, "lists_unpublished", SL_GAUGE, "Known lists that have no token yet.", NULL, NULL,   \
      NULL, 0)                                                                                               \
    X(LISTS_DAMAGED, "lists_damaged", SL_GAUGE,                                                              \
      "Lists whose record in Redis is missing or malformed; the log names each with the field.", NULL, NULL, \
      NULL, 0)                                                                                               \
    X(OWNED, "lists_owned", SL_GAUGE,                                                                        \
      "Lists from which this instance takes references: the one in use, and spare ones.", NULL, NULL, NULL,  \
      0)                                                                                                     \
    X(INHERITED, "lists_inherited_total", SL_COUNTER,                                                        \
      "Lists that this instance took over at its start from the process before it.", NULL, NULL, NULL, 0)    \
    X(ABANDONED, "lists_abandoned_total", SL_COUNTER,                                                        \
      "Open lists that this instance sealed: their owner has not shown itself for a day, or they were made " \
      "by a version before lists had owners.",                                                               \
      NULL, NULL, NULL, 0)                                                                                   \
    X(HISTORIES, "pool_histories_total", SL_COUNTER,                                                         \
      "Times that this instance has begun a new history of the pool, by reason: replid (Redis was "          \
      "restarted or failed over), first (the instance has started), back (Redis has lost changes, or was "   \
      "restored), list (a list has lost changes).",                                                          \
      "why", sl_history_whys, NULL, 0)                                                                       \
    X(MARKS_LEFT, "marks_seconds_left", SL_GAUGE,                                                            \
      "For how long Redis still marks the entries that are updated, so that a history that was lost can be " \
      "joined with them; 0: not now.",                                                                       \
      NULL, NULL, NULL, 0)                                                                                   \
    X(ROLLBACKS, "rollback_detected_total", SL_COUNTER,                                                      \
      "Lists whose state in Redis lacked something that this instance had published.", NULL, NULL, NULL, 0)  \
    X(MENDED, "lists_mended_total", SL_COUNTER,                                                              \
      "Lists that this instance restored after Redis had lost them or changes of them: new (made again "     \
      "from "                                                                                                \
      "the last token), raised (to what the token shows), joined (with what was set in Redis since), late "  \
      "(too late: only final statuses were kept), already (another instance had done it), retired (left "    \
      "alone, the list was retired).",                                                                       \
      "how", sl_mended_hows, NULL, 0)                                                                        \
    X(TIMES_CORRECTED, "retirement_times_corrected_total", SL_COUNTER,                                       \
      "Times of lists in Redis that lay in the future, because its clock was wrong when they were written, " \
      "and were put right: until then nothing would have been retired.",                                     \
      NULL, NULL, NULL, 0)                                                                                   \
    X(MENDED_LATE, "mended_too_late_total", SL_COUNTER,                                                      \
      "Lists that were mended too late: statuses that this instance had shown and Redis had lost were "      \
      "given "                                                                                               \
      "up, but for final ones.",                                                                             \
      NULL, NULL, NULL, 0)                                                                                   \
    X(RETIRED, "lists_retired_total", SL_COUNTER,                                                            \
      "Lists that were retired (`retire-after`), as far as this instance knows.", NULL, NULL, NULL, 0)       \
    X(LOADS, "loads_total", SL_COUNTER, "Lists that were loaded from Redis to be signed.", NULL, NULL, NULL, \
      0)                                                                                                     \
    X(SIGNINGS, "signings_total", SL_COUNTER,                                                                \
      "Signed publications; each is a JWT and a CWT of one compressed list.", NULL, NULL, NULL, 0)           \
    X(PUBLICATIONS, "publications_total", SL_COUNTER, "Published tokens, by cause: first, change, renewal.", \
      "cause", sl_publication_causes, NULL, 0)                                                               \
    X(PUBLISH_FAILURES, "publish_failures_total", SL_COUNTER,                                                \
      "Attempts to load or sign a list that failed.", NULL, NULL, NULL, 0)                                   \
    X(COMPRESS_SECONDS, "compress_seconds", SL_HISTOGRAM, "Time to compress a list.", NULL, NULL,            \
      sl_metric_latency_bounds, 1e-9)                                                                        \
    X(SIGN_SECONDS, "sign_seconds", SL_HISTOGRAM, "Time to sign a publication: a JWT and a CWT.", NULL,      \
      NULL, sl_metric_latency_bounds, 1e-9)                                                                  \
    X(VISIBLE_SECONDS, "commit_to_visible_seconds", SL_HISTOGRAM,                                            \
      "Time from the commit of a change to the publication of the token that contains it.", NULL, NULL,      \
      sl_metric_latency_bounds, 1e-9)                                                                        \
    X(TOKEN_BYTES, "token_bytes", SL_GAUGE, "Memory that all published tokens of the pool take.", NULL,      \
      NULL, NULL, 0)                                                                                         \
    X(OLDEST_IAT, "oldest_token_iat_seconds", SL_GAUGE,                                                      \
      "`iat` of the oldest published token: time() minus this is the greatest age of a token.", NULL, NULL,  \
      NULL, 0)                                                                                               \
    X(NEAREST_EXP, "nearest_token_exp_seconds", SL_GAUGE, "`exp` of the token that expires first.", NULL,    \
      NULL, NULL, 0)                                                                                         \
    X(NOT_AFTER, "certificate_not_after_seconds", SL_GAUGE,                                                  \
      "When the first certificate of the signer's chain expires, in seconds since 1970; 0: the signer has "  \
      "no certificate. This minus time() is the time left.",                                                 \
      NULL, NULL, NULL, 0)                                                                                   \
    X(SIGNER_EXPIRED, "signer_expired", SL_GAUGE,                                                            \
      "1 once a certificate of the signer's chain has expired, or where there is no key that can be used: "  \
      "the instance signs nothing of the pool and serves the last tokens until they expire.",                \
      NULL, NULL, NULL, 0)

#define SL_CLOCK_METRICS(X)                                                                                  \
    X(DOUBTED, "wall_clock_doubted", SL_GAUGE,                                                               \
      "1 while the wall clock has jumped and is not believed: tokens and dates follow the clock from "       \
      "before.",                                                                                             \
      NULL, NULL, NULL, 0)                                                                                   \
    X(STEPS, "wall_clock_steps_total", SL_COUNTER,                                                           \
      "Steps of the wall clock: seen, and believed (it stood for a minute, or Redis' clock said the same).", \
      "step", sl_clock_steps, NULL, 0)                                                                       \
    X(REDIS, "redis_clock_difference_seconds", SL_GAUGE,                                                     \
      "How far Redis' wall clock and ours are apart, whichever is ahead; absent before it is known.", NULL,  \
      NULL, NULL, 1e-3)                                                                                      \
    X(HANDED, "hand_over_file_used", SL_GAUGE,                                                               \
      "1 while the hand-over file is kept, by which the next process on this boot goes on with the lists "   \
      "of this one; 0: a restart begins new lists, and the log says why.",                                   \
      NULL, NULL, NULL, 0)

enum sl_clock_step { SL_CLOCK_SEEN, SL_CLOCK_BELIEVED };

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

enum {
#define X(id, ...) SL_CLOCK_M_##id,
    SL_CLOCK_METRICS(X)
#undef X
};

extern const struct sl_metric_table sl_pool_worker_metric_table, sl_keeper_metric_table,
    sl_clock_metric_table;
