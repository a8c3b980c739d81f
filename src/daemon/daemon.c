#include "daemon/daemon.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/version.h"
#include "daemon/daemon_int.h"
#include "daemon/keys.h"
#include "daemon/notify.h"
#include "daemon/reach.h"
#include "loop/journal.h"
#include "token/build.h"

/* ---- birth */

static void *builder_new(void *arg)
{
    (void)arg;
    return sl_token_builder_new(&sl_clock_system);
}

static void builder_free(void *state)
{
    sl_token_builder_free(state);
}

static void make_threads(struct sl_daemon *d)
{
    unsigned workers = d->config->workers;
    d->shared.table = sl_table_new();
    d->shared.alone = d->config->redis.mode == SL_REDIS_EMBEDDED;
    d->http = sl_http_new(&d->config->http, &d->shared);
    sl_http_set_credentials(d->http, d->config->credentials);
    sl_reload_init(d);
    sl_tls_install(d, &d->tls);
    d->workers = sl_xcalloc(workers, sizeof *d->workers);
    d->worker_mail = sl_xcalloc(workers, sizeof(struct sl_mailbox *));
    d->worker_drain = sl_xcalloc(workers, sizeof *d->worker_drain);
    d->worker_ended = sl_xcalloc(workers, sizeof *d->worker_ended);
    for (unsigned i = 0; i < workers; i++) {
        sl_worker_init(&d->workers[i], d, i);
        d->worker_mail[i] = &d->workers[i].mail;
        d->worker_ended[i].kind = SL_DAEMON_WORKER_ENDED;
    }
    sl_keeper_thread_init(d);
}

static void start_threads(struct sl_daemon *d)
{
    /* At least two: a very large list leaves one for the others. */
    d->publisher_count = d->config->workers > 3 ? d->config->workers / 2 : 2;
    d->clerk = sl_crew_new("clerk", 1, NULL, NULL, NULL);
    d->publishers = sl_crew_new("publisher", d->publisher_count, builder_new, builder_free, NULL);
    d->workers_left = d->config->workers;
    for (unsigned i = 0; i < d->config->workers; i++)
        sl_worker_start(&d->workers[i]);
    sl_keeper_thread_start(d);
}

static bool start_redis(struct sl_daemon *d)
{
    d->redis = d->config->redis;
    sl_runtime_open(d); /* before Redis hears of this process */
    if (d->redis.mode != SL_REDIS_EMBEDDED)
        return true;
    char text[512];
    struct sl_buf why;
    sl_buf_over(&why, text, sizeof text);
    if (!sl_embedded_start(d->loop, d->config->storage, &why, &d->embedded)) {
        sl_log(SL_ERROR, "redis-server", sl_buf_cstr(&why));
        return false;
    }
    d->redis.socket = (char *)sl_embedded_socket(d->embedded);
    /* Usually milliseconds; connections made later try again by themselves. */
    for (unsigned i = 0; i < 100 && access(d->redis.socket, F_OK) != 0; i++)
        sl_loop_turn(d->loop, 10);
    d->redis.username = d->redis.password = NULL;
    return true;
}

/* The audit record, where the configuration names one; before the threads. False after saying why. */
static bool start_audit(struct sl_daemon *d)
{
    const struct sl_http_options *o = &d->config->http;
    if (o->audit_file == NULL)
        return true;
    char text[4400];
    struct sl_buf why;
    sl_buf_over(&why, text, sizeof text);
    struct sl_journal_setup setup = {.path = o->audit_file,
                                     .max_size = o->audit_max_size,
                                     .keep = o->audit_keep,
                                     .flush_ms = o->audit_flush_ms,
                                     .drops = o->audit_on_failure == SL_AUDIT_CONTINUE,
                                     .metrics = sl_metric_slab_new(&sl_journal_metric_table, "")};
    if (!sl_journal_new(&setup, &why, &d->journal)) {
        sl_log(SL_ERROR, "audit", sl_buf_cstr(&why));
        return false;
    }
    sl_http_audit(d->http, d->journal);
    return true;
}

/* ---- the end, step by step */

static void on_delay_over(void *arg)
{
    struct sl_daemon *d = arg;
    d->state = DAEMON_DRAINING;
    d->keeper.drain.kind = SL_DAEMON_DRAIN;
    sl_mailbox_send(&d->keeper.mail, &d->keeper.drain);
    for (unsigned i = 0; i < d->config->workers; i++)
        sl_worker_drain(&d->workers[i]);
}

static void shut_down(struct sl_daemon *d, int exit_code)
{
    if (d->state > DAEMON_RUNNING)
        return;
    d->state = DAEMON_DELAYING;
    d->exit_code = exit_code;
    sl_notify_stopping(d->config->shutdown_delay_ms + d->config->shutdown_deadline_ms);
    d->keeper.leave.kind = SL_DAEMON_LEAVE;
    sl_mailbox_send(&d->keeper.mail, &d->keeper.leave);
    sl_timer_init(&d->delay, on_delay_over, d);
    sl_timer_start(d->loop, &d->delay, exit_code == 0 ? d->config->shutdown_delay_ms * SL_NS_PER_MS : 0);
}

static void on_worker_ended(struct sl_daemon *d)
{
    if (--d->workers_left > 0)
        return;
    for (unsigned i = 0; i < d->config->workers; i++)
        sl_worker_join(&d->workers[i]);
    d->state = DAEMON_GIVING_BACK;
    d->keeper.give_back.kind = SL_DAEMON_GIVE_BACK;
    sl_mailbox_send(&d->keeper.mail, &d->keeper.give_back);
}

