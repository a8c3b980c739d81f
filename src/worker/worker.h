/* What a serving thread owns of the pool layer: its pending updates, its waiting requests. */
#pragma once
#include "pool/mail.h"
#include "pool/pool.h"
#include "store/store.h"

/* A list's token was replaced: the owner releases its share of the old one. */
typedef void(sl_replaced_cb)(void *arg, uint32_t list);

struct sl_pool_worker {
    struct sl_loop *loop;
    struct sl_mailbox *mail; /* this thread's */
    struct sl_shared *shared;
    struct sl_store *store;
    struct sl_metric_slab **metrics; /* per pool; of sl_pool_worker_metric_table */
    struct sl_gather *gathers;       /* per pool: worker/update.c */
    struct sl_parked **parked;       /* by list number: worker/wait.c */
    uint32_t parked_cap;
    struct sl_reservation *reservations; /* under way */
    struct sl_follower **followers;      /* by list number: worker/visible.c */
    uint32_t followers_cap;
    struct sl_lookup *lookups; /* under way */
    unsigned awaited;          /* messages that have not come back */
    /* A new connection is doubtful until the keeper has confirmed that what Redis lost is mended. */
    uint64_t connection;
    bool doubtful, confirming;
    struct sl_confirm_mail confirm;
    bool draining; /* waiters are answered, newcomers refused */
    sl_replaced_cb *on_replaced;
    void *arg;
};

/* Metrics slabs are created before the threads start. */
void sl_pool_worker_metrics(struct sl_pool_worker *w, const struct sl_shared *shared);
/* In the thread. `store` may be NULL at first and set later. */
void sl_pool_worker_init(struct sl_pool_worker *w, struct sl_loop *loop, struct sl_mailbox *mail,
                         struct sl_shared *shared);
/* In the thread: `on_replaced` is called for each list of a turn message, until sl_pool_worker_stop. */
void sl_pool_worker_on_replaced(struct sl_pool_worker *w, sl_replaced_cb *on_replaced, void *arg);
/* Counts a call that was refused for its rate. `limit`: 0 reservations, 1 updates (pool/metrics.h). */
void sl_pool_worker_count_limited(struct sl_pool_worker *w, const struct sl_pool *pool, unsigned limit);
/* The store is up, or not any more. A store that never says so (in tests) is not in doubt. */
void sl_pool_worker_connection(struct sl_pool_worker *w, bool up);
bool sl_pool_worker_may_write(const struct sl_pool_worker *w);
/* Handles one message of enum sl_pool_mail. */
void sl_pool_worker_mail(struct sl_pool_worker *w, struct sl_mail *m);
/* Answers everyone who waits for the keeper with UNAVAILABLE, whoever follows a version, and sends pending
 * updates now. */
void sl_pool_worker_drain(struct sl_pool_worker *w);
/* Nothing is pending, in flight or awaited. */
bool sl_pool_worker_idle(const struct sl_pool_worker *w);
/* The last thing in the thread, after the store was freed: stops timers. Mail that comes later may still be
 * handled. */
void sl_pool_worker_stop(struct sl_pool_worker *w);
/* Any thread, after the owner has ended. */
void sl_pool_worker_free(struct sl_pool_worker *w);
