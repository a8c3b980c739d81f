/* Taking blocks of indices and handing them on: waiting reservations first, in order, then the ring. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "keeper/keeper_int.h"
#include "store/mark.h"

#define RETRY_NS (100 * SL_NS_PER_MS)
#define AHEAD_NS (250 * SL_NS_PER_MS)
#define TAKE_MAX 200000u   /* indices in one take: bounds the time it holds Redis and this loop */
#define OPEN_AFTER_MS 2000 /* under everysec a crash may lose this much, a list's creation included */

/* ---- stock */

static struct segment *segment_new(struct sl_klist *t, uint32_t count)
{
    struct segment *s = sl_xcalloc(1, sizeof *s + count * sizeof s->slots[0]);
    s->list = t;
    s->count = count;
    return s;
}

static void stock_append(struct sl_kpool *p, struct segment *s)
{
    *p->stock_end = s;
    p->stock_end = &s->next;
    p->stock_count += s->count;
}

static void stock_drop_first(struct sl_kpool *p)
{
    struct segment *s = p->stock;
    p->stock = s->next;
    if (p->stock == NULL)
        p->stock_end = &p->stock;
    free(s);
}

/* References that were handed to nobody: first in line again. Their lists are published, or they would not
 * have been given. */
static void stock_prepend(struct sl_kpool *p, const uint64_t *slots, uint32_t n)
{
    struct segment *s = segment_new(NULL, n);
    memcpy(s->slots, slots, n * sizeof slots[0]);
    s->next = p->stock;
    if (p->stock == NULL)
        p->stock_end = &s->next;
    p->stock = s;
    p->stock_count += n;
}

/* ---- waiting reservations */

static void answer(struct sl_kpool *p, struct sl_reservation *r, enum sl_err err)
{
    r->err = err;
    r->forgotten = atomic_load_explicit(&p->shared->forgotten, memory_order_relaxed);
    p->waiting -= r->amount - r->have;
    if (err != SL_OK && r->have > 0) {
        stock_prepend(p, r->slots, r->have);
        r->have = 0;
    }
    atomic_fetch_sub_explicit(&p->shared->queued, 1, memory_order_acq_rel);
    sl_mailbox_send(r->reply_to, &r->mail);
}

static struct sl_reservation *pop_waiter(struct sl_kpool *p)
{
    struct sl_reservation *r = p->waiters;
    p->waiters = r->next;
    if (p->waiters == NULL)
        p->waiters_end = &p->waiters;
    return r;
}

void sl_keeper_answer_waiters(struct sl_kpool *p, bool only_gone)
{
    struct sl_reservation *r = p->waiters;
    p->waiters = NULL;
    p->waiters_end = &p->waiters;
    while (r != NULL) {
        struct sl_reservation *next = r->next;
        r->next = NULL;
        if (only_gone && !atomic_load_explicit(&r->gone, memory_order_relaxed)) {
            *p->waiters_end = r;
            p->waiters_end = &r->next;
        } else {
            answer(p, r, SL_ERR_UNAVAILABLE);
        }
        r = next;
    }
}

void sl_keeper_enqueue(struct sl_kpool *p, struct sl_reservation *r)
{
    r->next = NULL;
    r->have = 0;
    p->waiting += r->amount;
    if (p->keeper->draining) {
        answer(p, r, SL_ERR_UNAVAILABLE);
        return;
    }
    *p->waiters_end = r;
    p->waiters_end = &r->next;
    sl_keeper_distribute(p);
    sl_keeper_refill(p);
}

void sl_keeper_returned(struct sl_kpool *p, struct sl_reservation *r)
{
    /* Dropped since: their lists may be gone. */
    if (r->forgotten == atomic_load_explicit(&p->shared->forgotten, memory_order_relaxed))
        stock_prepend(p, r->slots, r->have);
    free(r);
    sl_keeper_distribute(p);
}

/* ---- handing on */

static uint32_t give_waiter(struct sl_kpool *p, struct segment *s)
{
    struct sl_reservation *r = p->waiters;
    if (atomic_load_explicit(&r->gone, memory_order_relaxed)) {
        answer(p, pop_waiter(p), SL_ERR_UNAVAILABLE);
        return 0;
    }
    uint32_t n = r->amount - r->have, left = s->count - s->at;
    n = n < left ? n : left;
    memcpy(r->slots + r->have, s->slots + s->at, n * sizeof s->slots[0]);
    r->have += n;
    p->handed += n;
    p->waiting -= n;
    if (r->have == r->amount)
        answer(p, pop_waiter(p), SL_OK);
    return n;
}

/* What a refill put into the ring while this reservation was on its way: older than the stock, so it goes
 * first. Large ones leave the ring to the small. */
