#include "daemon/worker.h"

#include <stdio.h>

#include "base/log.h"
#include "daemon/daemon_int.h"

#define DRAIN_TICK_NS (20 * SL_NS_PER_MS)

/* The deadline: answers the requests that wait for Redis, and gives up the clients that do not read. */
static void cut(struct sl_worker *w)
{
    sl_log(SL_WARN, "worker", "shutdown deadline reached",
           SL_KU("connections", sl_http_connections(w->http)));
    w->cut = true;
    struct sl_store *store = w->store;
    w->store = w->pool.store = NULL;
    sl_store_free(store);
}

static void on_drain_tick(void *arg)
{
    struct sl_worker *w = arg;
    sl_http_drain(w->http);
    if (sl_http_connections(w->http) == 0 && sl_pool_worker_idle(&w->pool)) {
        sl_loop_stop(w->loop);
        return;
    }
    if (w->cut) /* a tick later: the answers have been sent */
        sl_http_cut(w->http);
    else if (sl_mono_ns(sl_loop_clock(w->loop)) >= w->drain_until_ns)
        cut(w);
    sl_timer_start(w->loop, &w->drain_tick, DRAIN_TICK_NS);
}

static void begin_drain(struct sl_worker *w)
{
    w->draining = true;
    w->drain_until_ns =
        sl_mono_ns(sl_loop_clock(w->loop)) + w->daemon->config->shutdown_deadline_ms * SL_NS_PER_MS;
    sl_http_drain(w->http);
    sl_pool_worker_drain(&w->pool);
    sl_timer_init(&w->drain_tick, on_drain_tick, w);
    sl_timer_start(w->loop, &w->drain_tick, DRAIN_TICK_NS);
}

static void on_mail(void *arg, struct sl_mail *m)
{
    struct sl_worker *w = arg;
    if (m->kind == SL_DAEMON_DRAIN)
        begin_drain(w);
    else if (m->kind == SL_DAEMON_RELOAD)
        sl_mailbox_send(&w->daemon->mail, m); /* between two turns nothing of the set before is in use */
    else if (m->kind == SL_STORE_MAIL)
        sl_store_mail(m);
    else
        sl_pool_worker_mail(&w->pool, m);
}

static void on_store_state(void *arg, enum sl_store_state state)
{
    struct sl_worker *w = arg;
    bool up = state == SL_STORE_UP;
    if (up == w->store_up)
        return;
    w->store_up = up;
    sl_pool_worker_connection(&w->pool, up);
}

static void run_worker(void *arg)
{
    struct sl_worker *w = arg;
    struct sl_daemon *d = w->daemon;
    char role[32];
    snprintf(role, sizeof role, "worker-%u", w->id);
    w->loop = sl_loop_new(&d->steady.clock);
    sl_mailbox_attach(&w->mail, w->loop);
    sl_pool_worker_init(&w->pool, w->loop, &w->mail, &d->shared);
    struct sl_store_setup setup = {.loop = w->loop,
                                   .options = &d->redis,
                                   .tls = &d->redis_tls,
                                   .fitness = &d->redis_fitness,
                                   .identity = &d->identity,
                                   .role = role,
                                   .clerk = d->clerk,
                                   .mail = &w->mail,
                                   .metrics = w->store_metrics,
                                   .on_state = on_store_state,
                                   .arg = w};
    w->store = sl_store_new(&setup);
    w->pool.store = w->store;
    sl_http_thread_start(w->http, w->loop, &w->pool, NULL);
    for (unsigned i = 0; i < w->sockets.count; i++)
        sl_http_listen(w->http, w->sockets.fds[i], w->sockets.kinds[i]);
    sl_loop_run(w->loop);
    /* Sockets use memory of the thread that made them, so they end here. */
    sl_store_free(w->store);
    sl_pool_worker_stop(&w->pool);
    sl_http_thread_stop(w->http);
    sl_mailbox_detach(&w->mail);
    sl_loop_free(w->loop);
    sl_mailbox_send(&d->mail, &d->worker_ended[w->id]);
}

void sl_worker_init(struct sl_worker *w, struct sl_daemon *d, unsigned id)
{
    *w = (struct sl_worker){.id = id, .daemon = d};
    sl_mailbox_init(&w->mail, on_mail, w);
    uint32_t share = d->config->http.limits.connections / d->config->workers;
    w->http = sl_http_thread_new(d->http, share > 0 ? share : 1);
    w->store_metrics = sl_metric_slab_new(&sl_store_metric_table, "connection=\"worker\"");
    sl_pool_worker_metrics(&w->pool, &d->shared);
    w->pool.down = true;
    atomic_fetch_add_explicit(&d->shared.workers_down, 1, memory_order_relaxed);
}

void sl_worker_start(struct sl_worker *w)
{
    char name[16];
    snprintf(name, sizeof name, "worker-%u", w->id);
    w->thread = sl_thread_start(name, run_worker, w);
}

void sl_worker_drain(struct sl_worker *w)
{
    struct sl_mail *m = &w->daemon->worker_drain[w->id];
    m->kind = SL_DAEMON_DRAIN;
    sl_mailbox_send(&w->mail, m);
}

void sl_worker_join(struct sl_worker *w)
{
    sl_thread_join(w->thread);
    w->thread = NULL;
}

/* In the main thread, after all threads have ended. */
void sl_worker_free(struct sl_worker *w)
{
    sl_mailbox_drain(&w->mail); /* answers that came after the loop */
    sl_pool_worker_free(&w->pool);
    sl_mailbox_close(&w->mail);
    sl_http_thread_free(w->http);
}
