/* Setting many statuses at once, all or nothing. One thread: the worker's. */
#pragma once
#include "worker/state.h"

struct sl_batch;

struct sl_batch_entry {
    struct sl_list *list;
    uint32_t index;
    uint8_t value;
};

struct sl_batch_result {
    /* FORBIDDEN, INDEX_OUT_OF_BOUNDS, NO_SUCH_REFERENCE: which entry was refused */
    uint32_t position;
    /* OK: the batch's lists in order of their first entries, and their heads after it */
    uint32_t lists;
    struct sl_list *const *list;
    const struct sl_head *heads;
};

/* The result is valid during the call only. */
typedef void(sl_batch_cb)(void *arg, enum sl_err err, const struct sl_batch_result *result);

/* Every list has to be of pool `p`. `key`, or NULL: an equal batch that comes again under the same key writes
 * nothing and gets the first answer, a different batch gets IDEMPOTENCY_KEY_REUSED. `entries` and `key` are
 * read during the call only. NULL: the store is down. */
struct sl_batch *sl_batch_start(struct sl_pool_worker *w, struct sl_pool *p,
                                const struct sl_batch_entry *entries, uint32_t n,
                                const struct sl_record_key *key, sl_batch_cb *done, void *arg);
/* The request of this struct sl_batch is gone: `done` is not called; the batch is still made. */
void sl_batch_cancel(void *batch);