static bool serve_from_ring(struct sl_kpool *p)
{
    struct sl_reservation *r = p->waiters;
    uint64_t fill = sl_ring_fill(p->shared->ring), left;
    if (r->amount > p->options->threshold || fill == 0 ||
        atomic_load_explicit(&r->gone, memory_order_relaxed))
        return false;
    uint32_t lacking = r->amount - r->have, n = fill < lacking ? (uint32_t)fill : lacking;
    if (!sl_ring_pop(p->shared->ring, n, r->slots + r->have, &left))
        return false; /* others were quicker */
    r->have += n;
    p->waiting -= n;
    if (r->have == r->amount)
        answer(p, pop_waiter(p), SL_OK);
    return true;
}

static uint32_t give_ring(struct sl_kpool *p, struct segment *s)
{
    uint64_t fill = sl_ring_fill(p->shared->ring);
    uint64_t room = p->options->capacity > fill ? p->options->capacity - fill : 0;
    uint32_t left = s->count - s->at, n = left < room ? left : (uint32_t)room;
    if (n > 0 && !sl_ring_push(p->shared->ring, s->slots + s->at, n))
        return 0;
    p->handed += n;
    return n;
}

void sl_keeper_distribute(struct sl_kpool *p)
{
    while (p->waiters != NULL && serve_from_ring(p))
        ;
    while (p->stock != NULL) {
        struct segment *s = p->stock;
        if (s->list != NULL && sl_list_token(&s->list->list) == NULL) {
            /* Never handed out before its list can be fetched. */
            sl_keeper_want_token(s->list);
            return;
        }
        bool waiter = p->waiters != NULL;
        uint32_t n = waiter ? give_waiter(p, s) : give_ring(p, s);
        if (n == 0 && !waiter)
            return; /* the ring is full */
        /* A waiter who has gone may have put its references before this segment. */
        s->at += n;
        p->stock_count -= n;
        if (s->at == s->count && p->stock == s)
            stock_drop_first(p);
    }
}

void sl_keeper_forget(struct sl_kpool *p)
{
    uint64_t slots[256], left;
    atomic_fetch_add_explicit(&p->shared->forgotten, 1, memory_order_acq_rel);
    for (uint64_t fill; (fill = sl_ring_fill(p->shared->ring)) > 0;)
        (void)sl_ring_pop(p->shared->ring, fill < 256 ? (uint32_t)fill : 256, slots, &left);
    while (p->stock != NULL)
        stock_drop_first(p);
    p->stock_count = 0;
}

/* ---- taking */

static void retry_later(struct sl_kpool *p)
{
    if (!sl_timer_running(&p->retry))
        sl_timer_start(p->keeper->loop, &p->retry, RETRY_NS);
}

static struct segment *segment_of(struct sl_kpool *p, const struct sl_block *b)
{
    struct sl_klist *t = sl_keeper_learn(p, &b->list);
    if (t == NULL || b->count + b->returned_count == 0)
        return NULL;
    struct sl_order order;
    struct segment *s = segment_new(t, b->count + b->returned_count);
    uint32_t n = 0;
    sl_order_init(&order, b->list.seed, b->list.size);
    for (uint32_t i = 0; i < b->returned_count; i++)
        s->slots[n++] = sl_ring_slot(t->list.number, b->returned[i]);
    for (uint32_t i = 0; i < b->count; i++)
        s->slots[n++] = sl_ring_slot(t->list.number, sl_order_at(&order, b->from + i));
    return s;
}

struct mark_job {
    struct sl_job job;
    struct sl_kpool *pool;
    uint64_t taken;
    bool ok;
};

static void write_mark(struct sl_job *job, void *state)
{
    (void)state;
    struct mark_job *m = (struct mark_job *)job;
    m->ok = sl_mark_write(m->pool->keeper->setup.storage, m->pool->shared->name, m->taken);
}

static void hand_on(struct sl_kpool *p, struct segment *s)
{
    while (s != NULL) {
        struct segment *next = s->next;
        s->next = NULL;
        stock_append(p, s);
        s = next;
    }
    sl_keeper_distribute(p);
    sl_keeper_pump(p->keeper);
}

/* Embedded Redis: the take counter is durable on our side before one of its indices is used. */
static void mark_then_hand_on(struct sl_kpool *p, uint64_t taken, struct segment *s)
{
    struct mark_job *m = sl_xcalloc(1, sizeof *m);
    *m = (struct mark_job){.pool = p, .taken = taken};
    m->job = (struct sl_job){.mail.kind = MAIL_MARKED, .work = write_mark, .reply_to = p->keeper->setup.mail};
    p->to_mark = s;
    p->marking = true;
    sl_crew_submit(p->keeper->setup.clerk, &m->job);
}

void sl_keeper_marked(struct sl_keeper *k, struct sl_mail *mail)
{
    (void)k;
    struct mark_job *m = (struct mark_job *)mail;
    struct sl_kpool *p = m->pool;
    struct segment *s = p->to_mark;
    p->to_mark = NULL;
    p->marking = false;
    if (m->ok) {
        p->mark = m->taken;
        p->mark_known = true;
        hand_on(p, s);
        sl_keeper_refill(p);
    } else {
        sl_log(SL_ERROR, "pool", "cannot write the mark of what was taken: indices are dropped",
               SL_KS("pool", p->shared->name));
        sl_metric_add(p->metrics, SL_KM_REFILL_FAILURES, 1);
        for (struct segment *next; s != NULL; s = next) {
            next = s->next;
            free(s);
        }
        retry_later(p);
    }
    free(m);
}

