/* Each sweep compares the system's wall clock with the steady one. A difference is a step: it is told, and
 * from then on it has to stand for a minute before it is believed. A clock that goes on moving begins anew.
 *
 * Redis' clock is a second witness, seen with every reading of changes. It may be the same clock (the
 * embedded Redis, a Redis on this machine), and then it has stepped as well. So it counts only if it has not
 * stepped since before our own step was noticed. That is why a reading of Redis' clock first looks at our
 * own: whatever made both step is noticed at ours no later than at Redis'. */
#include "keeper/clocks.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/steady.h"
#include "keeper/keeper_int.h"

#define STOOD_NS (60 * SL_NS_PER_S)
#define NOISE_MS 100        /* two clocks are read one after the other, and a leap second is smeared */
#define CREEP_MS 1000       /* a step that moves further is another one */
#define SLOW_NS SL_NS_PER_S /* a reply that took longer says too little about the time */

static int64_t distance(int64_t one, int64_t other)
{
    return one > other ? one - other : other - one;
}

static int64_t mono_ms(const struct sl_keeper *k)
{
    return (int64_t)(sl_mono_ns(k->clock) / SL_NS_PER_MS);
}

static int64_t offset_ms(const struct sl_keeper *k)
{
    return sl_wall_ms(k->clock) - mono_ms(k);
}

static void count_step(struct sl_keeper *k, enum sl_clock_step what)
{
    if (k->setup.clock_metrics != NULL)
        sl_metric_add_label(k->setup.clock_metrics, SL_CLOCK_M_STEPS, what, 1);
}

/* Redis' clock says the same as ours would after the step, and has done so since before the step. */
static bool redis_agrees(const struct sl_keeper *k)
{
    const struct sl_clocks *c = &k->clocks;
    return c->redis_known && c->redis_ns < c->stepped_ns &&
           distance(c->redis_ms, offset_ms(k) + c->step_ms) <= SL_CLOCK_NEAR_MS;
}

static void store_dated(struct sl_keeper *k);

static void believe_step(struct sl_keeper *k, const char *why)
{
    struct sl_clocks *c = &k->clocks;
    sl_log(SL_WARN, "clock", "the wall clock is believed again", SL_KS("why", why),
           SL_KI("milliseconds", c->step_ms));
    c->doubted = false;
    count_step(k, SL_CLOCK_BELIEVED);
    store_dated(k);
    sl_steady_believe(k->setup.steady); /* renewals are drawn anew at the sweep: publish.c */
}

static void note_step(struct sl_keeper *k, int64_t step_ms)
{
    struct sl_clocks *c = &k->clocks;
    if (!c->doubted)
        sl_log(SL_ERROR, "clock",
               "the wall clock jumped: it is not believed before it has stood for a minute",
               SL_KI("milliseconds", step_ms));
    c->doubted = true;
    c->step_ms = step_ms;
    c->stepped_ns = sl_mono_ns(k->clock);
    count_step(k, SL_CLOCK_SEEN);
}

void sl_keeper_judge_clock(struct sl_keeper *k)
{
    struct sl_clocks *c = &k->clocks;
    int64_t step_ms = k->setup.steady != NULL ? sl_steady_step_ms(k->setup.steady) : 0;
    if (distance(step_ms, 0) <= NOISE_MS) {
        if (c->doubted)
            sl_log(SL_WARN, "clock", "the wall clock is right again");
        c->doubted = false;
    } else if (!c->doubted || distance(step_ms, c->step_ms) > CREEP_MS) {
        note_step(k, step_ms);
    }
    if (c->doubted && redis_agrees(k))
        believe_step(k, "Redis' clock says the same");
    else if (c->doubted && sl_mono_ns(k->clock) - c->stepped_ns >= STOOD_NS)
        believe_step(k, "it has stood for a minute");
}

