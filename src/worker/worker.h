/* The worker of a serving thread: its pending updates, its waiting requests, and its mail with the keeper.
 * One thread: its own, unless a function says otherwise. */
#pragma once
#include "worker/state.h"

/* Metrics slabs are created before the threads start. */
void sl_pool_worker_metrics(struct sl_pool_worker *w, const struct sl_shared *shared);
/* In the thread. `store` may be NULL at first and set later. */
void sl_pool_worker_init(struct sl_pool_worker *w, struct sl_loop *loop, struct sl_mailbox *mail,
                         struct sl_shared *shared);
/* In the thread: `on_replaced` is called for each list of a turn message, until sl_pool_worker_stop. */
void sl_pool_worker_on_replaced(struct sl_pool_worker *w, sl_replaced_cb *on_replaced, void *arg);
/* Counts a call that was refused for its rate. `limit`: 0 reservations, 1 updates (pool/metrics.h). */
void sl_pool_worker_count_limited(struct sl_pool_worker *w, const struct sl_pool *pool, unsigned limit);
/* Handles one message of enum sl_pool_mail. */
void sl_pool_worker_mail(struct sl_pool_worker *w, struct sl_mail *mail);
/* Why Redis is unfit, so that changes are refused; NULL: it is fit. */
const char *sl_pool_worker_unfit(const struct sl_pool_worker *w);
/* At shutdown: answers all requests that wait for the keeper with UNAVAILABLE and those that wait for a
 * version with what is published now, and sends pending updates. */
void sl_pool_worker_drain(struct sl_pool_worker *w);
/* Nothing is pending, in flight or awaited. */
bool sl_pool_worker_idle(const struct sl_pool_worker *w);
/* The last thing in the thread, after the store was freed: stops timers. Mail that comes later may still be
 * handled. */
void sl_pool_worker_stop(struct sl_pool_worker *w);
/* Any thread, after the owner has ended. */
void sl_pool_worker_free(struct sl_pool_worker *w);
