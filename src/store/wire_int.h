/* Commands in the Redis protocol: counts and lengths only, so no byte of an argument can be taken for syntax.
 * Internal to the store layer. */
#pragma once
#include "base/span.h"
#include <stdint.h>

struct sl_wire {
    char *data; /* owned until it is handed to a call; free() */
    size_t len, cap;
};

void sl_wire_command(struct sl_wire *w, unsigned argc); /* `argc` arguments follow */
void sl_wire_arg(struct sl_wire *w, const void *bytes, size_t n);
void sl_wire_text(struct sl_wire *w, const char *s);
void sl_wire_number(struct sl_wire *w, int64_t v);
/* An argument of n bytes that the caller fills; the pointer is valid until the next call on w. */
uint8_t *sl_wire_room(struct sl_wire *w, size_t n);
