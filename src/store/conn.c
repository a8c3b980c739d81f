#include "store/conn_int.h"

#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "store/metrics.h"

#define BACKOFF_FIRST_MS 50
#define BACKOFF_LAST_MS 2000

void sl_conn_hold(struct sl_conn *c)
{
    c->busy++;
}

void sl_conn_release(struct sl_conn *c)
{
    sl_assert(c->busy > 0);
    if (--c->busy == 0 && c->doomed)
        c->hooks->destroy(c);
}

/* ---- state */

#define TO(s) (1u << SL_STORE_##s)
static const unsigned allowed[] = {
    [SL_STORE_DOWN] = TO(RESOLVING) | TO(CONNECTING) | TO(DOWN) | TO(DRAINING),
    [SL_STORE_RESOLVING] = TO(CONNECTING) | TO(DOWN) | TO(DRAINING),
    [SL_STORE_CONNECTING] = TO(GREETING) | TO(DOWN) | TO(DRAINING),
    [SL_STORE_GREETING] = TO(VERIFYING) | TO(DOWN) | TO(DRAINING),
    [SL_STORE_VERIFYING] = TO(UP) | TO(DOWN) | TO(DRAINING),
    [SL_STORE_UP] = TO(DOWN) | TO(DRAINING),
    [SL_STORE_DRAINING] = TO(CLOSED),
    [SL_STORE_CLOSED] = 0,
};

void sl_conn_change(struct sl_conn *c, enum sl_store_state to)
{
    sl_assert(allowed[c->state] & (1u << to));
    if (c->setup.metrics != NULL) {
        sl_metric_set_label(c->setup.metrics, SL_STORE_M_STATE, c->state, 0);
        sl_metric_set_label(c->setup.metrics, SL_STORE_M_STATE, to, 1);
    }
    c->state = to;
    if (to == SL_STORE_UP) {
        c->reason[0] = '\0';
        c->hopeless = false;
        c->failures = 0;
    }
    if (c->setup.on_state != NULL)
        c->setup.on_state(c->setup.arg, to);
}

static uint64_t backoff_ns(struct sl_conn *c)
{
    uint64_t ms = BACKOFF_FIRST_MS << (c->failures < 6 ? c->failures : 6);
    if (ms > BACKOFF_LAST_MS)
        ms = BACKOFF_LAST_MS;
    c->failures++;
    return (ms / 2 + sl_random_below(sl_loop_clock(c->setup.loop), ms / 2 + 1)) * SL_NS_PER_MS;
}

static void close_socket(struct sl_conn *c)
{
    sl_timer_stop(c->setup.loop, &c->deadline);
    sl_timer_stop(c->setup.loop, &c->beat);
    sl_conn_forget(c);
    sl_conn_unplug(c);
    if (c->reader != NULL)
        redisReaderFree(c->reader);
    c->reader = NULL;
    struct sl_call **end = &c->lost;
    while (*end != NULL)
        end = &(*end)->next;
    *end = c->head;
    c->head = c->tail = c->unsent = NULL;
}

static void tell_lost(struct sl_conn *c)
{
    for (struct sl_call *call; (call = c->lost) != NULL;) {
        c->lost = call->next;
        if (call->first != NULL)
            freeReplyObject(call->first);
        call->first = NULL;
        call->on_reply(c, call, NULL, NULL);
    }
}

static void on_retry(void *arg);

void sl_conn_drop(struct sl_conn *c, bool hopeless, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(c->reason, sizeof c->reason, fmt, ap);
    va_end(ap);
    c->hopeless = hopeless;
    sl_conn_hold(c);
    sl_log(SL_WARN, "redis", c->reason, SL_KS("role", c->setup.role),
           SL_KS("state", sl_store_state_name(c->state)), SL_KU("attempt", c->failures + 1));
    if (c->setup.metrics != NULL)
        sl_metric_add(c->setup.metrics, SL_STORE_M_RECONNECTS, 1);
    close_socket(c);
    if (c->state == SL_STORE_DRAINING) {
        sl_timer_stop(c->setup.loop, &c->retry);
        sl_conn_change(c, SL_STORE_CLOSED);
    } else if (c->state != SL_STORE_CLOSED) {
        sl_timer_start(c->setup.loop, &c->retry, backoff_ns(c));
        sl_conn_change(c, SL_STORE_DOWN);
    }
    tell_lost(c);
    sl_conn_release(c);
}

void sl_conn_refused(struct sl_conn *c, const char *what, const struct redisReply *r)
{
    const char *said = r->type == REDIS_REPLY_ERROR ? r->str : "a reply of another type";
    static const char *const passing[] = {"LOADING", "BUSY ", "MASTERDOWN", "CLUSTERDOWN", "MISCONF", "OOM "};
    bool hopeless = true;
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        hopeless &= strncmp(said, passing[i], strlen(passing[i])) != 0;
    sl_conn_drop(c, hopeless, "Redis refuses %s: %.150s", what, said);
}

