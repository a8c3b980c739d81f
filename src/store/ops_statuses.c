/* Operations on statuses: the workers', and the loads that publishing needs. */
#include <hiredis/hiredis.h>
#include <stdio.h>

#include "base/assert.h"
#include "store/ops_int.h"

static void give_loaded(struct sl_operation *op, enum sl_err err, const struct redisReply *r)
{
    bool gone = false;
    uint64_t version = 0;
    struct sl_span bytes = {0};
    if (err == SL_OK && !sl_decode_loaded(r, &gone, &version, &bytes))
        err = sl_op_bad_shape(op);
    op->done.loaded(op->arg, err == SL_OK && gone ? SL_ERR_NO_SUCH_LIST : err, version, bytes);
}

/* A transaction, not a script: a hundred megabytes need not become a Lua string first. */
enum sl_err sl_store_load(struct sl_store *s, const char *pool, const struct sl_uuid *list,
                          void (*done)(void *arg, enum sl_err err, uint64_t version, struct sl_span bytes),
                          void *arg)
{
    struct sl_wire w = {0};
    struct sl_operation *op;
    enum sl_err err = sl_op_plain(s, SL_OP_LOAD, &op);
    if (err != SL_OK)
        return err;
    op->deliver = give_loaded;
    op->done.loaded = done;
    op->arg = arg;
    char id[SL_UUID_TEXT], key[600];
    sl_uuid_text(list, id);
    int n = snprintf(key, sizeof key, "statuslist:{%s}:list:%.*s:config", pool, SL_UUID_TEXT, id);
    sl_assert(n > 0 && (size_t)n < sizeof key);
    sl_wire_command(&w, 1);
    sl_wire_text(&w, "MULTI");
    sl_wire_command(&w, 3);
    sl_wire_text(&w, "HGET");
    sl_wire_arg(&w, key, (size_t)n);
    sl_wire_text(&w, "version");
    n = snprintf(key, sizeof key, "statuslist:{%s}:list:%.*s:data", pool, SL_UUID_TEXT, id);
    sl_wire_command(&w, 2);
    sl_wire_text(&w, "GET");
    sl_wire_arg(&w, key, (size_t)n);
    sl_wire_command(&w, 1);
    sl_wire_text(&w, "EXEC");
    sl_op_send(s, op, &w, 4);
    return SL_OK;
}

static void give_updated(struct sl_operation *op, enum sl_err err, const struct redisReply *r)
{
    struct sl_updated u = {0};
    if (err == SL_OK && r->type == REDIS_REPLY_NIL)
        err = SL_ERR_NO_SUCH_LIST;
    if (err == SL_OK && !sl_decode_updated(r, op->want, &u))
        err = sl_op_bad_shape(op);
    op->done.updated(op->arg, err, err == SL_OK ? &u : NULL);
}

enum sl_err sl_store_update(struct sl_store *s, const char *pool, const struct sl_uuid *list, int final,
                            const struct sl_change *changes, uint32_t n,
                            void (*done)(void *arg, enum sl_err err, const struct sl_updated *r), void *arg)
{
    struct sl_wire w = {0};
    struct sl_operation *op;
    enum sl_err err = sl_op_new(s, SL_OP_UPDATE, pool, 4, &w, &op);
    if (err != SL_OK)
        return err;
    op->deliver = give_updated;
    op->done.updated = done;
    op->arg = arg;
    op->want = n;
    sl_op_channel(s, pool, &w);
    sl_op_uuid(&w, list);
    sl_wire_number(&w, final);
    sl_op_pack(&w, changes, n);
    sl_op_send(s, op, &w, 1);
    return SL_OK;
}

static void give_batched(struct sl_operation *op, enum sl_err err, const struct redisReply *r)
{
    struct sl_batched b = {0};
    struct sl_decoded d = {0};
    uint32_t group = 0, at = 0;
    bool good = err == SL_OK && sl_decode_batched(r, op->want, &b, &group, &at, &d);
    if (good && b.refused != SL_OK) {
        good = at < op->group_first[group + 1] - op->group_first[group];
        b.refused_position = good ? op->positions[op->group_first[group] + at] : 0;
    }
    if (err == SL_OK && !good)
        err = sl_op_bad_shape(op);
    op->done.batched(op->arg, err, good ? &b : NULL);
    sl_decoded_free(&d);
}

