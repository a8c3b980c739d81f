/* Bytes that the holder does not own: pointer and length, never NUL-terminated. Every untrusted text is
 * passed as one, so that no parser looks for an end that an attacker chose. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct sl_span {
    const char *at; /* may be NULL when len is 0 */
    size_t len;
};

#define SL_SPAN(literal) ((struct sl_span){(literal), sizeof(literal) - 1})

static inline struct sl_span sl_span(const char *at, size_t len)
{
    return (struct sl_span){at, len};
}

static inline bool sl_span_eq(struct sl_span a, struct sl_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}
