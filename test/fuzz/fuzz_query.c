/* A query and, on a second line, a text to decode and to read as a number. */
#include <stdlib.h>
#include "fuzz_help.h"
#include "base/number.h"
#include "http/edge_query.h"

static void decode(struct sl_span text)
{
    size_t len = SIZE_MAX;
    char *out = malloc(text.len + 1);
    sl_assert(out != NULL);
    if (sl_percent_decode(text, out, &len)) {
        sl_assert(len <= text.len);
        for (size_t i = 0; i < len; i++)
            sl_assert((unsigned char)out[i] >= 0x20 && out[i] != 0x7f);
    } else {
        sl_assert(len == SIZE_MAX);
    }
    free(out);
}

static void number(struct sl_span text)
{
    uint64_t v, again;
    if (!sl_number_parse_strict(text, UINT64_MAX, &v))
        return;
    sl_assert(text.len >= 1 && text.len <= 20 && sl_number_parse_strict(text, v, &again) && again == v);
    sl_assert(v == 0 || !sl_number_parse_strict(text, v - 1, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"time", "uri", "index", "a"};
    struct sl_span rest = {(const char *)data, size}, value;
    struct sl_span query = fuzz_part(&rest);
    for (int i = 0; i < 4; i++) {
        enum sl_err err = sl_query_get(query, names[i], &value);
        sl_assert(err == SL_OK || err == SL_ERR_NOT_FOUND || err == SL_ERR_MALFORMED_REQUEST);
        if (err != SL_OK)
            continue;
        sl_assert(fuzz_inside(value, query));
        sl_assert(value.len == 0 || memchr(value.at, '&', value.len) == NULL);
        decode(value);
        number(value);
    }
    decode(rest);
    number(rest);
    return 0;
}
