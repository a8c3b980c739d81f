/* Metrics as tables. A layer declares its rows once (X-macro -> enum of ids + array of sl_metric_def); a slab
 * holds the values of one table for one owner thread and one label set (e.g. pool="tests"); the registry sums
 * slabs with the same table and labels when it renders. docs/metrics.md is generated from the same rows.
 *
 * Threads: one writer per slab (relaxed load + store, no locked instruction); any thread may render.
 * Slabs are registered before the threads start and live until they have ended. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>
#include "base/buf.h"

enum sl_metric_type { SL_COUNTER, SL_GAUGE, SL_HISTOGRAM };

struct sl_metric_def {
    const char *name; /* Prometheus name without the prefix statuslist_ */
    enum sl_metric_type type;
    const char *help;
    const char *label;               /* a label with fixed values, or NULL */
    const char *const *label_values; /* NULL-terminated; counters and gauges only */
    const uint64_t *bounds;          /* histogram: upper bounds, ascending, 0-terminated; raw units */
    double scale;                    /* raw * scale is what is printed (ns -> s: 1e-9); 0 means 1 */
};

struct sl_metric_table {
    const struct sl_metric_def *defs;
    unsigned count;
};

struct sl_metric_slab {
    const struct sl_metric_table *table;
    char *labels;            /* e.g. `pool="tests"`, or "" */
    uint32_t *first;         /* first[id]: index of the metric's first cell */
    _Atomic uint64_t *cells; /* on cache lines of its own */
    struct sl_metric_slab *next;
};

/* Creates a slab and puts it into the registry; only before the threads start. */
struct sl_metric_slab *sl_metric_slab_new(const struct sl_metric_table *table, const char *labels);
void sl_metric_registry_free(void); /* every slab; after all threads have ended */
/* Prometheus text format 0.0.4 of all slabs. */
void sl_metric_render(struct sl_buf *out);
/* Sum of a counter's or gauge's cells over all slabs of one table (labels ignored): for tests, readiness. */
uint64_t sl_metric_sum(const struct sl_metric_table *table, unsigned id);

extern const uint64_t sl_metric_latency_bounds[]; /* 50 us .. 10 s in ns; use with scale 1e-9 */
extern const uint64_t sl_metric_size_bounds[];    /* 1, 2, 4 .. 16384 */

/* A gauge with this value has none at the time: its line is left out. */
#define SL_METRIC_NONE UINT64_MAX

static inline void sl_metric_cell_add(_Atomic uint64_t *cell, uint64_t n)
{
    atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline void sl_metric_add(struct sl_metric_slab *s, unsigned id, uint64_t n)
{
    sl_metric_cell_add(&s->cells[s->first[id]], n);
}

static inline void sl_metric_add_label(struct sl_metric_slab *s, unsigned id, unsigned value, uint64_t n)
{
    sl_metric_cell_add(&s->cells[s->first[id] + value], n);
}

static inline void sl_metric_set(struct sl_metric_slab *s, unsigned id, uint64_t v)
{
    atomic_store_explicit(&s->cells[s->first[id]], v, memory_order_relaxed);
}

static inline void sl_metric_set_label(struct sl_metric_slab *s, unsigned id, unsigned value, uint64_t v)
{
    atomic_store_explicit(&s->cells[s->first[id] + value], v, memory_order_relaxed);
}

void sl_metric_observe(struct sl_metric_slab *s, unsigned id, uint64_t raw);
