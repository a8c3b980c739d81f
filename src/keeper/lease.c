/* A list that gives out nothing more is retired in Redis once retire-after has passed since its last
 * reservation. Every instance learns of it, renews its token no more, and serves the last one until it
 * expires. Then the list is unknown, and later its keys are dropped.
 *
 * Redis does not record when the last reservation happened: references leave it long before they are handed
 * out. Instead each instance reports to Redis now and then the lists whose references it still holds. That is
 * a lease: Redis does not retire those lists before it ends, and an instance that could not renew it drops
 * the references. */
#include "keeper/lease.h"

#include <stdlib.h>

#include "base/log.h"
#include "keeper/keeper_int.h"

#define PAGE 100 /* lists that one question asks for */
#define LEASE_MAX_MS 86400000u
#define SLACK_MS 5000u /* the time between two sweeps, and a moment */
#define ROUND_MAX_MS 600000u

static uint64_t lease_ms(const struct sl_kpool *p)
{
    uint64_t half = p->options->retire_after_ms / 2;
    return half < LEASE_MAX_MS ? half : LEASE_MAX_MS;
}

/* How long references that have left the ring and the stock are on their way to a client: a reservation that
 * waits for the rest of them, and one under a key that waits until it may be bound, and for the reply. */
static uint64_t way_ms(const struct sl_kpool *p)
{
    return p->options->underflow_timeout_ms + 2 * (uint64_t)p->keeper->setup.redis->command_timeout_ms;
}

/* ---- the lists whose references this instance holds */

struct held_lists {
    struct sl_kpool *pool;
    struct sl_uuid *ids;
    uint32_t count;
};

static void hold_list(struct held_lists *h, struct sl_klist *t)
{
    if (t->holding.round == h->pool->lease.rounds)
        return;
    t->holding.round = h->pool->lease.rounds;
    h->ids[h->count++] = t->list.id;
}

static void hold_segments(struct held_lists *h, const struct sl_segment *segment)
{
    for (; segment != NULL; segment = segment->next)
        for (uint32_t i = segment->at; i < segment->count; i++)
            hold_list(h, sl_keeper_list(h->pool->keeper, sl_ring_slot_list(segment->slots[i])));
}

/* References that a worker pops during the walk may be counted too: that does no harm. */
static uint32_t collect_held(struct sl_kpool *p, struct sl_uuid *ids)
{
    struct held_lists h = {.pool = p, .ids = ids};
    uint64_t slot;
    p->lease.rounds++;
    for (uint64_t n = 0; sl_ring_peek(p->shared->ring, n, &slot); n++)
        hold_list(&h, sl_keeper_list(p->keeper, sl_ring_slot_list(slot)));
    hold_segments(&h, sl_keeper_stock(p));
    return h.count;
}

static void set_lease(struct sl_kpool *p, uint64_t until_ns)
{
    p->lease.until_ns = until_ns;
    atomic_store_explicit(&p->shared->held_until_ns, until_ns, memory_order_release);
}

/* ---- asking Redis */

static void on_retired(void *arg, enum sl_err err, const struct sl_retired *retired)
{
    struct sl_kpool *p = arg;
    struct sl_table *table = p->keeper->shared->table;
    p->lease.asking = false;
    if (err != SL_OK) {
        p->lease.next_number = 0; /* the next round asks again */
        if (err == SL_ERR_HISTORY)
            p->keeper->hooks.other_history(p);
        return;
    }
    set_lease(p, p->lease.asked_ns + lease_ms(p) * SL_NS_PER_MS);
    sl_metric_add(p->metrics, SL_KM_ABANDONED, retired->abandoned);
    sl_metric_add(p->metrics, SL_KM_TIMES_CORRECTED, retired->corrected);
    if (retired->corrected > 0)
        sl_log(SL_WARN, "pool", "redis' clock was wrong: times of lists lay in the future and were put right",
               SL_KS("pool", p->shared->name), SL_KU("times", retired->corrected));
    for (size_t i = 0; i < retired->retired_count + retired->gone_count; i++) {
        bool gone = i >= retired->retired_count;
        const struct sl_uuid *id = gone ? &retired->gone[i - retired->retired_count] : &retired->retired[i];
        struct sl_klist *t = sl_klist_of(sl_table_find(table, id));
        if (t == NULL || t->pool != p)
            continue;
        if (gone)
            sl_keeper_note_dropped(t);
        sl_keeper_note_retired(t);
    }
}

