/* Waiting for a list that cannot be served yet: a cold one (known, but without a token), or an unknown id.
 * One thread: the worker's. */
#pragma once
#include "worker/state.h"

struct sl_waiter;

#define SL_COLD_WAIT_MS 10000

/* OK, or UNAVAILABLE: no store, no signature within SL_COLD_WAIT_MS, or shutdown. */
typedef void(sl_wait_cb)(void *arg, enum sl_err err);

/* Waits until the list has a token. Each worker asks the keeper once, and the keeper loads and signs once for
 * all. */
struct sl_waiter *sl_wait_token(struct sl_pool_worker *w, struct sl_list *list, sl_wait_cb *done, void *arg);
/* The request of this struct sl_waiter is gone: `done` is not called. */
void sl_wait_cancel(void *waiter);

struct sl_lookup;

/* OK with the list; NO_SUCH_LIST; UNAVAILABLE: no store, or the keeper has asked Redis for SL_LOOKUPS_PER_S
 * ids already. */
typedef void(sl_lookup_cb)(void *arg, enum sl_err err, struct sl_list *list);

/* Asks the keeper for an id that the table does not have, while the table is not authoritative. */
struct sl_lookup *sl_lookup_start(struct sl_pool_worker *w, const struct sl_uuid *id, sl_lookup_cb *done,
                                  void *arg);
/* The request of this struct sl_lookup is gone: `done` is not called. */
void sl_lookup_cancel(void *lookup);

/* Internal to the layer. */
void sl_wait_answered(struct sl_pool_worker *w, struct sl_cold_mail *mail);
void sl_lookup_answered(struct sl_pool_worker *w, struct sl_lookup_mail *mail);
void sl_waits_drain(struct sl_pool_worker *w);
void sl_waits_free(struct sl_pool_worker *w);
