/* The room doubles when it is short, so that a command costs a few allocations whatever its arguments;
 * writing cannot fail, as no memory ends the process. Lengths stand before bytes, so no code has to look
 * into an argument. */
#include "store/wire_int.h"

#include "base/assert.h"
#include "base/buf.h"

#define FIRST 512 /* bytes: a single update fits */

static char *grow_wire(struct sl_wire *w, size_t n)
{
    if (w->cap - w->len < n) {
        size_t cap = (w->len + n) * 2 < FIRST ? FIRST : (w->len + n) * 2;
        w->data = sl_xrealloc(w->data, cap);
        w->cap = cap;
    }
    char *at = w->data + w->len;
    w->len += n;
    return at;
}

static void write_length(struct sl_wire *w, char mark, size_t n)
{
    char text[24];
    unsigned digits = sl_u64_digits(text + 1, n);
    text[0] = mark;
    memcpy(text + 1 + digits, "\r\n", 2);
    memcpy(grow_wire(w, digits + 3), text, digits + 3);
}

void sl_wire_command(struct sl_wire *w, unsigned argc)
{
    write_length(w, '*', argc);
}

uint8_t *sl_wire_room(struct sl_wire *w, size_t n)
{
    write_length(w, '$', n);
    char *at = grow_wire(w, n + 2);
    memcpy(at + n, "\r\n", 2);
    return (uint8_t *)at;
}

void sl_wire_arg(struct sl_wire *w, const void *bytes, size_t n)
{
    uint8_t *at = sl_wire_room(w, n);
    if (n > 0)
        memcpy(at, bytes, n);
}

void sl_wire_text(struct sl_wire *w, const char *s)
{
    sl_wire_arg(w, s, strlen(s));
}

void sl_wire_number(struct sl_wire *w, int64_t v)
{
    char text[20];
    sl_wire_arg(w, text, sl_i64_digits(text, v));
}
