/* From a request of h2o to a call: sizes, header fields, route, method. */
#pragma once
#include "http/thread.h"

/* Handles a request that came in on a listener of this kind. Always answers, now or later. */
void sl_dispatch(struct sl_http_thread *t, enum sl_listener_kind kind, h2o_req_t *req);
