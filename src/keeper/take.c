/* A refill asks Redis for enough indices to fill stock and ring to capacity and to serve every reservation
 * that waits. It names lists that this process owns (keeper/own.h), and the reply has one block for each that
 * gave something. The references go to the stock (keeper/stock.h), and from there to waiting reservations and
 * the ring. */
#include "keeper/take.h"

#include <stdlib.h>

#include "base/log.h"
#include "core/order.h"
#include "keeper/keeper_int.h"

#define RETRY_NS (100 * SL_NS_PER_MS)
#define AHEAD_NS (250 * SL_NS_PER_MS)
#define TAKE_MAX 200000u /* indices in one take: bounds the time that it holds up Redis and this loop */
#define NAMED_MAX 100    /* lists in one take, likewise */

void sl_keeper_refill_later(struct sl_kpool *p)
{
    if (!sl_timer_running(&p->take.retry))
        sl_timer_start(p->keeper->loop, &p->take.retry, RETRY_NS);
}

static struct sl_segment *segment_of(struct sl_kpool *p, const struct sl_block *block)
{
    struct sl_klist *t = sl_keeper_learn(p, &block->list);
    if (t == NULL || !sl_keeper_note_taken(t, block->from, block->count) || block->count == 0 ||
        sl_keeper_is_retired(t)) /* since Redis has sent them */
        return NULL;
    struct sl_order order;
    struct sl_segment *segment = sl_segment_new(t, block->count);
    sl_order_init(&order, block->list.seed, block->list.size);
    for (uint32_t i = 0; i < block->count; i++)
        segment->slots[i] = sl_ring_slot(t->list.number, sl_order_at(&order, block->from + i));
    return segment;
}

/* ---- taking */

/* Learns the lists of a reply; their indices as one chain. */
static struct sl_segment *segments_of(struct sl_kpool *p, const struct sl_taken *taken, uint32_t *ret_count)
{
    struct sl_segment *first = NULL, **end = &first;
    *ret_count = 0;
    for (uint32_t i = 0; i < taken->block_count; i++) {
        struct sl_segment *segment = segment_of(p, &taken->blocks[i]);
        if (segment == NULL)
            continue;
        *ret_count += segment->count;
        *end = segment;
        end = &segment->next;
    }
    for (uint32_t i = 0; i < taken->over_count; i++)
        sl_keeper_disown(p, &taken->over[i]);
    return first;
}

static void count_take(struct sl_kpool *p, const struct sl_taken *taken)
{
    sl_metric_add(p->metrics, SL_KM_REFILLS, 1);
    if (taken->sealed > 0) {
        sl_metric_add(p->metrics, SL_KM_ABANDONED, taken->sealed);
        sl_log(SL_INFO, "pool", "sealed open lists of a version before lists had owners",
               SL_KS("pool", p->shared->name), SL_KU("lists", taken->sealed));
    }
    if (taken->block_count > 0) {
        const struct sl_list_record *last = &taken->blocks[taken->block_count - 1].list;
        sl_metric_set(p->metrics, SL_KM_LIST_LEFT, last->size - last->cursor);
    }
}

static void on_taken(void *arg, enum sl_err err, const struct sl_taken *taken)
{
    struct sl_kpool *p = arg;
    p->take.taking = false;
    if (err != SL_OK) {
        sl_metric_add(p->metrics, SL_KM_REFILL_FAILURES, 1);
        sl_keeper_refill_later(p);
        return;
    }
    count_take(p, taken);
    uint32_t got;
    struct sl_segment *first = segments_of(p, taken, &got);
    p->take.filling = p->take.wanted == TAKE_MAX || got < p->take.wanted;
    if (p->take.drops != sl_keeper_drops(p)) { /* the machine slept, and these are as old as those */
        sl_segments_free(first);
        first = NULL;
    }
    if (first == NULL) {
        sl_keeper_refill_later(p);
    } else {
        sl_keeper_stock_append(p, first);
        sl_keeper_refill(p);
        sl_keeper_pump(p->keeper);
    }
    sl_keeper_precreate(p);
}

/* Under load the ring can drain before a slow take returns (an fsync, a new list's first token). So refill
 * earlier: at AHEAD_NS of recent demand, at most half the capacity. */
