#include "daemon/reload.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "daemon/config_follow.h"
#include "daemon/config_load.h"
#include "daemon/daemon_int.h"
#include "daemon/keys.h"
#include "daemon/metrics.h"
#include "daemon/notify.h"

#define CHANGED_MAX 2048 /* bytes of the log line that says what has changed */

/* Each line with a site of its own: all of them are written, and there are at most SL_REPORT_MAX. */
static void log_lines(enum sl_log_level level, const struct sl_buf *lines)
{
    const char *at = lines->data, *end = at + lines->len;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((stop != NULL ? stop : end) - at);
        char text[2048];
        snprintf(text, sizeof text, "%.*s", (int)n, at);
        struct sl_log_site site = {0};
        const struct sl_log_field none = {.key = NULL};
        sl_log_write(&site, level, "reload", text, &none);
        at += n + 1;
    }
}

static void settings_free(struct sl_settings *s)
{
    for (size_t i = 0; i < s->key_count; i++)
        sl_key_free(s->keys[i]);
    free(s->keys);
    sl_tls_set_release(&s->tls);
    sl_config_free(s->config);
    *s = (struct sl_settings){0};
}

static const struct sl_config *in_force(const struct sl_daemon *d)
{
    return d->reload.now.config != NULL ? d->reload.now.config : d->config;
}

/* What has changed in the files although their names may be the same. */
static void note_files(struct sl_daemon *d, const struct sl_settings *next)
{
    struct sl_buf *changed = &d->reload.changed;
    char path[128], map[32];
    for (size_t i = 0; i < d->reload.now.key_count; i++) {
        snprintf(path, sizeof path, "app.status-list-pools.%.64s.signer", next->config->pools[i].name);
        if (!sl_key_same(next->keys[i], d->reload.now.keys[i]))
            sl_config_note(changed, path, "(key)");
    }
    for (unsigned i = 0; i <= SL_TLS_REDIS; i++) {
        bool redis = i == SL_TLS_REDIS;
        snprintf(path, sizeof path, "app.%s", sl_tls_map(i, map));
        path[strlen(path) - 1] = '\0'; /* the dot is sl_config_note's */
        if (redis ? !sl_tls_client_shows_same(d->tls.redis, next->tls.redis)
                  : !sl_tls_shows_same(d->tls.of[i], next->tls.of[i]))
            sl_config_note(changed, path, "(certificate)");
        if (redis ? !sl_tls_client_trusts_same(d->tls.redis, next->tls.redis)
                  : !sl_tls_trusts_same(d->tls.of[i], next->tls.of[i]))
            sl_config_note(changed, path, redis ? "(ca)" : "(client-ca)");
    }
}

static void read_keys(struct sl_daemon *d, struct sl_settings *next)
{
    struct sl_reload *r = &d->reload;
    size_t n = next->config->pool_count;
    bool *kept = sl_xcalloc(n, sizeof *kept);
    next->keys = sl_xcalloc(n, sizeof(struct sl_key *));
    next->key_count = n;
    sl_keys_read(next->config, r->now.keys, next->keys, kept);
    for (size_t i = 0; i < n; i++) {
        if (!kept[i])
            continue;
        char path[128];
        snprintf(path, sizeof path, "app.status-list-pools.%.64s", next->config->pools[i].name);
        sl_config_keep_signer(next->config, in_force(d), i);
        sl_config_note(&r->kept, path, "signer");
    }
    free(kept);
}

static void read_tls(struct sl_daemon *d, struct sl_settings *next, struct sl_buf *errors)
{
    struct sl_tls_reading how = {.clock = &sl_clock_system, .before = &d->tls};
    bool ok = sl_tls_read(next->config, &how, errors, &next->tls);
    sl_assert(ok); /* what cannot be used is kept */
    for (unsigned i = 0; i <= SL_TLS_REDIS; i++) {
        char map[32], name[32];
        if (!how.kept[i])
            continue;
        const char *prefix = sl_tls_map(i, map);
        sl_config_keep_map(next->config, in_force(d), prefix);
        snprintf(name, sizeof name, "%.*s", (int)strlen(prefix) - 1, prefix);
        sl_config_note(&d->reload.kept, "app", name);
    }
}

