/* The edge: the one place where untrusted bytes of a request become values. Its files, edge_*.c, are pure
 * functions without a type of h2o, so each is fuzzed on its own. This header is what they share. */
#pragma once
#include <stdint.h>
#include "base/span.h"
#include "base/uuid.h"

/* Bytes, with the NUL, of a sentence that says what was wrong with a request and what would be right. It
 * never repeats more of the request than the name of a member. */
#define SL_WHY 160

/* One status of a body. */
struct sl_update_entry {
    /* From the URI's last segment. */
    struct sl_uuid list;
    /* Whole, to be compared byte for byte with the list's; it points into the body or its text. */
    struct sl_span uri;
    uint32_t index;
    uint32_t value; /* 0..255 */
};
