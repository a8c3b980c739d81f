/* A list's way from a change to the slot:
 *
 * 1. The keeper learns of a version (sl_keeper_committed): by a worker's mail, the feed, or the sweep.
 *
 * 2. schedule_change: an idle list is queued at once, or update-interval after its last publication, so that
 * many versions within an interval make one publication. A list without changes gets a timer for its renewal.
 *
 * 3. sl_keeper_pump takes lists from the queue, the oldest change first, while there is room
 * (keeper/queue.h), and asks Redis for all statuses (on_loaded); large lists come over a connection of their
 * own.
 *
 * What Redis answers is one state, with the marks of exactly that state. It is shown only if it contains what
 * is remembered of the list (keeper/remember.h); otherwise the pool is opened anew. A state that is shown
 * already is not signed again: a wrong hint costs one load.
 *
 * 4. start_signing copies them into a job; a publisher thread compresses and signs, and the job comes back as
 * mail (sl_keeper_sign_done).
 *
 * 5. publish_token exchanges the slot; the old token is freed after a grace period (keeper/reclaim.h). A
 * version that was committed during steps 3 and 4 makes the list due again.
 *
 * A step that fails leaves the last token in the slot, marks it as withheld, and begins again later. */
#include "keeper/publish.h"

#include <stdlib.h>

#include "base/container_of.h"
#include "base/log.h"
#include "keeper/keeper_int.h"
#include "keeper/schedule.h"

#define RETRY_NS (500 * SL_NS_PER_MS)
#define SLOW_RETRY_NS (30 * SL_NS_PER_S)
#define RESIGN_PACE_NS (5 * SL_NS_PER_MS) /* a list, when a reload has made all tokens stale */
#define LOADS_MAX 3                       /* of one publication, until all its marks are named */
#define BACKLOG 64                        /* when more lists than this wait, speed comes before size */

/* ---- the queue */

static bool owes_change(const struct sl_klist *t)
{
    const struct sl_token *token = sl_list_token(&t->list);
    const struct sl_publication *publication = &t->publication;
    return token != NULL && (publication->committed > token->version || publication->doubted) &&
           !publication->dropped;
}

static void note_work(struct sl_klist *t)
{
    sl_queue_note_work(t, t->publication.state != SL_PUBLISH_IDLE || owes_change(t));
}

static void enqueue_list(struct sl_klist *t)
{
    struct sl_keeper *k = t->pool->keeper;
    struct sl_publication *publication = &t->publication;
    sl_timer_stop(k->loop, &publication->due);
    publication->queued_ns = sl_keeper_lag_queued(k, sl_queue_unfinished(k));
    publication->state = SL_PUBLISH_QUEUED;
    /* An urgent one before all lists for which no request waits. */
    uint64_t waiting_ns = owes_change(t) ? sl_owed_since(t) : publication->queued_ns;
    sl_queue_add(t, publication->urgent ? 0 : waiting_ns);
    note_work(t);
}

static void unqueue_list(struct sl_klist *t)
{
    sl_queue_remove(t);
    t->publication.state = SL_PUBLISH_IDLE;
    note_work(t);
}

static void make_urgent(struct sl_klist *t)
{
    if (t->publication.urgent)
        return;
    t->publication.urgent = true;
    if (t->publication.state != SL_PUBLISH_QUEUED)
        return;
    unqueue_list(t);
    enqueue_list(t);
}

static bool lacks_token(const struct sl_klist *t)
{
    const struct sl_token *token = sl_list_token(&t->list);
    return token == NULL || sl_keeper_is_from_future(t->pool->keeper, token->iat);
}

/* ---- workers that wait for a token */

static void answer_cold(struct sl_klist *t, enum sl_err err)
{
    while (t->publication.cold != NULL) {
        struct sl_cold_mail *mail = t->publication.cold;
        t->publication.cold = mail->next;
        mail->err = err;
        sl_mailbox_send(mail->reply_to, &mail->mail);
    }
}