/* Up to PAGE lists of the pool, from where the last question ended. */
static uint32_t next_page(struct sl_kpool *p, struct sl_uuid *ids)
{
    struct sl_keeper *k = p->keeper;
    uint32_t n = 0, count = sl_table_count(k->shared->table);
    for (; p->lease.next_number < count && n < PAGE; p->lease.next_number++) {
        const struct sl_klist *t = sl_keeper_list(k, p->lease.next_number);
        if (t->pool == p && !sl_keeper_is_dropped(t))
            ids[n++] = t->list.id;
    }
    return n;
}

static void ask_retired(struct sl_kpool *p)
{
    struct sl_keeper *k = p->keeper;
    struct sl_uuid *ids = calloc((size_t)sl_table_count(k->shared->table) + PAGE, sizeof *ids);
    if (ids == NULL)
        return; /* the next sweep asks; the lease runs on */
    uint32_t held = collect_held(p, ids), asked = next_page(p, ids + held);
    struct sl_retire question = {.after_ms = p->options->retire_after_ms,
                                 .lease_ms = lease_ms(p) + SLACK_MS + way_ms(p),
                                 .keep_ms =
                                     p->options->list_lifetime_ms + p->options->update_interval_ms + SLACK_MS,
                                 .ids = ids,
                                 .held = held,
                                 .asked = asked};
    struct sl_fence fence = sl_keeper_fence(p);
    p->lease.asked_ns = sl_mono_ns(k->clock);
    p->lease.asking = sl_store_retire(k->store, p->shared->name, &fence, &question, on_retired, p) == SL_OK;
    p->lease.next_number = p->lease.asking ? p->lease.next_number : 0;
    free(ids);
}

void sl_keeper_begin_lease(struct sl_kpool *p)
{
    if (p->lease.until_ns == 0 && p->options->retire_after_ms > 0)
        set_lease(p, sl_mono_ns(p->keeper->clock) + lease_ms(p) * SL_NS_PER_MS);
}

/* What is on its way to a client, or from Redis, is dropped as well: it was taken under the same lease. */
static void keep_lease(struct sl_kpool *p, uint64_t now)
{
    if (p->lease.until_ns == 0 || now < p->lease.until_ns)
        return;
    if (sl_ring_fill(p->shared->ring) + sl_keeper_stock_count(p) > 0)
        sl_log(SL_ERROR, "pool",
               "redis was out of reach for too long: dropping the references that were ready",
               SL_KS("pool", p->shared->name));
    sl_keeper_drop_references(p);
    set_lease(p, 0); /* after the drop: workers read it */
}

void sl_keeper_watch_lease(struct sl_kpool *p)
{
    uint64_t now = sl_mono_ns(p->keeper->clock), round_ms = lease_ms(p) / 4;
    if (p->options->retire_after_ms > 0)
        keep_lease(p, now);
    else
        set_lease(p, p->lease.next_round_ns = 0);
    if (p->options->retire_after_ms == 0 && !sl_keeper_list_missing(p))
        return;
    if (p->lease.asking || !sl_keeper_is_synced(p) || p->keeper->draining)
        return;
    if (p->lease.next_number >= sl_table_count(p->keeper->shared->table)) { /* a round has ended */
        if (now < p->lease.next_round_ns)
            return;
        p->lease.next_round_ns = now + (round_ms < ROUND_MAX_MS ? round_ms : ROUND_MAX_MS) * SL_NS_PER_MS;
        p->lease.next_number = 0;
        sl_keeper_clear_list_missing(p);
    }
    ask_retired(p);
}
