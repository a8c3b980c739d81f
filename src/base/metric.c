#include "base/metric.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

#define PREFIX "statuslist_"

const uint64_t sl_metric_latency_bounds[] = {
    50000,    100000,    250000,    500000,    1000000,    2500000,    5000000,    10000000,    25000000,
    50000000, 100000000, 250000000, 500000000, 1000000000, 2500000000, 5000000000, 10000000000, 0};
const uint64_t sl_metric_size_bounds[] = {1,   2,   4,    8,    16,   32,   64,    128,
                                          256, 512, 1024, 2048, 4096, 8192, 16384, 0};

static struct sl_metric_slab *registry; /* written before the threads start */

static unsigned bound_count(const struct sl_metric_def *d)
{
    unsigned n = 0;
    while (d->bounds[n] != 0)
        n++;
    return n;
}

static unsigned value_count(const struct sl_metric_def *d)
{
    unsigned n = 0;
    while (d->label_values != NULL && d->label_values[n] != NULL)
        n++;
    return n ? n : 1;
}

/* A histogram has a cell for each bound, one for +Inf and one for the sum. */
static unsigned cell_count(const struct sl_metric_def *d)
{
    return d->type == SL_HISTOGRAM ? bound_count(d) + 2 : value_count(d);
}

struct sl_metric_slab *sl_metric_slab_new(const struct sl_metric_table *table, const char *labels)
{
    struct sl_metric_slab *s = sl_xcalloc(1, sizeof *s);
    s->table = table;
    s->labels = sl_xstrdup(labels);
    s->first = sl_xcalloc(table->count, sizeof *s->first);
    uint32_t cells = 0;
    for (unsigned i = 0; i < table->count; i++) {
        s->first[i] = cells;
        cells += cell_count(&table->defs[i]);
    }
    size_t bytes = (cells * sizeof *s->cells + 127) / 64 * 64;
    void *mem = sl_must(aligned_alloc(64, bytes));
    memset(mem, 0, bytes);
    s->cells = mem;
    /* Kept in order of creation, so that /metrics reads like the tables. */
    struct sl_metric_slab **end = &registry;
    while (*end != NULL)
        end = &(*end)->next;
    *end = s;
    return s;
}

void sl_metric_registry_free(void)
{
    while (registry != NULL) {
        struct sl_metric_slab *s = registry;
        registry = s->next;
        free(s->labels);
        free(s->first);
        free((void *)s->cells);
        free(s);
    }
}

void sl_metric_observe(struct sl_metric_slab *s, unsigned id, uint64_t raw)
{
    const uint64_t *bounds = s->table->defs[id].bounds;
    unsigned i = 0, bucket = 0;
    for (; bounds[i] != 0; i++)
        bucket += raw > bounds[i];
    sl_metric_cell_add(&s->cells[s->first[id] + bucket], 1);
    sl_metric_cell_add(&s->cells[s->first[id] + i + 1], raw);
}

static uint64_t cell(const struct sl_metric_slab *s, unsigned id, unsigned i)
{
    return atomic_load_explicit(&s->cells[s->first[id] + i], memory_order_relaxed);
}

uint64_t sl_metric_sum(const struct sl_metric_table *table, unsigned id)
{
    uint64_t sum = 0;
    for (const struct sl_metric_slab *s = registry; s != NULL; s = s->next)
        for (unsigned i = 0; s->table == table && i < cell_count(&table->defs[id]); i++)
            sum += cell(s, id, i);
    return sum;
}

/* The cell summed over `s` and all later slabs of the same table and labels. */
static uint64_t summed(const struct sl_metric_slab *s, unsigned id, unsigned i)
{
    uint64_t sum = 0;
    for (const struct sl_metric_slab *t = s; t != NULL; t = t->next)
        if (t->table == s->table && strcmp(t->labels, s->labels) == 0)
            sum += cell(t, id, i);
    return sum;
}

static void put_value(struct sl_buf *out, const struct sl_metric_def *d, uint64_t raw)
{
    if (d->scale == 0)
        sl_buf_u64(out, raw);
    else
        sl_buf_printf(out, "%.9g", (double)raw * d->scale);
    sl_buf_putc(out, '\n');
}

static void put_sample(struct sl_buf *out, const struct sl_metric_def *d, const char *suffix,
                       const char *labels, const char *key, const char *value)
{
    const char *comma = labels[0] != '\0' && key != NULL ? "," : "";
    sl_buf_printf(out, PREFIX "%s%s", d->name, suffix);
    if (key != NULL)
        sl_buf_printf(out, "{%s%s%s=\"%s\"}", labels, comma, key, value);
    else if (labels[0] != '\0')
        sl_buf_printf(out, "{%s}", labels);
    sl_buf_putc(out, ' ');
}

static void put_histogram(struct sl_buf *out, const struct sl_metric_slab *s, unsigned id)
{
    const struct sl_metric_def *d = &s->table->defs[id];
    unsigned n = bound_count(d);
    uint64_t total = 0;
    for (unsigned i = 0; i <= n; i++) {
        char le[32] = "+Inf";
        if (i < n)
            snprintf(le, sizeof le, "%.9g", (double)d->bounds[i] * (d->scale == 0 ? 1 : d->scale));
        total += summed(s, id, i);
        put_sample(out, d, "_bucket", s->labels, "le", le);
        sl_buf_printf(out, "%llu\n", (unsigned long long)total);
    }
    put_sample(out, d, "_sum", s->labels, NULL, NULL);
    put_value(out, d, summed(s, id, n + 1));
    put_sample(out, d, "_count", s->labels, NULL, NULL);
    sl_buf_printf(out, "%llu\n", (unsigned long long)total);
}

static void put_metric(struct sl_buf *out, const struct sl_metric_slab *s, unsigned id)
{
    const struct sl_metric_def *d = &s->table->defs[id];
    if (d->type == SL_HISTOGRAM) {
        put_histogram(out, s, id);
        return;
    }
    for (unsigned i = 0; i < value_count(d); i++) {
        uint64_t v = summed(s, id, i);
        if (v == SL_METRIC_NONE && d->type == SL_GAUGE)
            continue;
        put_sample(out, d, "", s->labels, d->label, d->label != NULL ? d->label_values[i] : NULL);
        put_value(out, d, v);
    }
}

static bool seen_before(const struct sl_metric_slab *s, bool with_labels)
{
    for (const struct sl_metric_slab *t = registry; t != s; t = t->next)
        if (t->table == s->table && (!with_labels || strcmp(t->labels, s->labels) == 0))
            return true;
    return false;
}

static void render_metric(struct sl_buf *out, const struct sl_metric_slab *first, unsigned id)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    const struct sl_metric_def *d = &first->table->defs[id];
    sl_buf_printf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", d->name, d->help, d->name,
                  types[d->type]);
    for (const struct sl_metric_slab *s = first; s != NULL; s = s->next)
        if (s->table == first->table && !seen_before(s, true))
            put_metric(out, s, id);
}

void sl_metric_render(struct sl_buf *out)
{
    for (const struct sl_metric_slab *s = registry; s != NULL; s = s->next)
        for (unsigned id = 0; !seen_before(s, false) && id < s->table->count; id++)
            render_metric(out, s, id);
}
