#include "keeper/stock.h"

#include <stdlib.h>

#include "base/assert.h"
#include "keeper/keeper_int.h"

/* ---- segments */

struct sl_segment *sl_segment_new(struct sl_klist *t, uint32_t count)
{
    struct sl_segment *s = sl_xcalloc(1, sizeof *s + count * sizeof s->slots[0]);
    s->list = t;
    s->count = count;
    return s;
}

void sl_segments_free(struct sl_segment *first)
{
    for (struct sl_segment *s = first, *next; s != NULL; s = next) {
        next = s->next;
        free(s);
    }
}

void sl_keeper_stock_append(struct sl_kpool *p, struct sl_segment *s)
{
    *p->stock.end = s;
    for (; s != NULL; s = s->next) {
        p->stock.count += s->count;
        p->stock.end = &s->next;
    }
}

static void stock_drop_first(struct sl_kpool *p)
{
    struct sl_segment *s = p->stock.first;
    p->stock.first = s->next;
    if (p->stock.first == NULL)
        p->stock.end = &p->stock.first;
    free(s);
}

/* References that came back unused are the first to be handed on. Their lists have tokens, or the references
 * would not have been handed out. */
static void stock_prepend(struct sl_kpool *p, const uint64_t *slots, uint32_t n)
{
    struct sl_segment *s = sl_segment_new(NULL, n);
    memcpy(s->slots, slots, n * sizeof slots[0]);
    s->next = p->stock.first;
    if (p->stock.first == NULL)
        p->stock.end = &s->next;
    p->stock.first = s;
    p->stock.count += n;
}

/* ---- waiting reservations */

static void answer_waiter(struct sl_kpool *p, struct sl_reservation *r, enum sl_err err)
{
    r->err = err;
    r->forgotten = atomic_load_explicit(&p->shared->forgotten, memory_order_relaxed);
    p->stock.lacking -= r->amount - r->have;
    if (err != SL_OK && r->have > 0) {
        stock_prepend(p, r->slots, r->have);
        r->have = 0;
    }
    atomic_fetch_sub_explicit(&p->shared->queued, 1, memory_order_acq_rel);
    sl_mailbox_send(r->reply_to, &r->mail);
}

static struct sl_reservation *pop_waiter(struct sl_kpool *p)
{
    struct sl_reservation *r = p->stock.waiters;
    p->stock.waiters = r->next;
    if (p->stock.waiters == NULL)
        p->stock.waiters_end = &p->stock.waiters;
    return r;
}

void sl_keeper_answer_waiters(struct sl_kpool *p, bool only_gone)
{
    struct sl_reservation *r = p->stock.waiters;
    p->stock.waiters = NULL;
    p->stock.waiters_end = &p->stock.waiters;
    while (r != NULL) {
        struct sl_reservation *next = r->next;
        r->next = NULL;
        if (only_gone && !atomic_load_explicit(&r->gone, memory_order_relaxed)) {
            *p->stock.waiters_end = r;
            p->stock.waiters_end = &r->next;
        } else {
            answer_waiter(p, r, SL_ERR_UNAVAILABLE);
        }
        r = next;
    }
}

bool sl_keeper_add_waiter(struct sl_kpool *p, struct sl_reservation *r)
{
    r->next = NULL;
    r->have = 0;
    p->stock.lacking += r->amount;
    if (p->keeper->draining) {
        answer_waiter(p, r, SL_ERR_UNAVAILABLE);
        return false;
    }
    *p->stock.waiters_end = r;
    p->stock.waiters_end = &r->next;
    sl_keeper_distribute(p);
    return true;
}

void sl_keeper_returned(struct sl_kpool *p, struct sl_reservation *r)
{
    /* Unless references were dropped since: the lists of these may be lost. */
    if (r->forgotten == atomic_load_explicit(&p->shared->forgotten, memory_order_relaxed))
        stock_prepend(p, r->slots, r->have);
    free(r);
    sl_keeper_distribute(p);
}

/* ---- handing on */

