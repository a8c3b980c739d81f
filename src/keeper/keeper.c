#include "keeper/keeper.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/container_of.h"
#include "keeper/keeper_int.h"

/* ---- news from the connections */

static void on_command_state(void *arg, enum sl_store_state state)
{
    struct sl_keeper *k = arg;
    if (state == SL_STORE_UP)
        sl_keeper_store_up(k);
    else
        sl_keeper_store_down(k);
    sl_keeper_ask_tempos(k);
    sl_keeper_store_lag(k);
    if (state == SL_STORE_DOWN || state == SL_STORE_UP)
        k->store_failed = state == SL_STORE_DOWN;
    if (state == SL_STORE_DOWN)
        sl_keeper_answer_early(k, SL_ERR_UNAVAILABLE);
    if (state == SL_STORE_DOWN && !k->started && sl_store_hopeless(k->store))
        k->setup.on_fatal(k->setup.arg, sl_store_reason(k->store));
}

/* Another connection than the keeper's own, which checks more and says more exactly what is missing: its word
 * comes first. The others are dialled again until then. */
static void end_hopeless_start(struct sl_keeper *k, enum sl_store_state state, bool hopeless, const char *why)
{
    bool verified = k->store != NULL && sl_store_state(k->store) == SL_STORE_UP;
    if (state == SL_STORE_DOWN && !k->started && verified && hopeless)
        k->setup.on_fatal(k->setup.arg, why);
}

static void on_loader_state(void *arg, enum sl_store_state state)
{
    struct sl_keeper *k = arg;
    sl_keeper_store_lag(k);
    if (k->loader != NULL)
        end_hopeless_start(k, state, sl_store_hopeless(k->loader), sl_store_reason(k->loader));
    if (state == SL_STORE_UP)
        sl_keeper_pump(arg);
}

static void on_feed_state(void *arg, enum sl_store_state state)
{
    struct sl_keeper *k = arg;
    if (k->feed == NULL)
        return; /* the feed is being made */
    sl_keeper_update_authority(k);
    end_hopeless_start(k, state, sl_feed_hopeless(k->feed), sl_feed_reason(k->feed));
    if (state != SL_STORE_UP) {
        sl_keeper_tempos_hidden(k);
        return;
    }
    sl_keeper_tempos_shown(k);
    /* While the feed was down, versions were committed and instances may have started. */
    SL_EACH_KPOOL (p, k) {
        sl_keeper_check_agreement(p);
        sl_keeper_read_changes(p);
    }
}

static void on_version(void *arg, const char *pool, const struct sl_uuid *list, uint64_t version)
{
    struct sl_keeper *k = arg;
    struct sl_klist *t = sl_klist_of(sl_table_find(k->shared->table, list));
    if (t != NULL) {
        sl_keeper_committed(t, version, sl_mono_ns(k->clock));
        return;
    }
    SL_EACH_KPOOL (p, k)
        if (strcmp(p->shared->name, pool) == 0)
            sl_keeper_read_changes(p);
}

/* ---- news from the parts */

static void on_publication_ended(struct sl_klist *t, bool first)
{
    /* References of this list may wait for its first token. */
    if (first && sl_keeper_stock(t->pool) != NULL)
        sl_keeper_distribute(t->pool);
    sl_keeper_mend(t->pool);
}

static void on_owns(struct sl_kpool *p, bool ok)
{
    if (!ok) {
        sl_keeper_refill_later(p);
        return;
    }
    sl_keeper_precreate(p);
    sl_keeper_refill(p);
    sl_keeper_pump(p->keeper);
}

static void on_refused(struct sl_kpool *p)
{
    sl_keeper_judge_start(p->keeper);
}

static const struct sl_keeper_hooks hooks = {.publication_ended = on_publication_ended,
                                             .behind = sl_keeper_list_behind,
                                             .mended = sl_keeper_mending_ended,
                                             .agreed = sl_keeper_open,
                                             .refused = on_refused,
                                             .owns = on_owns,
                                             .other_history = sl_keeper_refused_here};

