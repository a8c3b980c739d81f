/* How a harness cuts its input: parts end at a newline, because in none of the formats does a newline mean
 * anything. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "base/assert.h"
#include "base/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes the part up to the next newline off `rest`. */
static inline struct sl_span fuzz_part(struct sl_span *rest)
{
    const char *end = rest->len > 0 ? memchr(rest->at, '\n', rest->len) : NULL;
    struct sl_span part = {rest->at, end != NULL ? (size_t)(end - rest->at) : rest->len};
    *rest = end != NULL ? sl_span(end + 1, rest->len - part.len - 1) : sl_span(rest->at, 0);
    return part;
}

/* All parts of the input, at most `max`. */
static inline size_t fuzz_parts(const uint8_t *data, size_t size, struct sl_span *parts, size_t max)
{
    struct sl_span rest = {(const char *)data, size};
    size_t n = 0;
    while (rest.len > 0 && n < max)
        parts[n++] = fuzz_part(&rest);
    return n;
}

static inline int fuzz_inside(struct sl_span inner, struct sl_span outer)
{
    return inner.len == 0 || (inner.at >= outer.at && inner.at + inner.len <= outer.at + outer.len);
}
