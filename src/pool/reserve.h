/* Reserving references, the worker's side: a pop of the ring, or a place in the keeper's queue.
 *
 * Common path: no Redis, no lock, no allocation, no system call. One thread: the worker's. */
#pragma once
#include "pool/worker.h"

/* Takes n references from the ring. False: the caller has to wait (n over the threshold, others wait already,
 * or too few are ready; not under on-underflow: fail, see sl_reserve_queues). Slots: core/ring.h. */
bool sl_reserve_now(struct sl_pool_worker *w, struct sl_pool *p, uint32_t n, uint64_t *slots);

/* Whether a reservation that sl_reserve_now refused may queue; otherwise the answer is RATE_LIMIT_REACHED. */
bool sl_reserve_queues(const struct sl_pool *p, uint32_t n);

struct sl_reservation;

/* Queues with the keeper. `done` is called once, later: OK with n slots, or UNAVAILABLE after
 * underflow-timeout or at shutdown. Before that the caller may cancel: then `done` is not called and the
 * references go back to the keeper. */
struct sl_reservation *
sl_reserve_wait(struct sl_pool_worker *w, struct sl_pool *p, uint32_t n,
                void (*done)(void *arg, enum sl_err err, const uint64_t *slots, uint32_t n), void *arg);
void sl_reserve_cancel(struct sl_reservation *r);

/* The message itself; fields are of the side that has the message, but for `gone`. */
struct sl_reservation {
    struct sl_mail mail;
    struct sl_pool *pool;
    uint32_t amount;
    /* the worker's, always */
    struct sl_pool_worker *worker;
    void (*done)(void *arg, enum sl_err err, const uint64_t *slots, uint32_t n);
    void *arg;
    struct sl_timer deadline;
    struct sl_reservation *newer, *older; /* the worker's list of those under way */
    /* set by the worker when nobody waits any more, read by the keeper */
    _Atomic bool gone;
    /* the keeper's while it has the message */
    struct sl_reservation *next;
    enum sl_err err;
    uint32_t have;
    uint32_t forgotten; /* the pool's counter before its references were taken: they come back to no other */
    uint64_t slots[];
};

/* Internal to the layer. */
void sl_reserve_answered(struct sl_pool_worker *w, struct sl_reservation *r);
void sl_reservations_drain(struct sl_pool_worker *w);