/* ---- the sweep: whatever was missed is caught here */

static void on_sweep(void *arg)
{
    struct sl_keeper *k = arg;
    sl_timer_start(k->loop, &k->sweep, SL_SWEEP_NS);
    sl_keeper_judge_clock(k);
    sl_keeper_watch_clocks(k);
    sl_keeper_watch_certificates(k);
    sl_keeper_watch_loader(k);
    sl_keeper_watch_workers(k);
    sl_keeper_ask_tempos(k);
    SL_EACH_KPOOL (p, k) {
        sl_keeper_answer_waiters(p, true);
        sl_keeper_retry_agreement(p);
        sl_keeper_sweep(p);
        sl_keeper_end_marks(p);
        sl_keeper_look_again(p);
        sl_keeper_refill(p);
        sl_keeper_watch_lease(p);
    }
}

/* ---- mail */

static struct sl_kpool *pool_of(struct sl_keeper *k, const struct sl_reservation *reservation)
{
    return &k->pools[reservation->pool->number];
}

static void on_changed(struct sl_keeper *k, struct sl_changed_mail *changed)
{
    sl_keeper_committed(sl_keeper_list(k, changed->list), changed->version, changed->committed_ns);
    free(changed);
}

static void on_refill_wanted(struct sl_keeper *k, struct sl_mail *mail)
{
    sl_keeper_refill(&k->pools[sl_container_of(mail, struct sl_pool, refill_mail)->number]);
}

/* False: it is not a worker's. */
static bool worker_mail(struct sl_keeper *k, struct sl_mail *mail)
{
    struct sl_reservation *reservation = sl_container_of(mail, struct sl_reservation, mail);
    switch (mail->kind) {
    case SL_MAIL_REFILL:
        on_refill_wanted(k, mail);
        return true;
    case SL_MAIL_RESERVE:
        sl_keeper_enqueue(pool_of(k, reservation), reservation);
        return true;
    case SL_MAIL_RETURN:
        sl_keeper_returned(pool_of(k, reservation), reservation);
        return true;
    case SL_MAIL_CHANGED:
        on_changed(k, sl_container_of(mail, struct sl_changed_mail, mail));
        return true;
    case SL_MAIL_COLD:
        sl_keeper_ask_token(k, sl_container_of(mail, struct sl_cold_mail, mail));
        return true;
    case SL_MAIL_LOOKUP:
        sl_keeper_lookup(k, sl_container_of(mail, struct sl_lookup_mail, mail));
        return true;
    case SL_MAIL_REOPEN:
        sl_keeper_ask_reopen(k, sl_container_of(mail, struct sl_reopen_mail, mail));
        return true;
    case SL_MAIL_TURN:
        sl_keeper_note_quiescent(k);
        return true;
    }
    return false;
}

void sl_keeper_mail(struct sl_keeper *k, struct sl_mail *mail)
{
    if (worker_mail(k, mail))
        return;
    switch (mail->kind) {
    case SL_KEEPER_MAIL_SIGNED:
        sl_keeper_sign_done(k, mail);
        return;
    case SL_KEEPER_MAIL_UNPACKED:
        sl_keeper_unpack_done(mail);
        return;
    case SL_STORE_MAIL:
        sl_store_mail(mail);
        return;
    }
    sl_assert(!"mail that is not for the keeper");
}

/* ---- life */

const char *const sl_keeper_roles[SL_KEEPER_CONNECTIONS] = {"keeper", "loader", "feed"};

