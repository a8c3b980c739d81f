/* Where the path of a request leads. */
#pragma once
#include "base/span.h"
#include "base/uuid.h"

enum sl_route {
    SL_ROUTE_NONE,
    SL_ROUTE_LIST,        /* <base>/{list-id} */
    SL_ROUTE_AGGREGATION, /* <base>/aggregation/{pool} */
    SL_ROUTE_RESERVE,     /* /pools/{pool}/new-references */
    SL_ROUTE_UPDATE,      /* /status-lists/update */
    SL_ROUTE_BATCH,       /* /status-lists/batch-update */
    SL_ROUTE_STATUS,      /* /status-lists/status */
    SL_ROUTE_LIVEZ,
    SL_ROUTE_READYZ,
    SL_ROUTE_METRICS,
    SL_ROUTE_VERSION,
    SL_ROUTE_OPENAPI,
    SL_ROUTE_COUNT
};

struct sl_target {
    enum sl_route route;
    struct sl_uuid list;      /* LIST */
    struct sl_span elsewhere; /* LIST: the path, where it is not <base>/{list-id}; else empty */
    struct sl_span pool; /* AGGREGATION, RESERVE: as in the path; [a-z0-9_-]{1,64} or the route is NONE */
};

/* The path is as received (not decoded, without the query); `base` is public-url's path ("" or "/x"). A path
 * that ends in a list id and is no other route is a list's as well: of a former public-url, if it is the path
 * of the list's own URI. A malformed list id gives NONE. The caller tells public, issuer and ops routes
 * apart. Where a base makes one path mean two things (base /pools: /pools/aggregation/new-references), the
 * route without base wins. */
struct sl_target sl_route_parse(struct sl_span path, struct sl_span base);

/* Whether the path's first segment is one of the service's own, or kept for one. WHOLE: what is below it,
 * too, so it should not be the path of a public-url, because routes go before lists. */
enum sl_reserved { SL_RESERVED_NOT, SL_RESERVED_ALONE, SL_RESERVED_WHOLE };
enum sl_reserved sl_route_reserved(struct sl_span path);
/* `path` of scheme://authority/path; "" when there is none. */
struct sl_span sl_url_path(struct sl_span url);
