#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"

void sl_buf_init(struct sl_buf *b, size_t max)
{
    *b = (struct sl_buf){.max = max};
}

void sl_buf_over(struct sl_buf *b, char *mem, size_t cap)
{
    *b = (struct sl_buf){.data = mem, .cap = cap, .max = cap, .fixed = true};
}

void sl_buf_free(struct sl_buf *b)
{
    if (!b->fixed)
        free(b->data);
    *b = (struct sl_buf){.max = b->max};
}

static bool room(struct sl_buf *b, size_t n)
{
    if (b->failed || n > b->max - b->len) {
        b->failed = true;
        return false;
    }
    if (n <= b->cap - b->len)
        return true;
    size_t cap = b->cap ? b->cap : 256;
    while (cap < b->len + n)
        cap *= 2;
    if (cap > b->max)
        cap = b->max;
    char *data = b->fixed ? NULL : realloc(b->data, cap);
    if (data == NULL) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

void sl_buf_put(struct sl_buf *b, const void *bytes, size_t n)
{
    if (n == 0 || !room(b, n))
        return;
    memcpy(b->data + b->len, bytes, n);
    b->len += n;
}

void sl_buf_puts(struct sl_buf *b, const char *s)
{
    sl_buf_put(b, s, strlen(s));
}

void sl_buf_putc(struct sl_buf *b, char byte)
{
    sl_buf_put(b, &byte, 1);
}

const char *sl_buf_cstr(struct sl_buf *b)
{
    bool failed = b->failed; /* of the text, not of its NUL */
    b->failed = false;
    bool fits = room(b, 1);
    b->failed = failed;
    if (b->cap == 0)
        return "";
    size_t end = fits ? b->len : b->cap - 1;
    b->data[end] = '\0';
    return b->data;
}

unsigned sl_u64_digits(char *at, uint64_t value)
{
    char tmp[20];
    unsigned n = 0;
    do {
        tmp[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    for (unsigned i = 0; i < n; i++)
        at[i] = tmp[n - 1 - i];
    return n;
}

unsigned sl_i64_digits(char *at, int64_t value)
{
    *at = '-';
    return value < 0 ? 1 + sl_u64_digits(at + 1, -(uint64_t)value) : sl_u64_digits(at, (uint64_t)value);
}

void sl_buf_u64(struct sl_buf *b, uint64_t value)
{
    char digits[20];
    sl_buf_put(b, digits, sl_u64_digits(digits, value));
}

void sl_buf_i64(struct sl_buf *b, int64_t value)
{
    char digits[20];
    sl_buf_put(b, digits, sl_i64_digits(digits, value));
}

void sl_buf_printf(struct sl_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) {
        b->failed = true;
    } else {
        char *line = malloc((size_t)n + 1);
        if (line == NULL) {
            b->failed = true;
        } else {
            vsnprintf(line, (size_t)n + 1, fmt, again);
            sl_buf_put(b, line, (size_t)n);
        }
        free(line);
    }
    va_end(again);
}

/* Length of the valid UTF-8 sequence at p, or 0 (RFC 3629 section 4: no overlong forms, no surrogates). */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
    unsigned char byte = p[0];
    if (byte < 0x80)
        return 1;
    size_t want = byte >= 0xc2 && byte <= 0xdf   ? 2
                  : (byte & 0xf0) == 0xe0        ? 3
                  : byte >= 0xf0 && byte <= 0xf4 ? 4
                                                 : 0;
    if (want == 0 || n < want)
        return 0;
    unsigned char low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
    unsigned char high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < want; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return want;
}

void sl_buf_json(struct sl_buf *b, struct sl_span text)
{
    const unsigned char *p = (const unsigned char *)text.at;
    sl_buf_putc(b, '"');
    for (size_t i = 0; i < text.len;) {
        unsigned char byte = p[i];
        size_t n = utf8_sequence(p + i, text.len - i);
        if (n == 0) {
            sl_buf_puts(b, "\\ufffd");
            n = 1;
        } else if (byte == '"' || byte == '\\') {
            sl_buf_putc(b, '\\');
            sl_buf_putc(b, (char)byte);
        } else if (byte < 0x20) {
            char escape[6] = "\\u00";
            sl_hex_encode(&byte, 1, escape + 4);
            sl_buf_put(b, escape, sizeof escape);
        } else {
            sl_buf_put(b, p + i, n);
        }
        i += n;
    }
    sl_buf_putc(b, '"');
}
