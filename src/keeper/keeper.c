#include "keeper/keeper.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "keeper/keeper_int.h"
#include "store/mark.h"

static void on_command_state(void *arg, enum sl_store_state state)
{
    struct sl_keeper *k = arg;
    if (state == SL_STORE_UP)
        sl_keeper_store_up(k);
    else
        sl_keeper_store_down(k);
    sl_keeper_tell_lag(k);
    if (state == SL_STORE_DOWN || state == SL_STORE_UP)
        k->store_failed = state == SL_STORE_DOWN;
    if (state == SL_STORE_DOWN)
        sl_keeper_answer_early(k, SL_ERR_UNAVAILABLE);
    if (state == SL_STORE_DOWN && !k->started && sl_store_hopeless(k->store))
        k->setup.on_fatal(k->setup.arg, sl_store_reason(k->store));
}

static void on_loader_state(void *arg, enum sl_store_state state)
{
    sl_keeper_tell_lag(arg);
    if (state == SL_STORE_UP)
        sl_keeper_pump(arg);
}

static void on_feed_state(void *arg, enum sl_store_state state)
{
    struct sl_keeper *k = arg;
    if (k->feed == NULL)
        return; /* told while it is being made */
    sl_keeper_update_authority(k);
    /* What was published between the loss and now is found by reading; who came, by asking. */
    for (unsigned i = 0; state == SL_STORE_UP && i < k->shared->pool_count; i++) {
        sl_keeper_agree(&k->pools[i]);
        sl_keeper_sweep(&k->pools[i]);
    }
}

static void on_version(void *arg, const char *pool, const struct sl_uuid *list, uint64_t version)
{
    struct sl_keeper *k = arg;
    struct sl_klist *t = (struct sl_klist *)sl_table_find(k->shared->table, list);
    if (t != NULL) {
        sl_keeper_committed(t, version, sl_mono_ns(k->clock));
        return;
    }
    for (unsigned i = 0; i < k->shared->pool_count; i++)
        if (strcmp(k->pools[i].shared->name, pool) == 0)
            sl_keeper_sweep(&k->pools[i]);
}

static void on_sweep(void *arg)
{
    struct sl_keeper *k = arg;
    sl_timer_start(k->loop, &k->sweep, SL_SWEEP_NS);
    sl_keeper_watch_wall(k);
    sl_keeper_judge_lag(k);
    sl_keeper_watch_certificates(k);
    for (unsigned i = 0; i < k->shared->pool_count; i++) {
        struct sl_kpool *p = &k->pools[i];
        sl_keeper_answer_waiters(p, true);
        if (p->due_agree)
            sl_keeper_agree(p);
        if (p->state == POOL_SYNCED || p->state == POOL_LISTING)
            sl_keeper_sweep(p);
        else if (p->state == POOL_CLOSED && sl_store_state(k->store) == SL_STORE_UP)
            sl_keeper_open(p);
        sl_keeper_refill(p);
        sl_keeper_watch_life(p);
    }
}

static void on_retry(void *arg)
{
    sl_keeper_refill(arg);
}

static void on_spares(void *arg)
{
    sl_keeper_precreate(arg);
}

const char *const sl_keeper_roles[SL_KEEPER_CONNECTIONS] = {"keeper", "loader", "feed"};

static struct sl_store_setup connection(struct sl_keeper *k, unsigned which,
                                        void (*on_state)(void *arg, enum sl_store_state state))
{
    return (struct sl_store_setup){.loop = k->loop,
                                   .options = k->setup.redis,
                                   .tls = k->setup.redis_tls,
                                   .identity = k->setup.identity,
                                   .role = sl_keeper_roles[which],
                                   .clerk = k->setup.clerk,
                                   .mail = k->setup.mail,
                                   .metrics = k->setup.store_metrics[which],
                                   .on_state = on_state,
                                   .arg = k};
}

static void pool_init(struct sl_keeper *k, unsigned i)
{
    struct sl_kpool *p = &k->pools[i];
    p->keeper = k;
    p->shared = &k->shared->pools[i];
    p->options = sl_pool_options(p->shared);
    p->metrics = k->setup.pool_metrics[i];
    sl_buf_init(&p->aggregation_uri, URI_ROOM);
    sl_keeper_name_aggregation(p);
    sl_keeper_show(p);
    p->stock_end = &p->stock;
    p->waiters_end = &p->waiters;
    sl_timer_init(&p->retry, on_retry, p);
    sl_timer_init(&p->spares, on_spares, p);
    if (k->setup.redis->mode == SL_REDIS_EMBEDDED)
        p->mark_known = sl_mark_read(k->setup.storage, p->shared->name, &p->mark);
    k->channels[i] = p->shared->name;
}

