/* The value of an Idempotency-Key field: a key that is understood is printable, within its bounds, and the
 * same when it is sent as a quoted string. */
#include "fuzz_help.h"
#include "http/edge_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char key[SL_IDEMPOTENCY_KEY], again[SL_IDEMPOTENCY_KEY], quoted[2 * SL_IDEMPOTENCY_KEY + 2];
    size_t len = SIZE_MAX, len2 = SIZE_MAX, n = 0;
    if (!sl_idempotency_key(sl_span((const char *)data, size), key, &len)) {
        sl_assert(len == SIZE_MAX);
        return 0;
    }
    sl_assert(len >= 1 && len <= SL_IDEMPOTENCY_KEY && len <= size);
    quoted[n++] = '"';
    for (size_t i = 0; i < len; i++) {
        sl_assert(key[i] >= ' ' && key[i] <= '~');
        if (key[i] == '"' || key[i] == '\\')
            quoted[n++] = '\\';
        quoted[n++] = key[i];
    }
    quoted[n++] = '"';
    sl_assert(sl_idempotency_key(sl_span(quoted, n), again, &len2));
    sl_assert(len2 == len && memcmp(key, again, len) == 0);
    return 0;
}
