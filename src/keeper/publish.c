/* The publication path: due lists queue, at most a few are loaded and signed at once, each exactly once. */
#include <stdlib.h>

#include "base/log.h"
#include "core/status_list.h"
#include "keeper/keeper_int.h"
#include "keeper/schedule.h"

#define ACTIVE_BYTES (64u * 1024 * 1024) /* raw bytes under way at once; one list may exceed it */
#define RETRY_NS (500 * SL_NS_PER_MS)
#define EXPIRED_RETRY_NS (30 * SL_NS_PER_S)
#define RESIGN_PACE_NS (5 * SL_NS_PER_MS) /* a list; for those that a reload has signed again */
#define BACKLOG 64                        /* more lists than this are waiting: speed before size */
#define BACKLOG_LEVEL 6

struct sign_job {
    struct sl_job job;
    struct sl_klist *list;
    struct sl_token_spec spec;
    struct sl_key *key; /* a share */
    uint64_t edition;
    struct sl_token *token;
    struct sl_token_cost cost;
    enum sl_err err;
    uint8_t bytes[]; /* of the list; behind them the texts that the spec names */
};

static size_t raw_bytes(const struct sl_klist *t)
{
    return sl_status_bytes(t->list.size, t->list.bits);
}

/* ---- the queue */

static void enqueue(struct sl_klist *t)
{
    struct sl_keeper *k = t->pool->keeper;
    sl_timer_stop(k->loop, &t->due);
    sl_keeper_due(t);
    t->state = PUBLISH_QUEUED;
    k->ready_count++;
    if (t->urgent) { /* before all that nobody waits for */
        t->next_ready = k->ready;
        if (k->ready == NULL)
            k->ready_end = &t->next_ready;
        k->ready = t;
        return;
    }
    t->next_ready = NULL;
    *k->ready_end = t;
    k->ready_end = &t->next_ready;
}

static void unqueue(struct sl_keeper *k, struct sl_klist **link)
{
    struct sl_klist *t = *link;
    *link = t->next_ready;
    if (k->ready_end == &t->next_ready)
        k->ready_end = link;
    k->ready_count--;
    t->state = PUBLISH_IDLE;
}

/* The token in the slot is not what a publication now would show. */
static void withhold(struct sl_klist *t)
{
    atomic_store_explicit(&t->list.withheld, true, memory_order_release);
    atomic_store_explicit(&t->list.under_way, false, memory_order_release);
}

void sl_keeper_make_urgent(struct sl_klist *t)
{
    struct sl_keeper *k = t->pool->keeper;
    if (t->urgent)
        return;
    t->urgent = true;
    if (t->state != PUBLISH_QUEUED)
        return;
    struct sl_klist **link = &k->ready;
    while (*link != t)
        link = &(*link)->next_ready;
    unqueue(k, link);
    enqueue(t);
}

static void on_due(void *arg)
{
    struct sl_klist *t = arg;
    if (sl_keeper_let_end(t))
        return;
    enqueue(t);
    sl_keeper_pump(t->pool->keeper);
}

void sl_keeper_start_due(struct sl_klist *t, uint64_t delay_ns)
{
    t->due.on_due = on_due;
    t->due.arg = t;
    sl_timer_start(t->pool->keeper->loop, &t->due, delay_ns);
}

/* When a list without unpublished changes is signed again. */
static uint64_t quiet_delay(struct sl_klist *t, const struct sl_token *token)
{
    const struct sl_kpool *p = t->pool;
    const struct sl_clock *clock = p->keeper->clock;
    int64_t wall_ms = sl_wall_ms(clock), left_ms = token->exp * 1000 - wall_ms;
    uint64_t renewal = sl_schedule_renewal(p->options, token->iat, token->exp, wall_ms, clock);
    if (t->edition != p->edition) {
        uint64_t spread = sl_random_below(clock, p->lists * RESIGN_PACE_NS + SL_NS_PER_S);
        return left_ms <= 0 ? 0 : spread < renewal ? spread : renewal;
    }
    /* As long as the certificate lets it: another signature would not last longer. */
    if (token->exp >= sl_key_not_after(p->shared->key))
        return left_ms > 1000 ? (uint64_t)left_ms * SL_NS_PER_MS : SL_NS_PER_S;
    return renewal;
}

/* When a list with unpublished changes is due: update-interval after its last publication. */
static void schedule_change(struct sl_klist *t)
{
    uint64_t now = sl_mono_ns(t->pool->keeper->clock);
    uint64_t due = t->published_ns + t->pool->options->update_interval_ms * SL_NS_PER_MS;
    if (t->published_ns == 0 || due <= now) {
        enqueue(t);
        sl_keeper_pump(t->pool->keeper);
    } else {
        const struct sl_token *token = sl_list_token(&t->list);
        uint64_t quiet = quiet_delay(t, token); /* an interval may be longer than a token lives */
        sl_keeper_start_due(t, due - now < quiet ? due - now : quiet);
    }
}

