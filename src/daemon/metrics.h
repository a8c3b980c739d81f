/* Metrics of the process itself. */
#pragma once
#include "base/metric.h"

enum sl_reload_result { SL_RELOAD_DONE, SL_RELOAD_PARTLY, SL_RELOAD_REFUSED };

#define SL_DAEMON_METRICS(X)                                                                                 \
    X(RELOADS, "reloads_total", SL_COUNTER,                                                                  \
      "Reloads of the configuration (SIGHUP): done, done but for files or pools with a mistake, or refused " \
      "because of a mistake in the configuration itself.",                                                   \
      "result", sl_reload_results, NULL, 0)                                                                  \
    X(CONFIG_SINCE, "configuration_since_seconds", SL_GAUGE,                                                 \
      "When the current configuration took effect, in seconds since 1970.", NULL, NULL, NULL, 0)             \
    X(REDIS_NOT_AFTER, "redis_certificate_not_after_seconds", SL_GAUGE,                                      \
      "When the client certificate that the service shows to Redis, or the first one of its chain, "         \
      "expires, "                                                                                            \
      "in seconds since 1970; absent without one. Subtract time() for the seconds left.",                    \
      NULL, NULL, NULL, 0)

enum {
#define X(id, ...) SL_DM_##id,
    SL_DAEMON_METRICS(X)
#undef X
};

extern const struct sl_metric_table sl_daemon_metric_table;
