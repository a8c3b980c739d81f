/* A refill asks Redis for enough indices to fill stock and ring to capacity and to serve every reservation
 * that waits. The reply has one block per list. With the embedded Redis the take counter is first made
 * durable as a mark of our own, so that a Redis that comes back without these takes is recognized. Then the
 * references go to the stock (keeper/stock.h), and from there to waiting reservations and the ring. */
#include "keeper/take.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/container_of.h"
#include "base/log.h"
#include "core/order.h"
#include "keeper/keeper_int.h"
#include "store/mark.h"

#define RETRY_NS (100 * SL_NS_PER_MS)
#define AHEAD_NS (250 * SL_NS_PER_MS)
#define TAKE_MAX 200000u   /* indices in one take: bounds the time that it holds up Redis and this loop */
#define OPEN_AFTER_MS 2000 /* under everysec a crash may lose this much, a list's creation included */

static void retry_later(struct sl_kpool *p)
{
    if (!sl_timer_running(&p->take.retry))
        sl_timer_start(p->keeper->loop, &p->take.retry, RETRY_NS);
}

static struct sl_segment *segment_of(struct sl_kpool *p, const struct sl_block *block)
{
    struct sl_klist *t = sl_keeper_learn(p, &block->list);
    if (t == NULL || block->count + block->returned_count == 0)
        return NULL;
    struct sl_order order;
    struct sl_segment *segment = sl_segment_new(t, block->count + block->returned_count);
    uint32_t n = 0;
    sl_order_init(&order, block->list.seed, block->list.size);
    for (uint32_t i = 0; i < block->returned_count; i++)
        segment->slots[n++] = sl_ring_slot(t->list.number, block->returned[i]);
    for (uint32_t i = 0; i < block->count; i++)
        segment->slots[n++] = sl_ring_slot(t->list.number, sl_order_at(&order, block->from + i));
    return segment;
}

static void hand_on(struct sl_kpool *p, struct sl_segment *segment)
{
    sl_keeper_stock_append(p, segment);
    sl_keeper_distribute(p);
    sl_keeper_pump(p->keeper);
}

/* ---- the mark */

struct mark_job {
    struct sl_job job;
    struct sl_kpool *pool;
    uint64_t taken;
    bool ok;
};

static void write_mark(struct sl_job *job, void *state)
{
    (void)state;
    struct mark_job *mark = sl_container_of(job, struct mark_job, job);
    mark->ok = sl_mark_write(mark->pool->keeper->setup.storage, mark->pool->shared->name, mark->taken);
}

static void mark_then_hand_on(struct sl_kpool *p, uint64_t taken, struct sl_segment *segment)
{
    const struct sl_keeper *k = p->keeper;
    struct mark_job *mark = sl_xcalloc(1, sizeof *mark);
    *mark = (struct mark_job){.pool = p, .taken = taken};
    mark->job =
        (struct sl_job){.mail.kind = SL_KEEPER_MAIL_MARKED, .work = write_mark, .reply_to = k->setup.mail};
    p->take.to_mark = segment;
    p->take.marking = true;
    sl_crew_submit(k->setup.clerk, &mark->job);
}

void sl_keeper_mark_done(struct sl_mail *mail)
{
    struct mark_job *mark = sl_container_of(mail, struct mark_job, job.mail);
    struct sl_kpool *p = mark->pool;
    struct sl_segment *segment = p->take.to_mark;
    p->take.to_mark = NULL;
    p->take.marking = false;
    if (mark->ok) {
        p->take.mark = mark->taken;
        p->take.mark_known = true;
        hand_on(p, segment);
        sl_keeper_refill(p);
    } else {
        sl_log(SL_ERROR, "pool", "cannot write the high-water mark: dropping the indices that were taken",
               SL_KS("pool", p->shared->name));
        sl_metric_add(p->metrics, SL_KM_REFILL_FAILURES, 1);
        sl_segments_free(segment);
        retry_later(p);
    }
    free(mark);
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
    return first;
}

static void count_take(struct sl_kpool *p, const struct sl_taken *taken)
{
    sl_metric_add(p->metrics, SL_KM_REFILLS, 1);
    if (taken->sealed > 0) {
        sl_metric_add(p->metrics, SL_KM_SEALED, taken->sealed);
        sl_log(SL_WARN, "pool", "sealed lists of another epoch", SL_KS("pool", p->shared->name),
               SL_KU("lists", taken->sealed));
    }
    if (taken->block_count > 0) {
        const struct sl_list_record *last = &taken->blocks[taken->block_count - 1].list;
        sl_metric_set(p->metrics, SL_KM_LIST_LEFT, last->size - last->cursor);
    }
    sl_metric_set(p->metrics, SL_KM_SPARES, taken->spares);
}

