/* The end of an update: Status-List-Version, Status-List-History, Status-Visible-By, and Prefer: wait (RFC
 * 7240). */
#pragma once
#include "http/pending.h"

/* 204 for a change that is durable, with what can be said about when verifiers see it. Where the request
 * prefers to wait, the answer is held until the change is published. The arrays are copied. */
void sl_respond_committed(struct sl_pending_call *pending, struct sl_list *const *lists,
                          const struct sl_head *heads, uint32_t n);