/* Everything that is in the file and in the files that it names; false after saying all that is wrong. */
static bool prepare(struct sl_daemon *d, struct sl_settings *ret)
{
    struct sl_buf errors, warnings;
    struct sl_settings next = {0};
    sl_buf_init(&errors, 4u << 20);
    sl_buf_init(&warnings, 4u << 20);
    bool ok = sl_config_load(d->config->path, &errors, &warnings, &next.config);
    if (ok) {
        sl_config_follow(next.config, in_force(d), &warnings);
        if (next.config->faults != NULL) {
            sl_buf_puts(&errors, next.config->faults);
            sl_config_note(&d->reload.kept, "app", "(files that cannot be used)");
        }
        read_keys(d, &next);
        read_tls(d, &next, &errors);
    }
    log_lines(SL_WARN, &warnings);
    log_lines(SL_ERROR, &errors);
    sl_buf_free(&errors);
    sl_buf_free(&warnings);
    if (ok)
        *ret = next;
    return ok;
}

/* From here on nothing can fail. */
static void put_in_force(struct sl_daemon *d, const struct sl_settings *next)
{
    struct sl_reload *r = &d->reload;
    sl_config_changes(in_force(d), next->config, &r->changed);
    note_files(d, next);
    r->before = r->now;
    r->now = *next;
    for (unsigned i = 0; i < d->shared.pool_count; i++)
        atomic_store_explicit(&d->shared.pools[i].options, &next->config->pools[i], memory_order_release);
    sl_http_set_credentials(d->http, next->config->credentials);
    sl_log_set_level(next->config->log_level);
    sl_log_set_format(next->config->log_format);
    r->before.tls = sl_tls_replace(d, &next->tls);
    r->now.tls = (struct sl_tls_set){0};
    r->awaited = d->config->workers + 1;
    for (unsigned i = 0; i < d->config->workers + 1; i++) {
        r->mails[i].kind = SL_DAEMON_RELOAD;
        sl_mailbox_send(i < d->config->workers ? d->worker_mail[i] : &d->keeper.mail, &r->mails[i]);
    }
}

static void report_refusal(struct sl_daemon *d)
{
    sl_metric_add_label(d->reload.metrics, SL_DM_RELOADS, SL_RELOAD_REFUSED, 1);
    sl_log(SL_ERROR, "reload", "refused: the current configuration stays in effect",
           SL_KS("file", d->config->path));
    sl_notify_ready_again("serving; the last reload was refused, see the log");
}

static void reload_config(struct sl_daemon *d)
{
    struct sl_reload *r = &d->reload;
    r->again = false;
    sl_notify_reloading();
    sl_buf_free(&r->changed);
    sl_buf_free(&r->kept);
    sl_buf_init(&r->changed, CHANGED_MAX);
    sl_buf_init(&r->kept, CHANGED_MAX);
    if (!prepare(d, &r->next)) {
        report_refusal(d);
        return;
    }
    r->checking = true;
    r->why_not = sl_xcalloc(r->next.key_count, sizeof *r->why_not);
    r->check.kind = SL_DAEMON_CHECK_OPTIONS;
    sl_mailbox_send(&d->keeper.mail, &r->check);
}

/* Also while the end is delayed: a key that has leaked can be taken away then as well. */
static bool serves(const struct sl_daemon *d)
{
    return d->state == DAEMON_RUNNING || d->state == DAEMON_DELAYING;
}

/* Starts the reload that was asked for, if none is under way. */
static void start_if_asked(struct sl_daemon *d)
{
    if (d->reload.again && !d->reload.checking && d->reload.awaited == 0 && serves(d))
        reload_config(d);
}