static struct sl_store_setup setup_of_connection(struct sl_keeper *k, unsigned which,
                                                 void (*on_state)(void *arg, enum sl_store_state state))
{
    return (struct sl_store_setup){.loop = k->loop,
                                   .options = k->setup.redis,
                                   .tls = k->setup.redis_tls,
                                   .fitness = k->setup.redis_fitness,
                                   .pools = k->channels,
                                   .identity = k->setup.identity,
                                   .role = sl_keeper_roles[which],
                                   .clerk = k->setup.clerk,
                                   .mail = k->setup.mail,
                                   .metrics = k->setup.store_metrics[which],
                                   .on_state = on_state,
                                   .arg = k};
}

static void init_pool(struct sl_keeper *k, unsigned i)
{
    struct sl_kpool *p = &k->pools[i];
    p->keeper = k;
    p->shared = &k->shared->pools[i];
    p->options = sl_pool_options(p->shared);
    p->metrics = k->setup.pool_metrics[i];
    k->channels[i] = p->shared->name;
    sl_keeper_advertise_options(p);
    sl_keeper_signing_init(p);
    sl_keeper_stock_init(p);
    sl_keeper_take_init(p);
    sl_keeper_sync_init(p);
}

static void connect_all(struct sl_keeper *k)
{
    struct sl_store_setup setup = setup_of_connection(k, SL_KEEPER_COMMANDS, on_command_state);
    setup.verifies = true;
    k->store = sl_store_new(&setup);
    setup = setup_of_connection(k, SL_KEEPER_LOADER, on_loader_state);
    k->loader = sl_store_new(&setup);
    struct sl_feed_setup feed = {.connection = setup_of_connection(k, SL_KEEPER_FEED, on_feed_state),
                                 .pools = k->channels,
                                 .shown = sl_keeper_shown(k),
                                 .on_version = on_version,
                                 .arg = k};
    k->feed = sl_feed_new(&feed);
}

struct sl_keeper *sl_keeper_new(const struct sl_keeper_setup *setup)
{
    unsigned pools = setup->shared->pool_count;
    struct sl_keeper *k = sl_xcalloc(1, sizeof *k);
    k->setup = *setup;
    k->hooks = hooks;
    k->shared = setup->shared;
    k->loop = setup->loop;
    k->clock = sl_loop_clock(setup->loop);
    k->pools = sl_xcalloc(pools, sizeof *k->pools);
    k->channels = sl_xcalloc(pools + 1, sizeof *k->channels);
    sl_keeper_clocks_init(k);
    sl_keeper_agreements_init(k);
    sl_keeper_reclaim_init(k);
    for (unsigned i = 0; i < pools; i++)
        init_pool(k, i);
    sl_keeper_heirs_init(k);
    sl_keeper_publications_init(k);
    sl_keeper_watch_certificates(k);
    sl_timer_init(&k->sweep, on_sweep, k);
    sl_timer_start(k->loop, &k->sweep, SL_SWEEP_NS);
    connect_all(k);
    return k;
}

static void free_lists(struct sl_keeper *k)
{
    for (struct sl_klist *t = sl_keeper_next_list(k, NULL), *next; t != NULL; t = next) {
        next = sl_keeper_next_list(k, t);
        sl_keeper_memory_free(t);
        free(t);
    }
}

void sl_keeper_free(struct sl_keeper *k)
{
    if (k == NULL)
        return;
    sl_feed_free(k->feed);
    sl_store_free(k->loader);
    sl_store_free(k->store);
    sl_timer_stop(k->loop, &k->sweep);
    sl_keeper_drain_free(k);
    SL_EACH_KPOOL (p, k) {
        sl_keeper_take_free(p);
        sl_keeper_heir_free(p);
        sl_keeper_own_free(p);
        sl_keeper_stock_free(p);
        sl_keeper_signing_free(p);
        sl_keeper_damage_free(p);
        sl_keeper_mending_free(p);
        sl_keeper_sync_free(p);
        sl_keeper_history_free(p);
    }
    sl_keeper_publications_free(k);
    sl_keeper_reclaim_free(k);
    sl_keeper_agreements_free(k);
    free_lists(k);
    free(k->channels);
    free(k->pools);
    free(k);
}