void sl_keeper_refuse_tokens(struct sl_keeper *k)
{
    SL_EACH_KLIST (t, k)
        answer_cold(t, SL_ERR_UNAVAILABLE);
}

void sl_keeper_ask_token(struct sl_keeper *k, struct sl_cold_mail *mail)
{
    struct sl_klist *t = sl_keeper_list(k, mail->list);
    mail->next = t->publication.cold;
    t->publication.cold = mail;
    if (!lacks_token(t)) {
        answer_cold(t, SL_OK);
    } else if (t->publication.retired) {
        answer_cold(t, SL_ERR_NO_SUCH_LIST);
    } else if (k->draining || sl_store_state(k->store) != SL_STORE_UP || sl_keeper_expired(t->pool)) {
        answer_cold(t, SL_ERR_UNAVAILABLE);
    } else {
        make_urgent(t);
        sl_keeper_want_token(t, true);
        sl_keeper_pump(k);
    }
}

/* ---- retired lists */

static void start_due(struct sl_klist *t, uint64_t delay_ns);

/* The last token has expired, or its keys are gone: the list is unknown from now on. */
static void empty_slot(struct sl_klist *t)
{
    struct sl_token *old = atomic_exchange_explicit(&t->list.token, NULL, memory_order_acq_rel);
    answer_cold(t, SL_ERR_NO_SUCH_LIST);
    if (old == NULL)
        return;
    t->pool->publications.token_bytes -= old->memory;
    sl_keeper_defer_free(t->pool->keeper, t->list.number, old);
}

/* False: the list is to be published like any other. True: it is retired and owes no change, and its slot is
 * empty, or the timer for that runs. */
static bool expire_if_retired(struct sl_klist *t)
{
    if (!t->publication.retired || owes_change(t))
        return false;
    const struct sl_token *token = sl_list_token(&t->list);
    int64_t left_ms = token != NULL ? token->exp * 1000 - sl_wall_ms(t->pool->keeper->clock) : 0;
    if (left_ms <= 0)
        empty_slot(t);
    else
        start_due(t, (uint64_t)left_ms * SL_NS_PER_MS);
    return true;
}

void sl_keeper_stop_renewal(struct sl_klist *t)
{
    struct sl_pool_publications *all = &t->pool->publications;
    t->publication.retired = true;
    atomic_store_explicit(&t->list.retired, true, memory_order_release);
    atomic_fetch_add_explicit(&t->pool->shared->ended, 1, memory_order_release);
    all->lists--;
    all->unpublished -= sl_list_token(&t->list) == NULL;
    sl_keeper_note_shown(t->pool, all->unpublished);
}

void sl_keeper_note_dropped(struct sl_klist *t)
{
    t->publication.dropped = true;
}

/* ---- when a list is due */

static void on_due(void *arg)
{
    struct sl_klist *t = arg;
    if (expire_if_retired(t))
        return;
    enqueue_list(t);
    sl_keeper_pump(t->pool->keeper);
}

static void start_due(struct sl_klist *t, uint64_t delay_ns)
{
    t->publication.due.on_due = on_due;
    t->publication.due.arg = t;
    sl_timer_start(t->pool->keeper->loop, &t->publication.due, delay_ns);
}

/* When a list without unpublished changes is signed again. */
static uint64_t renewal_delay(struct sl_klist *t, const struct sl_token *token)
{
    const struct sl_kpool *p = t->pool;
    const struct sl_clock *clock = p->keeper->clock;
    int64_t wall_ms = sl_wall_ms(clock), left_ms = token->exp * 1000 - wall_ms;
    uint64_t renewal = sl_schedule_renewal(p->options, token->iat, token->exp, wall_ms, clock);
    if (t->publication.edition != sl_keeper_edition(p)) {
        uint64_t spread = sl_random_below(clock, p->publications.lists * RESIGN_PACE_NS + SL_NS_PER_S);
        return left_ms <= 0 ? 0 : spread < renewal ? spread : renewal;
    }
    /* The certificate ends with the token: another signature would not last longer. */
    if (token->exp >= sl_key_not_after(p->shared->key))
        return left_ms > 1000 ? (uint64_t)left_ms * SL_NS_PER_MS : SL_NS_PER_S;
    return renewal;
}

