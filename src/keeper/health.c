/* What an operator and a load balancer ask. */
#include "base/log.h"
#include "keeper/keeper_int.h"

static bool signers_valid(struct sl_keeper *k, struct sl_buf *why)
{
    for (unsigned i = 0; i < k->shared->pool_count; i++) {
        const struct sl_kpool *p = &k->pools[i];
        if (!sl_keeper_expired(p))
            continue;
        sl_buf_printf(why, "signer: the certificate of pool %s has expired on ", p->shared->name);
        sl_ending_put(sl_key_not_after(p->shared->key), why);
        return false;
    }
    return true;
}

static bool tokens_fresh(struct sl_keeper *k, struct sl_buf *why)
{
    int64_t now = sl_wall_ms(k->clock) / 1000;
    uint32_t missing = 0, expired = 0;
    for (uint32_t i = 0; i < sl_table_count(k->shared->table); i++) {
        const struct sl_list *l = sl_table_at(k->shared->table, i);
        const struct sl_token *t = sl_list_token(l);
        if (atomic_load_explicit(&l->retired, memory_order_relaxed))
            continue;
        missing += t == NULL;
        expired += t != NULL && t->exp <= now;
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

bool sl_keeper_ready_fetch(struct sl_keeper *k, struct sl_buf *why)
{
    if (k->draining) {
        sl_buf_puts(why, "shutdown: the service is ending");
        return false;
    }
    for (unsigned i = 0; i < k->shared->pool_count; i++) {
        if (!k->pools[i].started) {
            sl_buf_printf(why, "pools: %s was not read from Redis yet", k->pools[i].shared->name);
            const char *reason = sl_store_reason(k->store);
            if (reason[0] != '\0')
                sl_buf_printf(why, " (%s)", reason);
            return false;
        }
    }
    return tokens_fresh(k, why);
}

bool sl_keeper_ready_issuer(struct sl_keeper *k, struct sl_buf *why)
{
    if (!sl_keeper_ready_fetch(k, why) || !signers_valid(k, why))
        return false;
    enum sl_store_state state = sl_store_state(k->store);
    if (state != SL_STORE_UP) {
        sl_buf_printf(why, "store: redis is %s", sl_store_state_name(state));
        const char *reason = sl_store_reason(k->store);
        if (reason[0] != '\0')
            sl_buf_printf(why, " (%s)", reason);
        return false;
    }
    uint32_t down = atomic_load_explicit(&k->shared->workers_down, memory_order_relaxed);
    if (down > 0) {
        sl_buf_printf(why, "store: %u of %u workers have no connection to redis", down,
                      k->setup.worker_count);
        return false;
    }
    for (unsigned i = 0; i < k->shared->pool_count; i++) {
        struct sl_kpool *p = &k->pools[i];
        if (p->differs[0] != '\0') {
            sl_buf_puts(why, p->differs);
            return false;
        }
        if (p->state != POOL_SYNCED) {
            sl_buf_printf(why, "store: pool %s is being read again", p->shared->name);
            return false;
        }
        if (!p->options->retired && sl_ring_fill(p->shared->ring) == 0) {
            sl_buf_printf(why, "rings: no reference of pool %s is ready", p->shared->name);
            return false;
        }
    }
    return true;
}

void sl_keeper_gauges(struct sl_keeper *k)
{
    unsigned count = k->shared->pool_count;
    for (unsigned i = 0; i < count; i++) {
        struct sl_kpool *p = &k->pools[i];
        sl_metric_set(p->metrics, SL_KM_RING_FILL, sl_ring_fill(p->shared->ring));
        bool retired = p->options->retired;
        sl_metric_set(p->metrics, SL_KM_RING_CAPACITY, retired ? 0 : p->options->capacity);
        sl_metric_set(p->metrics, SL_KM_LIST_SIZE, p->options->size);
        sl_metric_set(p->metrics, SL_KM_SPARES_WANTED, retired ? 0 : p->options->precreation_lists);
        sl_metric_set(p->metrics, SL_KM_LIFETIME, p->options->list_lifetime_ms / 1000);
        sl_metric_set(p->metrics, SL_KM_DIFFERS, p->differs[0] != '\0');
        sl_metric_set(p->metrics, SL_KM_QUEUE,
                      atomic_load_explicit(&p->shared->queued, memory_order_relaxed));
        sl_metric_set(p->metrics, SL_KM_LISTS, p->lists);
        sl_metric_set(p->metrics, SL_KM_LISTS_UNPUBLISHED, p->unpublished);
        sl_metric_set(p->metrics, SL_KM_TOKEN_BYTES, p->token_bytes);
        int64_t end = sl_key_not_after(p->shared->key);
        sl_metric_set(p->metrics, SL_KM_NOT_AFTER, end == INT64_MAX ? 0 : (uint64_t)end);
        sl_metric_set(p->metrics, SL_KM_SIGNER_EXPIRED, sl_keeper_expired(p));
        sl_metric_set(p->metrics, SL_KM_OLDEST_IAT, 0);
        sl_metric_set(p->metrics, SL_KM_NEAREST_EXP, 0);
    }
    for (uint32_t i = 0; i < sl_table_count(k->shared->table); i++) {
        struct sl_klist *t = sl_keeper_list(k, i);
        const struct sl_token *token = sl_list_token(&t->list);
        if (token == NULL || t->retired)
            continue;
        struct sl_metric_slab *m = t->pool->metrics;
        uint64_t iat = atomic_load_explicit(&m->cells[m->first[SL_KM_OLDEST_IAT]], memory_order_relaxed);
        uint64_t exp = atomic_load_explicit(&m->cells[m->first[SL_KM_NEAREST_EXP]], memory_order_relaxed);
        if (iat == 0 || (uint64_t)token->iat < iat)
            sl_metric_set(m, SL_KM_OLDEST_IAT, (uint64_t)token->iat);
        if (exp == 0 || (uint64_t)token->exp < exp)
            sl_metric_set(m, SL_KM_NEAREST_EXP, (uint64_t)token->exp);
    }
}
