#include "http/edge_route.h"

#define POOL_MAX 64

static bool take_prefix(struct sl_span *path, struct sl_span prefix)
{
    if (path->len < prefix.len || (prefix.len > 0 && memcmp(path->at, prefix.at, prefix.len) != 0))
        return false;
    if (prefix.len > 0)
        *path = sl_span(path->at + prefix.len, path->len - prefix.len);
    return true;
}

static bool take_suffix(struct sl_span *path, struct sl_span suffix)
{
    if (path->len < suffix.len || memcmp(path->at + path->len - suffix.len, suffix.at, suffix.len) != 0)
        return false;
    path->len -= suffix.len;
    return true;
}

static bool is_pool(struct sl_span s)
{
    if (s.len == 0 || s.len > POOL_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    return true;
}

static const struct {
    struct sl_span path;
    enum sl_route route;
} fixed[] = {
    {SL_SPAN("/status-lists/update"), SL_ROUTE_UPDATE},
    {SL_SPAN("/status-lists/batch-update"), SL_ROUTE_BATCH},
    {SL_SPAN("/status-lists/status"), SL_ROUTE_STATUS},
    {SL_SPAN("/livez"), SL_ROUTE_LIVEZ},
    {SL_SPAN("/readyz"), SL_ROUTE_READYZ},
    {SL_SPAN("/metrics"), SL_ROUTE_METRICS},
    {SL_SPAN("/version"), SL_ROUTE_VERSION},
    {SL_SPAN("/openapi.yaml"), SL_ROUTE_OPENAPI},
};

struct sl_target sl_route_parse(struct sl_span path, struct sl_span base)
{
    struct sl_target t = {.route = SL_ROUTE_NONE};
    struct sl_span rest = path;
    /* Fetches first: they are nearly all of the traffic, and a list id is no other route. */
    if (take_prefix(&rest, base) && take_prefix(&rest, SL_SPAN("/")) && sl_uuid_parse(rest, &t.list)) {
        t.route = SL_ROUTE_LIST;
        return t;
    }
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (sl_span_eq(path, fixed[i].path)) {
            t.route = fixed[i].route;
            return t;
        }
    rest = path;
    if (take_prefix(&rest, SL_SPAN("/pools/")) && take_suffix(&rest, SL_SPAN("/new-references")) &&
        is_pool(rest)) {
        t.route = SL_ROUTE_RESERVE;
        t.pool = rest;
        return t;
    }
    rest = path;
    if (take_prefix(&rest, base) && take_prefix(&rest, SL_SPAN("/aggregation/")) && is_pool(rest)) {
        t.route = SL_ROUTE_AGGREGATION;
        t.pool = rest;
        return t;
    }
    if (path.len > SL_UUID_TEXT && path.at[path.len - SL_UUID_TEXT - 1] == '/' && path.at[0] == '/' &&
        sl_uuid_parse(sl_span(path.at + path.len - SL_UUID_TEXT, SL_UUID_TEXT), &t.list)) {
        t.route = SL_ROUTE_LIST;
        t.elsewhere = path;
    }
    return t;
}

/* One table: the first segments of all routes, and of those that are planned. Under those that are alone
 * there is nothing, so lists can be there. */
static const struct {
    struct sl_span segment;
    bool alone;
} reserved[] = {
    {SL_SPAN("aggregation"), false},  {SL_SPAN("bundle"), false},      {SL_SPAN("changes"), false},
    {SL_SPAN("feed"), false},         {SL_SPAN("keys"), false},        {SL_SPAN("pools"), false},
    {SL_SPAN("status-lists"), false}, {SL_SPAN("healthz"), true},      {SL_SPAN("livez"), true},
    {SL_SPAN("metrics"), true},       {SL_SPAN("openapi.yaml"), true}, {SL_SPAN("readyz"), true},
    {SL_SPAN("status"), true},        {SL_SPAN("version"), true},
};

enum sl_reserved sl_route_reserved(struct sl_span path)
{
    if (!take_prefix(&path, SL_SPAN("/")))
        return SL_RESERVED_NOT;
    const char *end = path.len > 0 ? memchr(path.at, '/', path.len) : NULL;
    struct sl_span first = sl_span(path.at, end != NULL ? (size_t)(end - path.at) : path.len);
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (sl_span_eq(first, reserved[i].segment))
            return reserved[i].alone ? SL_RESERVED_ALONE : SL_RESERVED_WHOLE;
    return SL_RESERVED_NOT;
}

struct sl_span sl_url_path(struct sl_span url)
{
    const char *end = url.at + url.len, *at = url.len > 0 ? memmem(url.at, url.len, "://", 3) : NULL;
    at = at != NULL && at + 3 < end ? memchr(at + 3, '/', (size_t)(end - at) - 3) : NULL;
    return at != NULL ? sl_span(at, (size_t)(end - at)) : SL_SPAN("");
}