/* When a list with unpublished changes is signed: update-interval after its last publication. */
static void schedule_change(struct sl_klist *t)
{
    const struct sl_publication *publication = &t->publication;
    uint64_t now = sl_mono_ns(t->pool->keeper->clock);
    uint64_t due = publication->published_ns + sl_owed_interval(t);
    if (publication->published_ns == 0 || due <= now || publication->doubted) {
        enqueue_list(t);
        sl_keeper_pump(t->pool->keeper);
    } else {
        const struct sl_token *token = sl_list_token(&t->list);
        uint64_t renewal = renewal_delay(t, token); /* an interval may be longer than a token lives */
        start_due(t, due - now < renewal ? due - now : renewal);
    }
}

void sl_keeper_schedule(struct sl_klist *t)
{
    const struct sl_token *token = sl_list_token(&t->list);
    if (t->publication.state != SL_PUBLISH_IDLE || expire_if_retired(t))
        return;
    if (token != NULL && sl_keeper_is_from_future(t->pool->keeper, token->iat)) {
        enqueue_list(t);
        sl_keeper_pump(t->pool->keeper);
    } else if (token == NULL || owes_change(t))
        schedule_change(t);
    else
        start_due(t, renewal_delay(t, token));
}

void sl_keeper_add_publication(struct sl_klist *t, uint64_t version)
{
    t->pool->publications.lists++;
    t->pool->publications.unpublished++;
    t->publication.committed = version;
    sl_queue_count_list(t);
}

void sl_keeper_committed(struct sl_klist *t, uint64_t version, uint64_t when_ns)
{
    struct sl_publication *publication = &t->publication;
    if (version <= publication->committed)
        return;
    publication->committed = version;
    sl_owed_note(t, when_ns, sl_keeper_is_under_way(t));
    note_work(t);
    /* If the list is queued or under way, the version that is loaded decides about another round. */
    if (publication->state == SL_PUBLISH_IDLE && !expire_if_retired(t))
        schedule_change(t);
}

void sl_keeper_found_version(struct sl_klist *t, uint64_t version)
{
    t->publication.committed = version;
    note_work(t);
    if (owes_change(t))
        sl_keeper_schedule(t);
}

void sl_keeper_doubt_list(struct sl_klist *t)
{
    struct sl_publication *publication = &t->publication;
    if (publication->retired || publication->doubted)
        return;
    publication->doubted = true;
    note_work(t);
    sl_keeper_schedule(t);
}

void sl_keeper_publish_owed(struct sl_keeper *k)
{
    SL_EACH_KLIST (t, k)
        if (owes_change(t))
            sl_keeper_schedule(t);
}

void sl_keeper_want_token(struct sl_klist *t, bool urgent)
{
    const struct sl_publication *publication = &t->publication;
    if (!lacks_token(t) || publication->retired)
        return;
    bool retries = sl_list_token(&t->list) == NULL && sl_timer_running(&publication->due);
    if (publication->state == SL_PUBLISH_IDLE && !retries)
        enqueue_list(t);
    else if (publication->cold != NULL || urgent)
        make_urgent(t);
}

/* ---- loading and signing */

static void retry_list(struct sl_klist *t, uint64_t delay_ns)
{
    sl_slot_withhold(t);
    note_work(t);
    answer_cold(t, SL_ERR_UNAVAILABLE);
    start_due(t, delay_ns);
}

static void publication_failed(struct sl_klist *t, enum sl_err err, const char *what)
{
    struct sl_kpool *p = t->pool;
    sl_metric_add(p->metrics, SL_KM_PUBLISH_FAILURES, 1);
    sl_log(SL_ERROR, "publish", what, SL_KS("pool", p->shared->name),
           SL_KN("list", t->list.uri.at, t->list.uri.len), SL_KS("code", sl_err_code(err)));
    t->publication.state = SL_PUBLISH_IDLE;
    sl_keeper_drop_loaded(t);
    retry_list(t, sl_keeper_is_damaged(p->keeper, &t->list.id) ? SLOW_RETRY_NS : RETRY_NS);
}

