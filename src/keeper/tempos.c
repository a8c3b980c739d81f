#include "keeper/tempos.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "keeper/keeper_int.h"

/* What was seen is counted on for so long: less than an instance waits with a longer interval (keeper/owed.c)
 * by the time in which it hears of a change. */
#define TRUSTED_NS (3 * SL_SWEEP_NS)
/* An instance that is not seen any more may have lost its connection only. */
#define MISSED_NS (5 * SL_SWEEP_NS)

/* Of one pool, in one answer. */
struct seen_tempos {
    uint32_t longest_ms, shortest_ms;
};

static void show_longest(struct sl_kpool *p, uint64_t until_ns)
{
    atomic_store_explicit(&p->shared->others_ms, p->tempos.longest_ms, memory_order_relaxed);
    atomic_store_explicit(&p->shared->others_until_ns, until_ns, memory_order_release);
}

static void note_longest(struct sl_pool_tempos *tempos, uint32_t longest_ms, uint64_t now)
{
    if (longest_ms >= tempos->longest_ms) {
        tempos->longest_ms = longest_ms;
        tempos->lower_ns = 0;
        return;
    }
    if (tempos->lower_ns == 0) {
        tempos->lower_ns = now;
        tempos->lower_ms = longest_ms;
    }
    if (longest_ms > tempos->lower_ms)
        tempos->lower_ms = longest_ms;
    if (now - tempos->lower_ns < MISSED_NS)
        return;
    tempos->longest_ms = tempos->lower_ms;
    tempos->lower_ns = 0;
}

static struct seen_tempos *sort_tempos(const struct sl_keeper *k, const struct sl_tempo *tempos, size_t n)
{
    struct seen_tempos *all = sl_xcalloc(k->shared->pool_count + 1, sizeof *all);
    for (unsigned i = 0; i < k->shared->pool_count; i++)
        all[i].shortest_ms = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        const struct sl_pool *pool = sl_pool_named(k->shared, tempos[i].pool);
        if (pool == NULL)
            continue;
        struct seen_tempos *seen = &all[pool->number];
        if (tempos[i].update_ms > seen->longest_ms)
            seen->longest_ms = tempos[i].update_ms;
        if (tempos[i].update_ms < seen->shortest_ms)
            seen->shortest_ms = tempos[i].update_ms;
    }
    return all;
}

static void on_tempos(void *arg, enum sl_err err, const struct sl_tempo *tempos, size_t n)
{
    struct sl_keeper *k = arg;
    uint64_t now = sl_mono_ns(k->clock);
    k->tempos.asking = false;
    /* What was seen before this instance was shown may lack one that has not seen it either. */
    if (err != SL_OK || k->tempos.shown_ns == 0 || k->tempos.asked_ns < k->tempos.shown_ns)
        return;
    struct seen_tempos *seen = sort_tempos(k, tempos, n);
    SL_EACH_KPOOL (p, k) {
        const struct seen_tempos *of = &seen[p->shared->number];
        note_longest(&p->tempos, of->longest_ms, now);
        show_longest(p, k->tempos.asked_ns + TRUSTED_NS);
        if (p->tempos.unknown)
            sl_keeper_limit_interval(p, of->shortest_ms * SL_NS_PER_MS);
        p->tempos.unknown = false;
    }
    free(seen);
}

void sl_keeper_ask_tempos(struct sl_keeper *k)
{
    if (k->shared->alone || k->tempos.asking || k->tempos.shown_ns == 0 ||
        sl_store_state(k->store) != SL_STORE_UP)
        return;
    k->tempos.asked_ns = sl_mono_ns(k->clock);
    k->tempos.asking = sl_store_tempos(k->store, on_tempos, k) == SL_OK;
}

void sl_keeper_tempos_shown(struct sl_keeper *k)
{
    if (k->shared->alone)
        return;
    k->tempos.shown_ns = sl_mono_ns(k->clock);
    SL_EACH_KPOOL (p, k) {
        p->tempos.unknown = true;
        sl_keeper_hurry(p);
    }
    sl_keeper_ask_tempos(k);
}

void sl_keeper_tempos_hidden(struct sl_keeper *k)
{
    k->tempos.shown_ns = 0;
    SL_EACH_KPOOL (p, k)
        show_longest(p, 0);
}
