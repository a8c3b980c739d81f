#include "keeper/owed.h"

#include "keeper/keeper_int.h"

/* Every instance has heard of a change by then (SL_SWEEP_NS), even if its reading is late, and has seen what
 * this one shows, or promises nothing (keeper/tempos.c). */
#define RAISE_NS (4 * SL_SWEEP_NS)

uint64_t sl_keeper_interval(const struct sl_kpool *p)
{
    if (sl_mono_ns(p->keeper->clock) < p->interval.raise_ns)
        return p->interval.before_ns;
    return p->options->update_interval_ms * SL_NS_PER_MS;
}

void sl_keeper_new_interval(struct sl_kpool *p, uint64_t before_ns)
{
    bool raised = p->options->update_interval_ms * SL_NS_PER_MS > before_ns;
    p->interval.before_ns = before_ns;
    p->interval.raise_ns = raised ? sl_mono_ns(p->keeper->clock) + RAISE_NS : 0;
}

void sl_keeper_hurry(struct sl_kpool *p)
{
    p->interval.most_ns = sl_keeper_interval(p);
    p->interval.before_ns = 0;
    p->interval.raise_ns = sl_mono_ns(p->keeper->clock) + RAISE_NS;
}

void sl_keeper_limit_interval(struct sl_kpool *p, uint64_t shortest_ns)
{
    p->interval.before_ns = shortest_ns < p->interval.most_ns ? shortest_ns : p->interval.most_ns;
}

void sl_owed_note(struct sl_klist *t, uint64_t when_ns, bool under_way)
{
    struct sl_owed *owed = &t->owed;
    uint64_t interval = sl_keeper_interval(t->pool);
    if (owed->since_ns == 0 || interval < owed->interval_ns)
        owed->interval_ns = interval;
    if (owed->since_ns == 0)
        owed->since_ns = when_ns;
    if (owed->later_ns == 0 && under_way)
        owed->later_ns = when_ns;
}

void sl_owed_loading(struct sl_klist *t)
{
    t->owed.later_ns = 0;
}

uint64_t sl_owed_published(struct sl_klist *t, bool more)
{
    struct sl_owed *owed = &t->owed;
    uint64_t since = owed->since_ns;
    /* If no change was learnt of during the load, the one that it lacks is older. */
    if (!more || owed->later_ns != 0)
        owed->since_ns = more ? owed->later_ns : 0;
    owed->later_ns = 0;
    return since;
}

uint64_t sl_owed_since(const struct sl_klist *t)
{
    return t->owed.since_ns;
}

uint64_t sl_owed_interval(const struct sl_klist *t)
{
    uint64_t interval = sl_keeper_interval(t->pool);
    if (t->pool->keeper->draining)
        return 0;
    return t->owed.since_ns != 0 && t->owed.interval_ns < interval ? t->owed.interval_ns : interval;
}