static void start_signing(struct sl_klist *t, const struct sl_loaded *loaded)
{
    bool hurry = sl_queue_length(t->pool->keeper) > BACKLOG;
    const char *why = sl_keeper_keep_loaded(t, loaded)
                          ? sl_keeper_start_signing(t, loaded->head, &loaded->line, loaded->bytes,
                                                    t->publication.last_iat, hurry)
                          : "no memory for the marks of a list";
    if (why == NULL) {
        t->publication.state = SL_PUBLISH_SIGNING;
        return;
    }
    sl_queue_end(t);
    publication_failed(t, SL_ERR_INTERNAL, why);
}

/* Redis does not have the list, or a state that lacks something readers have seen. They never go back in
 * time: the present token stays until it expires, or until the list has been restored in Redis. */
static void not_loaded(struct sl_klist *t, enum sl_err err, struct sl_head found)
{
    struct sl_publication *publication = &t->publication;
    bool gone = err == SL_ERR_NO_SUCH_LIST, shown = sl_list_token(&t->list) != NULL;
    bool behind = err == SL_OK || (gone && shown && !publication->retired);
    if (gone) {
        publication->dropped = publication->dropped || publication->retired;
        t->pool->publications.list_missing = true;
    }
    if (err == SL_ERR_INTERNAL)
        sl_keeper_note_unreadable(t);
    if (behind)
        sl_keeper_note_rollback(t, found);
    publication_failed(t, err == SL_OK ? SL_ERR_INTERNAL : err,
                       err == SL_OK ? "redis lacks something that was published" : "cannot load a list");
    if (behind)
        t->pool->keeper->hooks.behind(t->pool);
}

/* A load that was due by a change, and has found none: a hint was wrong, or came twice. */
static bool brings_nothing(const struct sl_klist *t, const struct sl_loaded *loaded)
{
    return t->publication.for_change && sl_keeper_shows(t, loaded->head) &&
           t->publication.edition == sl_keeper_edition(t->pool);
}

static void show_nothing_new(struct sl_klist *t)
{
    t->publication.state = SL_PUBLISH_IDLE;
    (void)sl_owed_published(t, owes_change(t));
    sl_keeper_clear_rollback(t);
    sl_slot_confirm(t);
    note_work(t);
    sl_keeper_schedule(t);
}

static struct sl_store *store_for(struct sl_keeper *k, const struct sl_klist *t)
{
    bool large = sl_keeper_raw_bytes(t) >= SL_LARGE_LIST;
    struct sl_store *store = large ? k->loader : k->store;
    return sl_store_state(store) == SL_STORE_UP && !(large && sl_keeper_loader_strays(k)) ? store : NULL;
}

static void on_loaded(void *arg, enum sl_err err, const struct sl_loaded *loaded);

static enum sl_err ask_redis(struct sl_klist *t, struct sl_store *store)
{
    struct sl_lineage named[SL_LINE_MAX];
    unsigned n = sl_keeper_marks_wanted(t, named);
    t->publication.loads++;
    return sl_store_load(store, t->pool->shared->name, &t->list.id, named, n, on_loaded, t);
}

/* The list has changed in lineages that were not known here: their marks are asked for by name. */
static bool load_again(struct sl_klist *t, const struct sl_loaded *loaded)
{
    struct sl_store *store = store_for(t->pool->keeper, t);
    sl_keeper_note_line(t, &loaded->line);
    return t->publication.loads < LOADS_MAX && store != NULL && ask_redis(t, store) == SL_OK;
}

/* What is loaded is what Redis has; only a hint that came after the load had begun may know more. */
static void note_loaded(struct sl_publication *publication, uint64_t version)
{
    if (publication->committed == publication->load_committed || publication->committed < version)
        publication->committed = version;
    publication->doubted = false;
}

