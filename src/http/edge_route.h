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
    struct sl_uuid list; /* LIST */
    struct sl_span pool; /* AGGREGATION, RESERVE: as in the path; [a-z0-9_-]{1,64} or the route is NONE */
};

/* The path is as received (not decoded, without the query); `base` is public-url's path ("" or "/x"). A
 * malformed list id gives NONE. The caller tells public, issuer and ops routes apart. Where a base makes one
 * path mean two things (base /pools: /pools/aggregation/new-references), the route without base wins. */
struct sl_target sl_route_parse(struct sl_span path, struct sl_span base);
