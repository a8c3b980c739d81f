/* Hexadecimal text. Inline: the URI of a fetch has 32 digits of it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/span.h"

/* The value of a lower-case digit; -1 for every other character. */
static inline int sl_hex_lower(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The value of a digit of either case; -1 for every other character. */
static inline int sl_hex_digit(char c)
{
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : sl_hex_lower(c);
}

/* The text is n bytes in hex, exactly. False: `out` (room for n bytes) may have been written to. */
static inline bool sl_hex_decode(struct sl_span text, uint8_t *out, size_t n)
{
    if (text.len % 2 != 0 || text.len / 2 != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = sl_hex_digit(text.at[2 * i]), low = sl_hex_digit(text.at[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* Writes 2 * n lower-case digits, no NUL. */
static inline void sl_hex_encode(const void *in, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = in;
    for (size_t i = 0; i < n; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
}
