/* The check of a server: whether it may be used, and the keeper's, whether it is fit (store/fitness.h).
 * Internal to the store layer. One thread: the connection's. */
#pragma once
#include "store/conn_int.h"

/* In state VERIFYING or UP: asks Redis, and judges once all is answered. A server that must not be used is
 * dropped; otherwise the connection is UP from then on. */
void sl_check_start(struct sl_conn *c);
/* Whether the next one is due; of a connection that `verifies`. */
bool sl_check_due(const struct sl_conn *c);
void sl_check_free(struct sl_conn *c);
