/* Loop thread of the store. An operation begins with its EVALSHA, the typed functions (ops_lists.c,
 * ops_statuses.c) add their arguments, and where replicas must confirm a WAIT goes out in the same piece.
 * When Redis has forgotten the script, on_reply() loads it and sends the operation again, once; otherwise
 * it turns the replies into an error by the table `known`: everything else that a write meets after a byte
 * of it has left is "outcome unknown". An error that ends the connection reaches its own callback first,
 * and then the calls behind it. */
#include "store/ops_int.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/container_of.h"
#include "base/log.h"
#include "store/metrics.h"
#include "store/names_int.h"

static const struct {
    const char *name;
    unsigned flags;
} kinds[] = {
#define X(id, name, callback, flags) {#name, flags},
    SL_STORE_OPS(X)
#undef X
};

static bool op_writes(const struct sl_operation *op)
{
    return (kinds[op->kind].flags & SL_OP_WRITES) != 0;
}

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

/* Errors after which a script has written nothing: those that Redis gives before it runs, and our own. With a
 * doubt, Redis is unfit from then on. */
static const struct {
    const char *prefix;
    enum sl_err err;
    enum consequence then;
    const char *doubt;
} known[] = {
    {"READONLY", SL_ERR_UNAVAILABLE, RECONNECT, "Redis is a read-only replica (READONLY)"},
    {"MASTERDOWN", SL_ERR_UNAVAILABLE, RECONNECT, NULL},
    {"LOADING", SL_ERR_UNAVAILABLE, NOTHING, NULL},
    {"OOM", SL_ERR_UNAVAILABLE, NOTHING, "Redis is out of memory (OOM)"},
    {"MISCONF", SL_ERR_UNAVAILABLE, NOTHING, "Redis cannot write to its disk (MISCONF)"},
    {"BUSY", SL_ERR_UNAVAILABLE, NOTHING, NULL},
    {"NOREPLICAS", SL_ERR_UNAVAILABLE, NOTHING, "Redis has too few replicas to write (NOREPLICAS)"},
    {"NOAUTH", SL_ERR_UNAVAILABLE, RECONNECT, NULL},
    {"NOSCRIPT", SL_ERR_UNAVAILABLE, NOTHING, NULL},
    {"EXECABORT", SL_ERR_UNAVAILABLE, NOTHING, NULL},
    {"CLUSTERDOWN", SL_ERR_UNAVAILABLE, RECONNECT, NULL},
    {"MOVED", SL_ERR_UNAVAILABLE, GIVE_UP, NULL},
    {"SLVALUE", SL_ERR_VALUE_OUT_OF_RANGE, NOTHING, NULL},
    {"SLINDEX", SL_ERR_INDEX_OUT_OF_BOUNDS, NOTHING, NULL},
    {"SLHISTORY", SL_ERR_HISTORY, NOTHING, NULL},
};

static void doubt_fitness(struct sl_store *s, const char *reason)
{
    if (s->conn.setup.fitness != NULL)
        sl_fitness_doubt(s->conn.setup.fitness, reason);
}

/* What Redis says when a command, or (7.0, and later ones) one of a script, is not permitted. */
static bool lacks_right(const char *error)
{
    static const char *const says[] = {"NOPERM", "ERR The user executing the script can't",
                                       "ERR ACL failure in script"};
    for (size_t i = 0; i < sizeof says / sizeof says[0]; i++)
        if (strncmp(error, says[i], strlen(says[i])) == 0)
            return true;
    return false;
}

