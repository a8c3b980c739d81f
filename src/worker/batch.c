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

static int by_list(const void *a, const void *b)
{
    const struct sorted_entry *x = a, *y = b;
    if (x->entry->list->number != y->entry->list->number)
        return x->entry->list->number < y->entry->list->number ? -1 : 1;
    return x->position < y->position ? -1 : 1;
}

static int by_first_entry(const void *a, const void *b)
{
    const struct sl_batch_group *x = a, *y = b;
    return x->positions[0] < y->positions[0] ? -1 : 1;
}

static void on_batched(void *arg, enum sl_err err, const struct sl_batched *r)
{
    struct sl_batch *b = arg;
    struct sl_batch_result result = {.lists = b->group_count, .list = b->lists};
    b->worker->awaited--;
    if (err == SL_OK && r->refused == SL_OK) {
        for (uint32_t i = 0; i < b->group_count; i++)
            if (r->changed[i])
                sl_send_changed(b->worker, b->lists[i], r->versions[i]);
        result.versions = r->versions;
    } else if (err == SL_OK) {
        err = r->refused;
        result.position = r->refused_position;
    }
    if (b->keyed)
        sl_count_keyed(b->worker, b->pool, err, err == SL_OK && r->repeated);
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

static uint32_t group_entries(struct batch_scratch *s, const struct sl_batch_entry *entries, uint32_t n)
{
    uint32_t groups = 0;
    for (uint32_t i = 0; i < n; i++)
        s->sorted[i] = (struct sorted_entry){&entries[i], i};
    qsort(s->sorted, n, sizeof s->sorted[0], by_list);
    for (uint32_t i = 0; i < n; i++) {
        const struct sl_batch_entry *e = s->sorted[i].entry;
        s->changes[i] = (struct sl_change){e->index, e->value};
        s->positions[i] = s->sorted[i].position;
        if (i == 0 || e->list != s->sorted[i - 1].entry->list)
            s->groups[groups++] = (struct sl_batch_group){e->list->id, &s->changes[i], &s->positions[i], 0};
        s->groups[groups - 1].count++;
    }
    /* An order that every instance makes alike, whatever numbers its lists have. */
    qsort(s->groups, groups, sizeof s->groups[0], by_first_entry);
    return groups;
}

static struct sl_batch *batch_new(struct sl_pool_worker *w, const struct batch_scratch *s, uint32_t groups)
{
    struct sl_batch *b = sl_xcalloc(1, sizeof *b + groups * sizeof b->lists[0]);
    b->worker = w;
    b->group_count = groups;
    for (uint32_t i = 0; i < groups; i++)
        b->lists[i] = s->sorted[s->groups[i].changes - s->changes].entry->list;
    return b;
}

struct sl_batch *sl_batch_start(struct sl_pool_worker *w, struct sl_pool *p,
                                const struct sl_batch_entry *entries, uint32_t n,
                                const struct sl_record_key *key, sl_batch_cb *done, void *arg)
{
    if (!sl_pool_worker_can_write(w))
        return NULL;
    struct batch_scratch s = {sl_xcalloc(n, sizeof *s.sorted), sl_xcalloc(n, sizeof *s.changes),
                              sl_xcalloc(n, sizeof *s.positions), sl_xcalloc(n, sizeof *s.groups)};
    uint32_t groups = group_entries(&s, entries, n);
    struct sl_batch *b = batch_new(w, &s, groups);
    b->pool = p;
    b->keyed = key != NULL;
    b->done = done;
    b->arg = arg;
    if (sl_store_batch(w->store, p->name, sl_pool_options(p)->final_status, s.groups, groups, key, on_batched,
                       b) == SL_OK) {
        w->awaited++;
        sl_metric_add(w->metrics[p->number], SL_PW_BATCHES, 1);
    } else {
        free(b);
        b = NULL;
    }
    free(s.sorted);
    free(s.changes);
    free(s.positions);
    free(s.groups);
    return b;
}

void sl_batch_cancel(void *batch)
{
    struct sl_batch *b = batch;
    b->done = NULL;
}
