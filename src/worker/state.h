/* The state of the worker of one serving thread: what the files of this folder have in common. Only that
 * thread touches it, except the metrics slabs, which any thread reads. */
#pragma once
#include "pool/mail.h"
#include "pool/pool.h"
#include "store/store.h"

/* A list's token was replaced: the owner releases its share of the old one. */
typedef void(sl_replaced_cb)(void *arg, uint32_t list);

struct sl_pool_worker {
    struct sl_loop *loop;
    struct sl_mailbox *mail; /* of the worker's thread */
    struct sl_shared *shared;
    struct sl_store *store;          /* NULL before the start and after the end of the thread's store */
    struct sl_metric_slab **metrics; /* per pool; of sl_pool_worker_metric_table */
    struct sl_gather *gathers;       /* per pool: worker/update.c */
    struct sl_parked **parked;       /* by list number: worker/wait.c */
    uint32_t parked_cap;
    struct sl_follower **followers; /* by list number: worker/visible.c */
    uint32_t followers_cap;
    struct sl_reservation *reservations; /* waiting with the keeper: worker/reserve.c */
    struct sl_lookup *lookups;           /* waiting with the keeper: worker/wait.c */
    unsigned awaited;                    /* messages and Redis replies that have not come back */
    struct sl_pool_doubt *doubts;        /* per pool: worker/connection.c */
    struct sl_timer look;
    bool down;          /* counted in sl_shared.workers_down */
    bool apart;         /* counted in sl_shared.workers_apart */
    bool asking_server; /* Redis is asked who it is */
    unsigned looks_apart, patience;
    bool draining; /* at shutdown: waiting requests are answered, new ones refused */
    sl_replaced_cb *on_replaced;
    void *arg;
};