static void on_loaded(void *arg, enum sl_err err, const struct sl_loaded *loaded)
{
    struct sl_klist *t = arg;
    struct sl_keeper *k = t->pool->keeper;
    bool shows = err == SL_OK && sl_keeper_contains_remembered(t, &loaded->line);
    bool whole = shows && !loaded->more;
    if (shows && !whole && load_again(t, loaded))
        return;
    if (whole)
        note_loaded(&t->publication, loaded->head.version);
    if (whole && !brings_nothing(t, loaded)) {
        sl_metric_add(t->pool->metrics, SL_KM_LOADS, 1);
        start_signing(t, loaded);
        return;
    }
    sl_queue_end(t);
    if (whole)
        show_nothing_new(t);
    else if (shows)
        publication_failed(t, SL_ERR_UNAVAILABLE, "the marks of a list change too fast");
    else
        not_loaded(t, err, err == SL_OK ? loaded->head : (struct sl_head){.version = 0});
    k->hooks.publication_ended(t, false);
    sl_keeper_pump(k);
}

static void load_list(struct sl_klist *t, struct sl_store *store)
{
    atomic_store_explicit(&t->list.under_way, true, memory_order_release);
    if (sl_keeper_expired(t->pool)) { /* announced once, for its pool */
        retry_list(t, SLOW_RETRY_NS);
        return;
    }
    t->publication.for_change = owes_change(t);
    t->publication.load_committed = t->publication.committed;
    t->publication.loads = 0;
    if (ask_redis(t, store) != SL_OK) {
        publication_failed(t, SL_ERR_UNAVAILABLE, "cannot load a list");
        return;
    }
    t->publication.state = SL_PUBLISH_LOADING;
    t->publication.loading_ns = sl_mono_ns(t->pool->keeper->clock);
    sl_owed_loading(t);
    sl_queue_begin(t);
    note_work(t);
}

/* Lists of a pool in doubt, and large ones for which there is no room, let the others pass; but no large one
 * passes a larger one that is older. */
void sl_keeper_pump(struct sl_keeper *k)
{
    bool large_full = false;
    sl_keeper_store_lag(k);
    for (struct sl_klist *t = sl_queue_next(k, NULL), *next; t != NULL && !k->ending; t = next) {
        next = sl_queue_next(k, t);
        if (sl_keeper_in_doubt(t->pool))
            continue;
        size_t bytes = sl_keeper_raw_bytes(t);
        bool large = sl_queue_is_large(bytes);
        struct sl_store *store = store_for(k, t);
        if (store == NULL || (large && large_full) || !sl_queue_has_room(k, t)) {
            if (bytes < SL_LARGE_LIST)
                return;
            large_full = large_full || large;
            continue;
        }
        unqueue_list(t);
        if (!expire_if_retired(t))
            load_list(t, store);
    }
}

/* ---- into the slot */

/* True: it is the list's first token. */
static bool publish_token(struct sl_klist *t, struct sl_token *token, uint64_t edition)
{
    struct sl_kpool *p = t->pool;
    struct sl_publication *publication = &t->publication;
    uint64_t now = sl_mono_ns(p->keeper->clock);
    struct sl_token *old = sl_slot_fill(t, token);
    sl_keeper_loaded_is_shown(t);
    sl_keeper_clear_rollback(t);
    publication->published_ns = now;
    publication->last_iat = token->iat;
    publication->edition = edition;
    p->publications.token_bytes += token->memory - (old != NULL ? old->memory : 0);
    uint64_t since = sl_owed_published(t, publication->committed > token->version);
    if (since != 0)
        sl_metric_observe(p->metrics, SL_KM_VISIBLE_SECONDS, now - since);
    publication->urgent = false;
    if (old != NULL) {
        sl_keeper_defer_free(p->keeper, t->list.number, old);
    } else {
        p->publications.unpublished -= !publication->retired;
        sl_keeper_note_shown(p, p->publications.unpublished);
    }
    answer_cold(t, SL_OK);
    note_work(t);
    sl_keeper_schedule(t);
    return old == NULL;
}

