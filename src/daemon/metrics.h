/* Metrics of the process itself. */
#pragma once
#include "base/metric.h"

enum sl_reload_result { SL_RELOAD_DONE, SL_RELOAD_REFUSED };

#define SL_DAEMON_METRICS(X)                                                                                 \
    X(RELOADS, "reloads_total", SL_COUNTER,                                                                  \
      "Times that the configuration was read again (SIGHUP): put in force, or refused because something "    \
      "was "                                                                                                 \
      "wrong with it.",                                                                                      \
      "result", sl_reload_results, NULL, 0)                                                                  \
    X(CONFIG_SINCE, "configuration_since_seconds", SL_GAUGE,                                                 \
      "When the configuration in force was put in force, in seconds since 1970.", NULL, NULL, NULL, 0)       \
    X(REDIS_NOT_AFTER, "redis_certificate_not_after_seconds", SL_GAUGE,                                      \
      "End of the certificate that is shown to Redis, or of the first in its chain that ends, in seconds "   \
      "since 1970; only where one is shown. Minus time() it is what is left.",                               \
      NULL, NULL, NULL, 0)

enum {
#define X(id, ...) SL_DM_##id,
    SL_DAEMON_METRICS(X)
#undef X
};

extern const struct sl_metric_table sl_daemon_metric_table;
