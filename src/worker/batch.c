#include "worker/batch.h"

#include <stdlib.h>

#include "base/assert.h"
#include "pool/metrics.h"
#include "worker/connection.h"
#include "worker/keyed.h"
#include "worker/update.h"

struct sorted_entry {
    const struct sl_batch_entry *entry;
    uint32_t position;
};

/* The entries by list, each list's in order of arrival; kept for a second try. */
struct sl_batch {
    struct sl_pool_worker *worker;
    struct sl_pool *pool;
    sl_batch_cb *done; /* NULL: cancelled */
    void *arg;
    struct sl_hold hold; /* worker/connection.h */
    struct sl_lineage sent;
    bool released, tried;
    bool keyed;
    struct sl_record_key key;
    struct sorted_entry *sorted; /* NULL once it is grouped */
    struct sl_change *changes;
    uint32_t *positions;
    uint32_t group_count;
    struct sl_batch_group *groups;
    struct sl_list **lists; /* per group */
    struct sl_head *heads;
};

static int by_list(const void *left, const void *right)
{
    const struct sorted_entry *one = left, *other = right;
    if (one->entry->list->number != other->entry->list->number)
        return one->entry->list->number < other->entry->list->number ? -1 : 1;
    return one->position < other->position ? -1 : 1;
}

static int by_first_entry(const void *left, const void *right)
{
    const struct sl_batch_group *one = left, *other = right;
    return one->positions[0] < other->positions[0] ? -1 : 1;
}

/* ---- grouping */

static void group_entries(struct sl_batch *b, const struct sl_batch_entry *entries, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        b->sorted[i] = (struct sorted_entry){&entries[i], i};
    qsort(b->sorted, n, sizeof b->sorted[0], by_list);
    for (uint32_t i = 0; i < n; i++) {
        const struct sl_batch_entry *entry = b->sorted[i].entry;
        b->changes[i] = (struct sl_change){entry->index, entry->value};
        b->positions[i] = b->sorted[i].position;
        if (i == 0 || entry->list != b->sorted[i - 1].entry->list)
            b->groups[b->group_count++] =
                (struct sl_batch_group){entry->list->id, &b->changes[i], &b->positions[i], 0};
        b->groups[b->group_count - 1].count++;
    }
    /* An order that every instance makes alike, whatever numbers its lists have. */
    qsort(b->groups, b->group_count, sizeof b->groups[0], by_first_entry);
}

static struct sl_batch *batch_new(const struct sl_batch_entry *entries, uint32_t n)
{
    struct sl_batch *b = sl_xcalloc(1, sizeof *b);
    b->sorted = sl_xcalloc(n, sizeof *b->sorted);
    b->changes = sl_xcalloc(n, sizeof *b->changes);
    b->positions = sl_xcalloc(n, sizeof *b->positions);
    b->groups = sl_xcalloc(n, sizeof *b->groups);
    group_entries(b, entries, n);
    b->lists = sl_xcalloc(b->group_count, sizeof(struct sl_list *));
    b->heads = sl_xcalloc(b->group_count, sizeof *b->heads);
    for (uint32_t i = 0; i < b->group_count; i++)
        b->lists[i] = b->sorted[b->groups[i].changes - b->changes].entry->list;
    free(b->sorted); /* its entries are the caller's */
    b->sorted = NULL;
    return b;
}

static void batch_free(struct sl_batch *b)
{
    free(b->changes);
    free(b->positions);
    free(b->groups);
    free(b->lists);
    free(b->heads);
    free(b);
}

/* ---- sending */

static bool send_batch(struct sl_batch *b);

static void finish_batch(struct sl_batch *b, enum sl_err err, const struct sl_batched *batched)
{
    struct sl_batch_result result = {.lists = b->group_count, .list = b->lists};
    b->worker->awaited--;
    if (err == SL_OK && batched->refused == SL_OK) {
        for (uint32_t i = 0; i < b->group_count; i++) {
            b->heads[i] = (struct sl_head){batched->at[i], batched->versions[i]};
            if (batched->changed[i])
                sl_send_changed(b->worker, b->lists[i], b->heads[i]);
        }
        result.heads = b->heads;
        sl_history_saw(sl_pool_history(b->pool), b->sent, batched->change);
    } else if (err == SL_OK) {
        err = batched->refused;
        result.position = batched->refused_position;
    }
    if (b->keyed)
        sl_count_keyed(b->worker, b->pool, err, err == SL_OK && batched->repeated);
    if (b->done != NULL)
        b->done(b->arg, err, &result);
    batch_free(b);
}

static void on_released(void *arg)
{
    struct sl_batch *b = arg;
    b->released = true;
    if (!send_batch(b))
        finish_batch(b, SL_ERR_UNAVAILABLE, NULL);
}

static void on_batched(void *arg, enum sl_err err, const struct sl_batched *batched)
{
    struct sl_batch *b = arg;
    if (err == SL_ERR_HISTORY && !b->tried) {
        b->tried = true;
        sl_hold_refused(b->worker, b->pool, b->sent, &b->hold);
        return;
    }
    finish_batch(b, err == SL_ERR_HISTORY ? SL_ERR_UNAVAILABLE : err, batched);
}

/* Or holds it. False: nothing was sent. */
static bool send_batch(struct sl_batch *b)
{
    struct sl_fence fence;
    enum sl_may_write may = sl_may_write(b->worker, b->pool, &fence);
    if (may == SL_MAY_LATER && !b->released) {
        sl_hold(b->worker, b->pool, &b->hold);
        return true;
    }
    if (may != SL_MAY_WRITE)
        return false;
    b->sent = fence.lineage;
    return sl_store_batch(b->worker->store, b->pool->name, &fence, sl_pool_options(b->pool)->final_status,
                          b->groups, b->group_count, b->keyed ? &b->key : NULL, on_batched, b) == SL_OK;
}

struct sl_batch *sl_batch_start(struct sl_pool_worker *w, struct sl_pool *p,
                                const struct sl_batch_entry *entries, uint32_t n,
                                const struct sl_record_key *key, sl_batch_cb *done, void *arg)
{
    struct sl_batch *b = batch_new(entries, n);
    b->worker = w;
    b->pool = p;
    b->done = done;
    b->arg = arg;
    b->hold = (struct sl_hold){.on_released = on_released, .arg = b};
    b->keyed = key != NULL;
    if (key != NULL)
        b->key = *key;
    if (!send_batch(b)) {
        batch_free(b);
        return NULL;
    }
    w->awaited++;
    sl_metric_add(w->metrics[p->number], SL_PW_BATCHES, 1);
    return b;
}

void sl_batch_cancel(void *batch)
{
    struct sl_batch *b = batch;
    b->done = NULL;
}
