#include "daemon/tls.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "daemon/daemon_int.h"
#include "daemon/metrics.h"
#include "daemon/schema.h"

#define WATCH_NS (600 * SL_NS_PER_S)
#define RENEWAL_NS (12 * 3600 * SL_NS_PER_S)
#define DAY_S 86400

void sl_tls_set_release(struct sl_tls_set *set)
{
    for (unsigned i = 0; i < SL_TLS_LISTENERS; i++)
        sl_tls_unref(set->of[i]);
    sl_tls_client_unref(set->redis);
    *set = (struct sl_tls_set){0};
}

static void refuse_file(const struct sl_config *c, const char *path, const struct sl_buf *why,
                        struct sl_buf *errors)
{
    int row = sl_scope_find(&sl_app_scope, path);
    sl_buf_printf(errors, "%s:%u: app.%s: %.*s\n", c->path, c->app_origins[row].line, path, (int)why->len,
                  why->data);
}

const char *sl_tls_map(unsigned i, char text[static 32])
{
    if (i == SL_TLS_REDIS)
        return "redis.tls.";
    snprintf(text, 32, "tls.%s.", sl_tls_listener_names[i]);
    return text;
}

/* True where there is nothing to be read. */
static bool read_one(const struct sl_config *c, unsigned i, const struct sl_clock *clock, struct sl_buf *why,
                     const char **ret_key, struct sl_tls_set *set)
{
    const struct sl_redis_tls_options *o = &c->redis.tls;
    const struct sl_tls_client_files files = {
        .ca = o->ca, .certificate = o->certificate, .key = o->key, .password = o->password_file};
    if (i == SL_TLS_REDIS)
        return !o->enabled || sl_tls_client_load(&files, clock, why, ret_key, &set->redis);
    return c->http.tls[i].key_file == NULL || sl_tls_load(&c->http.tls[i], clock, why, ret_key, &set->of[i]);
}

static void keep_one(unsigned i, struct sl_tls_reading *how, struct sl_tls_set *set)
{
    how->kept[i] = true;
    if (i == SL_TLS_REDIS)
        set->redis = sl_tls_client_ref(how->before->redis);
    else
        set->of[i] = sl_tls_ref(how->before->of[i]);
}

bool sl_tls_read(const struct sl_config *c, struct sl_tls_reading *how, struct sl_buf *errors,
                 struct sl_tls_set *ret)
{
    struct sl_tls_set set = {0};
    bool ok = true;
    for (unsigned i = 0; i <= SL_TLS_REDIS; i++) {
        char text[512], path[64], map[32];
        const char *key;
        struct sl_buf why;
        sl_buf_over(&why, text, sizeof text);
        if (read_one(c, i, how->clock, &why, &key, &set))
            continue;
        snprintf(path, sizeof path, "%s%s", sl_tls_map(i, map), key);
        refuse_file(c, path, &why, errors);
        if (how->before != NULL)
            keep_one(i, how, &set);
        else
            ok = false;
    }
    if (ok)
        *ret = set;
    else
        sl_tls_set_release(&set);
    return ok;
}

/* Certificate number `i` of a set (the last: what is shown to Redis); false: there is none. */
static bool end_of(const struct sl_tls_set *set, unsigned i, int64_t *ret_warn_from, int64_t *ret_end)
{
    bool ours = i == SL_TLS_LISTENERS;
    if (ours ? set->redis == NULL : set->of[i] == NULL)
        return false;
    *ret_warn_from = ours ? sl_tls_client_warn_from(set->redis) : sl_tls_warn_from(set->of[i]);
    *ret_end = ours ? sl_tls_client_not_after(set->redis) : sl_tls_not_after(set->of[i]);
    return *ret_end != INT64_MAX;
}

/* A certificate that expires soon is no mistake, but an operator who checks a file wants to know. */
static void check_ends(const struct sl_config *c, const struct sl_tls_set *set)
{
    for (unsigned i = 0; i <= SL_TLS_LISTENERS; i++) {
        int64_t from, end, now = sl_wall_ms(&sl_clock_system) / 1000;
        if (end_of(set, i, &from, &end) && now >= from)
            fprintf(stderr, "%s: app.%s%s: the certificate expires in %lld days: renew it\n", c->path,
                    i < SL_TLS_LISTENERS ? "tls." : "redis.tls",
                    i < SL_TLS_LISTENERS ? sl_tls_listener_names[i] : "", (long long)(end - now) / DAY_S);
    }
}

bool sl_tls_check(const struct sl_config *c)
{
    struct sl_buf errors;
    struct sl_tls_set set = {0};
    struct sl_tls_reading how = {.clock = &sl_clock_system};
    sl_buf_init(&errors, 1u << 20);
    bool ok = sl_tls_read(c, &how, &errors, &set);
    if (ok)
        check_ends(c, &set);
    else
        fwrite(errors.data, 1, errors.len, stderr);
    sl_buf_free(&errors);
    sl_tls_set_release(&set);
    return ok;
}

