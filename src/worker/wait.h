/* Waiting for a list that cannot be served yet: cold ones (known, not signed) and unknown ids. One thread:
 * the worker's. */
#pragma once
#include "worker/worker.h"

struct sl_waiter;

/* Parks until the list has a token: the keeper is asked once per worker, and loads and signs once for all.
 * `done`: OK, or UNAVAILABLE (no store, no signature within SL_COLD_WAIT_MS, shutdown). */
#define SL_COLD_WAIT_MS 10000
struct sl_waiter *sl_wait_token(struct sl_pool_worker *w, struct sl_list *l,
                                void (*done)(void *arg, enum sl_err err), void *arg);
void sl_wait_cancel(struct sl_waiter *x);

/* Asks the keeper for an id that the table does not have, while the table is not authoritative. `done`: OK
 * with the list, NO_SUCH_LIST, UNAVAILABLE (over SL_LOOKUPS_PER_S, no store). */
struct sl_lookup;
struct sl_lookup *sl_lookup_start(struct sl_pool_worker *w, const struct sl_uuid *id,
                                  void (*done)(void *arg, enum sl_err err, struct sl_list *l), void *arg);
void sl_lookup_cancel(struct sl_lookup *x);

/* Internal to the layer. */
void sl_wait_answered(struct sl_pool_worker *w, struct sl_cold_mail *m);
void sl_lookup_answered(struct sl_pool_worker *w, struct sl_lookup_mail *m);
void sl_waits_drain(struct sl_pool_worker *w);
void sl_waits_free(struct sl_pool_worker *w);
