/* Reserving under an idempotency key: the references that answer a request are bound to its key in Redis
 * before they are given out. One thread: the worker's.
 *
 * What is bound is the answer itself, so the record is the whole effect that the client sees, and one script
 * call writes it: RECALLING (what is bound already?) -> TAKING (the ring, or a place in the keeper's queue)
 * -> BINDING (if still nothing is bound). Who comes second gets the first answer, and the references taken
 * for it go back, because that reply says that they were not bound. When the outcome of BINDING is unknown
 * they are never used again: they may be bound, now or when the command arrives late. */
#pragma once
#include "worker/worker.h"

struct sl_keyed;

/* `done`: OK with the answer to be read by sl_answer_next; IDEMPOTENCY_KEY_REUSED; POOL_RETIRED,
 * RATE_LIMIT_REACHED, UNAVAILABLE (nothing was bound); OUTCOME_UNKNOWN (asking again with the same key is
 * safe). Never called inside this call. `key` is copied. NULL: the store is down. */
struct sl_keyed *sl_keyed_reserve(struct sl_pool_worker *w, struct sl_pool *p,
                                  const struct sl_record_key *key, uint32_t n,
                                  void (*done)(void *arg, enum sl_err err, struct sl_span answer), void *arg);
/* The request is gone: `done` is not called; what is being bound is bound all the same. */
void sl_keyed_cancel(struct sl_keyed *k);

/* References of one list, as many as follow one another in an answer. */
struct sl_answer_run {
    struct sl_span uri;
    uint32_t count;
    const char *indices;
};
/* Takes the next run off the front of an answer; false at its end, and when it is malformed. */
bool sl_answer_next(struct sl_span *answer, struct sl_answer_run *ret);
uint32_t sl_answer_index(const struct sl_answer_run *run, uint32_t i);