static enum sl_err judge_error(struct sl_operation *op, const struct redisReply *reply,
                               enum consequence *ret_then)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strncmp(reply->str, known[i].prefix, strlen(known[i].prefix)) == 0) {
            *ret_then = known[i].then;
            if (known[i].doubt != NULL)
                doubt_fitness(op->store, known[i].doubt);
            return known[i].err;
        }
    }
    if (lacks_right(reply->str)) {
        doubt_fitness(op->store, "the Redis user lacks a right");
        if (strncmp(reply->str, "NOPERM", 6) == 0)
            return SL_ERR_UNAVAILABLE; /* it may not even run scripts */
    }
    sl_log(SL_ERROR, "redis", "an operation failed", SL_KS("operation", kinds[op->kind].name),
           SL_KN("reply", reply->str, reply->len < 200 ? reply->len : 200));
    return op_writes(op) ? SL_ERR_OUTCOME_UNKNOWN : SL_ERR_UNAVAILABLE;
}

enum sl_err sl_op_bad_shape(struct sl_operation *op)
{
    sl_log(SL_ERROR, "redis", "unexpected reply shape", SL_KS("operation", kinds[op->kind].name));
    return op_writes(op) ? SL_ERR_OUTCOME_UNKNOWN : SL_ERR_UNAVAILABLE;
}

static enum sl_err outcome_of_reply(struct sl_store *s, struct sl_operation *op,
                                    const struct redisReply *first, const struct redisReply *last,
                                    enum consequence *ret_then)
{
    if (first == NULL) {
        bool unknown = op_writes(op) && op->call.sent > 0;
        count_failure(s, unknown ? SL_FAIL_UNKNOWN : SL_FAIL_UNAVAILABLE);
        return unknown ? SL_ERR_OUTCOME_UNKNOWN : SL_ERR_UNAVAILABLE;
    }
    const struct redisReply *reply = first->type == REDIS_REPLY_ERROR || op->waits ? first : last;
    if (reply->type == REDIS_REPLY_ERROR) {
        count_failure(s, SL_FAIL_REPLY);
        return judge_error(op, reply, ret_then);
    }
    if (op->waits && (last->type != REDIS_REPLY_INTEGER || last->integer < (long long)op->replicas)) {
        count_failure(s, SL_FAIL_UNKNOWN);
        doubt_fitness(s, NULL);
        sl_log(SL_WARN, "redis", "fewer replicas than wait-replicas have confirmed the write");
        return SL_ERR_OUTCOME_UNKNOWN;
    }
    return SL_OK;
}

static void measure_reply(struct sl_store *s, const struct sl_operation *op)
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
    sl_store_load_script(s, op->kind);
    sl_conn_send(&s->conn, &op->call);
    return true;
}

static void on_reply(struct sl_conn *c, struct sl_call *call, const struct redisReply *first,
                     const struct redisReply *last)
{
    struct sl_store *s = sl_container_of(c, struct sl_store, conn);
    struct sl_operation *op = sl_container_of(call, struct sl_operation, call);
    if (again_after_noscript(s, op, first))
        return;
    enum consequence then = NOTHING;
    enum sl_err err = outcome_of_reply(s, op, first, last, &then);
    s->inflight--;
    count_inflight(s);
    if (first != NULL)
        measure_reply(s, op);
    if (err == SL_OK && c->setup.fitness != NULL && op->acknowledges > 0)
        atomic_fetch_add_explicit(&c->setup.fitness->acknowledged, op->acknowledges, memory_order_relaxed);
    op->give(op, err, err != SL_OK ? NULL : op->waits ? first : last);
    if (then != NOTHING && c->watch != NULL)
        sl_conn_drop(c, then == GIVE_UP, "Redis answered %.100s",
                     first->type == REDIS_REPLY_ERROR ? first->str : last->str);
    sl_decoded_free(&op->decoded);
    free(op->positions);
    free(op->group_first);
    free(op->lineages);
    free(op->call.bytes);
    free(op);
}

/* ---- sending */

void sl_op_channel(struct sl_operation *op, const char *pool)
{
    char name[SL_NAME_MAX];
    sl_wire_arg(&op->wire, name, sl_name_channel(op->store->conn.setup.options->database, pool, name));
}

void sl_op_uuid(struct sl_operation *op, const struct sl_uuid *id)
{
    char text[SL_UUID_TEXT];
    sl_uuid_text(id, text);
    sl_wire_arg(&op->wire, text, sizeof text);
}