void sl_conn_up(struct sl_conn *c)
{
    sl_log(SL_INFO, "redis", "connected", SL_KS("role", c->setup.role), SL_KI("client", c->client_id));
    sl_timer_start(c->setup.loop, &c->beat, SL_NS_PER_S);
    sl_conn_change(c, SL_STORE_UP);
}

static void on_beat(void *arg)
{
    struct sl_conn *c = arg;
    sl_conn_hold(c);
    sl_timer_start(c->setup.loop, &c->beat, SL_NS_PER_S);
    c->hooks->beat(c);
    sl_conn_release(c);
}

void sl_conn_finish_drain(struct sl_conn *c)
{
    if (c->state == SL_STORE_DRAINING && c->head == NULL) {
        sl_timer_stop(c->setup.loop, &c->retry);
        close_socket(c);
        sl_conn_change(c, SL_STORE_CLOSED);
    }
}

/* ---- time */

void sl_conn_watch_deadline(struct sl_conn *c)
{
    if (!sl_timer_running(&c->deadline))
        sl_timer_start(c->setup.loop, &c->deadline, c->setup.options->command_timeout_ms * SL_NS_PER_MS);
}

static void on_deadline(void *arg)
{
    struct sl_conn *c = arg;
    uint64_t limit = c->setup.options->command_timeout_ms * SL_NS_PER_MS;
    sl_conn_hold(c);
    /* When it was us who stood still, the replies lie in the socket. */
    if (c->reader != NULL)
        sl_conn_read(c);
    sl_conn_finish_drain(c);
    uint64_t since = c->progress_ns;
    if (c->head != NULL && c->head->started_ns > since)
        since = c->head->started_ns;
    uint64_t waited = sl_conn_now(c) - since;
    if (c->watch == NULL || (c->head == NULL && c->state != SL_STORE_CONNECTING)) {
        sl_conn_release(c);
        return;
    }
    if (waited >= limit && c->state == SL_STORE_CONNECTING && c->address_next < c->address_count)
        sl_conn_next_address(c);
    else if (waited >= limit && c->state == SL_STORE_CONNECTING && c->link != NULL)
        sl_conn_drop(c, false, "no TLS handshake with Redis for %u ms: is redis.port its TLS port?",
                     c->setup.options->command_timeout_ms);
    else if (waited >= limit)
        sl_conn_drop(c, false, "no reply of Redis for %u ms", c->setup.options->command_timeout_ms);
    else
        sl_timer_start(c->setup.loop, &c->deadline, limit - waited);
    sl_conn_release(c);
}

static void on_retry(void *arg)
{
    struct sl_conn *c = arg;
    sl_conn_hold(c);
    if (c->state == SL_STORE_DRAINING) {
        close_socket(c);
        sl_conn_change(c, SL_STORE_CLOSED);
        tell_lost(c);
    } else {
        sl_conn_dial(c);
    }
    sl_conn_release(c);
}

/* ---- life */

void sl_conn_init(struct sl_conn *c, const struct sl_store_setup *setup, const struct sl_conn_hooks *hooks)
{
    c->setup = *setup;
    c->hooks = hooks;
    c->state = SL_STORE_DOWN;
    c->fd = -1;
    snprintf(c->reason, sizeof c->reason, "not connected yet");
    sl_timer_init(&c->deadline, on_deadline, c);
    sl_timer_init(&c->retry, on_retry, c);
    sl_timer_init(&c->beat, on_beat, c);
    if (setup->metrics != NULL)
        sl_metric_set_label(setup->metrics, SL_STORE_M_STATE, SL_STORE_DOWN, 1);
    sl_timer_start(setup->loop, &c->retry, 0);
}

void sl_conn_attach(struct sl_conn *c, int fd)
{
    c->fd = fd;
    sl_conn_listen(c);
    sl_conn_change(c, SL_STORE_GREETING);
    if (c->state == SL_STORE_GREETING) /* on_state may have freed us */
        sl_conn_greet(c);
}

void sl_conn_drain(struct sl_conn *c, uint64_t deadline_ns)
{
    if (c->state == SL_STORE_DRAINING || c->state == SL_STORE_CLOSED)
        return;
    bool replies_due = c->state == SL_STORE_UP && c->head != NULL;
    if (!replies_due)
        close_socket(c);
    sl_timer_stop(c->setup.loop, &c->beat);
    sl_timer_start(c->setup.loop, &c->retry, replies_due ? deadline_ns : 0);
    sl_conn_change(c, SL_STORE_DRAINING);
}

void sl_conn_free(struct sl_conn *c)
{
    c->setup.on_state = NULL;
    sl_conn_hold(c);
    sl_timer_stop(c->setup.loop, &c->retry);
    close_socket(c);
    if (c->state != SL_STORE_DRAINING && c->state != SL_STORE_CLOSED)
        sl_conn_change(c, SL_STORE_DRAINING);
    if (c->state == SL_STORE_DRAINING)
        sl_conn_change(c, SL_STORE_CLOSED);
    tell_lost(c);
    c->doomed = true;
    sl_conn_release(c);
}
