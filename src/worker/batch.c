#include "worker/batch.h"

#include <stdlib.h>

#include "base/assert.h"
#include "pool/metrics.h"
#include "worker/connection.h"
#include "worker/keyed.h"
#include "worker/update.h"

struct sl_batch {
    struct sl_pool_worker *worker;
    struct sl_pool *pool;
    sl_batch_cb *done; /* NULL: cancelled */
    void *arg;
    bool keyed;
    uint32_t group_count;
    struct sl_list *lists[]; /* per group */
};

struct sorted_entry {
    const struct sl_batch_entry *entry;
    uint32_t position;
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

static void on_batched(void *arg, enum sl_err err, const struct sl_batched *batched)
{
    struct sl_batch *b = arg;
    struct sl_batch_result result = {.lists = b->group_count, .list = b->lists};
    b->worker->awaited--;
    if (err == SL_OK && batched->refused == SL_OK) {
        for (uint32_t i = 0; i < b->group_count; i++)
            if (batched->changed[i])
                sl_send_changed(b->worker, b->lists[i], batched->versions[i]);
        result.versions = batched->versions;
    } else if (err == SL_OK) {
        err = batched->refused;
        result.position = batched->refused_position;
    }
    if (b->keyed)
        sl_count_keyed(b->worker, b->pool, err, err == SL_OK && batched->repeated);
    if (b->done != NULL)
        b->done(b->arg, err, &result);
    free(b);
}

/* Scratch of one call: the entries by list, each list's in order of arrival. */
struct batch_scratch {
    struct sorted_entry *sorted;
    struct sl_change *changes;
    uint32_t *positions;
    struct sl_batch_group *groups;
};

static uint32_t group_entries(struct batch_scratch *scratch, const struct sl_batch_entry *entries, uint32_t n)
{
    uint32_t groups = 0;
    for (uint32_t i = 0; i < n; i++)
        scratch->sorted[i] = (struct sorted_entry){&entries[i], i};
    qsort(scratch->sorted, n, sizeof scratch->sorted[0], by_list);
    for (uint32_t i = 0; i < n; i++) {
        const struct sl_batch_entry *entry = scratch->sorted[i].entry;
        scratch->changes[i] = (struct sl_change){entry->index, entry->value};
        scratch->positions[i] = scratch->sorted[i].position;
        if (i == 0 || entry->list != scratch->sorted[i - 1].entry->list)
            scratch->groups[groups++] =
                (struct sl_batch_group){entry->list->id, &scratch->changes[i], &scratch->positions[i], 0};
        scratch->groups[groups - 1].count++;
    }
    /* An order that every instance makes alike, whatever numbers its lists have. */
    qsort(scratch->groups, groups, sizeof scratch->groups[0], by_first_entry);
    return groups;
}

static struct sl_batch *batch_new(struct sl_pool_worker *w, const struct batch_scratch *scratch,
                                  uint32_t groups)
{
    struct sl_batch *b = sl_xcalloc(1, sizeof *b + groups * sizeof b->lists[0]);
    b->worker = w;
    b->group_count = groups;
    for (uint32_t i = 0; i < groups; i++)
        b->lists[i] = scratch->sorted[scratch->groups[i].changes - scratch->changes].entry->list;
    return b;
}

struct sl_batch *sl_batch_start(struct sl_pool_worker *w, struct sl_pool *p,
                                const struct sl_batch_entry *entries, uint32_t n,
                                const struct sl_record_key *key, sl_batch_cb *done, void *arg)
{
    if (!sl_pool_worker_can_write(w))
        return NULL;
    struct batch_scratch scratch = {
        sl_xcalloc(n, sizeof *scratch.sorted), sl_xcalloc(n, sizeof *scratch.changes),
        sl_xcalloc(n, sizeof *scratch.positions), sl_xcalloc(n, sizeof *scratch.groups)};
    uint32_t groups = group_entries(&scratch, entries, n);
    struct sl_batch *b = batch_new(w, &scratch, groups);
    b->pool = p;
    b->keyed = key != NULL;
    b->done = done;
    b->arg = arg;
    if (sl_store_batch(w->store, p->name, NULL, sl_pool_options(p)->final_status, scratch.groups, groups, key,
                       on_batched, b) == SL_OK) {
        w->awaited++;
        sl_metric_add(w->metrics[p->number], SL_PW_BATCHES, 1);
    } else {
        free(b);
        b = NULL;
    }
    free(scratch.sorted);
    free(scratch.changes);
    free(scratch.positions);
    free(scratch.groups);
    return b;
}

void sl_batch_cancel(void *batch)
{
    struct sl_batch *b = batch;
    b->done = NULL;
}