void sl_reload_started(struct sl_daemon *d)
{
    start_if_asked(d);
}

/* Other instances have other options. */
static void keep_options(struct sl_daemon *d, size_t pool)
{
    struct sl_reload *r = &d->reload;
    const char *name = r->next.config->pools[pool].name;
    char path[128];
    struct sl_log_site site = {0};
    const struct sl_log_field fields[] = {
        SL_KS("pool", name), SL_KS("difference", r->why_not[pool]), {.key = NULL}};
    sl_log_write(&site, SL_ERROR, "reload",
                 "the new options differ from those of other instances: the pool keeps the ones that it has",
                 fields);
    snprintf(path, sizeof path, "app.status-list-pools.%.64s", name);
    sl_config_note(&r->kept, path, "(options that instances share)");
    sl_config_keep_shared(r->next.config, in_force(d), pool);
}

static void forget_answers(struct sl_reload *r, size_t n)
{
    for (size_t i = 0; r->why_not != NULL && i < n; i++)
        free(r->why_not[i]);
    free(r->why_not);
    r->why_not = NULL;
}

void sl_reload_checked(struct sl_daemon *d)
{
    struct sl_reload *r = &d->reload;
    r->checking = false;
    for (size_t i = 0; i < r->next.key_count; i++)
        if (r->why_not[i] != NULL)
            keep_options(d, i);
    forget_answers(r, r->next.key_count);
    if (!serves(d))
        return; /* freed at the end */
    put_in_force(d, &r->next);
    r->next = (struct sl_settings){0};
}

void sl_reload_ask(struct sl_daemon *d)
{
    d->reload.again = true;
    start_if_asked(d);
}

void sl_reload_answered(struct sl_daemon *d)
{
    struct sl_reload *r = &d->reload;
    sl_assert(r->awaited > 0);
    if (--r->awaited > 0)
        return;
    settings_free(&r->before);
    sl_metric_add_label(r->metrics, SL_DM_RELOADS, r->kept.len > 0 ? SL_RELOAD_PARTLY : SL_RELOAD_DONE, 1);
    sl_metric_set(r->metrics, SL_DM_CONFIG_SINCE, (uint64_t)(sl_wall_ms(sl_loop_clock(d->loop)) / 1000));
    const char *changed = r->changed.len > 0 ? r->changed.data : "nothing";
    size_t n = r->changed.len > 0 ? r->changed.len : strlen(changed);
    if (r->kept.len > 0)
        sl_log(SL_ERROR, "reload", "reloaded, but not all of it could be put in force",
               SL_KS("file", d->config->path), SL_KN("changed", changed, n),
               SL_KN("not-in-force", r->kept.data, r->kept.len));
    else
        sl_log(SL_INFO, "reload", "reloaded", SL_KS("file", d->config->path), SL_KN("changed", changed, n));
    sl_notify_ready_again(r->kept.len > 0 ? "serving; reloaded, but for some mistakes: see the log"
                                          : "serving; reloaded");
    start_if_asked(d);
}

void sl_reload_init(struct sl_daemon *d)
{
    struct sl_reload *r = &d->reload;
    r->mails = sl_xcalloc(d->config->workers + 1, sizeof *r->mails);
    r->metrics = sl_metric_slab_new(&sl_daemon_metric_table, "");
    sl_metric_set(r->metrics, SL_DM_CONFIG_SINCE, (uint64_t)(sl_wall_ms(sl_loop_clock(d->loop)) / 1000));
}

void sl_reload_free(struct sl_daemon *d)
{
    struct sl_reload *r = &d->reload;
    forget_answers(r, r->next.key_count);
    settings_free(&r->before);
    settings_free(&r->now);
    settings_free(&r->next);
    sl_buf_free(&r->changed);
    sl_buf_free(&r->kept);
    free(r->mails);
}