/* For the workers, which show no token from the future. */
static void store_ahead(struct sl_keeper *k)
{
    int64_t ahead_ms = k->clocks.redis_known ? k->clocks.redis_ms - offset_ms(k) : 0;
    atomic_store_explicit(&k->shared->ahead_s, (ahead_ms > 0 ? ahead_ms / 1000 : 0) + SL_CLOCK_NEAR_MS / 1000,
                          memory_order_relaxed);
}

/* Whatever was signed by the clock until now may have any second up to this one. */
static void store_dated(struct sl_keeper *k)
{
    struct sl_shared *shared = k->shared;
    int64_t from = shared->alone ? sl_keeper_latest_iat(k) : INT64_MAX;
    if (from > atomic_load_explicit(&shared->dated_from_s, memory_order_relaxed))
        atomic_store_explicit(&shared->dated_from_s, from, memory_order_relaxed);
}

void sl_keeper_clocks_init(struct sl_keeper *k)
{
    store_ahead(k);
    store_dated(k);
}

static void tell_difference(struct sl_keeper *k)
{
    struct sl_clocks *c = &k->clocks;
    int64_t apart_ms = c->redis_ms - offset_ms(k);
    bool apart = distance(apart_ms, 0) > SL_CLOCK_NEAR_MS;
    if (apart && !c->redis_told)
        sl_log(SL_ERROR, "clock", "redis' clock and ours are apart", SL_KI("milliseconds", apart_ms));
    c->redis_told = apart;
}

void sl_keeper_note_redis_time(struct sl_keeper *k, int64_t redis_ms, uint64_t asked_ns)
{
    struct sl_clocks *c = &k->clocks;
    uint64_t now = sl_mono_ns(k->clock);
    if (now - asked_ns > SLOW_NS)
        return;
    sl_keeper_judge_clock(k);
    int64_t redis = redis_ms - (int64_t)((now - (now - asked_ns) / 2) / SL_NS_PER_MS);
    if (!c->redis_known || distance(redis, c->redis_ms) > SL_CLOCK_NEAR_MS)
        c->redis_ns = now;
    c->redis_known = true;
    c->redis_ms = redis;
    store_ahead(k);
    tell_difference(k);
    sl_keeper_judge_clock(k);
}

int64_t sl_keeper_latest_iat(const struct sl_keeper *k)
{
    return sl_wall_ms(k->clock) / 1000 + atomic_load_explicit(&k->shared->ahead_s, memory_order_relaxed);
}

bool sl_keeper_is_from_future(const struct sl_keeper *k, int64_t iat)
{
    return iat > sl_keeper_latest_iat(k);
}

void sl_keeper_put_clocks(const struct sl_keeper *k, struct sl_buf *out)
{
    const struct sl_clocks *c = &k->clocks;
    int64_t apart_ms = c->redis_known ? c->redis_ms - offset_ms(k) : 0;
    if (c->doubted)
        sl_buf_printf(out, "%sclock: the wall clock jumped by %lld ms and is not believed",
                      out->len > 0 ? "; " : "", (long long)c->step_ms);
    if (distance(apart_ms, 0) > SL_CLOCK_NEAR_MS)
        sl_buf_printf(out, "%sclock: Redis' clock is %lld ms %s ours", out->len > 0 ? "; " : "",
                      (long long)distance(apart_ms, 0), apart_ms > 0 ? "ahead of" : "behind");
}

void sl_keeper_clock_gauges(const struct sl_keeper *k)
{
    const struct sl_clocks *c = &k->clocks;
    struct sl_metric_slab *metrics = k->setup.clock_metrics;
    if (metrics == NULL)
        return;
    sl_metric_set(metrics, SL_CLOCK_M_DOUBTED, c->doubted);
    sl_metric_set(metrics, SL_CLOCK_M_HANDED, sl_handover_used(k->setup.handover));
    sl_metric_set(metrics, SL_CLOCK_M_REDIS,
                  c->redis_known ? (uint64_t)distance(c->redis_ms, offset_ms(k)) : SL_METRIC_NONE);
}
