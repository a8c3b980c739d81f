/* A path and, on a second line, the base. */
#include "fuzz_help.h"
#include "http/edge_route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_span base = {(const char *)data, size};
    struct sl_span path = fuzz_part(&base);
    struct sl_target t = sl_route_parse(path, base);
    sl_assert(t.route < SL_ROUTE_COUNT);
    if (t.route == SL_ROUTE_LIST) {
        char id[SL_UUID_TEXT];
        sl_uuid_text(&t.list, id);
        sl_assert(t.elsewhere.len == 0 ? path.len == base.len + 1 + SL_UUID_TEXT
                                       : sl_span_eq(t.elsewhere, path));
        sl_assert(memcmp(path.at + path.len - SL_UUID_TEXT, id, SL_UUID_TEXT) == 0);
    }
    if (t.route == SL_ROUTE_AGGREGATION || t.route == SL_ROUTE_RESERVE) {
        sl_assert(t.pool.len >= 1 && t.pool.len <= 64 && fuzz_inside(t.pool, path));
        for (size_t i = 0; i < t.pool.len; i++)
            sl_assert(strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", t.pool.at[i]) != NULL &&
                      t.pool.at[i] != '\0');
    }
    /* Without the base the path leads to the same route, or to one that the base hides. */
    struct sl_target bare = sl_route_parse(path, SL_SPAN(""));
    if (t.route >= SL_ROUTE_RESERVE)
        sl_assert(bare.route == t.route && sl_route_reserved(path) != SL_RESERVED_NOT);
    if (t.route == SL_ROUTE_LIST && path.at[0] == '/')
        sl_assert(bare.route == SL_ROUTE_LIST || bare.route == SL_ROUTE_AGGREGATION);
    return 0;
}
