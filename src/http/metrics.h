/* Metrics of the HTTP layer: one slab per thread and route. */
#pragma once
#include "base/metric.h"
#include "http/edge_route.h"
#include "http/options.h"

#define SL_HTTP_METRICS(X)                                                                                   \
    X(REQUESTS, "http_requests_total", SL_COUNTER, "Requests answered, by route and status.", "status",      \
      sl_http_statuses, NULL, 0)                                                                             \
    X(SECONDS, "http_request_seconds", SL_HISTOGRAM, "Time from the parsed request to its answer.", NULL,    \
      NULL, sl_metric_latency_bounds, 1e-9)

#define SL_HTTP_THREAD_METRICS(X)                                                                            \
    X(CONNECTIONS, "http_connections", SL_GAUGE, "Open client connections.", NULL, NULL, NULL, 0)            \
    X(ACCEPTED, "http_connections_accepted_total", SL_COUNTER, "Client connections accepted.", NULL, NULL,   \
      NULL, 0)                                                                                               \
    X(AT_LIMIT, "http_connection_limit_reached_total", SL_COUNTER,                                           \
      "How often a worker stopped accepting because it had reached its share of limits.connections.", NULL,  \
      NULL, NULL, 0)                                                                                         \
    X(SHED, "http_connections_shed_total", SL_COUNTER,                                                       \
      "Connections that the service closed: `idle` and `handshake` to make room for new ones, `memory` "     \
      "because unfinished requests held too much memory, `slow` because the client did not read its "        \
      "answer.",                                                                                             \
      "reason", sl_http_sheds, NULL, 0)                                                                      \
    X(REQUEST_MEMORY, "http_request_memory_bytes", SL_GAUGE,                                                 \
      "Memory of requests that have not arrived completely, at the last check.", NULL, NULL, NULL, 0)        \
    X(FETCHED_BYTES, "fetched_bytes_total", SL_COUNTER, "Bytes of token bodies sent.", NULL, NULL, NULL, 0)  \
    X(HANDSHAKES, "tls_handshakes_total", SL_COUNTER,                                                        \
      "TLS handshakes with clients, by result; `timeout` after 10 s.", "result", sl_tls_results, NULL, 0)    \
    X(NOT_AFTER, "tls_certificate_not_after_seconds", SL_GAUGE,                                              \
      "When a listener's certificate, or the first one of its chain, expires: seconds since 1970; only "     \
      "listeners with TLS. Subtract time() for the time that is left.",                                      \
      "listener", sl_tls_listener_names, NULL, 0)                                                            \
    X(LOG_DROPPED, "log_lines_dropped_total", SL_COUNTER,                                                    \
      "Lines of the log that stderr could not take at once.", NULL, NULL, NULL, 0)                           \
    X(BEARERS, "bearer_tokens_total", SL_COUNTER,                                                            \
      "Bearer tokens of issuers: verified, remembered from an earlier request, refused, or put off because " \
      "forged tokens took too much time.",                                                                   \
      "outcome", sl_http_bearer_outcomes, NULL, 0)                                                           \
    X(BEARERS_KEPT, "bearer_tokens_remembered", SL_GAUGE,                                                    \
      "Verified bearer tokens that the workers remember.", NULL, NULL, NULL, 0)

enum {
#define X(id, ...) SL_HM_##id,
    SL_HTTP_METRICS(X)
#undef X
};
enum {
#define X(id, ...) SL_HT_##id,
    SL_HTTP_THREAD_METRICS(X)
#undef X
};

/* The values of tls_handshakes_total. */
enum sl_tls_result { SL_TLS_FULL, SL_TLS_RESUMED, SL_TLS_FAILED, SL_TLS_TIMEOUT };
enum sl_bearer_outcome { SL_BO_VERIFIED, SL_BO_REMEMBERED, SL_BO_REFUSED, SL_BO_PUT_OFF };

extern const struct sl_metric_table sl_http_metric_table, sl_http_thread_metric_table;

const char *sl_route_name(enum sl_route r);
void sl_http_count(struct sl_metric_slab *route, int status, uint64_t ns);
