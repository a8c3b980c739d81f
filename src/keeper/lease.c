/* Lists that end. A list that gives out nothing more is retired in Redis once retire-after has passed since
 * its last reservation; every instance learns it, renews its token no more, and serves the last one until it
 * expires. Then the list is unknown, and later its keys are dropped.
 *
 * When the last reservation was, nobody writes down: references leave Redis long before they are handed out.
 * Instead each instance says now and then of which lists it still holds references (`reserved`, which lies
 * ahead of the present by a lease), and drops them when it could not say so for the time of the lease. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "keeper/keeper_int.h"

#define PAGE 100 /* lists that one look at Redis asks for */
#define LEASE_MAX_MS 86400000u
#define SLACK_MS 5000u /* a reservation under way, and the time between two sweeps */
#define ROUND_MAX_MS 600000u

static uint64_t lease_ms(const struct sl_kpool *p)
{
    uint64_t half = p->options->retire_after_ms / 2;
    return half < LEASE_MAX_MS ? half : LEASE_MAX_MS;
}

/* ---- a list that has ended */

/* Its keys are gone, or it was told to be: what readers have is shown until it expires. */
static void forget_token(struct sl_klist *t)
{
    struct sl_token *old = atomic_exchange_explicit(&t->list.token, NULL, memory_order_acq_rel);
    sl_keeper_answer_cold(t, SL_ERR_NO_SUCH_LIST);
    if (old == NULL)
        return;
    t->pool->token_bytes -= old->memory;
    sl_keeper_retire(t->pool->keeper, t, old);
}

static bool owes_change(const struct sl_klist *t)
{
    const struct sl_token *token = sl_list_token(&t->list);
    return token != NULL && t->committed > token->version && !t->dropped;
}

bool sl_keeper_let_end(struct sl_klist *t)
{
    if (!t->retired || owes_change(t))
        return false;
    struct sl_keeper *k = t->pool->keeper;
    const struct sl_token *token = sl_list_token(&t->list);
    int64_t left_ms = token != NULL ? token->exp * 1000 - sl_wall_ms(k->clock) : 0;
    if (left_ms <= 0)
        forget_token(t);
    else
        sl_keeper_start_due(t, (uint64_t)left_ms * SL_NS_PER_MS);
    return true;
}

void sl_keeper_ended(struct sl_klist *t)
{
    struct sl_kpool *p = t->pool;
    if (t->retired)
        return;
    t->retired = true;
    t->behind = false;
    atomic_store_explicit(&t->list.retired, true, memory_order_release);
    atomic_fetch_add_explicit(&p->shared->ended, 1, memory_order_release);
    p->lists--;
    p->unpublished -= sl_list_token(&t->list) == NULL;
    sl_metric_add(p->metrics, SL_KM_RETIRED, 1);
    sl_log(SL_INFO, "pool", "a list is retired: its token is not renewed", SL_KS("pool", p->shared->name),
           SL_KN("list", t->list.uri.at, t->list.uri.len));
    sl_keeper_schedule(t);
}

/* ---- which lists references are held of */

struct held {
    struct sl_kpool *pool;
    struct sl_uuid *ids;
    uint32_t count;
};

static void hold(struct held *h, struct sl_klist *t)
{
    if (t->held == h->pool->holding)
        return;
    t->held = h->pool->holding;
    h->ids[h->count++] = t->list.id;
}

static void hold_segments(struct held *h, const struct segment *s)
{
    for (; s != NULL; s = s->next)
        for (uint32_t i = s->at; i < s->count; i++)
            hold(h, sl_keeper_list(h->pool->keeper, sl_ring_slot_list(s->slots[i])));
}

/* What workers have popped meanwhile is counted too: that does no harm. */
static uint32_t held_lists(struct sl_kpool *p, struct sl_uuid *ids)
{
    struct held h = {.pool = p, .ids = ids};
    uint64_t slot;
    p->holding++;
    for (uint64_t n = 0; sl_ring_peek(p->shared->ring, n, &slot); n++)
        hold(&h, sl_keeper_list(p->keeper, sl_ring_slot_list(slot)));
    hold_segments(&h, p->stock);
    hold_segments(&h, p->to_mark);
    return h.count;
}

