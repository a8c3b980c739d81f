/* The first commands on a connection: AUTH, the name, SELECT, and the end of predecessors (store.h). Internal
 * to the store layer. */
#pragma once
#include "store/conn_int.h"

/* In state GREETING. Calls then(c) in state VERIFYING, once all have been answered as they should; otherwise
 * drops the connection. */
void sl_conn_greet(struct sl_conn *c, sl_conn_cb *then);
