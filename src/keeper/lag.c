#include "keeper/lag.h"

#include "keeper/keeper_int.h"

#define LAG_MIN (100 * SL_NS_PER_MS)
#define FADE 8 /* a sweep takes an eighth off */

uint64_t sl_keeper_lag_queued(struct sl_keeper *k, unsigned unfinished)
{
    uint64_t now = sl_mono_ns(k->clock);
    if (unfinished == 0)
        k->lag.progress_ns = now;
    return now;
}

void sl_keeper_lag_published(struct sl_keeper *k, uint64_t queued_ns, const struct sl_token_cost *cost)
{
    struct sl_lag *l = &k->lag;
    uint64_t now = sl_mono_ns(k->clock), lag = now - queued_ns;
    uint64_t took = cost->compress_ns + cost->sign_ns;
    l->progress_ns = now;
    l->longest_ns = lag > l->longest_ns ? lag : l->longest_ns;
    l->cost_ns = l->cost_ns == 0 ? took : l->cost_ns - l->cost_ns / 8 + took / 8;
}

static bool is_up(const struct sl_store *s)
{
    return s != NULL && sl_store_state(s) == SL_STORE_UP;
}

void sl_keeper_store_lag(struct sl_keeper *k, unsigned queued)
{
    const struct sl_lag *l = &k->lag;
    uint64_t lag = l->longest_ns > LAG_MIN ? l->longest_ns : LAG_MIN, backlog = queued * l->cost_ns;
    lag = lag > backlog ? lag : backlog;
    if (!k->started || k->draining || !is_up(k->store) || !is_up(k->loader))
        lag = 0;
    atomic_store_explicit(&k->shared->publish_lag_ns, lag, memory_order_relaxed);
    atomic_store_explicit(&k->shared->publish_cost_ns, l->cost_ns, memory_order_relaxed);
}

void sl_keeper_lag_fade(struct sl_keeper *k, unsigned unfinished)
{
    struct sl_lag *l = &k->lag;
    uint64_t still = sl_mono_ns(k->clock) - l->progress_ns;
    l->longest_ns -= l->longest_ns / FADE;
    if (unfinished > 0 && still > l->longest_ns)
        l->longest_ns = still; /* nothing comes out: the next one takes at least this long */
}
