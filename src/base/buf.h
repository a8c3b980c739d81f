/* A growing text buffer with an upper bound and a sticky error: after a write that did not fit (or found no
 * memory) all later writes do nothing and `failed` stays true, so a caller checks once, at the end. The
 * function that declares it owns it. One thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/span.h"

struct sl_buf {
    char *data; /* not NUL-terminated; NULL while empty */
    size_t len, cap;
    size_t max;  /* bytes; a write beyond it fails */
    bool fixed;  /* data belongs to the caller: never grown or freed */
    bool failed; /* sticky */
};

/* Growing up to `max` bytes; free with sl_buf_free. */
void sl_buf_init(struct sl_buf *b, size_t max);
/* Over memory of the caller: exactly `cap` bytes, never grows. */
void sl_buf_over(struct sl_buf *b, char *mem, size_t cap);
void sl_buf_free(struct sl_buf *b);

void sl_buf_put(struct sl_buf *b, const void *bytes, size_t n);
void sl_buf_puts(struct sl_buf *b, const char *s);
void sl_buf_putc(struct sl_buf *b, char byte);
void sl_buf_u64(struct sl_buf *b, uint64_t value); /* decimal */
void sl_buf_i64(struct sl_buf *b, int64_t value);
void sl_buf_printf(struct sl_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes, per RFC 8259 section 7. Bytes that are not valid UTF-8 become U+FFFD. */
void sl_buf_json(struct sl_buf *b, struct sl_span text);

/* The text so far with a NUL behind it, until the next write; never NULL. Where the NUL finds no room it
 * takes the place of the last byte. For messages: what did not fit is missing at the end. */
const char *sl_buf_cstr(struct sl_buf *b);

/* Decimal digits of `value` into `at` (room for 20, each), with a '-' before those below 0; returns how many
 * characters. For hot paths. */
unsigned sl_u64_digits(char *at, uint64_t value);
unsigned sl_i64_digits(char *at, int64_t value);
