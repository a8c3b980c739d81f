#include "store/ops_int.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"

static const struct {
    const char *name;
    bool writes, script;
} kinds[] = {
#define X(id, name, writes, script) {#name, writes, script},
    SL_STORE_OPS(X)
#undef X
};

static void count_failure(struct sl_store *s, enum sl_store_failure kind)
{
    if (s->conn.setup.metrics != NULL)
        sl_metric_add_label(s->conn.setup.metrics, SL_STORE_M_ERRORS, kind, 1);
}

static void count_inflight(struct sl_store *s)
{
    if (s->conn.setup.metrics != NULL)
        sl_metric_set(s->conn.setup.metrics, SL_STORE_M_INFLIGHT, s->inflight);
}

/* ---- errors */

enum consequence { NOTHING, RECONNECT, GIVE_UP };

/* Errors that Redis gives before a script has written anything, and our scripts' own. */
static const struct {
    const char *prefix;
    enum sl_err err;
    enum consequence then;
} known[] = {
    {"READONLY", SL_ERR_UNAVAILABLE, RECONNECT},     {"MASTERDOWN", SL_ERR_UNAVAILABLE, RECONNECT},
    {"LOADING", SL_ERR_UNAVAILABLE, NOTHING},        {"OOM", SL_ERR_UNAVAILABLE, NOTHING},
    {"MISCONF", SL_ERR_UNAVAILABLE, NOTHING},        {"BUSY", SL_ERR_UNAVAILABLE, NOTHING},
    {"NOREPLICAS", SL_ERR_UNAVAILABLE, NOTHING},     {"NOAUTH", SL_ERR_UNAVAILABLE, RECONNECT},
    {"NOSCRIPT", SL_ERR_UNAVAILABLE, NOTHING},       {"EXECABORT", SL_ERR_UNAVAILABLE, NOTHING},
    {"CLUSTERDOWN", SL_ERR_UNAVAILABLE, RECONNECT},  {"MOVED", SL_ERR_UNAVAILABLE, GIVE_UP},
    {"SLVALUE", SL_ERR_VALUE_OUT_OF_RANGE, NOTHING}, {"SLINDEX", SL_ERR_INDEX_OUT_OF_BOUNDS, NOTHING},
};

static enum sl_err judge(struct sl_operation *op, const struct redisReply *r, enum consequence *ret_then)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strncmp(r->str, known[i].prefix, strlen(known[i].prefix)) == 0) {
            *ret_then = known[i].then;
            return known[i].err;
        }
    }
    sl_log(SL_ERROR, "redis", "an operation failed", SL_KS("operation", kinds[op->kind].name),
           SL_KN("reply", r->str, r->len < 200 ? r->len : 200));
    return kinds[op->kind].writes ? SL_ERR_OUTCOME_UNKNOWN : SL_ERR_UNAVAILABLE;
}

enum sl_err sl_op_bad_shape(struct sl_operation *op)
{
    sl_log(SL_ERROR, "redis", "a reply has not the shape it must have",
           SL_KS("operation", kinds[op->kind].name));
    return kinds[op->kind].writes ? SL_ERR_OUTCOME_UNKNOWN : SL_ERR_UNAVAILABLE;
}

static enum sl_err outcome(struct sl_store *s, struct sl_operation *op, const struct redisReply *first,
                           const struct redisReply *last, enum consequence *ret_then)
{
    if (first == NULL) {
        bool unknown = kinds[op->kind].writes && op->call.sent > 0;
        count_failure(s, unknown ? SL_FAIL_UNKNOWN : SL_FAIL_UNAVAILABLE);
        return unknown ? SL_ERR_OUTCOME_UNKNOWN : SL_ERR_UNAVAILABLE;
    }
    const struct redisReply *r = first->type == REDIS_REPLY_ERROR || op->waits ? first : last;
    if (r->type == REDIS_REPLY_ERROR) {
        count_failure(s, SL_FAIL_REPLY);
        return judge(op, r, ret_then);
    }
    if (op->waits && (last->type != REDIS_REPLY_INTEGER ||
                      last->integer < (long long)s->conn.setup.options->wait_replicas)) {
        count_failure(s, SL_FAIL_UNKNOWN);
        sl_log(SL_WARN, "redis", "fewer replicas than asked have the update");
        return SL_ERR_OUTCOME_UNKNOWN;
    }
    return SL_OK;
}

static void measure(struct sl_store *s, const struct sl_operation *op)
{
    uint64_t took = sl_conn_now(&s->conn) - op->call.started_ns;
    if (s->conn.setup.metrics != NULL)
        sl_metric_observe(s->conn.setup.metrics, SL_STORE_M_LATENCY, took);
    if (op->kind != SL_OP_UPDATE) /* a batch takes as long as it is large */
        return;
    s->rtt_ns = s->rtt_ns == 0 ? took : s->rtt_ns - s->rtt_ns / 8 + took / 8;
}

static bool again_after_noscript(struct sl_store *s, struct sl_operation *op, const struct redisReply *first)
{
    if (first == NULL || first->type != REDIS_REPLY_ERROR || strncmp(first->str, "NOSCRIPT", 8) != 0 ||
        op->reloaded || s->conn.watch == NULL)
        return false;
    op->reloaded = true;
    op->call.awaits = op->waits ? 2 : 1;
    if (s->conn.setup.metrics != NULL)
        sl_metric_add(s->conn.setup.metrics, SL_STORE_M_SCRIPT_LOADS, 1);
    sl_store_reload(s, op->kind);
    sl_conn_send(&s->conn, &op->call);
    return true;
}

