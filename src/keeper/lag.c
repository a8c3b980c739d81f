/* How long publications take: what the workers' promises stand on (worker/visible.h). */
#include "keeper/keeper_int.h"

#define LAG_MIN (100 * SL_NS_PER_MS)
#define FADE 8 /* each sweep takes an eighth off what was long */

void sl_keeper_due(struct sl_klist *t)
{
    struct sl_keeper *k = t->pool->keeper;
    t->queued_ns = sl_mono_ns(k->clock);
    if (k->ready_count + k->active == 0)
        k->progress_ns = t->queued_ns;
}

static void measured(struct sl_keeper *k, const struct sl_klist *t, const struct sl_token_cost *cost)
{
    uint64_t now = sl_mono_ns(k->clock), lag = now - t->queued_ns;
    uint64_t took = cost->compress_ns + cost->sign_ns;
    k->progress_ns = now;
    k->lag_ns = lag > k->lag_ns ? lag : k->lag_ns;
    k->cost_ns = k->cost_ns == 0 ? took : k->cost_ns - k->cost_ns / 8 + took / 8;
}

void sl_keeper_count_publication(struct sl_klist *t, const struct sl_token_spec *spec,
                                 const struct sl_token_cost *cost, const struct sl_token *old)
{
    struct sl_metric_slab *m = t->pool->metrics;
    unsigned cause = old == NULL                    ? SL_PUBLISHED_FIRST
                     : spec->version > old->version ? SL_PUBLISHED_CHANGE
                                                    : SL_PUBLISHED_RENEWAL;
    sl_metric_add(m, SL_KM_SIGNINGS, 1);
    sl_metric_add_label(m, SL_KM_PUBLICATIONS, cause, 1);
    sl_metric_observe(m, SL_KM_COMPRESS_SECONDS, cost->compress_ns);
    sl_metric_observe(m, SL_KM_SIGN_SECONDS, cost->sign_ns);
    sl_level_measured(&t->pool->levels, spec->level, cost->compress_ns);
    measured(t->pool->keeper, t, cost);
}

static bool is_up(const struct sl_store *s)
{
    return s != NULL && sl_store_state(s) == SL_STORE_UP;
}

void sl_keeper_tell_lag(struct sl_keeper *k)
{
    uint64_t lag = k->lag_ns > LAG_MIN ? k->lag_ns : LAG_MIN, backlog = k->ready_count * k->cost_ns;
    lag = lag > backlog ? lag : backlog;
    if (!k->started || k->draining || !is_up(k->store) || !is_up(k->loader))
        lag = 0;
    atomic_store_explicit(&k->shared->publish_lag_ns, lag, memory_order_relaxed);
    atomic_store_explicit(&k->shared->publish_cost_ns, k->cost_ns, memory_order_relaxed);
}

void sl_keeper_judge_lag(struct sl_keeper *k)
{
    uint64_t still = sl_mono_ns(k->clock) - k->progress_ns;
    k->lag_ns -= k->lag_ns / FADE;
    if (k->ready_count + k->active > 0 && still > k->lag_ns)
        k->lag_ns = still; /* nothing comes out: it takes that long already */
    sl_keeper_tell_lag(k);
}