void sl_keeper_sign_done(struct sl_keeper *k, struct sl_mail *mail)
{
    struct sl_sign_job *job = sl_container_of(mail, struct sl_sign_job, job.mail);
    struct sl_klist *t = job->list;
    bool first = false;
    sl_queue_end(t);
    if (job->err != SL_OK) {
        publication_failed(t, job->err, "cannot sign a token");
    } else if (sl_keeper_is_from_future(k, job->token->iat)) { /* the clock was set back meanwhile */
        sl_token_unref(job->token);
        publication_failed(t, SL_ERR_UNAVAILABLE, "a token was signed by a clock that was wrong");
    } else {
        t->publication.state = SL_PUBLISH_IDLE;
        sl_keeper_count_signing(job, t->publication.queued_ns, t->publication.loading_ns);
        first = publish_token(t, job->token, job->edition);
    }
    sl_keeper_end_sign_job(job);
    k->hooks.publication_ended(t, first);
    sl_keeper_pump(k);
}

/* ---- what others ask, and what the clocks bring */

/* After a step of the wall clock that is believed (keeper/clocks.h) every renewal is drawn anew. */
static void watch_wall_clock(struct sl_keeper *k)
{
    int64_t offset = sl_wall_ms(k->clock) - (int64_t)(sl_mono_ns(k->clock) / SL_NS_PER_MS);
    int64_t step = offset - k->publications.wall_offset_ms;
    k->publications.wall_offset_ms = offset;
    if (step > -1000 && step < 1000)
        return;
    sl_log(SL_WARN, "publish", "the clock was set: renewals are drawn anew", SL_KI("milliseconds", step));
    SL_EACH_KLIST (t, k) {
        const struct sl_token *token = sl_list_token(&t->list);
        if (token != NULL && (!owes_change(t) || sl_keeper_is_from_future(t->pool->keeper, token->iat)))
            sl_keeper_schedule(t);
    }
}

void sl_keeper_watch_clocks(struct sl_keeper *k)
{
    watch_wall_clock(k);
    sl_keeper_lag_fade(k, sl_queue_unfinished(k));
    sl_keeper_store_lag(k);
}

bool sl_keeper_is_retired(const struct sl_klist *t)
{
    return t->publication.retired;
}

bool sl_keeper_is_dropped(const struct sl_klist *t)
{
    return t->publication.dropped;
}

bool sl_keeper_is_under_way(const struct sl_klist *t)
{
    return t->publication.state == SL_PUBLISH_LOADING || t->publication.state == SL_PUBLISH_SIGNING;
}

uint32_t sl_keeper_list_count(const struct sl_kpool *p)
{
    return p->publications.lists;
}

bool sl_keeper_list_missing(const struct sl_kpool *p)
{
    return p->publications.list_missing;
}

void sl_keeper_clear_list_missing(struct sl_kpool *p)
{
    p->publications.list_missing = false;
}

void sl_keeper_publication_gauges(const struct sl_kpool *p)
{
    sl_metric_set(p->metrics, SL_KM_LISTS, p->publications.lists);
    sl_metric_set(p->metrics, SL_KM_LISTS_UNPUBLISHED, p->publications.unpublished);
    sl_metric_set(p->metrics, SL_KM_TOKEN_BYTES, p->publications.token_bytes);
}

void sl_keeper_publications_init(struct sl_keeper *k)
{
    sl_keeper_lag_init(k);
    k->publications.wall_offset_ms = sl_wall_ms(k->clock) - (int64_t)(sl_mono_ns(k->clock) / SL_NS_PER_MS);
}

void sl_keeper_publications_free(struct sl_keeper *k)
{
    SL_EACH_KLIST (t, k) {
        sl_timer_stop(k->loop, &t->publication.due);
        sl_token_unref(sl_list_token(&t->list));
    }
}
