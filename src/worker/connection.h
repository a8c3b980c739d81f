/* Whether a worker may send changes of a pool to Redis. It may if its connection leads to the server whose
 * data the keeper has opened and compared (pool/history.h): same server, same replication id. Otherwise the
 * request is held while that is settled, at most for a command timeout, and then sent or refused; so a
 * lineage that another instance draws costs a short delay and no error. One thread: the worker's. */
#pragma once
#include "worker/state.h"

/* The connection of the thread's store came up or went down. */
void sl_pool_worker_connection(struct sl_pool_worker *w, bool up);

enum sl_may_write {
    SL_MAY_WRITE,
    SL_MAY_LATER, /* sl_hold */
    SL_MAY_NOT,   /* UNAVAILABLE */
};
/* WRITE: the fence for what is sent in this turn. */
enum sl_may_write sl_may_write(struct sl_pool_worker *w, struct sl_pool *p, struct sl_fence *ret_fence);

/* The hold has ended; the request asks sl_may_write, and is refused unless that says WRITE. It is sent once
 * more at most. */
typedef void(sl_released_cb)(void *arg);

/* A request that is held; its owner's memory. */
struct sl_hold {
    sl_released_cb *on_released;
    void *arg;
    struct sl_hold *next;
};

/* After SL_MAY_LATER. on_released is never called inside this call. */
void sl_hold(struct sl_pool_worker *w, struct sl_pool *p, struct sl_hold *hold);
/* After SL_ERR_HISTORY: what was sent under this lineage has written nothing. */
void sl_hold_refused(struct sl_pool_worker *w, struct sl_pool *p, struct sl_lineage sent,
                     struct sl_hold *hold);

/* Internal to the layer. */
struct sl_pool_doubt *sl_doubts_new(struct sl_pool_worker *w);
void sl_doubt_answered(struct sl_pool_worker *w, struct sl_reopen_mail *mail);
void sl_doubts_stop(struct sl_pool_worker *w); /* the store has ended: nothing is held any more */
void sl_doubts_free(struct sl_pool_worker *w);
