/* Between greeting and UP: scripts and the check of the server; and the check again every ten seconds. */
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "store/ops_int.h"
#include "store/scripts.h"

static const char *const script_names[] = {
#define X(id, name, writes, script) (script) ? #name : NULL,
    SL_STORE_OPS(X)
#undef X
};

static const struct sl_lua_source *source(const char *name)
{
    const struct sl_lua_source *s = sl_lua_sources;
    while (s->name != NULL && strcmp(s->name, name) != 0)
        s++;
    sl_assert(s->name != NULL);
    return s;
}

struct script_load {
    struct sl_call call; /* first */
    enum sl_store_op kind;
};

static void on_loaded(struct sl_conn *c, struct sl_call *call, const struct redisReply *first,
                      const struct redisReply *last)
{
    struct sl_store *s = (struct sl_store *)c;
    struct script_load *l = (struct script_load *)call;
    if (last != NULL && first->type == REDIS_REPLY_STRING && first->len == SL_SHA)
        memcpy(s->sha[l->kind], first->str, SL_SHA);
    else if (last != NULL)
        sl_conn_refused(c, "SCRIPT LOAD", first);
    free(call->bytes);
    free(l);
}

void sl_store_reload(struct sl_store *s, enum sl_store_op kind)
{
    const struct sl_lua_source *prelude = source("prelude"), *script = source(script_names[kind]);
    struct sl_wire w = {0};
    sl_wire_command(&w, 3);
    sl_wire_text(&w, "SCRIPT");
    sl_wire_text(&w, "LOAD");
    uint8_t *at = sl_wire_room(&w, prelude->len + script->len);
    memcpy(at, prelude->text, prelude->len);
    memcpy(at + prelude->len, script->text, script->len);
    struct script_load *l = sl_xcalloc(1, sizeof *l);
    l->kind = kind;
    l->call = (struct sl_call){.bytes = w.data, .len = w.len, .awaits = 1, .on_reply = on_loaded};
    sl_conn_send(&s->conn, &l->call);
}

static void passed(struct sl_store *s, bool ok)
{
    if (s->conn.setup.metrics != NULL)
        sl_metric_add_label(s->conn.setup.metrics, SL_STORE_M_VERIFICATIONS, ok ? 0 : 1, 1);
    s->verified_ns = sl_conn_now(&s->conn);
    s->verifying = false;
}

/* CONFIG GET is the last question, so every script is loaded by now. */
static void on_config(struct sl_conn *c, const struct redisReply *r)
{
    struct sl_store *s = (struct sl_store *)c;
    char text[200];
    struct sl_buf why;
    bool hopeless;
    sl_buf_over(&why, text, sizeof text);
    bool ok = sl_verify_server(c->setup.options, s->info, r, &why, &hopeless);
    passed(s, ok);
    if (!ok)
        sl_conn_drop(c, hopeless, "%.*s", (int)why.len, why.data);
    else if (c->state == SL_STORE_VERIFYING)
        sl_conn_up(c);
}

static void on_info(struct sl_conn *c, const struct redisReply *r)
{
    struct sl_store *s = (struct sl_store *)c;
    if (r->type != REDIS_REPLY_STRING) {
        sl_conn_refused(c, "INFO", r);
        return;
    }
    struct sl_span role = {"", 0}, cluster = {"", 0};
    if (c->setup.verifies) { /* judged when CONFIG GET has answered */
        char *copy = sl_xcalloc(1, r->len + 1);
        memcpy(copy, r->str, r->len);
        free((char *)s->info.at);
        s->info = sl_span(copy, r->len);
        return;
    }
    sl_decode_info(sl_span(r->str, r->len), "role", &role);
    sl_decode_info(sl_span(r->str, r->len), "cluster_enabled", &cluster);
    if (sl_span_eq(cluster, SL_SPAN("1")))
        sl_conn_drop(c, true, "Redis runs in cluster mode, which is not supported: one primary is needed");
    else if (!sl_span_eq(role, SL_SPAN("master")))
        sl_conn_drop(c, false, "the role of the server is %.*s, must be master",
                     (int)(role.len < 32 ? role.len : 32), role.at);
    else if (c->state == SL_STORE_VERIFYING)
        sl_conn_up(c);
}

void sl_store_verify(struct sl_store *s)
{
    struct sl_conn *c = &s->conn;
    s->verifying = true;
    sl_conn_ask(c, on_info, (const char *const[]){"INFO", NULL});
    if (c->setup.verifies)
        sl_conn_ask(c, on_config,
                    (const char *const[]){"CONFIG", "GET", "appendonly", "appendfsync",
                                          "no-appendfsync-on-rewrite", "maxmemory-policy", NULL});
}

void sl_store_prepare(struct sl_conn *c)
{
    struct sl_store *s = (struct sl_store *)c;
    for (unsigned i = 0; i < SL_OP_COUNT; i++)
        if (script_names[i] != NULL)
            sl_store_reload(s, (enum sl_store_op)i);
    sl_store_verify(s);
}
