/* The life of a store: its connection is greeted, gets the scripts, and is UP once the server is what the
 * options ask for; then typed operations (ops_*.c) use it. The keeper's store checks the server again and
 * again (check.c). */
#include "store/store.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/container_of.h"
#include "base/log.h"
#include "store/check_int.h"
#include "store/dial_int.h"
#include "store/greet_int.h"
#include "store/ops_int.h"
#include "store/scripts.h"

/* ---- scripts */

static const char *const script_names[] = {
#define X(id, name, callback, flags) ((flags)&SL_OP_SCRIPT) ? #name : NULL,
    SL_STORE_OPS(X)
#undef X
};

struct script_load {
    struct sl_call call;
    enum sl_store_op kind;
};

static void on_script_loaded(struct sl_conn *c, struct sl_call *call, const struct redisReply *first,
                             const struct redisReply *last)
{
    struct sl_store *s = sl_container_of(c, struct sl_store, conn);
    struct script_load *load = sl_container_of(call, struct script_load, call);
    if (last != NULL && first->type == REDIS_REPLY_STRING && first->len == SL_SHA)
        memcpy(s->sha[load->kind], first->str, SL_SHA);
    else if (last != NULL)
        sl_conn_refused(c, "SCRIPT LOAD", first);
    free(call->bytes);
    free(load);
}

void sl_store_load_script(struct sl_store *s, enum sl_store_op kind)
{
    struct sl_wire w = {0};
    size_t len;
    char *text = sl_script_text(script_names[kind], &len);
    sl_wire_command(&w, 3);
    sl_wire_text(&w, "SCRIPT");
    sl_wire_text(&w, "LOAD");
    sl_wire_arg(&w, text, len);
    free(text);
    struct script_load *load = sl_xcalloc(1, sizeof *load);
    load->kind = kind;
    load->call = (struct sl_call){.bytes = w.data, .len = w.len, .awaits = 1, .on_reply = on_script_loaded};
    sl_conn_send(&s->conn, &load->call);
}

/* ---- the server */

static void prepare_store(struct sl_conn *c)
{
    struct sl_store *s = sl_container_of(c, struct sl_store, conn);
    for (unsigned i = 0; i < SL_OP_COUNT; i++)
        if (script_names[i] != NULL)
            sl_store_load_script(s, (enum sl_store_op)i);
    sl_check_start(c);
}

static void greet_then_prepare(struct sl_conn *c)
{
    sl_conn_greet(c, prepare_store);
}

static void on_pong(struct sl_conn *c, const struct redisReply *reply)
{
    (void)c;
    (void)reply; /* any reply proves that Redis is alive */
}

/* An idle connection sends PING once a second, so that a server that hangs is noticed before it is needed. */
static void beat_store(struct sl_conn *c)
{
    if (c->setup.verifies && sl_check_due(c))
        sl_check_start(c);
    else if (c->head == NULL)
        sl_conn_ask(c, on_pong, (const char *const[]){"PING", NULL});
}

static void free_store(struct sl_conn *c)
{
    struct sl_store *s = sl_container_of(c, struct sl_store, conn);
    sl_assert(s->inflight == 0);
    sl_check_free(c);
    free(s);
}

static const struct sl_conn_hooks hooks = {
    .connected = greet_then_prepare, .beat = beat_store, .destroy = free_store};

/* ---- life */

void sl_store_mail(struct sl_mail *mail)
{
    sl_dial_mail(mail);
}

struct sl_store *sl_store_new(const struct sl_store_setup *setup)
{
    struct sl_store *s = sl_xcalloc(1, sizeof *s);
    sl_assert(!setup->verifies || setup->fitness != NULL);
    if (setup->verifies && setup->options->persistence == SL_PERSIST_DISABLED)
        sl_log(SL_WARN, "redis",
               "persistence is disabled: a crash of Redis loses all status changes since its last snapshot");
    sl_conn_init(&s->conn, setup, &hooks);
    return s;
}

enum sl_store_state sl_store_state(const struct sl_store *s)
{
    return s->conn.state;
}

const char *sl_store_reason(const struct sl_store *s)
{
    return s->conn.reason;
}

bool sl_store_hopeless(const struct sl_store *s)
{
    return s->conn.hopeless;
}

const char *sl_store_unfit(const struct sl_store *s)
{
    return s->conn.setup.fitness != NULL ? sl_fitness_reason(s->conn.setup.fitness) : NULL;
}

const struct sl_store_server *sl_store_server(const struct sl_store *s)
{
    return &s->conn.server;
}

void sl_store_ask_server(struct sl_store *s, sl_server_cb *done, void *arg)
{
    sl_assert(s->conn.state == SL_STORE_UP && !s->conn.setup.verifies);
    s->conn.asked = done;
    s->conn.asked_arg = arg;
    sl_check_start(&s->conn);
}

void sl_store_redial(struct sl_store *s, const char *why)
{
    sl_conn_drop(&s->conn, false, "%s", why);
}

unsigned sl_store_inflight(const struct sl_store *s)
{
    return s->inflight;
}

uint64_t sl_store_rtt_ns(const struct sl_store *s)
{
    return s->rtt_ns;
}

void sl_store_drain(struct sl_store *s, uint64_t deadline_ns)
{
    sl_conn_drain(&s->conn, deadline_ns);
}

void sl_store_free(struct sl_store *s)
{
    if (s != NULL)
        sl_conn_free(&s->conn);
}