static void on_reply(struct sl_conn *c, struct sl_call *call, const struct redisReply *first,
                     const struct redisReply *last)
{
    struct sl_store *s = (struct sl_store *)c;
    struct sl_operation *op = (struct sl_operation *)call;
    if (again_after_noscript(s, op, first))
        return;
    enum consequence then = NOTHING;
    enum sl_err err = outcome(s, op, first, last, &then);
    s->inflight--;
    count_inflight(s);
    if (first != NULL)
        measure(s, op);
    op->deliver(op, err, err != SL_OK ? NULL : op->waits ? first : last);
    if (then != NOTHING && c->watch != NULL)
        sl_conn_drop(c, then == GIVE_UP, "Redis answered %.100s",
                     first->type == REDIS_REPLY_ERROR ? first->str : last->str);
    free(op->positions);
    free(op->group_first);
    free(op->call.bytes);
    free(op);
}

/* ---- sending */

size_t sl_store_channel(unsigned database, const char *pool, char *out, size_t cap)
{
    int n = snprintf(out, cap, "statuslist:%u:{%s}", database, pool);
    sl_assert(n > 0 && (size_t)n < cap);
    return (size_t)n;
}

size_t sl_store_shown(unsigned database, const char *pool, uint64_t fingerprint, const char *instance,
                      char *out, size_t cap)
{
    int n = snprintf(out, cap, "statuslist:%u:{%s}:%016" PRIx64 ":%s", database, pool, fingerprint, instance);
    sl_assert(n > 0 && (size_t)n < cap);
    return (size_t)n;
}

size_t sl_store_pool_key(const char *pool, char *out, size_t cap)
{
    int n = snprintf(out, cap, "statuslist:{%s}:config", pool);
    sl_assert(n > 0 && (size_t)n < cap);
    return (size_t)n;
}

void sl_op_channel(struct sl_store *s, const char *pool, struct sl_wire *w)
{
    char name[512];
    sl_wire_arg(w, name, sl_store_channel(s->conn.setup.options->database, pool, name, sizeof name));
}

void sl_op_uuid(struct sl_wire *w, const struct sl_uuid *id)
{
    char text[SL_UUID_TEXT];
    sl_uuid_text(id, text);
    sl_wire_arg(w, text, sizeof text);
}

void sl_op_pack(struct sl_wire *w, const struct sl_change *changes, uint32_t n)
{
    uint8_t *at = sl_wire_room(w, (size_t)n * 5);
    for (uint32_t i = 0; i < n; i++, at += 5) {
        uint32_t index = changes[i].index;
        at[0] = (uint8_t)index;
        at[1] = (uint8_t)(index >> 8);
        at[2] = (uint8_t)(index >> 16);
        at[3] = (uint8_t)(index >> 24);
        at[4] = changes[i].value;
    }
}

enum sl_err sl_op_plain(struct sl_store *s, enum sl_store_op kind, struct sl_operation **ret_op)
{
    if (s->conn.state != SL_STORE_UP || s->inflight >= SL_STORE_INFLIGHT) {
        count_failure(s, s->conn.state == SL_STORE_UP ? SL_FAIL_BOUND : SL_FAIL_UNAVAILABLE);
        return SL_ERR_UNAVAILABLE;
    }
    struct sl_operation *op = sl_xcalloc(1, sizeof *op);
    op->kind = kind;
    *ret_op = op;
    return SL_OK;
}

enum sl_err sl_op_new(struct sl_store *s, enum sl_store_op kind, const char *pool, unsigned argc,
                      struct sl_wire *w, struct sl_operation **ret_op)
{
    enum sl_err err = sl_op_plain(s, kind, ret_op);
    if (err != SL_OK)
        return err;
    char key[512];
    bool names = kind == SL_OP_OPEN_POOL;
    sl_wire_command(w, argc + (names ? 5 : 4));
    sl_wire_text(w, "EVALSHA");
    sl_wire_arg(w, s->sha[kind], SL_SHA);
    sl_wire_number(w, names ? 2 : 1);
    sl_wire_arg(w, key, sl_store_pool_key(pool, key, sizeof key));
    if (names)
        sl_wire_text(w, "statuslist:pools");
    return SL_OK;
}

void sl_op_send(struct sl_store *s, struct sl_operation *op, struct sl_wire *w, unsigned replies)
{
    const struct sl_redis_options *o = s->conn.setup.options;
    if (o->wait_replicas > 0 &&
        (op->kind == SL_OP_UPDATE || op->kind == SL_OP_BATCH || op->kind == SL_OP_REMEMBER)) {
        sl_wire_command(w, 3);
        sl_wire_text(w, "WAIT");
        sl_wire_number(w, o->wait_replicas);
        sl_wire_number(w, o->command_timeout_ms / 2 + 1);
        op->waits = true;
        replies++;
    }
    op->call.bytes = w->data;
    op->call.len = w->len;
    op->call.awaits = replies;
    op->call.on_reply = on_reply;
    s->inflight++;
    count_inflight(s);
    if (s->conn.setup.metrics != NULL)
        sl_metric_add_label(s->conn.setup.metrics, SL_STORE_M_OPERATIONS, op->kind, 1);
    sl_conn_send(&s->conn, &op->call);
}
