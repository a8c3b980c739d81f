#include "keeper/lag.h"

#include "keeper/keeper_int.h"

#define LAG_MIN (100 * SL_NS_PER_MS)
#define FADE 8                       /* a sweep takes an eighth off */
#define KIB_START (SL_NS_PER_MS / 5) /* until a large list was measured: more than a slow machine needs */
#define KIB_MARGIN 2                 /* other instances may be slower, and this one busier than before */

void sl_keeper_lag_init(struct sl_keeper *k)
{
    k->lag.kib_ns = KIB_START;
}

uint64_t sl_keeper_lag_queued(struct sl_keeper *k, unsigned unfinished)
{
    uint64_t now = sl_mono_ns(k->clock);
    if (unfinished == 0)
        k->lag.progress_ns = now;
    return now;
}

void sl_keeper_lag_published(struct sl_keeper *k, const struct sl_lag_sample *sample)
{
    struct sl_lag *l = &k->lag;
    uint64_t now = sl_mono_ns(k->clock);
    l->progress_ns = now;
    if (sample->bytes < SL_LARGE_LIST) {
        uint64_t lag = now - sample->queued_ns, took = sample->cost->compress_ns + sample->cost->sign_ns;
        l->longest_ns = lag > l->longest_ns ? lag : l->longest_ns;
        l->cost_ns = l->cost_ns == 0 ? took : l->cost_ns - l->cost_ns / 8 + took / 8;
    } else {
        uint64_t kib = (now - sample->loading_ns) / (sample->bytes / 1024);
        l->kib_ns = kib > l->kib_ns ? kib : l->kib_ns - l->kib_ns / FADE + kib / FADE;
    }
}

static bool is_up(const struct sl_store *s)
{
    return s != NULL && sl_store_state(s) == SL_STORE_UP;
}

void sl_keeper_store_lag(struct sl_keeper *k)
{
    const struct sl_lag *l = &k->lag;
    uint64_t kib = KIB_MARGIN * l->kib_ns, work = sl_queue_work(k) * l->cost_ns;
    uint64_t lag = l->longest_ns > LAG_MIN ? l->longest_ns : LAG_MIN;
    lag = (lag > work ? lag : work) + sl_queue_bytes_ahead(k) / 1024 * kib;
    if (!k->started || k->ending || !is_up(k->store) || !is_up(k->loader))
        lag = 0;
    atomic_store_explicit(&k->shared->publish_lag_ns, lag, memory_order_relaxed);
    atomic_store_explicit(&k->shared->publish_cost_ns, l->cost_ns, memory_order_relaxed);
    atomic_store_explicit(&k->shared->publish_kib_ns, kib, memory_order_relaxed);
    atomic_store_explicit(&k->shared->publish_large_ns, sl_queue_very_large_bytes(k) / 1024 * kib,
                          memory_order_relaxed);
}

void sl_keeper_lag_fade(struct sl_keeper *k, unsigned unfinished)
{
    struct sl_lag *l = &k->lag;
    uint64_t still = sl_mono_ns(k->clock) - l->progress_ns;
    l->longest_ns -= l->longest_ns / FADE;
    if (unfinished > 0 && still > l->longest_ns)
        l->longest_ns = still; /* nothing comes out: the next one takes at least this long */
}
