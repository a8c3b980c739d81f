/* Reserving references, the worker's side: a pop of the ring, or a place in the keeper's queue.
 *
 * Common path: no Redis, no lock, no allocation, no system call. One thread: the worker's. */
#pragma once
#include "worker/state.h"

/* Takes n references from the ring. False: the caller has to wait (n over the threshold, others wait already,
 * or too few are ready; not under on-underflow: fail, see sl_reserve_queues). Slots: core/ring.h. */
bool sl_reserve_now(struct sl_pool_worker *w, struct sl_pool *p, uint32_t n, uint64_t *slots);

/* References that have left the ring may not be handed out any more: the machine slept, or Redis was out of
 * reach. `forgotten` is the pool's counter from before; the keeper may have leased new ones since. */
bool sl_reserve_forgotten(const struct sl_pool_worker *w, const struct sl_pool *p, uint32_t forgotten);

/* Whether a reservation that sl_reserve_now refused may queue; otherwise the answer is RATE_LIMIT_REACHED. */
bool sl_reserve_queues(const struct sl_pool *p, uint32_t n);
/* Counts a reservation that was refused because too few references were ready. */
void sl_reserve_count_underflow(struct sl_pool_worker *w, const struct sl_pool *p);

struct sl_reservation;

/* Queues with the keeper. `done` is called once, later: OK with n slots, or UNAVAILABLE after
 * underflow-timeout or at shutdown. */
struct sl_reservation *sl_reserve_wait(struct sl_pool_worker *w, struct sl_pool *p, uint32_t n,
                                       sl_reserve_cb *done, void *arg);
/* The request of this struct sl_reservation is gone: `done` is not called, and the references go back to the
 * keeper. */
void sl_reserve_cancel(void *reservation);

/* Internal to the layer. */
void sl_reserve_answered(struct sl_pool_worker *w, struct sl_reservation *r);
void sl_reservations_drain(struct sl_pool_worker *w);
