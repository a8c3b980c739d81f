/* Whether a worker may send changes to Redis. Redis may have lost acknowledged changes while a connection was
 * down (a restart, a failover), so a new connection is doubtful, and changes are refused, until the keeper
 * has confirmed that what was lost is mended. One thread: the worker's. */
#pragma once
#include "worker/state.h"

/* The connection of the thread's store came up or went down. A store that never reports its connection (in
 * tests) is not doubtful. */
void sl_pool_worker_connection(struct sl_pool_worker *w, bool up);
/* The connection is up and not doubtful. */
bool sl_pool_worker_can_write(const struct sl_pool_worker *w);

/* Internal to the layer: the keeper's answer has come. */
void sl_pool_worker_confirmed(struct sl_pool_worker *w);