static void on_taken(void *arg, enum sl_err err, const struct sl_taken *r)
{
    struct sl_kpool *p = arg;
    p->taking = false;
    if (err != SL_OK) {
        sl_metric_add(p->metrics, SL_KM_REFILL_FAILURES, 1);
        retry_later(p);
        return;
    }
    sl_metric_add(p->metrics, SL_KM_REFILLS, 1);
    if (r->sealed > 0) {
        sl_metric_add(p->metrics, SL_KM_SEALED, r->sealed);
        sl_log(SL_WARN, "pool", "lists of another epoch were sealed", SL_KS("pool", p->shared->name),
               SL_KU("lists", r->sealed));
    }
    uint32_t got = 0;
    struct segment *first = NULL, **end = &first;
    for (uint32_t i = 0; i < r->block_count; i++) {
        struct segment *s = segment_of(p, &r->blocks[i]);
        if (s != NULL) {
            got += s->count;
            *end = s;
            end = &s->next;
        }
    }
    /* A take may be bounded, or give fewer than asked: go on to capacity, not only to the threshold. */
    p->filling = p->asked == TAKE_MAX || got < p->asked;
    if (r->block_count > 0) {
        const struct sl_list_record *last = &r->blocks[r->block_count - 1].list;
        sl_metric_set(p->metrics, SL_KM_LIST_LEFT, last->size - last->cursor);
    }
    sl_metric_set(p->metrics, SL_KM_SPARES, r->spares);
    if (r->spares < p->options->precreation_lists)
        sl_keeper_precreate(p);
    if (first == NULL)
        retry_later(p);
    else if (p->keeper->setup.redis->mode == SL_REDIS_EMBEDDED)
        mark_then_hand_on(p, r->taken, first);
    else
        hand_on(p, first);
    if (first != NULL && !p->marking)
        sl_keeper_refill(p);
}

/* Where so much is taken that the threshold would be gone before a take that stumbles is back (over a sync, a
 * new list's first token), a refill begins earlier: with what AHEAD_NS need, and at half of the capacity. */
static void look_ahead(struct sl_kpool *p)
{
    uint64_t now = sl_mono_ns(p->keeper->clock), passed = now - p->left_ns;
    if (passed < AHEAD_NS / 4)
        return; /* too short to tell */
    uint64_t left = p->handed - sl_ring_fill(p->shared->ring);
    uint64_t need = (left - p->left) * AHEAD_NS / passed, half = p->options->capacity / 2;
    atomic_store_explicit(&p->shared->ahead, (uint32_t)(need < half ? need : half), memory_order_relaxed);
    p->left = left;
    p->left_ns = now;
}

/* How many indices to ask for now; 0: enough is here. */
static uint32_t wanted(const struct sl_kpool *p)
{
    uint64_t have = sl_ring_fill(p->shared->ring) + p->stock_count;
    bool enough = have >= p->options->threshold &&
                  have >= atomic_load_explicit(&p->shared->ahead, memory_order_relaxed);
    if (enough && !p->filling && p->stock_count >= p->waiting)
        return 0;
    uint64_t want = p->options->capacity + p->waiting;
    want = want > have ? want - have : 0;
    return want < TAKE_MAX ? (uint32_t)want : TAKE_MAX;
}

void sl_keeper_refill(struct sl_kpool *p)
{
    struct sl_keeper *k = p->keeper;
    sl_keeper_distribute(p); /* what did not fit into the ring before */
    if (p->taking || p->marking || p->state != POOL_SYNCED || k->draining || p->options->retired)
        return;
    look_ahead(p);
    uint32_t want = wanted(p);
    if (want == 0) {
        atomic_store_explicit(&p->shared->refill_wanted, false, memory_order_seq_cst);
        want = wanted(p); /* a pop may have come between; the sweep catches what this misses */
        if (want == 0)
            return;
    }
    struct sl_list_draft drafts[2];
    char text[2][URI_ROOM];
    for (unsigned i = 0; i < 2; i++)
        sl_keeper_draft(k, &drafts[i], text[i], sizeof text[i]);
    uint32_t min_age = k->setup.redis->persistence == SL_PERSIST_EVERYSEC ? OPEN_AFTER_MS : 0;
    if (sl_store_take(k->store, p->shared->name, want, min_age, drafts, on_taken, p) == SL_OK) {
        p->taking = true;
        p->asked = want;
    } else {
        retry_later(p);
    }
}

void sl_keeper_refill_free(struct sl_kpool *p)
{
    sl_timer_stop(p->keeper->loop, &p->retry);
    while (p->stock != NULL)
        stock_drop_first(p);
    for (struct segment *s = p->to_mark, *next; s != NULL; s = next) {
        next = s->next;
        free(s);
    }
}