/* The positions outlive the call: the reply names group and entry, the caller wants its own number. */
static void keep_positions(struct sl_operation *op, const struct sl_batch_group *groups, uint32_t n)
{
    op->group_first = sl_xcalloc((size_t)n + 1, sizeof *op->group_first);
    for (uint32_t i = 0; i < n; i++)
        op->group_first[i + 1] = op->group_first[i] + groups[i].count;
    op->positions = sl_xcalloc((size_t)op->group_first[n] + 1, sizeof *op->positions);
    for (uint32_t i = 0; i < n; i++)
        if (groups[i].count > 0)
            memcpy(op->positions + op->group_first[i], groups[i].positions,
                   groups[i].count * sizeof *op->positions);
}

static void record_arg(struct sl_wire *w, const struct sl_record_key *key)
{
    static const char digits[] = "0123456789abcdef";
    char hex[2 * SL_RECORD_ID];
    for (size_t i = 0; i < SL_RECORD_ID; i++) {
        hex[2 * i] = digits[key->id[i] >> 4];
        hex[2 * i + 1] = digits[key->id[i] & 15];
    }
    sl_wire_arg(w, hex, sizeof hex);
    sl_wire_arg(w, key->fingerprint, sizeof key->fingerprint);
    sl_wire_number(w, key->keep_ms);
}

enum sl_err sl_store_batch(struct sl_store *s, const char *pool, int final,
                           const struct sl_batch_group *groups, uint32_t n, const struct sl_record_key *key,
                           void (*done)(void *arg, enum sl_err err, const struct sl_batched *r), void *arg)
{
    struct sl_wire w = {0};
    struct sl_operation *op;
    enum sl_err err = sl_op_new(s, SL_OP_BATCH, pool, (key != NULL ? 5 : 3) + 2 * n, &w, &op);
    if (err != SL_OK)
        return err;
    op->deliver = give_batched;
    op->done.batched = done;
    op->arg = arg;
    op->want = n;
    keep_positions(op, groups, n);
    sl_op_channel(s, pool, &w);
    sl_wire_number(&w, final);
    if (key != NULL)
        record_arg(&w, key);
    else
        sl_wire_text(&w, "");
    for (uint32_t i = 0; i < n; i++) {
        sl_op_uuid(&w, &groups[i].list);
        sl_op_pack(&w, groups[i].changes, groups[i].count);
    }
    sl_op_send(s, op, &w, 1);
    return SL_OK;
}

static void give_remembered(struct sl_operation *op, enum sl_err err, const struct redisReply *r)
{
    struct sl_remembered m = {0};
    if (err == SL_OK && !sl_decode_remembered(r, &m))
        err = sl_op_bad_shape(op);
    op->done.remembered(op->arg, err, err == SL_OK ? &m : NULL);
}

enum sl_err sl_store_remember(struct sl_store *s, const char *pool, const struct sl_record_key *key,
                              struct sl_span answer,
                              void (*done)(void *arg, enum sl_err err, const struct sl_remembered *r),
                              void *arg)
{
    struct sl_wire w = {0};
    struct sl_operation *op;
    enum sl_err err = sl_op_new(s, SL_OP_REMEMBER, pool, 4, &w, &op);
    if (err != SL_OK)
        return err;
    op->deliver = give_remembered;
    op->done.remembered = done;
    op->arg = arg;
    record_arg(&w, key);
    sl_wire_arg(&w, answer.at, answer.len);
    sl_op_send(s, op, &w, 1);
    return SL_OK;
}

static void give_status(struct sl_operation *op, enum sl_err err, const struct redisReply *r)
{
    bool outside = false;
    uint8_t value = 0;
    uint64_t version = 0;
    if (err == SL_OK && r->type == REDIS_REPLY_NIL)
        err = SL_ERR_NO_SUCH_LIST;
    if (err == SL_OK && !sl_decode_status(r, &outside, &value, &version))
        err = sl_op_bad_shape(op);
    op->done.status(op->arg, err == SL_OK && outside ? SL_ERR_INDEX_OUT_OF_BOUNDS : err, value, version);
}

enum sl_err sl_store_status(struct sl_store *s, const char *pool, const struct sl_uuid *list, uint32_t index,
                            void (*done)(void *arg, enum sl_err err, uint8_t value, uint64_t version),
                            void *arg)
{
    struct sl_wire w = {0};
    struct sl_operation *op;
    enum sl_err err = sl_op_new(s, SL_OP_STATUS, pool, 2, &w, &op);
    if (err != SL_OK)
        return err;
    op->deliver = give_status;
    op->done.status = done;
    op->arg = arg;
    sl_op_uuid(&w, list);
    sl_wire_number(&w, index);
    sl_op_send(s, op, &w, 1);
    return SL_OK;
}
