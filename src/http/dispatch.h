/* From an h2o request to a call: limits, fields, route, method. */
#pragma once
#include "http/http_int.h"

/* Handles a request that came in on a listener of this kind. Always answers, now or later. */
void sl_dispatch(struct sl_http_thread *t, enum sl_listener_kind kind, h2o_req_t *req);
