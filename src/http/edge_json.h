/* Untrusted text to a JSON object, strictly. Any thread. */
#pragma once
#include <jansson.h>
#include "base/err.h"
#include "base/span.h"
#include "http/edge.h"

/* The caller owns *ret; nothing in it points into `text`. `shape` is what should have been sent, for `why`
 * (edge.h). An integer of more than 18 digits arrives as another one of 18. MALFORMED_REQUEST, or INTERNAL
 * for want of memory. */
SL_CHECKED enum sl_err sl_json_object(struct sl_span text, const char *shape, char why[static SL_WHY],
                                      json_t **ret);

/* Once, before any thread: jansson gets the memory that it asks for, or the process ends. jansson 2.14 leaves
 * a byte out of a long string when its buffer cannot grow, and fails in other places without an error, as if
 * the client had sent no JSON. What it needs is bounded by limits.body. */
void sl_json_memory(void);
