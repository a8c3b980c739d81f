/* The workers' operations, on statuses; and the load that publishing needs. */
#include <hiredis/hiredis.h>

#include "base/assert.h"
#include "base/hex.h"
#include "store/names_int.h"
#include "store/ops_int.h"

static void give_load(struct sl_operation *op, enum sl_err err, const struct redisReply *reply)
{
    bool gone = false;
    struct sl_loaded loaded = {0};
    if (err == SL_OK && !sl_decode_loaded(reply, op->lineages, op->want, &gone, &loaded, &op->decoded)) {
        (void)sl_op_bad_shape(op);
        err = SL_ERR_INTERNAL;
    }
    if (err == SL_OK && gone)
        err = SL_ERR_NO_SUCH_LIST;
    sl_loaded_cb *done = op->kind == SL_OP_LOAD ? op->done.load : op->done.read;
    done(op->arg, err, err == SL_OK ? &loaded : NULL);
}

static void keep_lineages(struct sl_operation *op, const struct sl_lineage *named, unsigned n)
{
    op->want = n;
    op->lineages = sl_xcalloc(n + 1, sizeof *op->lineages);
    for (unsigned i = 0; i < n; i++)
        op->lineages[i] = named[i];
}

/* A full Redis queues nothing in a transaction, but runs a script that only reads. */
static enum sl_err read_list(struct sl_store *s, const char *pool, const struct sl_uuid *list,
                             const struct sl_lineage *named, unsigned n, sl_loaded_cb *done, void *arg)
{
    struct sl_operation *op = sl_op_begin(s, SL_OP_READ, pool, 1 + n, give_load, arg);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.read = done;
    keep_lineages(op, named, n);
    sl_op_uuid(op, list);
    for (unsigned i = 0; i < n; i++)
        sl_op_lineage(op, named[i]);
    return sl_op_send(op);
}

static void put_get(struct sl_wire *w, const char *pool, const struct sl_uuid *list, const char *what)
{
    char key[SL_NAME_MAX];
    sl_wire_command(w, 2);
    sl_wire_text(w, "GET");
    sl_wire_arg(w, key, sl_name_list(pool, list, what, key));
}

/* Usually a transaction, not a script: a hundred megabytes need not become a Lua string first. */
enum sl_err sl_store_load(struct sl_store *s, const char *pool, const struct sl_uuid *list,
                          const struct sl_lineage *named, unsigned n, sl_loaded_cb *done, void *arg)
{
    static const char *const fields[] = {"version", "at", "line", "cut"};
    sl_assert(n <= SL_LINE_MAX);
    if (sl_store_unfit(s) != NULL)
        return read_list(s, pool, list, named, n, done, arg);
    struct sl_operation *op = sl_op_begin(s, SL_OP_LOAD, NULL, 0, give_load, arg);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.load = done;
    keep_lineages(op, named, n);
    char key[SL_NAME_MAX], marks[6 + SL_LINEAGE_TEXT + 1] = "marks:";
    sl_wire_command(&op->wire, 1);
    sl_wire_text(&op->wire, "MULTI");
    sl_wire_command(&op->wire, 1);
    sl_wire_text(&op->wire, "TIME");
    sl_wire_command(&op->wire, 6);
    sl_wire_text(&op->wire, "HMGET");
    sl_wire_arg(&op->wire, key, sl_name_list(pool, list, "config", key));
    for (unsigned i = 0; i < 4; i++)
        sl_wire_text(&op->wire, fields[i]);
    put_get(&op->wire, pool, list, "data");
    for (unsigned i = 0; i < n; i++) {
        marks[6 + sl_lineage_print(named[i], marks + 6)] = '\0';
        put_get(&op->wire, pool, list, marks);
    }
    sl_wire_command(&op->wire, 1);
    sl_wire_text(&op->wire, "EXEC");
    return sl_op_send_commands(op, 5 + n);
}

/* Five bytes a change, which the scripts unpack: index as little-endian uint32, value. */
static void pack_changes(struct sl_wire *w, const struct sl_change *changes, uint32_t n)
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

static void give_update(struct sl_operation *op, enum sl_err err, const struct redisReply *reply)
{
    struct sl_updated updated = {0};
    if (err == SL_OK && reply->type == REDIS_REPLY_NIL)
        err = SL_ERR_NO_SUCH_LIST;
    if (err == SL_OK && !sl_decode_updated(reply, op->want, op->fence.lineage, &updated))
        err = sl_op_bad_shape(op);
    op->done.update(op->arg, err, err == SL_OK ? &updated : NULL);
}