static uint32_t give_waiter(struct sl_kpool *p, struct sl_segment *s)
{
    struct sl_reservation *r = p->stock.waiters;
    if (atomic_load_explicit(&r->gone, memory_order_relaxed)) {
        answer_waiter(p, pop_waiter(p), SL_ERR_UNAVAILABLE);
        return 0;
    }
    uint32_t n = r->amount - r->have, left = s->count - s->at;
    n = n < left ? n : left;
    memcpy(r->slots + r->have, s->slots + s->at, n * sizeof s->slots[0]);
    r->have += n;
    p->stock.handed_total += n;
    p->stock.lacking -= n;
    if (r->have == r->amount)
        answer_waiter(p, pop_waiter(p), SL_OK);
    return n;
}

/* References that a refill put into the ring while the reservation was on its way to the keeper are older
 * than the stock and go first. Reservations above the threshold leave the ring to the small ones. */
static bool serve_from_ring(struct sl_kpool *p)
{
    struct sl_reservation *r = p->stock.waiters;
    uint64_t fill = sl_ring_fill(p->shared->ring), left;
    if (r->amount > p->options->threshold || fill == 0 ||
        atomic_load_explicit(&r->gone, memory_order_relaxed))
        return false;
    uint32_t lacking = r->amount - r->have, n = fill < lacking ? (uint32_t)fill : lacking;
    if (!sl_ring_pop(p->shared->ring, n, r->slots + r->have, &left))
        return false; /* workers were quicker */
    r->have += n;
    p->stock.lacking -= n;
    if (r->have == r->amount)
        answer_waiter(p, pop_waiter(p), SL_OK);
    return true;
}

static uint32_t give_ring(struct sl_kpool *p, struct sl_segment *s)
{
    uint64_t fill = sl_ring_fill(p->shared->ring);
    uint64_t room = p->options->capacity > fill ? p->options->capacity - fill : 0;
    uint32_t left = s->count - s->at, n = left < room ? left : (uint32_t)room;
    if (n > 0 && !sl_ring_push(p->shared->ring, s->slots + s->at, n))
        return 0;
    p->stock.handed_total += n;
    return n;
}

void sl_keeper_distribute(struct sl_kpool *p)
{
    while (p->stock.waiters != NULL && serve_from_ring(p))
        ;
    while (p->stock.first != NULL) {
        struct sl_segment *s = p->stock.first;
        if (s->list != NULL && sl_list_token(&s->list->list) == NULL) {
            /* No reference is handed out before its list can be fetched. */
            sl_keeper_want_token(s->list, p->stock.waiters != NULL);
            return;
        }
        bool waiter = p->stock.waiters != NULL;
        uint32_t n = waiter ? give_waiter(p, s) : give_ring(p, s);
        if (n == 0 && !waiter)
            return; /* the ring is full */
        /* A waiter whose request has gone may have put its references before this segment. */
        s->at += n;
        p->stock.count -= n;
        if (s->at == s->count && p->stock.first == s)
            stock_drop_first(p);
    }
}

void sl_keeper_drop_references(struct sl_kpool *p)
{
    uint64_t slots[256], left;
    atomic_fetch_add_explicit(&p->shared->forgotten, 1, memory_order_acq_rel);
    for (uint64_t fill; (fill = sl_ring_fill(p->shared->ring)) > 0;)
        (void)sl_ring_pop(p->shared->ring, fill < 256 ? (uint32_t)fill : 256, slots, &left);
    while (p->stock.first != NULL)
        stock_drop_first(p);
    p->stock.count = 0;
}

uint64_t sl_keeper_stock_count(const struct sl_kpool *p)
{
    return p->stock.count;
}

uint64_t sl_keeper_lacking(const struct sl_kpool *p)
{
    return p->stock.lacking;
}

uint64_t sl_keeper_handed_total(const struct sl_kpool *p)
{
    return p->stock.handed_total;
}

const struct sl_segment *sl_keeper_stock(const struct sl_kpool *p)
{
    return p->stock.first;
}

void sl_keeper_stock_init(struct sl_kpool *p)
{
    p->stock.end = &p->stock.first;
    p->stock.waiters_end = &p->stock.waiters;
}

void sl_keeper_stock_free(struct sl_kpool *p)
{
    sl_segments_free(p->stock.first);
}