static void log_expiry(unsigned i, int64_t left, int64_t end)
{
    char mem[64];
    struct sl_buf text;
    sl_buf_over(&text, mem, sizeof mem);
    sl_ending_put(end, &text);
    const char *key = i < SL_TLS_LISTENERS ? "listener" : "shown-to";
    const char *whose = i < SL_TLS_LISTENERS ? sl_tls_listener_names[i] : "redis";
    if (left > 0)
        sl_log(SL_WARN, "tls", "the certificate expires soon: renew it and reload (SIGHUP)",
               SL_KS(key, whose), SL_KN("not-after", text.data, text.len), SL_KI("days", left / DAY_S));
    else
        sl_log(SL_ERROR, "tls", "the certificate has expired: renew it and reload (SIGHUP)",
               SL_KS(key, whose), SL_KN("not-after", text.data, text.len));
}

static void watch_certificates(struct sl_daemon *d)
{
    const struct sl_clock *clock = sl_loop_clock(d->loop);
    for (unsigned i = 0; i <= SL_TLS_LISTENERS; i++) {
        int64_t from, end;
        if (end_of(&d->tls, i, &from, &end) && sl_ending_due(&d->tls_told[i], clock, from, end))
            log_expiry(i, sl_ending_left(clock, end), end);
    }
}

/* Draws the ticket keys anew, so that a key that leaked opens the connections of a few hours only. */
static void renew_ticket_keys(struct sl_daemon *d)
{
    struct sl_tls_set next = {.redis = sl_tls_client_ref(d->tls.redis)};
    for (unsigned i = 0; i < SL_TLS_LISTENERS; i++) {
        struct sl_tls *made = d->tls.of[i] != NULL ? sl_tls_renew(d->tls.of[i]) : NULL;
        next.of[i] = made != NULL ? made : sl_tls_ref(d->tls.of[i]);
    }
    sl_tls_set_release(&d->tls_replaced); /* since hours no loop turn has seen them */
    d->tls_replaced = d->tls;
    d->tls = next;
    sl_tls_install(d, &d->tls);
}

static void on_watch(void *arg)
{
    struct sl_daemon *d = arg;
    watch_certificates(d);
    sl_timer_start(d->loop, &d->tls_watch, WATCH_NS);
}

static void on_renewal(void *arg)
{
    struct sl_daemon *d = arg;
    renew_ticket_keys(d);
    sl_timer_start(d->loop, &d->tls_renewal, RENEWAL_NS);
}

bool sl_tls_start(struct sl_daemon *d)
{
    struct sl_buf errors;
    struct sl_tls_reading how = {.clock = &sl_clock_system}, lenient = {.clock = NULL};
    sl_buf_init(&errors, 1u << 20);
    bool ok = sl_tls_read(d->config, &how, &errors, &d->tls);
    for (const char *line = errors.data, *end = line + errors.len; line < end;) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        char text[1024];
        snprintf(text, sizeof text, "%.*s", (int)(next - line), line);
        sl_log(SL_ERROR, "tls", text);
        line = next + 1;
    }
    errors.len = 0;
    if (!ok && sl_tls_read(d->config, &lenient, &errors, &d->tls)) {
        sl_log(SL_ERROR, "tls",
               "starting with a certificate that is not valid now: its clients will refuse it");
        ok = true;
    }
    sl_buf_free(&errors);
    sl_timer_init(&d->tls_watch, on_watch, d);
    sl_timer_init(&d->tls_renewal, on_renewal, d);
    if (ok) {
        on_watch(d);
        sl_timer_start(d->loop, &d->tls_renewal, RENEWAL_NS);
    }
    return ok;
}

void sl_tls_install(struct sl_daemon *d, const struct sl_tls_set *set)
{
    for (unsigned i = 0; i < SL_TLS_LISTENERS; i++)
        sl_tls_unref(sl_http_set_tls(d->http, i, sl_tls_ref(set->of[i])));
    if (set->redis != NULL)
        atomic_store_explicit(&d->redis_tls.context, sl_tls_client_context(set->redis), memory_order_release);
    int64_t from, end;
    sl_metric_set(d->reload.metrics, SL_DM_REDIS_NOT_AFTER,
                  end_of(set, SL_TLS_LISTENERS, &from, &end) ? (uint64_t)end : SL_METRIC_NONE);
}

struct sl_tls_set sl_tls_replace(struct sl_daemon *d, const struct sl_tls_set *next)
{
    struct sl_tls_set before = d->tls;
    d->tls = *next;
    sl_tls_install(d, &d->tls);
    memset(d->tls_told, 0, sizeof d->tls_told);
    watch_certificates(d);
    return before;
}
