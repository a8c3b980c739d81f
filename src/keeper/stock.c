#include "keeper/stock.h"

#include <stdlib.h>

#include "base/assert.h"
#include "keeper/keeper_int.h"

/* ---- segments */

struct sl_segment *sl_segment_new(struct sl_klist *t, uint32_t count)
{
    struct sl_segment *segment = sl_xcalloc(1, sizeof *segment + count * sizeof segment->slots[0]);
    segment->list = t;
    segment->count = count;
    return segment;
}

void sl_segments_free(struct sl_segment *first)
{
    for (struct sl_segment *segment = first, *next; segment != NULL; segment = next) {
        next = segment->next;
        free(segment);
    }
}

void sl_keeper_stock_append(struct sl_kpool *p, struct sl_segment *segment)
{
    *p->stock.end = segment;
    for (; segment != NULL; segment = segment->next) {
        p->stock.count += segment->count;
        p->stock.end = &segment->next;
    }
}

static void stock_drop_first(struct sl_kpool *p)
{
    struct sl_segment *segment = p->stock.first;
    p->stock.first = segment->next;
    if (p->stock.first == NULL)
        p->stock.end = &p->stock.first;
    free(segment);
}

/* ---- references of lists that are retired: nobody could ever set their statuses */

/* Leaves those of other lists, in their order. */
static uint32_t keep_usable(struct sl_kpool *p, uint64_t *slots, uint32_t n)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++)
        if (!sl_keeper_is_retired(sl_keeper_list(p->keeper, sl_ring_slot_list(slots[i]))))
            slots[kept++] = slots[i];
    return kept;
}

static bool ring_has(struct sl_kpool *p, const struct sl_klist *t)
{
    uint64_t slot;
    for (uint64_t n = 0; sl_ring_peek(p->shared->ring, n, &slot); n++)
        if (sl_ring_slot_list(slot) == t->list.number)
            return true;
    return false;
}

/* Workers find the ring empty for a moment, and queue. */
static void clean_ring(struct sl_kpool *p)
{
    uint64_t fill = sl_ring_fill(p->shared->ring), left;
    uint64_t *slots = malloc((fill + 1) * sizeof *slots);
    if (slots == NULL) {
        sl_keeper_drop_references(p);
        return;
    }
    for (; fill > 0; fill = sl_ring_fill(p->shared->ring)) { /* only workers take away meanwhile */
        if (!sl_ring_pop(p->shared->ring, (uint32_t)fill, slots, &left))
            continue;
        uint32_t kept = keep_usable(p, slots, (uint32_t)fill);
        if (kept > 0)
            (void)sl_ring_push(p->shared->ring, slots, kept);
        break;
    }
    free(slots);
}

static void clean_stock(struct sl_kpool *p)
{
    struct sl_segment **link = &p->stock.first;
    p->stock.count = 0;
    p->stock.end = link;
    while (*link != NULL) {
        struct sl_segment *segment = *link;
        segment->count =
            segment->at + keep_usable(p, segment->slots + segment->at, segment->count - segment->at);
        if (segment->count == segment->at) {
            *link = segment->next;
            free(segment);
            continue;
        }
        p->stock.count += segment->count - segment->at;
        link = &segment->next;
        p->stock.end = link;
    }
}

static void clean_waiters(struct sl_kpool *p)
{
    for (struct sl_reservation *r = p->stock.waiters; r != NULL; r = r->next) {
        uint32_t kept = keep_usable(p, r->slots, r->have);
        p->stock.lacking += r->have - kept;
        r->have = kept;
    }
}

void sl_keeper_forget_list(struct sl_klist *t)
{
    struct sl_kpool *p = t->pool;
    if (ring_has(p, t))
        clean_ring(p);
    clean_stock(p);
    clean_waiters(p);
}

/* References that came back unused are the first to be handed on. Their lists have tokens, or the references
 * would not have been handed out. */
static void stock_prepend(struct sl_kpool *p, uint64_t *slots, uint32_t n)
{
    n = keep_usable(p, slots, n);
    if (n == 0)
        return;
    struct sl_segment *segment = sl_segment_new(NULL, n);
    memcpy(segment->slots, slots, n * sizeof slots[0]);
    segment->next = p->stock.first;
    if (p->stock.first == NULL)
        p->stock.end = &segment->next;
    p->stock.first = segment;
    p->stock.count += n;
}

/* ---- waiting reservations */

static void answer_waiter(struct sl_kpool *p, struct sl_reservation *reservation, enum sl_err err)
{
    reservation->err = err;
    reservation->forgotten = sl_keeper_drops(p);
    p->stock.lacking -= reservation->amount - reservation->have;
    if (err != SL_OK && reservation->have > 0) {
        stock_prepend(p, reservation->slots, reservation->have);
        reservation->have = 0;
    }
    atomic_fetch_sub_explicit(&p->shared->queued, 1, memory_order_acq_rel);
    sl_mailbox_send(reservation->reply_to, &reservation->mail);
}

static struct sl_reservation *pop_waiter(struct sl_kpool *p)
{
    struct sl_reservation *reservation = p->stock.waiters;
    p->stock.waiters = reservation->next;
    if (p->stock.waiters == NULL)
        p->stock.waiters_end = &p->stock.waiters;
    return reservation;
}

