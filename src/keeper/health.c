/* What an operator and a load balancer ask for: readiness as a sentence, and gauges. It looks at all parts
 * and changes none. */
#include <stdlib.h>

#include "base/assert.h"
#include "keeper/keeper_int.h"

/* What was found out about the pools that were asked for. */
struct verdict {
    struct sl_buf *why;      /* of the first pool with a trouble */
    struct sl_buf *pools;    /* JSON members; NULL: not wanted */
    unsigned named, unnamed; /* pools with a trouble, in `pools` and beyond what it names */
    bool usable;             /* some pool can be used */
    bool beginning;          /* some pool is still being read or signed for the first time */
};

/* Lists of one pool without a token that can be shown. */
struct pool_tokens {
    uint32_t missing, expired;
};

static bool signs(const struct sl_kpool *p)
{
    return !sl_keeper_expired(p);
}

static void put_signer(const struct sl_kpool *p, struct sl_buf *why)
{
    const char *absent = sl_key_why_absent(p->shared->key);
    if (absent != NULL) {
        sl_buf_printf(why, "signer: pool %s does not sign: %s", p->shared->name, absent);
        return;
    }
    sl_buf_printf(why, "signer: the certificate of pool %s expired on ", p->shared->name);
    sl_ending_put(sl_key_not_after(p->shared->key), why);
}

static void put_store_reason(struct sl_keeper *k, struct sl_buf *why)
{
    const char *reason = sl_store_reason(k->store);
    if (reason[0] != '\0')
        sl_buf_printf(why, " (%s)", reason);
}

static struct pool_tokens *count_tokens(struct sl_keeper *k)
{
    struct pool_tokens *counts = sl_xcalloc(k->shared->pool_count, sizeof *counts);
    int64_t now = sl_wall_ms(k->clock) / 1000, latest = sl_keeper_latest_iat(k);
    SL_EACH_KLIST (t, k) {
        const struct sl_token *token = sl_list_token(&t->list);
        struct pool_tokens *own = &counts[t->pool->shared->number];
        if (sl_keeper_is_retired(t))
            continue;
        own->missing += token == NULL || token->iat > latest;
        own->expired += token != NULL && token->exp <= now;
    }
    return counts;
}

/* It is being read, or its lists are being signed for the first time. */
static bool is_beginning(const struct sl_kpool *p, const struct pool_tokens *tokens)
{
    if (!sl_keeper_was_synced(p))
        return sl_keeper_refusal(p)[0] == '\0';
    return tokens->missing > 0 && !sl_keeper_was_shown(p) && signs(p);
}

/* False: readers cannot have all of its lists, and `why` says so. */
static bool serves_readers(struct sl_kpool *p, const struct pool_tokens *tokens, struct sl_buf *why)
{
    const char *refusal = sl_keeper_refusal(p);
    if (refusal[0] != '\0') {
        sl_buf_printf(why, "pools: %s is not open: %s", p->shared->name, refusal);
        return false;
    }
    if (!sl_keeper_was_synced(p)) {
        sl_buf_printf(why, "pools: %s has not been read from Redis yet", p->shared->name);
        put_store_reason(p->keeper, why);
        return false;
    }
    if (tokens->missing + tokens->expired == 0)
        return true;
    sl_buf_printf(why, "tokens: %u lists are not signed yet, %u tokens have expired", tokens->missing,
                  tokens->expired);
    if (!signs(p)) {
        sl_buf_puts(why, "; ");
        put_signer(p, why);
    }
    return false;
}

/* The same for issuers. */
static bool serves_issuers(struct sl_kpool *p, struct sl_buf *why)
{
    const char *difference = sl_keeper_difference(p);
    if (!signs(p)) {
        put_signer(p, why);
        return false;
    }
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

/* False: issuers can do nothing at any pool. */
static bool store_ready(struct sl_keeper *k, struct sl_buf *why)
{
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
    if (down > 0)
        sl_buf_printf(why, "store: %u of %u workers have no connection to redis%s", down,
                      k->setup.worker_count,
                      atomic_load_explicit(&k->shared->workers_apart, memory_order_relaxed) > 0
                          ? ", or to another server than the keeper's"
                          : "");
    return down == 0;
}

static void name_pool(struct verdict *v, const struct sl_kpool *p, const struct sl_buf *trouble)
{
    if (v->named == SL_READY_NAMED) {
        v->unnamed++;
        return;
    }
    sl_buf_printf(v->pools, "%s\"%s\":", v->named++ > 0 ? "," : "", p->shared->name);
    sl_buf_json(v->pools, sl_span(trouble->data, trouble->len));
}

static void judge_pool(struct sl_kpool *p, bool issuer, const struct pool_tokens *tokens, struct verdict *v)
{
    struct sl_buf trouble;
    sl_buf_init(&trouble, 2 * SL_KEEPER_WHY);
    bool fine = serves_readers(p, tokens, &trouble) && (!issuer || serves_issuers(p, &trouble));
    if (!fine && is_beginning(p, tokens) && !v->beginning) {
        v->beginning = true;
        v->why->len = 0; /* that comes before what other pools lack */
    }
    if (!fine && v->why->len == 0)
        sl_buf_put(v->why, trouble.data, trouble.len);
    if (fine && !signs(p))
        put_signer(p, &trouble); /* its tokens last for a while */
    if (trouble.len > 0 && v->pools != NULL)
        name_pool(v, p, &trouble);
    v->usable = v->usable || fine;
    sl_buf_free(&trouble);
}

/* What a pool lacks means nothing for the others. */
static bool judge_pools(struct sl_keeper *k, const struct sl_ready_question *q,
                        const struct pool_tokens *tokens, struct sl_buf *why, struct sl_buf *pools)
{
    struct verdict v = {.why = why, .pools = pools};
    SL_EACH_KPOOL (p, k)
        if (q->pool == NULL || q->pool == p->shared)
            judge_pool(p, q->issuer, &tokens[p->shared->number], &v);
    if (v.unnamed > 0)
        sl_buf_printf(pools, ",\"...\":\"and %u more\"", v.unnamed);
    bool ready = v.usable && !v.beginning;
    if (ready)
        why->len = 0;
    return ready;
}

bool sl_keeper_ready(struct sl_keeper *k, const struct sl_ready_question *q, struct sl_buf *why,
                     struct sl_buf *pools)
{
    struct sl_ready_question readers = {.pool = q->pool};
    if (k->leaving) {
        sl_buf_puts(why, "shutdown: the service is shutting down");
        return false;
    }
    struct pool_tokens *tokens = count_tokens(k);
    bool ready = judge_pools(k, &readers, tokens, why, q->issuer ? NULL : pools);
    if (q->issuer) {
        struct sl_buf pool_why;
        sl_buf_init(&pool_why, 2 * SL_KEEPER_WHY);
        bool pools_ready = judge_pools(k, q, tokens, &pool_why, pools);
        ready = ready && store_ready(k, why);
        if (ready && !pools_ready)
            sl_buf_put(why, pool_why.data, pool_why.len);
        ready = ready && pools_ready;
        sl_buf_free(&pool_why);
    }
    free(tokens);
    return ready;
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
