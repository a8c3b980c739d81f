/* References that were taken from Redis and not yet handed out, and the reservations that wait for them.
 * Waiting reservations come first, in order; the rest goes into the pool's ring, where workers pop. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct sl_klist;
struct sl_kpool;
struct sl_reservation;

/* References in the order in which they are handed on. */
struct sl_segment {
    struct sl_segment *next;
    struct sl_klist *list; /* NULL: all their lists have tokens */
    uint32_t at, count;    /* slots[at .. count) are left */
    uint64_t slots[];
};

/* Of one pool. */
struct sl_stock {
    struct sl_segment *first, **end;
    uint64_t count;
    struct sl_reservation *waiters, **waiters_end;
    uint64_t lacking;      /* references that the waiters still lack */
    uint64_t handed_total; /* references handed to the ring and to waiters since the start */
};

void sl_keeper_stock_init(struct sl_kpool *p);
void sl_keeper_stock_free(struct sl_kpool *p);

/* Slots are the caller's to fill. */
struct sl_segment *sl_segment_new(struct sl_klist *t, uint32_t count);
void sl_segments_free(struct sl_segment *first);
/* Appends the chain `segment`; sl_keeper_distribute hands it on. */
void sl_keeper_stock_append(struct sl_kpool *p, struct sl_segment *segment);
/* Hands on what can be handed on. A list that has no token yet is asked to be published first. */
void sl_keeper_distribute(struct sl_kpool *p);

/* The reservation joins the waiters; while draining, and where the pool is not opened, it is answered
 * UNAVAILABLE, and false is returned. */
bool sl_keeper_add_waiter(struct sl_kpool *p, struct sl_reservation *reservation);
/* Answers UNAVAILABLE: to all, or to those whose request has gone. */
void sl_keeper_answer_waiters(struct sl_kpool *p, bool only_gone);
/* The answer came back: its request had gone. Its references are handed out again. */
void sl_keeper_returned(struct sl_kpool *p, struct sl_reservation *reservation);

/* The list is retired, so its references may not be handed out: drops them, in ring, stock and the
 * reservations that wait. */
void sl_keeper_forget_list(struct sl_klist *t);
/* Drops all references that are ready, in ring and stock, and those that waiting reservations have got: their
 * lists may be retired. What is on its way from Redis or to a worker is older than the count. */
void sl_keeper_drop_references(struct sl_kpool *p);
uint32_t sl_keeper_drops(const struct sl_kpool *p);

uint64_t sl_keeper_stock_count(const struct sl_kpool *p);
uint64_t sl_keeper_lacking(const struct sl_kpool *p);
uint64_t sl_keeper_handed_total(const struct sl_kpool *p);
/* The first segment of the stock; the others follow by `next`. */
const struct sl_segment *sl_keeper_stock(const struct sl_kpool *p);
