#include "store/fitness.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"

static const struct sl_metric_def defs[] = {
#define X(id, name, type, help, label, values, bounds, scale)                                                \
    {name, type, help, label, values, bounds, scale},
    SL_FITNESS_METRICS(X)
#undef X
};
const struct sl_metric_table sl_fitness_metric_table = {defs, SL_FITNESS_M_COUNT};

void sl_fitness_init(struct sl_fitness *f, struct sl_metric_slab *metrics)
{
    memset(f, 0, sizeof *f);
    f->metrics = metrics;
}

void sl_fitness_free(struct sl_fitness *f)
{
    atomic_store(&f->reason, NULL);
    for (unsigned i = 0; i < f->text_count; i++)
        free(f->texts[i]);
    f->text_count = 0;
}

void sl_fitness_doubt(struct sl_fitness *f, const char *reason)
{
    const char *fit = NULL;
    if (reason != NULL && atomic_compare_exchange_strong(&f->reason, &fit, reason))
        sl_log(SL_ERROR, "redis", "redis is unfit: what must be durable is refused", SL_KS("reason", reason));
    atomic_store_explicit(&f->doubted, true, memory_order_relaxed);
}

/* Other threads may still read an earlier text, so none is freed while they run. */
static const char *keep_text(struct sl_fitness *f, const char *text)
{
    for (unsigned i = 0; i < f->text_count; i++)
        if (strcmp(f->texts[i], text) == 0)
            return f->texts[i];
    if (f->text_count == SL_FITNESS_TEXTS)
        return "redis is not as the options demand: the log says what is wrong";
    size_t room = strlen(text) + 1;
    char *copy = sl_xmalloc(room);
    memcpy(copy, text, room);
    f->texts[f->text_count++] = copy;
    return copy;
}

static void log_change(const char *before, const char *reason)
{
    if (reason == NULL && before != NULL)
        sl_log(SL_INFO, "redis", "redis is fit again");
    else if (reason != NULL && (before == NULL || strcmp(before, reason) != 0))
        sl_log(SL_ERROR, "redis", "redis is unfit: what must be durable is refused", SL_KS("reason", reason));
}

void sl_fitness_judge(struct sl_fitness *f, const char *reason, bool risky)
{
    const char *text = reason != NULL ? keep_text(f, reason) : NULL;
    log_change(atomic_exchange(&f->reason, text), reason);
    uint64_t acknowledged = atomic_load_explicit(&f->acknowledged, memory_order_relaxed);
    if (f->metrics != NULL && risky)
        sl_metric_add(f->metrics, SL_FITNESS_M_ACKNOWLEDGED, acknowledged - f->counted);
    f->counted = acknowledged;
}
