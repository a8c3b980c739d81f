#include "daemon/tls.h"

#include <stdio.h>

#include "base/log.h"
#include "daemon/daemon.h"

#define WATCH_NS (12 * 3600 * SL_NS_PER_S)
#define DAY_S 86400

void sl_tls_set_release(struct sl_tls_set *set)
{
    for (unsigned i = 0; i < SL_TLS_LISTENERS; i++)
        sl_tls_unref(set->of[i]);
    sl_tls_client_unref(set->redis);
    *set = (struct sl_tls_set){0};
}

bool sl_tls_check(const struct sl_config *c)
{
    struct sl_buf errors;
    struct sl_tls_set set = {0};
    sl_buf_init(&errors, 1u << 20);
    bool ok = sl_tls_read(c, &errors, &set);
    if (!ok)
        fwrite(errors.data, 1, errors.len, stderr);
    sl_buf_free(&errors);
    sl_tls_set_release(&set);
    return ok;
}

static void warn_of(const char *listener, int64_t not_after, int64_t warn_from, int64_t now_s)
{
    int64_t left = not_after - now_s;
    if (now_s < warn_from)
        return;
    if (left > 0)
        sl_log(SL_WARN, "tls", "the certificate ends soon: renew it and reload (SIGHUP)",
               SL_KS("listener", listener), SL_KI("seconds", left), SL_KI("days", left / DAY_S));
    else
        sl_log(SL_ERROR, "tls", "the certificate has expired: renew it and reload (SIGHUP)",
               SL_KS("listener", listener), SL_KI("seconds-ago", -left));
}

static void warn(const struct sl_tls_set *set, int64_t now_s)
{
    for (unsigned i = 0; i < SL_TLS_LISTENERS; i++)
        if (set->of[i] != NULL)
            warn_of(sl_tls_listener_names[i], sl_tls_not_after(set->of[i]), sl_tls_warn_from(set->of[i]),
                    now_s);
    if (set->redis != NULL)
        warn_of("redis", sl_tls_client_not_after(set->redis), sl_tls_client_warn_from(set->redis), now_s);
}

/* Draws the ticket keys anew, so that one that leaked opens what was said in some hours only. */
static void renew(struct sl_daemon *d)
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
    warn(&d->tls, sl_wall_ms(sl_loop_clock(d->loop)) / 1000);
    renew(d);
    sl_timer_start(d->loop, &d->tls_watch, WATCH_NS);
}

bool sl_tls_start(struct sl_daemon *d)
{
    struct sl_buf errors;
    sl_buf_init(&errors, 1u << 20);
    bool ok = sl_tls_read(d->config, &errors, &d->tls);
    for (const char *line = errors.data, *end = line + errors.len; line < end;) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        char text[1024];
        snprintf(text, sizeof text, "%.*s", (int)(next - line), line);
        sl_log(SL_ERROR, "tls", text);
        line = next + 1;
    }
    sl_buf_free(&errors);
    sl_timer_init(&d->tls_watch, on_watch, d);
    if (ok) {
        warn(&d->tls, sl_wall_ms(sl_loop_clock(d->loop)) / 1000);
        sl_timer_start(d->loop, &d->tls_watch, WATCH_NS);
    }
    return ok;
}

void sl_tls_install(struct sl_daemon *d, const struct sl_tls_set *set)
{
    for (unsigned i = 0; i < SL_TLS_LISTENERS; i++)
        sl_tls_unref(sl_http_set_tls(d->http, i, sl_tls_ref(set->of[i])));
    if (set->redis != NULL)
        atomic_store_explicit(&d->redis_tls.context, sl_tls_client_context(set->redis), memory_order_release);
}

struct sl_tls_set sl_tls_replace(struct sl_daemon *d, const struct sl_tls_set *next)
{
    struct sl_tls_set before = d->tls;
    d->tls = *next;
    sl_tls_install(d, &d->tls);
    warn(&d->tls, sl_wall_ms(sl_loop_clock(d->loop)) / 1000);
    return before;
}
