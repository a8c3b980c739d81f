/* Metrics of the store layer; a slab per connection. */
#pragma once
#include "base/metric.h"
#include "store/operations.h"

/* Errors of operations, as a label. */
enum sl_store_failure { SL_FAIL_UNAVAILABLE, SL_FAIL_UNKNOWN, SL_FAIL_REPLY, SL_FAIL_BOUND };

#define SL_STORE_METRICS(X)                                                                                  \
    X(STATE, "store_state", SL_GAUGE, "1 for the current state of the Redis connection.", "state",           \
      state_names, NULL, 0)                                                                                  \
    X(RECONNECTS, "store_reconnects_total", SL_COUNTER,                                                      \
      "Redis connections that were lost or could not be opened.", NULL, NULL, NULL, 0)                       \
    X(INFLIGHT, "store_inflight", SL_GAUGE, "Operations that wait for a reply from Redis.", NULL, NULL,      \
      NULL, 0)                                                                                               \
    X(OPERATIONS, "store_operations_total", SL_COUNTER, "Operations sent to Redis.", "operation", op_names,  \
      NULL, 0)                                                                                               \
    X(ERRORS, "store_errors_total", SL_COUNTER,                                                              \
      "Failed operations, by kind: unavailable (did not happen), unknown (may have happened), reply (Redis " \
      "answered with an error), bound (refused, because too many are in flight).",                           \
      "kind", failure_names, NULL, 0)                                                                        \
    X(LATENCY, "store_operation_seconds", SL_HISTOGRAM, "Time from sending an operation to its reply.",      \
      NULL, NULL, sl_metric_latency_bounds, 1e-9)                                                            \
    X(KILLED, "store_predecessors_killed_total", SL_COUNTER,                                                 \
      "Former connections of this instance that it closed in Redis.", NULL, NULL, NULL, 0)                   \
    X(SCRIPT_LOADS, "store_script_reloads_total", SL_COUNTER, "Operations sent again after NOSCRIPT.", NULL, \
      NULL, NULL, 0)                                                                                         \
    X(VERIFICATIONS, "store_verifications_total", SL_COUNTER,                                                \
      "Checks of the persistence and role of Redis.", "result", verification_names, NULL, 0)

enum sl_store_metric {
#define X(id, ...) SL_STORE_M_##id,
    SL_STORE_METRICS(X)
#undef X
        SL_STORE_M_COUNT
};

extern const struct sl_metric_table sl_store_metric_table;