void sl_keeper_answer_waiters(struct sl_kpool *p, bool only_gone)
{
    struct sl_reservation *reservation = p->stock.waiters;
    p->stock.waiters = NULL;
    p->stock.waiters_end = &p->stock.waiters;
    while (reservation != NULL) {
        struct sl_reservation *next = reservation->next;
        reservation->next = NULL;
        if (only_gone && !atomic_load_explicit(&reservation->gone, memory_order_relaxed)) {
            *p->stock.waiters_end = reservation;
            p->stock.waiters_end = &reservation->next;
        } else {
            answer_waiter(p, reservation, SL_ERR_UNAVAILABLE);
        }
        reservation = next;
    }
}

bool sl_keeper_add_waiter(struct sl_kpool *p, struct sl_reservation *reservation)
{
    reservation->next = NULL;
    reservation->have = 0;
    p->stock.lacking += reservation->amount;
    if (p->keeper->draining || sl_keeper_refusal(p)[0] != '\0') {
        answer_waiter(p, reservation, SL_ERR_UNAVAILABLE);
        return false;
    }
    *p->stock.waiters_end = reservation;
    p->stock.waiters_end = &reservation->next;
    sl_keeper_distribute(p);
    return true;
}

void sl_keeper_returned(struct sl_kpool *p, struct sl_reservation *reservation)
{
    /* Unless references were dropped since: the lists of these may be lost. */
    if (reservation->forgotten == sl_keeper_drops(p))
        stock_prepend(p, reservation->slots, reservation->have);
    free(reservation);
    sl_keeper_distribute(p);
}

/* ---- handing on */

static uint32_t give_waiter(struct sl_kpool *p, struct sl_segment *segment)
{
    struct sl_reservation *reservation = p->stock.waiters;
    if (atomic_load_explicit(&reservation->gone, memory_order_relaxed)) {
        answer_waiter(p, pop_waiter(p), SL_ERR_UNAVAILABLE);
        return 0;
    }
    uint32_t n = reservation->amount - reservation->have, left = segment->count - segment->at;
    n = n < left ? n : left;
    memcpy(reservation->slots + reservation->have, segment->slots + segment->at,
           n * sizeof segment->slots[0]);
    reservation->have += n;
    p->stock.handed_total += n;
    p->stock.lacking -= n;
    if (reservation->have == reservation->amount)
        answer_waiter(p, pop_waiter(p), SL_OK);
    return n;
}

/* References that a refill put into the ring while the reservation was on its way to the keeper are older
 * than the stock and go first. Reservations above the threshold leave the ring to the small ones. */
static bool serve_from_ring(struct sl_kpool *p)
{
    struct sl_reservation *reservation = p->stock.waiters;
    uint64_t fill = sl_ring_fill(p->shared->ring), left;
    if (reservation->amount > p->options->threshold || fill == 0 ||
        atomic_load_explicit(&reservation->gone, memory_order_relaxed))
        return false;
    uint32_t lacking = reservation->amount - reservation->have, n = fill < lacking ? (uint32_t)fill : lacking;
    if (!sl_ring_pop(p->shared->ring, n, reservation->slots + reservation->have, &left))
        return false; /* workers were quicker */
    reservation->have += n;
    p->stock.lacking -= n;
    if (reservation->have == reservation->amount)
        answer_waiter(p, pop_waiter(p), SL_OK);
    return true;
}

static uint32_t give_ring(struct sl_kpool *p, struct sl_segment *segment)
{
    uint64_t fill = sl_ring_fill(p->shared->ring);
    uint64_t room = p->options->capacity > fill ? p->options->capacity - fill : 0;
    uint32_t left = segment->count - segment->at, n = left < room ? left : (uint32_t)room;
    if (n > 0 && !sl_ring_push(p->shared->ring, segment->slots + segment->at, n))
        return 0;
    p->stock.handed_total += n;
    return n;
}

void sl_keeper_distribute(struct sl_kpool *p)
{
    if (sl_pool_lease_over(p->shared, sl_mono_ns(p->keeper->clock)))
        return; /* the next sweep drops them: keeper/lease.c */
    while (p->stock.waiters != NULL && serve_from_ring(p))
        ;
    while (p->stock.first != NULL) {
        struct sl_segment *segment = p->stock.first;
        if (segment->list != NULL && sl_list_token(&segment->list->list) == NULL) {
            /* No reference is handed out before its list can be fetched. */
            sl_keeper_want_token(segment->list, p->stock.waiters != NULL);
            return;
        }
        bool waiter = p->stock.waiters != NULL;
        uint32_t n = waiter ? give_waiter(p, segment) : give_ring(p, segment);
        if (n == 0 && !waiter)
            return; /* the ring is full */
        /* A waiter whose request has gone may have put its references before this segment. */
        segment->at += n;
        p->stock.count -= n;
        if (segment->at == segment->count && p->stock.first == segment)
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
    for (struct sl_reservation *r = p->stock.waiters; r != NULL; r = r->next) {
        p->stock.lacking += r->have;
        r->have = 0;
    }
}

uint32_t sl_keeper_drops(const struct sl_kpool *p)
{
    return atomic_load_explicit(&p->shared->forgotten, memory_order_relaxed);
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