static void put_marks(struct sl_operation *op, const struct sl_fence *fence)
{
    sl_wire_number(&op->wire, fence->marks);
}

enum sl_err sl_store_update(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                            const struct sl_uuid *list, int final, const struct sl_change *changes,
                            uint32_t n, sl_updated_cb *done, void *arg)
{
    struct sl_operation *op = sl_op_begin(s, SL_OP_UPDATE, pool, 7, give_update, arg);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.update = done;
    op->want = op->acknowledges = n;
    sl_op_channel(op, pool);
    sl_op_uuid(op, list);
    sl_wire_number(&op->wire, final);
    pack_changes(&op->wire, changes, n);
    sl_op_fence(op, fence);
    put_marks(op, fence);
    return sl_op_send(op);
}

static void give_batch(struct sl_operation *op, enum sl_err err, const struct redisReply *reply)
{
    struct sl_batched batched = {0};
    uint32_t group = 0, at = 0;
    bool good = err == SL_OK &&
                sl_decode_batched(reply, op->want, op->fence.lineage, &batched, &group, &at, &op->decoded);
    if (good && batched.refused != SL_OK) {
        good = at < op->group_first[group + 1] - op->group_first[group];
        batched.refused_position = good ? op->positions[op->group_first[group] + at] : 0;
    }
    if (err == SL_OK && !good)
        err = sl_op_bad_shape(op);
    op->done.batch(op->arg, err, good ? &batched : NULL);
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
    char hex[2 * SL_RECORD_ID];
    sl_hex_encode(key->id, SL_RECORD_ID, hex);
    sl_wire_arg(w, hex, sizeof hex);
    sl_wire_arg(w, key->fingerprint, sizeof key->fingerprint);
    sl_wire_number(w, key->keep_ms);
}

enum sl_err sl_store_batch(struct sl_store *s, const char *pool, const struct sl_fence *fence, int final,
                           const struct sl_batch_group *groups, uint32_t n, const struct sl_record_key *key,
                           sl_batched_cb *done, void *arg)
{
    struct sl_operation *op =
        sl_op_begin(s, SL_OP_BATCH, pool, (key != NULL ? 8 : 6) + 2 * n, give_batch, arg);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.batch = done;
    op->want = n;
    keep_positions(op, groups, n);
    op->acknowledges = op->group_first[n];
    sl_op_channel(op, pool);
    sl_wire_number(&op->wire, final);
    sl_op_fence(op, fence);
    put_marks(op, fence);
    if (key != NULL)
        record_arg(&op->wire, key);
    else
        sl_wire_text(&op->wire, "");
    for (uint32_t i = 0; i < n; i++) {
        sl_op_uuid(op, &groups[i].list);
        pack_changes(&op->wire, groups[i].changes, groups[i].count);
    }
    return sl_op_send(op);
}

SL_OP_GIVES(remember, sl_remembered, sl_decode_remembered(reply, &value))

enum sl_err sl_store_remember(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                              const struct sl_record_key *key, struct sl_span answer, sl_remembered_cb *done,
                              void *arg)
{
    struct sl_operation *op = sl_op_begin(s, SL_OP_REMEMBER, pool, 6, give_remember, arg);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.remember = done;
    op->acknowledges = answer.len > 0;
    record_arg(&op->wire, key);
    sl_wire_arg(&op->wire, answer.at, answer.len);
    sl_op_fence(op, fence);
    return sl_op_send(op);
}

static void give_status(struct sl_operation *op, enum sl_err err, const struct redisReply *reply)
{
    bool outside = false;
    uint8_t value = 0;
    struct sl_head head = {0};
    if (err == SL_OK && reply->type == REDIS_REPLY_NIL)
        err = SL_ERR_NO_SUCH_LIST;
    if (err == SL_OK && !sl_decode_status(reply, op->fence.lineage, &outside, &value, &head))
        err = sl_op_bad_shape(op);
    op->done.status(op->arg, err == SL_OK && outside ? SL_ERR_INDEX_OUT_OF_BOUNDS : err, value, head);
}

enum sl_err sl_store_status(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                            const struct sl_uuid *list, uint32_t index, sl_status_cb *done, void *arg)
{
    struct sl_operation *op = sl_op_begin(s, SL_OP_STATUS, pool, 4, give_status, arg);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.status = done;
    sl_op_uuid(op, list);
    sl_wire_number(&op->wire, index);
    sl_op_fence(op, fence);
    return sl_op_send(op);
}