struct sl_keeper *sl_keeper_new(const struct sl_keeper_setup *setup)
{
    unsigned pools = setup->shared->pool_count;
    struct sl_keeper *k = sl_xcalloc(1, sizeof *k);
    k->setup = *setup;
    k->shared = setup->shared;
    k->loop = setup->loop;
    k->clock = sl_loop_clock(setup->loop);
    k->ready_end = &k->ready;
    k->wall_offset_ms = sl_wall_ms(k->clock) - (int64_t)(sl_mono_ns(k->clock) / SL_NS_PER_MS);
    k->pools = sl_xcalloc(pools, sizeof *k->pools);
    k->channels = sl_xcalloc(pools + 1, sizeof *k->channels);
    k->fingerprints = sl_xcalloc(pools + 1, sizeof *k->fingerprints);
    k->turns = sl_xcalloc(setup->worker_count + 1, sizeof *k->turns);
    for (unsigned i = 0; i < pools; i++)
        pool_init(k, i);
    sl_keeper_watch_certificates(k);
    sl_timer_init(&k->sweep, on_sweep, k);
    sl_timer_start(k->loop, &k->sweep, SL_SWEEP_NS);
    struct sl_store_setup s = connection(k, SL_KEEPER_COMMANDS, on_command_state);
    s.verifies = true;
    k->store = sl_store_new(&s);
    s = connection(k, SL_KEEPER_LOADER, on_loader_state);
    k->loader = sl_store_new(&s);
    struct sl_feed_setup f = {.connection = connection(k, SL_KEEPER_FEED, on_feed_state),
                              .pools = k->channels,
                              .fingerprints = k->fingerprints,
                              .on_version = on_version,
                              .arg = k};
    k->feed = sl_feed_new(&f);
    return k;
}

static struct sl_kpool *pool_of(struct sl_keeper *k, const struct sl_pool *p)
{
    return &k->pools[p->number];
}

static void on_changed(struct sl_keeper *k, struct sl_changed_mail *m)
{
    sl_keeper_committed(sl_keeper_list(k, m->list), m->version, m->committed_ns);
    free(m);
}

static struct sl_kpool *pool_of_refill(struct sl_keeper *k, struct sl_mail *m)
{
    for (unsigned i = 0; i < k->shared->pool_count; i++)
        if (m == &k->pools[i].shared->refill_mail)
            return &k->pools[i];
    sl_assert(!"a refill message of no pool");
    return NULL;
}

void sl_keeper_mail(struct sl_keeper *k, struct sl_mail *m)
{
    struct sl_reservation *r = (struct sl_reservation *)m;
    switch (m->kind) {
    case SL_MAIL_REFILL:
        sl_keeper_refill(pool_of_refill(k, m));
        return;
    case SL_MAIL_RESERVE:
        sl_keeper_enqueue(pool_of(k, r->pool), r);
        return;
    case SL_MAIL_RETURN:
        sl_keeper_returned(pool_of(k, r->pool), r);
        return;
    case SL_MAIL_CHANGED:
        on_changed(k, (struct sl_changed_mail *)m);
        return;
    case SL_MAIL_COLD:
        sl_keeper_cold(k, (struct sl_cold_mail *)m);
        return;
    case SL_MAIL_LOOKUP:
        sl_keeper_lookup(k, (struct sl_lookup_mail *)m);
        return;
    case SL_MAIL_CONFIRM:
        sl_keeper_confirm_asked(k, (struct sl_confirm_mail *)m);
        return;
    case SL_MAIL_TURN:
        sl_keeper_turned(k);
        return;
    case MAIL_SIGNED:
        sl_keeper_signed(k, m);
        return;
    case MAIL_MARKED:
        sl_keeper_marked(k, m);
        return;
    case MAIL_UNPACKED:
        sl_keeper_unpacked(k, m);
        return;
    case SL_STORE_MAIL:
        sl_store_mail(m);
        return;
    }
    sl_assert(!"mail that is not for the keeper");
}

void sl_keeper_free(struct sl_keeper *k)
{
    if (k == NULL)
        return;
    sl_feed_free(k->feed);
    sl_store_free(k->loader);
    sl_store_free(k->store);
    sl_timer_stop(k->loop, &k->sweep);
    sl_timer_stop(k->loop, &k->give_up);
    for (unsigned i = 0; i < k->shared->pool_count; i++) {
        sl_timer_stop(k->loop, &k->pools[i].spares);
        sl_keeper_refill_free(&k->pools[i]);
        sl_buf_free(&k->pools[i].aggregation_uri);
        free(k->pools[i].agreed_text.data);
    }
    for (uint32_t i = 0; i < sl_table_count(k->shared->table); i++) {
        struct sl_klist *t = sl_keeper_list(k, i);
        sl_timer_stop(k->loop, &t->due);
        sl_token_unref(sl_list_token(&t->list));
        free(t);
    }
    sl_keeper_retire_free(k);
    free(k->channels);
    free(k->fingerprints);
    free(k->pools);
    free(k);
}
