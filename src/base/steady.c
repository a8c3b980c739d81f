#include "base/steady.h"

static int64_t mono_ms(const struct sl_clock *clock)
{
    return (int64_t)(sl_mono_ns(clock) / SL_NS_PER_MS);
}

static uint64_t steady_mono(void *arg)
{
    return sl_mono_ns(((const struct sl_steady *)arg)->under);
}

static int64_t steady_wall(void *arg)
{
    const struct sl_steady *s = arg;
    return mono_ms(s->under) + atomic_load_explicit(&s->anchor_ms, memory_order_relaxed);
}

static void steady_random(void *arg, void *out, size_t n)
{
    sl_random(((const struct sl_steady *)arg)->under, out, n);
}

void sl_steady_init(struct sl_steady *s, const struct sl_clock *under)
{
    s->clock = (struct sl_clock){steady_mono, steady_wall, steady_random, s};
    s->under = under;
    atomic_init(&s->anchor_ms, sl_wall_ms(under) - mono_ms(under));
}

int64_t sl_steady_step_ms(const struct sl_steady *s)
{
    return sl_wall_ms(s->under) - sl_wall_ms(&s->clock);
}

void sl_steady_believe(struct sl_steady *s)
{
    atomic_store_explicit(&s->anchor_ms, sl_wall_ms(s->under) - mono_ms(s->under), memory_order_relaxed);
}
