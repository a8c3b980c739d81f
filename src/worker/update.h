/* Setting and reading one status, the worker's side. One thread: the worker's.
 *
 * Group commit: updates gather per pool, and one flush carries them to Redis, one script call per list. When
 * a flush leaves is the decision of worker/pace.h; a lone client never waits. */
#pragma once
#include "worker/state.h"

struct sl_update; /* one request; ends by itself after `done` */

/* OK: the change is durable, and `head` is the list's after it. FORBIDDEN, INDEX_OUT_OF_BOUNDS,
 * NO_SUCH_REFERENCE; UNAVAILABLE: it has not happened; OUTCOME_UNKNOWN. */
typedef void(sl_update_cb)(void *arg, enum sl_err err, struct sl_head head);

/* `done` is never called inside this call. The value has to fit the list's bits. NULL: the store is down
 * (UNAVAILABLE), nothing was started. */
struct sl_update *sl_update_start(struct sl_pool_worker *w, struct sl_list *list, uint32_t index,
                                  uint8_t value, sl_update_cb *done, void *arg);
/* The request of this struct sl_update is gone: `done` is not called; the update is still made. */
void sl_update_cancel(void *update);

struct sl_status;

typedef void(sl_status_cb)(void *arg, enum sl_err err, uint8_t value, struct sl_head head);

/* Reads the status that Redis has. NULL: the store is down. */
struct sl_status *sl_status_start(struct sl_pool_worker *w, struct sl_list *list, uint32_t index,
                                  sl_status_cb *done, void *arg);
/* The request of this struct sl_status is gone. */
void sl_status_cancel(void *status);

/* Internal to the layer. */
struct sl_gather *sl_gathers_new(struct sl_pool_worker *w);
void sl_gathers_stop(struct sl_pool_worker *w);
void sl_gathers_free(struct sl_pool_worker *w);
/* Sends what has gathered, now. */
void sl_gathers_flush(struct sl_pool_worker *w);
bool sl_gathers_idle(const struct sl_pool_worker *w);
/* Tells the keeper that a list has a new version; the keeper decides when to publish it. */
void sl_send_changed(struct sl_pool_worker *w, struct sl_list *list, struct sl_head head);
