/* The keeper's thread: the keeper itself and the listener for operations. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "daemon/daemon_int.h"
#include "pool/metrics.h"

static void on_started(void *arg)
{
    struct sl_daemon *d = arg;
    d->keeper.started.kind = SL_DAEMON_STARTED;
    sl_mailbox_send(&d->mail, &d->keeper.started);
}

static void on_fatal(void *arg, const char *why)
{
    struct sl_daemon *d = arg;
    if (d->keeper.why[0] != '\0')
        return; /* only the first reason is reported */
    snprintf(d->keeper.why, sizeof d->keeper.why, "%s", why);
    d->keeper.fatal.kind = SL_DAEMON_FATAL;
    sl_mailbox_send(&d->mail, &d->keeper.fatal);
}

static void on_end_tick(void *arg)
{
    struct sl_daemon *d = arg;
    struct sl_keeper_thread *k = &d->keeper;
    sl_http_drain(k->http);
    if (sl_http_connections(k->http) == 0) {
        sl_loop_stop(k->loop);
        return;
    }
    if (sl_mono_ns(sl_loop_clock(k->loop)) >= k->end_until_ns)
        sl_http_cut(k->http);
    sl_timer_start(k->loop, &k->end_tick, 20 * SL_NS_PER_MS);
}

static void on_gave_back(void *arg)
{
    struct sl_daemon *d = arg;
    struct sl_keeper_thread *k = &d->keeper;
    k->end_until_ns =
        sl_mono_ns(sl_loop_clock(k->loop)) + SL_NS_PER_S; /* for a client that is reading metrics */
    sl_timer_init(&k->end_tick, on_end_tick, d);
    sl_timer_start(k->loop, &k->end_tick, 0);
}

static void reload_keys(struct sl_daemon *d, struct sl_mail *m)
{
    sl_keeper_reload(d->keeper.keeper, d->reload.now.keys);
    sl_mailbox_send(&d->mail, m);
}

static void on_options_differ(void *arg, unsigned pool, const char *why)
{
    struct sl_daemon *d = arg;
    free(d->reload.why_not[pool]);
    d->reload.why_not[pool] = sl_xstrdup(why);
}

static void on_options_checked(void *arg)
{
    struct sl_daemon *d = arg;
    sl_mailbox_send(&d->mail, &d->reload.check);
}

static void on_mail(void *arg, struct sl_mail *m)
{
    struct sl_daemon *d = arg;
    if (m->kind == SL_DAEMON_LEAVE)
        sl_keeper_leave(d->keeper.keeper);
    else if (m->kind == SL_DAEMON_DRAIN)
        sl_keeper_begin_drain(d->keeper.keeper);
    else if (m->kind == SL_DAEMON_GIVE_BACK)
        sl_keeper_give_back(d->keeper.keeper, d->config->shutdown_deadline_ms * SL_NS_PER_MS, on_gave_back,
                            d);
    else if (m->kind == SL_DAEMON_CHECK_OPTIONS)
        sl_keeper_check_options(d->keeper.keeper, d->reload.next.config->pools, on_options_differ,
                                on_options_checked, d);
    else if (m->kind == SL_DAEMON_RELOAD)
        reload_keys(d, m);
    else
        sl_keeper_mail(d->keeper.keeper, m);
}

static void run_keeper(void *arg)
{
    struct sl_daemon *d = arg;
    struct sl_keeper_thread *k = &d->keeper;
    k->loop = sl_loop_new(&d->steady.clock);
    struct sl_keeper_setup setup = {.loop = k->loop,
                                    .mail = &k->mail,
                                    .shared = &d->shared,
                                    .redis = &d->redis,
                                    .redis_tls = &d->redis_tls,
                                    .redis_fitness = &d->redis_fitness,
                                    .identity = &d->identity,
                                    .clerk = d->clerk,
                                    .publishers = d->publishers,
                                    .publisher_count = d->publisher_count,
                                    .handover = d->handover,
                                    .public_url = d->config->http.public_url,
                                    .workers = d->worker_mail,
                                    .worker_count = d->config->workers,
                                    .pool_metrics = k->pool_metrics,
                                    .clock_metrics = k->clock_metrics,
                                    .steady = &d->steady,
                                    .on_started = on_started,
                                    .on_fatal = on_fatal,
                                    .arg = d};
    memcpy(setup.store_metrics, k->store_metrics, sizeof setup.store_metrics);
    k->keeper = sl_keeper_new(&setup);
    sl_mailbox_attach(&k->mail, k->loop);
    sl_http_thread_start(k->http, k->loop, NULL, k->keeper);
    for (unsigned i = 0; i < k->ops.count; i++)
        sl_http_listen(k->http, k->ops.fds[i], k->ops.kinds[i]);
    sl_loop_run(k->loop);
    while (sl_crew_pending(d->publishers) + sl_crew_pending(d->clerk) > 0)
        sl_loop_turn(k->loop, 1);
    /* The workers have been joined. What they left unread is answered while the keeper is still there. */
    do {
        for (unsigned i = 0; i < d->config->workers; i++)
            sl_mailbox_drain(&d->workers[i].mail);
        sl_mailbox_drain(&k->mail);
    } while (sl_keeper_turning(k->keeper));
    sl_keeper_free(k->keeper);
    k->keeper = NULL;
    sl_http_thread_stop(k->http);
    sl_mailbox_detach(&k->mail);
    sl_loop_free(k->loop);
    k->ended.kind = SL_DAEMON_KEEPER_ENDED;
    sl_mailbox_send(&d->mail, &k->ended);
}

void sl_keeper_thread_init(struct sl_daemon *d)
{
    struct sl_keeper_thread *k = &d->keeper;
    sl_mailbox_init(&k->mail, on_mail, d);
    d->shared.keeper = &k->mail;
    k->http = sl_http_thread_new(d->http, 64);
    for (unsigned i = 0; i < SL_KEEPER_CONNECTIONS; i++) {
        char labels[64];
        snprintf(labels, sizeof labels, "connection=\"%s\"", sl_keeper_roles[i]);
        k->store_metrics[i] = sl_metric_slab_new(&sl_store_metric_table, labels);
    }
    k->clock_metrics = sl_metric_slab_new(&sl_clock_metric_table, "");
    sl_fitness_init(&d->redis_fitness, sl_metric_slab_new(&sl_fitness_metric_table, ""));
    k->pool_metrics = sl_xcalloc(d->shared.pool_count, sizeof *k->pool_metrics);
    for (unsigned i = 0; i < d->shared.pool_count; i++) {
        char labels[128];
        snprintf(labels, sizeof labels, "pool=\"%s\"", d->shared.pools[i].name);
        k->pool_metrics[i] = sl_metric_slab_new(&sl_keeper_metric_table, labels);
    }
}

void sl_keeper_thread_start(struct sl_daemon *d)
{
    d->keeper.thread = sl_thread_start("keeper", run_keeper, d);
}

/* In the main thread, after every thread has ended. */
void sl_keeper_thread_free(struct sl_daemon *d)
{
    struct sl_keeper_thread *k = &d->keeper;
    sl_mailbox_close(&k->mail);
    sl_http_thread_free(k->http);
    free(k->pool_metrics);
    sl_fitness_free(&d->redis_fitness);
}
