#include "store/metrics.h"

#include "store/state.h"

static const char *const state_names[] = {
#define X(id, name) name,
    SL_STORE_STATES(X)
#undef X
        NULL};
static const char *const op_names[] = {
#define X(id, name, callback, flags) #name,
    SL_STORE_OPS(X)
#undef X
        NULL};
static const char *const failure_names[] = {"unavailable", "unknown", "reply", "bound", NULL};
static const char *const verification_names[] = {"passed", "failed", NULL};

static const struct sl_metric_def defs[] = {
#define X(id, name, type, help, label, values, bounds, scale)                                                \
    {name, type, help, label, values, bounds, scale},
    SL_STORE_METRICS(X)
#undef X
};

const struct sl_metric_table sl_store_metric_table = {defs, SL_STORE_M_COUNT};