void sl_op_lineage(struct sl_operation *op, struct sl_lineage lineage)
{
    char text[SL_LINEAGE_TEXT];
    sl_wire_arg(&op->wire, text, sl_lineage_print(lineage, text));
}

void sl_op_fence(struct sl_operation *op, const struct sl_fence *fence)
{
    sl_assert(!sl_lineage_none(fence->lineage)); /* a pool is opened before anything is done in it */
    op->fence = *fence;
    sl_op_lineage(op, fence->lineage);
    sl_wire_number(&op->wire, (int64_t)fence->least);
}

static void begin_script(struct sl_operation *op, const char *pool, unsigned argc)
{
    char key[SL_NAME_MAX];
    bool names = (kinds[op->kind].flags & SL_OP_NAMES) != 0;
    sl_wire_command(&op->wire, argc + (names ? 5 : 4));
    sl_wire_text(&op->wire, "EVALSHA");
    sl_wire_arg(&op->wire, op->store->sha[op->kind], SL_SHA);
    sl_wire_number(&op->wire, names ? 2 : 1);
    sl_wire_arg(&op->wire, key, sl_name_pool(pool, "config", key));
    if (names)
        sl_wire_text(&op->wire, SL_NAME_POOLS);
}

struct sl_operation *sl_op_begin(struct sl_store *s, enum sl_store_op kind, const char *pool, unsigned argc,
                                 sl_op_give *give, void *arg)
{
    if (s->conn.state != SL_STORE_UP || s->inflight >= SL_STORE_INFLIGHT) {
        count_failure(s, s->conn.state == SL_STORE_UP ? SL_FAIL_BOUND : SL_FAIL_UNAVAILABLE);
        return NULL;
    }
    if ((kinds[kind].flags & SL_OP_DURABLE) && sl_store_unfit(s) != NULL) {
        count_failure(s, SL_FAIL_UNAVAILABLE);
        return NULL;
    }
    struct sl_operation *op = sl_xcalloc(1, sizeof *op);
    op->store = s;
    op->kind = kind;
    op->give = give;
    op->arg = arg;
    if (kinds[kind].flags & SL_OP_SCRIPT)
        begin_script(op, pool, argc);
    return op;
}

static uint32_t replicas_wanted(const struct sl_store *s)
{
    const struct sl_fitness *fitness = s->conn.setup.fitness;
    if (s->conn.setup.options->wait_replicas != SL_WAIT_ALL)
        return s->conn.setup.options->wait_replicas;
    uint32_t all = fitness != NULL ? atomic_load_explicit(&fitness->replicas, memory_order_relaxed) : 0;
    return all > 0 ? all : 1;
}

enum sl_err sl_op_send_commands(struct sl_operation *op, unsigned replies)
{
    struct sl_store *s = op->store;
    const struct sl_redis_options *options = s->conn.setup.options;
    op->replicas = replicas_wanted(s);
    op->waits = op->replicas > 0 && (kinds[op->kind].flags & SL_OP_WAITS);
    if (op->waits) {
        sl_wire_command(&op->wire, 3);
        sl_wire_text(&op->wire, "WAIT");
        sl_wire_number(&op->wire, op->replicas);
        sl_wire_number(&op->wire, options->command_timeout_ms / 2 + 1);
        replies++;
    }
    op->call.bytes = op->wire.data;
    op->call.len = op->wire.len;
    op->call.awaits = replies;
    op->call.on_reply = on_reply;
    s->inflight++;
    count_inflight(s);
    if (s->conn.setup.metrics != NULL)
        sl_metric_add_label(s->conn.setup.metrics, SL_STORE_M_OPERATIONS, op->kind, 1);
    sl_conn_send(&s->conn, &op->call);
    return SL_OK;
}

enum sl_err sl_op_send(struct sl_operation *op)
{
    return sl_op_send_commands(op, 1);
}
