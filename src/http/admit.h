/* Admission: whether a call that is well-formed and whose caller is known may go on. Each of these has
 * answered the call where it returns false. */
#pragma once
#include "http/auth.h"
#include "http/call.h"

/* For n references or statuses of the pool: 503 while the audit record cannot be written and the
 * configuration wants one, 429 when the credential has used up its rate. Uses up the rate where it admits. */
bool sl_admit(const struct sl_call *c, const struct sl_identity *who, const struct sl_pool *pool,
              enum sl_limit_kind kind, uint32_t n);
/* For references that the pool has not given out yet: 409 when it is retired. Not for a call with an
 * Idempotency-Key: an answer that was given before is given again by a retired pool too, so the worker looks
 * for one first (worker/keyed.h). */
bool sl_admit_new(const struct sl_call *c, const struct sl_pool *pool);
