/* Untrusted text to a JSON object, strictly. Any thread. */
#pragma once
#include <jansson.h>
#include "base/err.h"
#include "base/span.h"
#include "http/edge.h"

/* The caller owns *ret; nothing in it points into `text`. `shape` is what the client should have sent, for
 * `why` (edge.h). An integer that is too large for its type arrives as 10^18. MALFORMED_REQUEST, or
 * INTERNAL for want of memory. */
SL_CHECKED enum sl_err sl_json_object(struct sl_span text, const char *shape, char why[static SL_WHY],
                                      json_t **ret);

/* Once, before any thread starts: where jansson gets no memory the process ends. Without it jansson 2.14
 * leaves a byte out of a long string when its buffer cannot grow, and fails in other places without an error,
 * as if the client had sent no JSON. limits.body bounds what it needs. */
void sl_json_memory(void);
