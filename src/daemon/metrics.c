#include "daemon/metrics.h"

static const char *const sl_reload_results[] = {"done", "partly", "refused", NULL};

static const struct sl_metric_def defs[] = {
#define X(id, name, type, help, label, values, bounds, scale)                                                \
    {name, type, help, label, values, bounds, scale},
    SL_DAEMON_METRICS(X)
#undef X
};

const struct sl_metric_table sl_daemon_metric_table = {defs, sizeof defs / sizeof defs[0]};