void sl_keeper_schedule(struct sl_klist *t)
{
    const struct sl_token *token = sl_list_token(&t->list);
    if (t->state != PUBLISH_IDLE || sl_keeper_let_end(t))
        return;
    if (token == NULL || t->committed > token->version)
        schedule_change(t);
    else
        sl_keeper_start_due(t, quiet_delay(t, token));
}

void sl_keeper_committed(struct sl_klist *t, uint64_t version, uint64_t when_ns)
{
    if (version <= t->committed)
        return;
    t->committed = version;
    if (t->unseen_ns == 0)
        t->unseen_ns = when_ns;
    /* Under way or waiting: what is loaded will tell whether another round is needed. */
    if (t->state == PUBLISH_IDLE && !sl_keeper_let_end(t))
        schedule_change(t);
}

void sl_keeper_want_token(struct sl_klist *t)
{
    if (sl_list_token(&t->list) != NULL || t->retired)
        return;
    if (t->state == PUBLISH_IDLE && !sl_timer_running(&t->due))
        enqueue(t);
    else if (t->cold != NULL || t->pool->waiters != NULL)
        sl_keeper_make_urgent(t);
}

/* ---- loading and signing */

static void failed(struct sl_klist *t, enum sl_err err, const char *what)
{
    struct sl_kpool *p = t->pool;
    sl_metric_add(p->metrics, SL_KM_PUBLISH_FAILURES, 1);
    sl_log(SL_ERROR, "publish", what, SL_KS("pool", p->shared->name),
           SL_KN("list", t->list.uri.at, t->list.uri.len), SL_KS("code", sl_err_code(err)));
    t->state = PUBLISH_IDLE;
    withhold(t);
    sl_keeper_answer_cold(t, SL_ERR_UNAVAILABLE);
    sl_keeper_start_due(t, RETRY_NS);
}

/* Without a certificate that is valid there is nothing to load a list for. Told once for its pool. */
static void refuse_expired(struct sl_klist *t)
{
    withhold(t);
    sl_keeper_answer_cold(t, SL_ERR_UNAVAILABLE);
    sl_keeper_start_due(t, EXPIRED_RETRY_NS);
}

static int level_for(struct sl_kpool *p)
{
    uint64_t budget = p->options->update_interval_ms * SL_NS_PER_MS / 10;
    if (budget < 10 * SL_NS_PER_MS)
        budget = 10 * SL_NS_PER_MS;
    int level = sl_level_choose(&p->levels, budget);
    return p->keeper->ready_count > BACKLOG && level > BACKLOG_LEVEL ? BACKLOG_LEVEL : level;
}

static void sign(struct sl_job *job, void *builder)
{
    struct sign_job *j = (struct sign_job *)job;
    j->err = sl_token_build(builder, &j->spec, &j->token, &j->cost);
}

/* A copy in the job's memory: a reload may replace what it came from meanwhile. */
static struct sl_span keep(struct sl_span text, uint8_t **at)
{
    if (text.len == 0)
        return text;
    struct sl_span kept = sl_span(memcpy(*at, text.at, text.len), text.len);
    *at += text.len;
    return kept;
}

static void submit(struct sl_klist *t, uint64_t version, struct sl_span bytes)
{
    struct sl_kpool *p = t->pool;
    struct sl_keeper *k = p->keeper;
    size_t len = bytes.len < raw_bytes(t) ? bytes.len : raw_bytes(t);
    struct sl_span iss = p->options->issuer != NULL ? sl_span(p->options->issuer, strlen(p->options->issuer))
                                                    : sl_span(NULL, 0);
    struct sl_span aggregation = sl_span(p->aggregation_uri.data, p->aggregation_uri.len);
    struct sign_job *j = calloc(1, sizeof *j + len + iss.len + aggregation.len);
    struct sl_validity v = sl_schedule_validity(p->options, sl_wall_ms(k->clock) / 1000, t->last_iat,
                                                sl_key_not_after(p->shared->key));
    if (j == NULL || v.exp <= v.iat) {
        free(j);
        k->active--;
        k->active_bytes -= raw_bytes(t);
        failed(t, SL_ERR_INTERNAL,
               j == NULL ? "no memory to sign a list" : "the signing certificate has expired");
        return;
    }
    if (len > 0)
        memcpy(j->bytes, bytes.at, len);
    uint8_t *texts = j->bytes + len;
    j->list = t;
    j->key = sl_key_ref(p->shared->key);
    j->edition = p->edition;
    j->job = (struct sl_job){.mail.kind = MAIL_SIGNED, .work = sign, .reply_to = k->setup.mail};
    j->spec = (struct sl_token_spec){.key = j->key,
                                     .sub = t->list.uri,
                                     .iss = keep(iss, &texts),
                                     .aggregation_uri = keep(aggregation, &texts),
                                     .size = t->list.size,
                                     .bits = t->list.bits,
                                     .list = j->bytes,
                                     .list_len = len,
                                     .version = version,
                                     .iat = v.iat,
                                     .exp = v.exp,
                                     .ttl = p->options->ttl_ms / 1000,
                                     .iat_shared = v.iat == t->last_iat,
                                     .level = level_for(p)};
    t->state = PUBLISH_SIGNING;
    sl_crew_submit(k->setup.publishers, &j->job);
}

