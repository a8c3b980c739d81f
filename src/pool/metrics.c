#include "pool/metrics.h"

static const char *const sl_limits_hit[] = {"reservations", "updates", NULL};
static const char *const sl_update_results[] = {"changed", "same", "refused", "failed", "unknown", NULL};
static const char *const sl_keyed_results[] = {"first", "repeated", "reused", "failed", "unknown", NULL};
static const char *const sl_history_whys[] = {"replid", "first", "back", "list", NULL};
static const char *const sl_mended_hows[] = {"already", "new", "raised", "joined", "late", "retired", NULL};
static const char *const sl_clock_steps[] = {"seen", "believed", NULL};
static const char *const sl_publication_causes[] = {"first", "change", "renewal", NULL};

#define X(id, name, type, help, label, values, bounds, scale)                                                \
    {name, type, help, label, values, bounds, scale},
static const struct sl_metric_def worker_defs[] = {SL_POOL_WORKER_METRICS(X)};
static const struct sl_metric_def keeper_defs[] = {SL_KEEPER_METRICS(X)};
static const struct sl_metric_def clock_defs[] = {SL_CLOCK_METRICS(X)};
#undef X

const struct sl_metric_table sl_pool_worker_metric_table = {worker_defs,
                                                            sizeof worker_defs / sizeof worker_defs[0]};
const struct sl_metric_table sl_keeper_metric_table = {keeper_defs,
                                                       sizeof keeper_defs / sizeof keeper_defs[0]};
const struct sl_metric_table sl_clock_metric_table = {clock_defs, sizeof clock_defs / sizeof clock_defs[0]};
