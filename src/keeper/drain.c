/* The end: waiting requests are answered, rings emptied, what they held given back once. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "keeper/keeper_int.h"

void sl_keeper_begin_drain(struct sl_keeper *k)
{
    k->draining = true;
    atomic_store_explicit(&k->shared->authoritative, true,
                          memory_order_release); /* nobody is looked up any more */
    for (unsigned i = 0; i < k->shared->pool_count; i++)
        sl_keeper_answer_waiters(&k->pools[i], false);
    sl_keeper_answer_early(k, SL_ERR_UNAVAILABLE);
    sl_keeper_confirm(k);
    for (uint32_t i = 0; i < sl_table_count(k->shared->table); i++)
        sl_keeper_answer_cold(sl_keeper_list(k, i), SL_ERR_UNAVAILABLE);
}

static void finish(struct sl_keeper *k)
{
    sl_timer_stop(k->loop, &k->give_up);
    void (*done)(void *) = k->gave_back;
    k->gave_back = NULL;
    if (done != NULL)
        done(k->gave_back_arg);
}

/* One call to Redis: the indices of one list. */
struct giving {
    struct sl_kpool *pool;
    uint32_t count;
};

static void on_given_back(void *arg, enum sl_err err, uint32_t accepted)
{
    struct giving *g = arg;
    struct sl_keeper *k = g->pool->keeper;
    if (err == SL_OK)
        sl_metric_add(g->pool->metrics, SL_KM_GIVEN_BACK, accepted);
    if (err != SL_OK || accepted < g->count)
        sl_log(SL_WARN, "pool", "references were not given back: their indices stay unused",
               SL_KS("pool", g->pool->shared->name),
               SL_KU("references", g->count - (err == SL_OK ? accepted : 0)),
               SL_KS("code", sl_err_code(err)));
    free(g);
    if (--k->giving_back == 0)
        finish(k);
}

static int by_slot(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void give_list(struct sl_kpool *p, const uint64_t *slots, uint32_t n)
{
    struct sl_keeper *k = p->keeper;
    struct sl_klist *t = sl_keeper_list(k, sl_ring_slot_list(slots[0]));
    struct giving *g = sl_xcalloc(1, sizeof *g);
    uint32_t *indices = sl_xcalloc(n, sizeof *indices);
    for (uint32_t i = 0; i < n; i++)
        indices[i] = sl_ring_slot_index(slots[i]);
    *g = (struct giving){p, n};
    k->giving_back++;
    enum sl_err err =
        sl_store_give_back(k->store, p->shared->name, &t->list.id, indices, n, on_given_back, g);
    free(indices);
    if (err != SL_OK)
        on_given_back(g, err, 0);
}

static uint64_t *collect(struct sl_kpool *p, uint32_t *ret_count)
{
    uint64_t fill = sl_ring_fill(p->shared->ring), left;
    uint64_t *slots = sl_xcalloc(fill + p->stock_count + 1, sizeof *slots);
    uint32_t n = 0;
    if (fill > 0 && sl_ring_pop(p->shared->ring, (uint32_t)fill, slots, &left))
        n = (uint32_t)fill;
    for (struct segment *s = p->stock; s != NULL; s = s->next) {
        memcpy(slots + n, s->slots + s->at, (s->count - s->at) * sizeof slots[0]);
        n += s->count - s->at;
    }
    *ret_count = n;
    return slots;
}

static void give_pool(struct sl_kpool *p)
{
    uint32_t n;
    uint64_t *slots = collect(p, &n);
    qsort(slots, n, sizeof slots[0], by_slot);
    for (uint32_t at = 0, end; at < n; at = end) {
        for (end = at; end < n && sl_ring_slot_list(slots[end]) == sl_ring_slot_list(slots[at]);)
            end++;
        give_list(p, slots + at, end - at);
    }
    free(slots);
}

static void on_give_up(void *arg)
{
    struct sl_keeper *k = arg;
    sl_log(SL_WARN, "pool", "references were not given back in time: their indices stay unused");
    finish(k);
}

static void wait_for_takes(void *arg)
{
    struct sl_keeper *k = arg;
    for (unsigned i = 0; i < k->shared->pool_count; i++) {
        if (k->pools[i].taking || k->pools[i].marking || k->pools[i].precreating) {
            sl_timer_start(k->loop, &k->sweep, 5 * SL_NS_PER_MS);
            return;
        }
    }
    k->giving_back++; /* held until every list was asked for */
    for (unsigned i = 0; i < k->shared->pool_count; i++)
        give_pool(&k->pools[i]);
    if (--k->giving_back == 0)
        finish(k);
}

void sl_keeper_give_back(struct sl_keeper *k, uint64_t deadline_ns, void (*done)(void *arg), void *arg)
{
    k->draining = true;
    k->gave_back = done;
    k->gave_back_arg = arg;
    sl_timer_init(&k->give_up, on_give_up, k);
    sl_timer_start(k->loop, &k->give_up, deadline_ns);
    /* The sweep has ended its service: its timer polls what is under way. */
    sl_timer_stop(k->loop, &k->sweep);
    sl_timer_init(&k->sweep, wait_for_takes, k);
    sl_timer_start(k->loop, &k->sweep, 0);
}