static void on_loaded(void *arg, enum sl_err err, uint64_t version, struct sl_span bytes)
{
    struct sl_klist *t = arg;
    struct sl_keeper *k = t->pool->keeper;
    struct sl_token *token = sl_list_token(&t->list);
    if (err == SL_OK && (token == NULL || version >= token->version)) {
        sl_metric_add(t->pool->metrics, SL_KM_LOADS, 1);
        submit(t, version, bytes);
        return;
    }
    k->active--;
    k->active_bytes -= raw_bytes(t);
    /* Redis has less than readers have seen: they never go back, so the token stays until it expires. */
    if (err == SL_OK)
        sl_keeper_rolled_back(t, version, token->version);
    t->dropped = t->dropped || (t->retired && err == SL_ERR_NO_SUCH_LIST);
    t->pool->missed = t->pool->missed || err == SL_ERR_NO_SUCH_LIST; /* perhaps it was retired */
    failed(t, err == SL_OK ? SL_ERR_INTERNAL : err,
           err == SL_OK ? "redis has an older version than was published" : "a list was not loaded");
    sl_keeper_mend(t->pool);
    sl_keeper_pump(k);
}

static struct sl_store *store_for(struct sl_keeper *k, const struct sl_klist *t)
{
    struct sl_store *s = raw_bytes(t) >= LARGE_LIST ? k->loader : k->store;
    return sl_store_state(s) == SL_STORE_UP ? s : NULL;
}

void sl_keeper_pump(struct sl_keeper *k)
{
    sl_keeper_tell_lag(k);
    unsigned limit = 4 * k->setup.publisher_count + 16;
    struct sl_klist **link = &k->ready;
    while (*link != NULL && k->active < limit && !k->draining) {
        struct sl_klist *t = *link;
        struct sl_store *s = store_for(k, t);
        bool doubt = sl_keeper_in_doubt(t->pool);
        if (doubt || s == NULL || (k->active > 0 && k->active_bytes + raw_bytes(t) > ACTIVE_BYTES)) {
            if (!doubt && raw_bytes(t) < LARGE_LIST)
                return;
            link = &t->next_ready; /* others, or small ones, may go on meanwhile */
            continue;
        }
        unqueue(k, link);
        if (sl_keeper_let_end(t))
            continue;
        atomic_store_explicit(&t->list.under_way, true, memory_order_release);
        if (sl_keeper_expired(t->pool)) {
            refuse_expired(t);
            continue;
        }
        if (sl_store_load(s, t->pool->shared->name, &t->list.id, on_loaded, t) != SL_OK) {
            failed(t, SL_ERR_UNAVAILABLE, "a list was not loaded");
            continue;
        }
        t->state = PUBLISH_LOADING;
        k->active++;
        k->active_bytes += raw_bytes(t);
    }
}

/* ---- publishing */

static void publish(struct sl_klist *t, struct sl_token *token, uint64_t edition)
{
    struct sl_kpool *p = t->pool;
    struct sl_keeper *k = p->keeper;
    uint64_t now = sl_mono_ns(k->clock);
    if (token->exp > atomic_load_explicit(&t->list.latest_exp, memory_order_relaxed))
        atomic_store_explicit(&t->list.latest_exp, token->exp, memory_order_release);
    atomic_store_explicit(&t->list.withheld, false, memory_order_release);
    struct sl_token *old = atomic_exchange_explicit(&t->list.token, token, memory_order_acq_rel);
    atomic_store_explicit(&t->list.under_way, false, memory_order_release);
    t->published_ns = now;
    t->last_iat = token->iat;
    t->edition = edition;
    p->token_bytes += token->memory;
    if (t->unseen_ns != 0)
        sl_metric_observe(p->metrics, SL_KM_VISIBLE_SECONDS, now - t->unseen_ns);
    t->unseen_ns = 0;
    t->urgent = false;
    if (old != NULL) {
        p->token_bytes -= old->memory;
        sl_keeper_retire(k, t, old);
    } else {
        p->unpublished -= !t->retired;
    }
    sl_keeper_answer_cold(t, SL_OK);
    if (t->committed < token->version)
        t->committed = token->version; /* loaded before we heard of it */
    if (t->committed > token->version)
        t->unseen_ns = now;
    sl_keeper_schedule(t);
    if (old == NULL && p->stock != NULL)
        sl_keeper_distribute(p);
}

void sl_keeper_signed(struct sl_keeper *k, struct sl_mail *m)
{
    struct sign_job *j = (struct sign_job *)m;
    struct sl_klist *t = j->list;
    k->active--;
    k->active_bytes -= raw_bytes(t);
    if (j->err != SL_OK) {
        failed(t, j->err, "a token was not signed");
    } else {
        t->state = PUBLISH_IDLE;
        sl_keeper_count_publication(t, &j->spec, &j->cost, sl_list_token(&t->list));
        publish(t, j->token, j->edition);
    }
    sl_key_free(j->key);
    free(j);
    sl_keeper_mend(t->pool);
    sl_keeper_pump(k);
}
