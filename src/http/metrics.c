#include "http/metrics.h"

static const int statuses[] = {200, 204, 304, 400, 401, 403, 404, 405, 406, 409, 412,
                               413, 414, 415, 417, 422, 429, 431, 500, 501, 503};
static const char *const sl_http_statuses[] = {"200", "204", "304", "400", "401", "403",   "404", "405",
                                               "406", "409", "412", "413", "414", "415",   "417", "422",
                                               "429", "431", "500", "501", "503", "other", NULL};

static const char *const sl_tls_results[] = {"full", "resumed", "failed", "timeout", NULL};
static const char *const sl_http_sheds[] = {"idle", "handshake", "memory", "slow", NULL};
static const char *const sl_http_bearer_outcomes[] = {"verified", "remembered", "refused", "put_off", NULL};

#define X(id, name, type, help, label, values, bounds, scale)                                                \
    {name, type, help, label, values, bounds, scale},
static const struct sl_metric_def defs[] = {SL_HTTP_METRICS(X)};
static const struct sl_metric_def thread_defs[] = {SL_HTTP_THREAD_METRICS(X)};
#undef X

const struct sl_metric_table sl_http_metric_table = {defs, sizeof defs / sizeof defs[0]};
const struct sl_metric_table sl_http_thread_metric_table = {thread_defs,
                                                            sizeof thread_defs / sizeof thread_defs[0]};

const char *sl_route_name(enum sl_route r)
{
    static const char *const names[SL_ROUTE_COUNT] = {[SL_ROUTE_NONE] = "none",
                                                      [SL_ROUTE_LIST] = "list",
                                                      [SL_ROUTE_AGGREGATION] = "aggregation",
                                                      [SL_ROUTE_RESERVE] = "reserve",
                                                      [SL_ROUTE_UPDATE] = "update",
                                                      [SL_ROUTE_BATCH] = "batch-update",
                                                      [SL_ROUTE_STATUS] = "status",
                                                      [SL_ROUTE_LIVEZ] = "livez",
                                                      [SL_ROUTE_READYZ] = "readyz",
                                                      [SL_ROUTE_METRICS] = "metrics",
                                                      [SL_ROUTE_VERSION] = "version",
                                                      [SL_ROUTE_OPENAPI] = "openapi"};
    return names[r];
}

void sl_http_count(struct sl_metric_slab *route, int status, uint64_t ns)
{
    unsigned i = 0, n = sizeof statuses / sizeof statuses[0];
    while (i < n && statuses[i] != status)
        i++;
    sl_metric_add_label(route, SL_HM_REQUESTS, i, 1);
    sl_metric_observe(route, SL_HM_SECONDS, ns);
}
