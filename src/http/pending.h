/* A call that is answered later: the worker waits for Redis or for the keeper on its behalf. */
#pragma once
#include "http/audit.h"
#include "http/call.h"

typedef void(sl_cancel_cb)(void *wait);

/* The first member of what a handler keeps while it waits, which lives in the request's pool. When the client
 * leaves first, `cancel` is called with `wait`, so the handler's callback is not. */
struct sl_pending_call {
    struct sl_call call;
    /* What the worker waits for; the handler sets it to NULL when it comes. */
    void *wait;
    sl_cancel_cb *cancel;
    /* Is written as `unknown` when the client leaves while something is awaited; NULL: nothing is. */
    const struct sl_audit *audit;
    /* The connection's: alive until the request's pool is gone. */
    h2o_socket_t *sock;
};

/* Zeroed memory of `size` bytes, which begins with a struct sl_pending_call. */
void *sl_pending_new(const struct sl_call *c, size_t size);
/* What was awaited has come, with this outcome: writes the audit record, if there is one. */
void sl_pending_arrived(struct sl_pending_call *p, enum sl_err err);