static void measure_demand(struct sl_kpool *p)
{
    uint64_t now = sl_mono_ns(p->keeper->clock), passed = now - p->take.measured_ns;
    if (passed < AHEAD_NS / 4)
        return; /* too short a time to measure */
    uint64_t left = sl_keeper_handed_total(p) - sl_ring_fill(p->shared->ring);
    uint64_t need = (left - p->take.left_total) * AHEAD_NS / passed, half = p->options->capacity / 2;
    atomic_store_explicit(&p->shared->ahead, (uint32_t)(need < half ? need : half), memory_order_relaxed);
    p->take.left_total = left;
    p->take.measured_ns = now;
}

/* How many indices to ask for now; 0: enough are here. */
static uint32_t wanted(const struct sl_kpool *p)
{
    const struct sl_pool_options *options = p->options;
    uint64_t stock = sl_keeper_stock_count(p), lacking = sl_keeper_lacking(p);
    uint64_t have = sl_ring_fill(p->shared->ring) + stock;
    bool enough =
        have >= options->threshold && have >= atomic_load_explicit(&p->shared->ahead, memory_order_relaxed);
    if (enough && !p->take.filling && stock >= lacking)
        return 0;
    uint64_t want = options->capacity + lacking;
    want = want > have ? want - have : 0;
    return want < TAKE_MAX ? (uint32_t)want : TAKE_MAX;
}

static bool may_take(const struct sl_kpool *p)
{
    return sl_keeper_is_synced(p) && !p->keeper->draining && !p->options->retired &&
           sl_store_unfit(p->keeper->store) == NULL;
}

void sl_keeper_refill(struct sl_kpool *p)
{
    struct sl_keeper *k = p->keeper;
    sl_keeper_distribute(p); /* the ring may have room now */
    if (p->take.taking || !may_take(p) || !sl_keeper_inherit(p))
        return;
    measure_demand(p);
    uint32_t want = wanted(p);
    if (want == 0) {
        atomic_store_explicit(&p->shared->refill_wanted, false, memory_order_seq_cst);
        want = wanted(p); /* a worker may have popped before the store; what this misses, the sweep catches */
        if (want == 0)
            return;
    }
    struct sl_position lists[NAMED_MAX];
    uint32_t n = sl_keeper_name_lists(p, want, NAMED_MAX, lists);
    sl_keeper_begin_lease(p);
    if (!sl_keeper_make_lists(p, want) || n == 0)
        sl_keeper_refill_later(p);
    if (n == 0)
        return;
    if (sl_store_take(k->store, p->shared->name, want, lists, n, on_taken, p) == SL_OK) {
        p->take.taking = true;
        p->take.wanted = want;
        p->take.drops = sl_keeper_drops(p);
    } else {
        sl_keeper_refill_later(p);
    }
}

void sl_keeper_enqueue(struct sl_kpool *p, struct sl_reservation *reservation)
{
    if (sl_keeper_add_waiter(p, reservation))
        sl_keeper_refill(p);
}

/* ---- precreation: untouched lists are ready and published before a list runs out */

void sl_keeper_precreate(struct sl_kpool *p)
{
    if (p->options->check_delay_ms > 0)
        sl_timer_start(p->keeper->loop, &p->take.spares, p->options->check_delay_ms * SL_NS_PER_MS);
    if (may_take(p) && sl_keeper_inherit(p))
        (void)sl_keeper_make_lists(p, wanted(p)); /* otherwise the next check tries again */
}

void sl_keeper_reschedule_precreation(struct sl_kpool *p)
{
    if (sl_timer_running(&p->take.spares))
        sl_keeper_precreate(p);
}

/* ---- the pool's part */

bool sl_keeper_is_taking(const struct sl_kpool *p)
{
    return p->take.taking || sl_keeper_is_making(p) || sl_keeper_is_inheriting(p);
}

static void on_retry(void *arg)
{
    sl_keeper_refill(arg);
}

static void on_spares_check(void *arg)
{
    sl_keeper_precreate(arg);
}

void sl_keeper_take_init(struct sl_kpool *p)
{
    p->take.filling = true; /* what was given back to lists that are inherited may be less than that */
    sl_timer_init(&p->take.retry, on_retry, p);
    sl_timer_init(&p->take.spares, on_spares_check, p);
}

void sl_keeper_take_free(struct sl_kpool *p)
{
    sl_timer_stop(p->keeper->loop, &p->take.retry);
    sl_timer_stop(p->keeper->loop, &p->take.spares);
}