static void put_addresses(const struct sl_texts *texts, struct sl_buf *out)
{
    for (size_t i = 0; i < texts->count; i++)
        sl_buf_printf(out, "%s%s", i > 0 ? ", " : "", texts->at[i]);
}

static void on_started(struct sl_daemon *d)
{
    const struct sl_texts *listen = d->config->http.listen;
    struct sl_buf public, ops;
    sl_buf_init(&public, 1u << 13);
    sl_buf_init(&ops, 1u << 13);
    put_addresses(&listen[SL_TLS_PUBLIC], &public);
    put_addresses(&listen[SL_TLS_OPS], &ops);
    d->state = DAEMON_RUNNING;
    sl_log(SL_INFO, "daemon", "serving", SL_KS("version", sl_version()),
           SL_KS("public", sl_buf_cstr(&public)), SL_KS("ops", sl_buf_cstr(&ops)),
           SL_KU("workers", d->config->workers), SL_KU("pools", d->shared.pool_count));
    sl_buf_free(&public);
    sl_buf_free(&ops);
    sl_notify_ready();
    sl_reach_check(d);
    sl_reload_started(d);
}

static void on_mail(void *arg, struct sl_mail *m)
{
    struct sl_daemon *d = arg;
    switch ((enum sl_daemon_mail)m->kind) {
    case SL_DAEMON_STARTED:
        if (d->state == DAEMON_STARTING)
            on_started(d);
        return;
    case SL_DAEMON_FATAL:
        sl_log(SL_ERROR, "daemon", "refusing to start", SL_KS("reason", d->keeper.why));
        shut_down(d, 1);
        return;
    case SL_DAEMON_WORKER_ENDED:
        on_worker_ended(d);
        return;
    case SL_DAEMON_KEEPER_ENDED:
        d->state = DAEMON_ENDED;
        sl_loop_stop(d->loop);
        return;
    case SL_DAEMON_CHECK_OPTIONS:
        sl_reload_checked(d);
        return;
    case SL_DAEMON_RELOAD:
        sl_reload_answered(d);
        return;
    case SL_DAEMON_LEAVE:
    case SL_DAEMON_DRAIN:
    case SL_DAEMON_GIVE_BACK:
        break;
    }
    sl_assert(!"mail that is not for the main thread");
}

struct signals {
    struct sl_daemon *daemon;
    int fd;
};

static void on_signal(void *arg)
{
    struct signals *s = arg;
    struct signalfd_siginfo info;
    while (read(s->fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            if (s->daemon->journal != NULL)
                sl_journal_reopen(s->daemon->journal);
            sl_reload_ask(s->daemon);
            continue;
        }
        if (s->daemon->state > DAEMON_RUNNING) {
            sl_log(SL_WARN, "daemon", "second signal: exiting at once");
            _exit(1);
        }
        sl_log(SL_INFO, "daemon", "shutting down", SL_KU("signal", info.ssi_signo));
        shut_down(s->daemon, 0);
    }
}

static void teardown(struct sl_daemon *d)
{
    if (d->keeper.thread != NULL)
        sl_thread_join(d->keeper.thread);
    sl_crew_free(d->publishers);
    sl_crew_free(d->clerk);
    for (unsigned i = 0; d->workers != NULL && i < d->config->workers; i++)
        sl_worker_free(&d->workers[i]);
    if (d->http != NULL)
        sl_keeper_thread_free(d);
    sl_http_free(d->http);
    sl_journal_free(d->journal);
    sl_timer_stop(d->loop, &d->tls_watch);
    sl_timer_stop(d->loop, &d->tls_renewal);
    sl_tls_set_release(&d->tls);
    sl_tls_set_release(&d->tls_replaced);
    sl_table_free(d->shared.table);
    free(d->workers);
    free(d->worker_mail);
    free(d->worker_drain);
    free(d->worker_ended);
    sl_embedded_stop(d->embedded);
    sl_keys_free(d);
    sl_reload_free(d);
    sl_handover_close(d->handover);
    if (d->storage_lock >= 0)
        close(d->storage_lock);
    sl_metric_registry_free();
}

int sl_daemon_run(const struct sl_config *config)
{
    struct sl_daemon d = {.config = config, .storage_lock = -1, .exit_code = 1};
    struct signals s = {.daemon = &d};
    sl_log_find_journal();
    sl_log_set_level(config->log_level);
    sl_log_set_format(config->log_format);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL); /* before the first thread: all inherit it */
    signal(SIGPIPE, SIG_IGN);
    sl_steady_init(&d.steady, &sl_clock_system);
    d.loop = sl_loop_new(&d.steady.clock);
    sl_mailbox_init(&d.mail, on_mail, &d);
    sl_mailbox_attach(&d.mail, d.loop);
    s.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    sl_assert(s.fd >= 0);
    struct sl_watch *signals = sl_watch_new(d.loop, s.fd, &s);
    sl_watch_read(signals, on_signal);
    if (sl_storage_open(&d) && sl_keys_load(&d) && sl_tls_start(&d) && start_redis(&d)) {
        make_threads(&d);
        if (start_audit(&d) && sl_listen_all(&d)) {
            d.exit_code = 0;
            start_threads(&d);
            sl_loop_run(d.loop);
        }
    }
    int code = d.exit_code;
    teardown(&d);
    sl_watch_free(signals);
    sl_mailbox_detach(&d.mail);
    sl_mailbox_close(&d.mail);
    sl_loop_free(d.loop);
    if (code == 0)
        sl_log(SL_INFO, "daemon", "shut down");
    return code;
}
