/* What an operator and a load balancer ask for: readiness as a sentence, and gauges. It looks at all parts
 * and changes none. */
#include <stdlib.h>

#include "base/assert.h"
#include "keeper/keeper_int.h"

static bool signers_valid(struct sl_keeper *k, struct sl_buf *why)
{
    SL_EACH_KPOOL (p, k) {
        if (!sl_keeper_expired(p))
            continue;
        sl_buf_printf(why, "signer: the certificate of pool %s expired on ", p->shared->name);
        sl_ending_put(sl_key_not_after(p->shared->key), why);
        return false;
    }
    return true;
}

static bool tokens_fresh(struct sl_keeper *k, struct sl_buf *why)
{
    int64_t now = sl_wall_ms(k->clock) / 1000, latest = sl_keeper_latest_iat(k);
    uint32_t missing = 0, expired = 0;
    SL_EACH_KLIST (t, k) {
        const struct sl_token *token = sl_list_token(&t->list);
        if (sl_keeper_is_retired(t))
            continue;
        missing += token == NULL || token->iat > latest;
        expired += token != NULL && token->exp <= now;
    }
    if (missing + expired == 0)
        return true;
    sl_buf_printf(why, "tokens: %u lists are not signed yet, %u tokens have expired", missing, expired);
    struct sl_buf signer;
    sl_buf_init(&signer, 512);
    if (!signers_valid(k, &signer))
        sl_buf_printf(why, "; %.*s", (int)signer.len, signer.data);
    sl_buf_free(&signer);
    return false;
}

static void put_store_reason(struct sl_keeper *k, struct sl_buf *why)
{
    const char *reason = sl_store_reason(k->store);
    if (reason[0] != '\0')
        sl_buf_printf(why, " (%s)", reason);
}

bool sl_keeper_ready_fetch(struct sl_keeper *k, struct sl_buf *why)
{
    if (k->leaving) {
        sl_buf_puts(why, "shutdown: the service is shutting down");
        return false;
    }
    SL_EACH_KPOOL (p, k) {
        if (!sl_keeper_was_synced(p)) {
            sl_buf_printf(why, "pools: %s has not been read from Redis yet", p->shared->name);
            put_store_reason(k, why);
            return false;
        }
    }
    return tokens_fresh(k, why);
}

static bool pool_ready(struct sl_kpool *p, struct sl_buf *why)
{
    const char *difference = sl_keeper_difference(p);
    if (difference[0] != '\0') {
        sl_buf_puts(why, difference);
        return false;
    }
    if (!sl_keeper_is_synced(p)) {
        sl_buf_printf(why, "store: the keeper is reading pool %s again", p->shared->name);
        return false;
    }
    if (!p->options->retired && sl_ring_fill(p->shared->ring) == 0) {
        sl_buf_printf(why, "rings: no reference of pool %s is ready", p->shared->name);
        return false;
    }
    return true;
}

bool sl_keeper_ready_issuer(struct sl_keeper *k, struct sl_buf *why)
{
    if (!sl_keeper_ready_fetch(k, why) || !signers_valid(k, why))
        return false;
    enum sl_store_state state = sl_store_state(k->store);
    if (state != SL_STORE_UP) {
        sl_buf_printf(why, "store: redis is %s", sl_store_state_name(state));
        put_store_reason(k, why);
        return false;
    }
    const char *unfit = sl_store_unfit(k->store);
    if (unfit != NULL) {
        sl_buf_printf(why, "store: redis is unfit (%s)", unfit);
        return false;
    }
    uint32_t down = atomic_load_explicit(&k->shared->workers_down, memory_order_relaxed);
    if (down > 0) {
        sl_buf_printf(why, "store: %u of %u workers have no connection to redis", down,
                      k->setup.worker_count);
        return false;
    }
    SL_EACH_KPOOL (p, k)
        if (!pool_ready(p, why))
            return false;
    return true;
}

void sl_keeper_put_detail(struct sl_keeper *k, struct sl_buf *out)
{
    sl_keeper_put_damage(k, out);
    sl_keeper_put_clocks(k, out);
}

static void set_pool_gauges(struct sl_kpool *p)
{
    struct sl_metric_slab *metrics = p->metrics;
    const struct sl_pool_options *options = p->options;
    int64_t end = sl_key_not_after(p->shared->key);
    sl_metric_set(metrics, SL_KM_RING_FILL, sl_ring_fill(p->shared->ring));
    sl_metric_set(metrics, SL_KM_RING_CAPACITY, options->retired ? 0 : options->capacity);
    sl_metric_set(metrics, SL_KM_LIST_SIZE, options->size);
    sl_metric_set(metrics, SL_KM_OWNED, sl_keeper_owned(p));
    sl_metric_set(metrics, SL_KM_SPARES, sl_keeper_spares(p));
    sl_metric_set(metrics, SL_KM_SPARES_WANTED, options->retired ? 0 : options->precreation_lists);
    sl_metric_set(metrics, SL_KM_LIFETIME, options->list_lifetime_ms / 1000);
    sl_metric_set(metrics, SL_KM_DIFFERS, sl_keeper_difference(p)[0] != '\0');
    sl_metric_set(metrics, SL_KM_QUEUE, atomic_load_explicit(&p->shared->queued, memory_order_relaxed));
    sl_metric_set(metrics, SL_KM_LISTS_DAMAGED, sl_keeper_damaged_count(p));
    sl_metric_set(metrics, SL_KM_MARKS_LEFT, sl_keeper_marks_left_ns(p) / SL_NS_PER_S);
    sl_keeper_publication_gauges(p);
    sl_metric_set(metrics, SL_KM_NOT_AFTER, end == INT64_MAX ? 0 : (uint64_t)end);
    sl_metric_set(metrics, SL_KM_SIGNER_EXPIRED, sl_keeper_expired(p));
}

/* Of one pool; 0: it has no token. */
struct token_times {
    int64_t oldest_iat, nearest_exp;
};

static void note_token(struct token_times *times, const struct sl_token *token)
{
    if (times->oldest_iat == 0 || token->iat < times->oldest_iat)
        times->oldest_iat = token->iat;
    if (times->nearest_exp == 0 || token->exp < times->nearest_exp)
        times->nearest_exp = token->exp;
}

void sl_keeper_gauges(struct sl_keeper *k)
{
    if (k->setup.redis_fitness != NULL)
        sl_fitness_gauges(k->setup.redis_fitness);
    struct token_times *times = sl_xcalloc(k->shared->pool_count + 1, sizeof *times);
    SL_EACH_KLIST (t, k) {
        const struct sl_token *token = sl_list_token(&t->list);
        if (token != NULL && !sl_keeper_is_retired(t))
            note_token(&times[t->pool->shared->number], token);
    }
    SL_EACH_KPOOL (p, k) {
        const struct token_times *own = &times[p->shared->number];
        set_pool_gauges(p);
        sl_metric_set(p->metrics, SL_KM_OLDEST_IAT, (uint64_t)own->oldest_iat);
        sl_metric_set(p->metrics, SL_KM_NEAREST_EXP, (uint64_t)own->nearest_exp);
    }
    free(times);
    sl_keeper_clock_gauges(k);
}