/* ---- looking */

static void on_looked(void *arg, enum sl_err err, const struct sl_retired *r)
{
    struct sl_kpool *p = arg;
    struct sl_table *table = p->keeper->shared->table;
    p->looking = false;
    if (err != SL_OK) {
        p->look_at = 0; /* the next round asks again */
        return;
    }
    p->leased_ns = p->look_sent_ns + lease_ms(p) * SL_NS_PER_MS;
    for (size_t i = 0; i < r->retired_count + r->gone_count; i++) {
        bool gone = i >= r->retired_count;
        const struct sl_uuid *id = gone ? &r->gone[i - r->retired_count] : &r->retired[i];
        struct sl_klist *t = (struct sl_klist *)sl_table_find(table, id);
        if (t == NULL || t->pool != p)
            continue;
        t->dropped = t->dropped || gone;
        sl_keeper_ended(t);
    }
}

/* Up to PAGE lists of the pool from where the last look ended. */
static uint32_t next_page(struct sl_kpool *p, struct sl_uuid *ids)
{
    struct sl_keeper *k = p->keeper;
    uint32_t n = 0, count = sl_table_count(k->shared->table);
    for (; p->look_at < count && n < PAGE; p->look_at++) {
        const struct sl_klist *t = sl_keeper_list(k, p->look_at);
        if (t->pool == p && !t->dropped)
            ids[n++] = t->list.id;
    }
    return n;
}

static void look(struct sl_kpool *p)
{
    struct sl_keeper *k = p->keeper;
    struct sl_uuid *ids = sl_xcalloc((size_t)sl_table_count(k->shared->table) + PAGE, sizeof *ids);
    uint32_t held = held_lists(p, ids), asked = next_page(p, ids + held);
    struct sl_retire r = {.after_ms = p->options->retire_after_ms,
                          .lease_ms = lease_ms(p) + SLACK_MS + p->options->underflow_timeout_ms,
                          .keep_ms = p->options->list_lifetime_ms + p->options->update_interval_ms + SLACK_MS,
                          .ids = ids,
                          .held = held,
                          .asked = asked};
    p->look_sent_ns = sl_mono_ns(k->clock);
    p->looking = sl_store_retire(k->store, p->shared->name, &r, on_looked, p) == SL_OK;
    p->look_at = p->looking ? p->look_at : 0;
    free(ids);
}

static void keep_lease(struct sl_kpool *p, uint64_t now)
{
    if (p->leased_ns == 0) /* what was taken since the start is not older than this */
        p->leased_ns = now + lease_ms(p) * SL_NS_PER_MS;
    if (now < p->leased_ns)
        return;
    p->leased_ns = 0; /* what comes now is taken later than this */
    if (sl_ring_fill(p->shared->ring) + p->stock_count == 0)
        return;
    sl_log(SL_ERROR, "pool", "redis was not reached for too long: references that were ready are dropped",
           SL_KS("pool", p->shared->name));
    sl_keeper_forget(p);
}

void sl_keeper_watch_life(struct sl_kpool *p)
{
    uint64_t now = sl_mono_ns(p->keeper->clock), round_ms = lease_ms(p) / 4;
    if (p->options->retire_after_ms > 0)
        keep_lease(p, now);
    else
        p->leased_ns = p->round_ns = 0;
    if (p->options->retire_after_ms == 0 && !p->missed)
        return;
    if (p->looking || p->state != POOL_SYNCED || p->keeper->draining)
        return;
    if (p->look_at >= sl_table_count(p->keeper->shared->table)) { /* a round has ended */
        if (now < p->round_ns)
            return;
        p->round_ns = now + (round_ms < ROUND_MAX_MS ? round_ms : ROUND_MAX_MS) * SL_NS_PER_MS;
        p->look_at = 0;
        p->missed = false;
    }
    look(p);
}
