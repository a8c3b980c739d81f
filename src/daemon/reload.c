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

static void settings_free(struct sl_settings *s, size_t pools)
{
    for (size_t i = 0; s->keys != NULL && i < pools; i++)
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
    for (unsigned i = 0; i < d->shared.pool_count; i++)
        if (!sl_key_same(next->keys[i], d->reload.now.keys[i]) && changed->len + 128 < changed->max)
            sl_buf_printf(changed, "%sapp.status-list-pools.%s.signer.(key)", changed->len > 0 ? ", " : "",
                          d->shared.pools[i].name);
    for (unsigned i = 0; i < SL_TLS_LISTENERS; i++) {
        const struct sl_tls *before = d->tls.of[i], *after = next->tls.of[i];
        if (before != NULL && after != NULL && sl_tls_not_after(before) != sl_tls_not_after(after) &&
            changed->len + 128 < changed->max)
            sl_buf_printf(changed, "%sapp.tls.%s.(certificate)", changed->len > 0 ? ", " : "",
                          sl_tls_listener_names[i]);
    }
    const struct sl_tls_client *client = d->tls.redis, *next_client = next->tls.redis;
    if (client != NULL && next_client != NULL &&
        sl_tls_client_not_after(client) != sl_tls_client_not_after(next_client) &&
        changed->len + 128 < changed->max)
        sl_buf_printf(changed, "%sapp.redis.tls.(certificate)", changed->len > 0 ? ", " : "");
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
        sl_config_follow(next.config, in_force(d), &warnings, &d->reload.changed);
        next.keys = sl_xcalloc(d->shared.pool_count, sizeof(struct sl_key *));
        ok = sl_keys_read(next.config, d->reload.now.keys, next.keys);
        ok = sl_tls_read(next.config, &errors, &next.tls) && ok;
    }
    log_lines(SL_WARN, &warnings);
    log_lines(SL_ERROR, &errors);
    sl_buf_free(&errors);
    sl_buf_free(&warnings);
    if (ok) {
        note_files(d, &next);
        *ret = next;
    } else {
        settings_free(&next, d->shared.pool_count);
    }
    return ok;
}

/* From here on nothing can fail. */
static void put_in_force(struct sl_daemon *d, const struct sl_settings *next)
{
    struct sl_reload *r = &d->reload;
    r->before = r->now;
    r->now = *next;
    for (unsigned i = 0; i < d->shared.pool_count; i++)
        atomic_store_explicit(&d->shared.pools[i].options, &next->config->pools[i], memory_order_release);
    sl_http_set_credentials(d->http, next->config->credentials);
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
    sl_buf_init(&r->changed, CHANGED_MAX);
    if (!prepare(d, &r->next)) {
        report_refusal(d);
        return;
    }
    r->checking = true;
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

void sl_reload_checked(struct sl_daemon *d)
{
    struct sl_reload *r = &d->reload;
    r->checking = false;
    if (!serves(d))
        return; /* freed at the end */
    if (r->why_not[0] == '\0') {
        put_in_force(d, &r->next);
        r->next = (struct sl_settings){0};
        return;
    }
    sl_log(SL_ERROR, "reload", "the new options differ from those of other instances of the pool",
           SL_KS("difference", r->why_not));
    settings_free(&r->next, d->shared.pool_count);
    report_refusal(d);
    start_if_asked(d);
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
    settings_free(&r->before, d->shared.pool_count);
    sl_metric_add_label(r->metrics, SL_DM_RELOADS, SL_RELOAD_DONE, 1);
    sl_metric_set(r->metrics, SL_DM_CONFIG_SINCE, (uint64_t)(sl_wall_ms(sl_loop_clock(d->loop)) / 1000));
    const char *changed = r->changed.len > 0 ? r->changed.data : "nothing";
    sl_log(SL_INFO, "reload", "reloaded", SL_KS("file", d->config->path),
           SL_KN("changed", changed, r->changed.len > 0 ? r->changed.len : strlen(changed)));
    sl_notify_ready_again("serving; reloaded");
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
    settings_free(&r->before, d->shared.pool_count);
    settings_free(&r->now, d->shared.pool_count);
    settings_free(&r->next, d->shared.pool_count);
    sl_buf_free(&r->changed);
    free(r->mails);
}
