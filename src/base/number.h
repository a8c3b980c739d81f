/* Decimal numbers in text from outside: digits only, without sign, space or separator. Inline, because the
 * scanner of update bodies reads two for each entry. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

/* The digits that a text begins with. */
struct sl_digits {
    uint64_t value; /* UINT64_MAX when the number is larger than that */
    size_t count;   /* 0: the text begins with something else */
    bool too_large; /* beyond UINT64_MAX */
};

static inline struct sl_digits sl_digits(struct sl_span text)
{
    struct sl_digits d = {0};
    for (; d.count < text.len && text.at[d.count] >= '0' && text.at[d.count] <= '9'; d.count++)
        if (__builtin_mul_overflow(d.value, 10, &d.value) ||
            __builtin_add_overflow(d.value, (uint64_t)(text.at[d.count] - '0'), &d.value))
            d.too_large = true;
    if (d.too_large)
        d.value = UINT64_MAX;
    return d;
}

/* The whole text is one number, at most `max`; leading zeros count for nothing. False: *ret is untouched. */
static inline bool sl_number_parse(struct sl_span text, uint64_t max, uint64_t *ret)
{
    struct sl_digits d = sl_digits(text);
    if (d.count == 0 || d.count != text.len || d.too_large || d.value > max)
        return false;
    *ret = d.value;
    return true;
}

/* Likewise, and written in the one way that has no leading zero: a resource or an option has one spelling. */
static inline bool sl_number_parse_strict(struct sl_span text, uint64_t max, uint64_t *ret)
{
    return (text.len == 1 || (text.len > 1 && text.at[0] != '0')) && sl_number_parse(text, max, ret);
}