static void on_taken(void *arg, enum sl_err err, const struct sl_taken *taken)
{
    struct sl_kpool *p = arg;
    p->take.taking = false;
    if (err != SL_OK) {
        sl_metric_add(p->metrics, SL_KM_REFILL_FAILURES, 1);
        retry_later(p);
        return;
    }
    count_take(p, taken);
    uint32_t got;
    struct sl_segment *first = segments_of(p, taken, &got);
    p->take.filling = p->take.wanted == TAKE_MAX || got < p->take.wanted;
    if (taken->spares < p->options->precreation_lists)
        sl_keeper_precreate(p);
    if (first == NULL)
        retry_later(p);
    else if (p->keeper->setup.redis->mode == SL_REDIS_EMBEDDED)
        mark_then_hand_on(p, taken->taken, first);
    else
        hand_on(p, first);
    if (first != NULL && !p->take.marking)
        sl_keeper_refill(p);
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
    return sl_keeper_is_synced(p) && !p->keeper->draining && !p->options->retired;
}

void sl_keeper_refill(struct sl_kpool *p)
{
    struct sl_keeper *k = p->keeper;
    sl_keeper_distribute(p); /* the ring may have room now */
    if (p->take.taking || p->take.marking || !may_take(p))
        return;
    measure_demand(p);
    uint32_t want = wanted(p);
    if (want == 0) {
        atomic_store_explicit(&p->shared->refill_wanted, false, memory_order_seq_cst);
        want = wanted(p); /* a worker may have popped before the store; what this misses, the sweep catches */
        if (want == 0)
            return;
    }
    struct sl_list_draft drafts[2];
    char text[2][SL_URI_ROOM];
    for (unsigned i = 0; i < 2; i++)
        sl_keeper_draft(k, &drafts[i], text[i], sizeof text[i]);
    uint32_t min_age = k->setup.redis->persistence == SL_PERSIST_EVERYSEC ? OPEN_AFTER_MS : 0;
    if (sl_store_take(k->store, p->shared->name, want, min_age, drafts, on_taken, p) == SL_OK) {
        p->take.taking = true;
        p->take.wanted = want;
    } else {
        retry_later(p);
    }
}

void sl_keeper_enqueue(struct sl_kpool *p, struct sl_reservation *reservation)
{
    if (sl_keeper_add_waiter(p, reservation))
        sl_keeper_refill(p);
}

/* ---- precreation: untouched lists are ready and published before a list runs out */

static void on_made(void *arg, enum sl_err err, const struct sl_list_record *made, size_t n)
{
    struct sl_kpool *p = arg;
    p->take.precreating = false;
    if (err != SL_OK)
        return; /* the next check tries again */
    for (size_t i = 0; i < n; i++)
        sl_keeper_learn(p, &made[i]);
    if (n > 0) { /* Redis made as many as were missing */
        sl_metric_set(p->metrics, SL_KM_SPARES, p->options->precreation_lists);
        sl_keeper_refill(p);
    }
    sl_keeper_pump(p->keeper);
}

void sl_keeper_precreate(struct sl_kpool *p)
{
    struct sl_keeper *k = p->keeper;
    uint32_t n = p->options->precreation_lists;
    if (p->options->check_delay_ms > 0)
        sl_timer_start(k->loop, &p->take.spares, p->options->check_delay_ms * SL_NS_PER_MS);
    if (n == 0 || p->take.precreating || !may_take(p))
        return;
    struct sl_list_draft *drafts = sl_xcalloc(n, sizeof *drafts);
    char *text = sl_xcalloc(n, SL_URI_ROOM);
    for (uint32_t i = 0; i < n; i++)
        sl_keeper_draft(k, &drafts[i], text + i * SL_URI_ROOM, SL_URI_ROOM);
    p->take.precreating = sl_store_precreate(k->store, p->shared->name, n, drafts, n, on_made, p) == SL_OK;
    free(drafts);
    free(text);
}

void sl_keeper_reschedule_precreation(struct sl_kpool *p)
{
    if (sl_timer_running(&p->take.spares))
        sl_keeper_precreate(p);
}

/* ---- the pool's part */

bool sl_keeper_is_taking(const struct sl_kpool *p)
{
    return p->take.taking || p->take.marking || p->take.precreating;
}

const struct sl_segment *sl_keeper_unmarked(const struct sl_kpool *p)
{
    return p->take.to_mark;
}

bool sl_keeper_mark(const struct sl_kpool *p, uint64_t *ret_mark)
{
    *ret_mark = p->take.mark;
    return p->take.mark_known;
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
    const struct sl_keeper_setup *setup = &p->keeper->setup;
    sl_timer_init(&p->take.retry, on_retry, p);
    sl_timer_init(&p->take.spares, on_spares_check, p);
    if (setup->redis->mode == SL_REDIS_EMBEDDED)
        p->take.mark_known = sl_mark_read(setup->storage, p->shared->name, &p->take.mark);
}

void sl_keeper_take_free(struct sl_kpool *p)
{
    sl_timer_stop(p->keeper->loop, &p->take.retry);
    sl_timer_stop(p->keeper->loop, &p->take.spares);
    sl_segments_free(p->take.to_mark);
}
