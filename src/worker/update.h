/* Setting statuses, the worker's side. One thread: the worker's.
 *
 * Gathering: per pool and worker one flush is in flight. After its reply the next leaves when as many
 * requests have gathered as it carried and as came meanwhile, or when an eighth of the measured round trip
 * has passed without another, and half of one at the latest; a lone client never waits. */
#pragma once
#include "worker/worker.h"

struct sl_update; /* one request; ends by itself after `done` */

/* `done`: OK (durable; `version` is the list's after it), FORBIDDEN, INDEX_OUT_OF_BOUNDS, NO_SUCH_REFERENCE,
 * UNAVAILABLE (has not happened), OUTCOME_UNKNOWN. Never called inside this call. The value has to fit the
 * list's bits. NULL: the store is down (UNAVAILABLE), nothing was started. */
struct sl_update *sl_update_start(struct sl_pool_worker *w, struct sl_list *l, uint32_t index, uint8_t value,
                                  void (*done)(void *arg, enum sl_err err, uint64_t version), void *arg);
/* The request is gone: `done` is not called, the update goes its way. */
void sl_update_cancel(struct sl_update *u);

struct sl_batch_entry {
    struct sl_list *list;
    uint32_t index;
    uint8_t value;
};
struct sl_batch;
struct sl_batch_result {
    uint32_t position; /* FORBIDDEN, INDEX_OUT_OF_BOUNDS, NO_SUCH_REFERENCE: which entry was refused */
    /* OK: the batch's lists in order of their first entries, and their versions after it */
    uint32_t lists;
    struct sl_list *const *list;
    const uint64_t *versions;
};
/* All or nothing; every list has to be of pool `p`. `key`: an equal batch that comes again under it writes
 * nothing and gets the first answer, another one IDEMPOTENCY_KEY_REUSED; NULL: none. `entries` and `key` are
 * read during the call only, the result during `done`. NULL: the store is down. */
struct sl_batch *sl_batch_start(struct sl_pool_worker *w, struct sl_pool *p,
                                const struct sl_batch_entry *entries, uint32_t n,
                                const struct sl_record_key *key,
                                void (*done)(void *arg, enum sl_err err, const struct sl_batch_result *r),
                                void *arg);
void sl_batch_cancel(struct sl_batch *b);

/* Internal to the layer. */
struct sl_gather *sl_gathers_new(struct sl_pool_worker *w);
void sl_gathers_stop(struct sl_pool_worker *w);
void sl_gathers_free(struct sl_pool_worker *w);
void sl_gathers_flush(struct sl_pool_worker *w); /* sends what has gathered, now */
bool sl_gathers_idle(const struct sl_pool_worker *w);
/* Counts a request with a key; worker/keyed.c. */
void sl_count_keyed(struct sl_pool_worker *w, const struct sl_pool *p, enum sl_err err, bool repeated);
/* A list has a new version: the keeper decides when it is published. */
void sl_tell_keeper(struct sl_pool_worker *w, struct sl_list *l, uint64_t version);

/* The status as the store has it. NULL: the store is down. */
struct sl_status;
struct sl_status *sl_status_start(struct sl_pool_worker *w, struct sl_list *l, uint32_t index,
                                  void (*done)(void *arg, enum sl_err err, uint8_t value, uint64_t version),
                                  void *arg);
void sl_status_cancel(struct sl_status *s);
