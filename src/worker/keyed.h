/* Reserving under an idempotency key: the references that answer a request are bound to its key in Redis
 * before the client gets them. One thread: the worker's.
 *
 * Redis keeps the answer itself, so the record is the whole effect that the client sees, and one script call
 * writes it: RECALLING (is an answer bound already?) -> TAKING (from the ring, or by the keeper's queue) ->
 * BINDING (if the key is still free). The second of two equal requests gets the first answer; the references
 * taken for it go back, since Redis says that they were not bound. When the outcome of BINDING is unknown the
 * references are never used again: they may be bound already, or become so when the command arrives late. */
#pragma once
#include "worker/state.h"

struct sl_keyed;

/* OK with the answer to be read by sl_answer_next; IDEMPOTENCY_KEY_REUSED; POOL_RETIRED, RATE_LIMIT_REACHED,
 * UNAVAILABLE: nothing was bound; OUTCOME_UNKNOWN: asking again with the same key is safe. */
typedef void(sl_keyed_cb)(void *arg, enum sl_err err, struct sl_span answer);

/* `done` is never called inside this call. `key` is copied. NULL: the store is down. */
struct sl_keyed *sl_keyed_reserve(struct sl_pool_worker *w, struct sl_pool *p,
                                  const struct sl_record_key *key, uint32_t n, sl_keyed_cb *done, void *arg);
/* Only looks: OK with the answer that is bound to the key, of whatever kind its request is; OK and empty:
 * none is. The rest as above, and nothing is bound. */
struct sl_keyed *sl_keyed_recall(struct sl_pool_worker *w, struct sl_pool *p, const struct sl_record_key *key,
                                 sl_keyed_cb *done, void *arg);
/* The request of this struct sl_keyed is gone: `done` is not called; an answer on its way to Redis is still
 * bound. */
void sl_keyed_cancel(void *keyed);

/* References of one list, as many as follow one another in an answer. */
struct sl_answer_run {
    struct sl_span uri;
    uint32_t count;
    const char *indices;
};
/* Takes the next run off the front of an answer; false at its end, and when it is malformed. */
bool sl_answer_next(struct sl_span *answer, struct sl_answer_run *ret);
uint32_t sl_answer_index(const struct sl_answer_run *run, uint32_t i);

/* Internal to the layer: counts a request that came with a key. */
void sl_count_keyed(struct sl_pool_worker *w, const struct sl_pool *p, enum sl_err err, bool repeated);
