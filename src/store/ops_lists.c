/* The keeper's operations: pools and lists. */
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/hex.h"
#include "store/names_int.h"
#include "store/ops_int.h"

SL_OP_GIVES(agree, sl_agreed, sl_decode_agreed(reply, &value))

enum sl_err sl_store_agree(struct sl_store *s, const char *pool, const struct sl_shared_options *mine,
                           bool write, sl_agreed_cb *done, void *arg)
{
    char fingerprint[17];
    sl_assert(mine->text.len <= SL_SHARED_MAX);
    struct sl_operation *op = sl_op_begin(s, SL_OP_AGREE, pool, 9, give_agree, arg);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.agree = done;
    snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, mine->fingerprint);
    sl_op_channel(op, pool);
    sl_wire_text(&op->wire, s->conn.setup.identity->instance);
    sl_wire_text(&op->wire, fingerprint);
    sl_wire_arg(&op->wire, mine->text.at, mine->text.len);
    sl_wire_number(&op->wire, mine->size);
    sl_wire_number(&op->wire, mine->bits);
    sl_wire_number(&op->wire, write);
    sl_wire_number(&op->wire, mine->ttl_ms);
    sl_wire_number(&op->wire, mine->default_ttl_ms);
    return sl_op_send(op);
}

SL_OP_GIVES(open_pool, sl_pool_opened, sl_decode_pool(reply, &value))

static void put_random(struct sl_operation *op, uint64_t random)
{
    uint8_t bytes[8];
    char hex[2 * sizeof bytes];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(random >> 8 * i);
    sl_hex_encode(bytes, sizeof bytes, hex);
    sl_wire_arg(&op->wire, hex, sizeof hex);
}

static void put_known(struct sl_operation *op, const struct sl_pool_known *known)
{
    sl_wire_number(&op->wire, known->first);
    sl_wire_number(&op->wire, known->back);
    sl_op_lineage(op, known->lineage);
    sl_wire_number(&op->wire, (int64_t)known->least);
    sl_wire_number(&op->wire, (int64_t)known->begun);
    sl_op_lineage(op, known->parent);
    sl_wire_number(&op->wire, (int64_t)known->parent_end);
    sl_op_lineage(op, known->highest);
    put_random(op, known->random);
}

enum sl_err sl_store_open_pool(struct sl_store *s, const char *pool, uint32_t size, unsigned bits,
                               const struct sl_pool_known *known, sl_pool_opened_cb *done, void *arg)
{
    struct sl_operation *op =
        sl_op_begin(s, SL_OP_OPEN_POOL, pool, known != NULL ? 12 : 3, give_open_pool, arg);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.open_pool = done;
    sl_wire_text(&op->wire, pool);
    sl_wire_number(&op->wire, size);
    sl_wire_number(&op->wire, bits);
    if (known != NULL)
        put_known(op, known);
    return sl_op_send(op);
}

static void give_pool_names(struct sl_operation *op, enum sl_err err, const struct redisReply *reply)
{
    const struct sl_span *names = NULL;
    size_t n = 0;
    if (err == SL_OK && !sl_decode_names(reply, &names, &n, &op->decoded))
        err = sl_op_bad_shape(op);
    op->done.pool_names(op->arg, err, names, n);
}

enum sl_err sl_store_pool_names(struct sl_store *s, sl_pool_names_cb *done, void *arg)
{
    struct sl_operation *op = sl_op_begin(s, SL_OP_POOL_NAMES, NULL, 0, give_pool_names, arg);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.pool_names = done;
    sl_wire_command(&op->wire, 2);
    sl_wire_text(&op->wire, "SMEMBERS");
    sl_wire_text(&op->wire, SL_NAME_POOLS);
    return sl_op_send(op);
}

static void give_tempos(struct sl_operation *op, enum sl_err err, const struct redisReply *reply)
{
    const struct sl_tempo *tempos = NULL;
    size_t n = 0;
    if (err == SL_OK &&
        !sl_decode_tempos(reply, op->store->conn.setup.identity->instance, &tempos, &n, &op->decoded))
        err = sl_op_bad_shape(op);
    op->done.tempos(op->arg, err, tempos, n);
}

enum sl_err sl_store_tempos(struct sl_store *s, sl_tempos_cb *done, void *arg)
{
    char pattern[SL_NAME_MAX];
    struct sl_operation *op = sl_op_begin(s, SL_OP_TEMPOS, NULL, 0, give_tempos, arg);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.tempos = done;
    sl_name_tempos(s->conn.setup.options->database, pattern);
    sl_wire_command(&op->wire, 3);
    sl_wire_text(&op->wire, "PUBSUB");
    sl_wire_text(&op->wire, "CHANNELS");
    sl_wire_text(&op->wire, pattern);
    return sl_op_send(op);
}

static void put_positions(struct sl_operation *op, const struct sl_position *lists, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        sl_op_uuid(op, &lists[i].list);
        sl_wire_number(&op->wire, lists[i].position);
    }
}

SL_OP_GIVES(inherit, sl_inherited, sl_decode_inherited(reply, op->want, &value, &op->decoded))

enum sl_err sl_store_inherit(struct sl_store *s, const char *pool, const char run[static 17],
                             const struct sl_position *lists, uint32_t n, sl_inherited_cb *done, void *arg)
{
    struct sl_operation *op = sl_op_begin(s, SL_OP_INHERIT, pool, 2 + 2 * n, give_inherit, arg);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.inherit = done;
    op->want = n;
    sl_wire_text(&op->wire, run);
    sl_wire_text(&op->wire, s->conn.setup.identity->run);
    put_positions(op, lists, n);
    return sl_op_send(op);
}

SL_OP_GIVES(take, sl_taken, sl_decode_taken(reply, op->want, op->named, &value, &op->decoded))

enum sl_err sl_store_take(struct sl_store *s, const char *pool, uint32_t want,
                          const struct sl_position *lists, uint32_t n, sl_taken_cb *done, void *arg)
{
    struct sl_operation *op = sl_op_begin(s, SL_OP_TAKE, pool, 3 + 2 * n, give_take, arg);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.take = done;
    op->want = want;
    op->named = n;
    sl_op_channel(op, pool);
    sl_wire_text(&op->wire, s->conn.setup.identity->run);
    sl_wire_number(&op->wire, want);
    put_positions(op, lists, n);
    return sl_op_send(op);
}

static void give_precreate(struct sl_operation *op, enum sl_err err, const struct redisReply *reply)
{
    const struct sl_list_record *made = NULL;
    size_t n = 0;
    if (err == SL_OK && !sl_decode_records(reply, &made, &n, &op->decoded))
        err = sl_op_bad_shape(op);
    op->done.precreate(op->arg, err, made, n);
}

enum sl_err sl_store_precreate(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                               const struct sl_list_draft *drafts, size_t n, sl_precreated_cb *done,
                               void *arg)
{
    struct sl_operation *op = sl_op_begin(s, SL_OP_PRECREATE, pool, 4 + 3 * (unsigned)n, give_precreate, arg);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.precreate = done;
    sl_op_channel(op, pool);
    sl_wire_text(&op->wire, s->conn.setup.identity->run);
    sl_op_fence(op, fence);
    for (size_t i = 0; i < n; i++) {
        sl_op_uuid(op, &drafts[i].id);
        sl_wire_arg(&op->wire, drafts[i].uri.at, drafts[i].uri.len);
        sl_wire_arg(&op->wire, drafts[i].seed, sizeof drafts[i].seed);
    }
    return sl_op_send(op);
}

static void give_give_back(struct sl_operation *op, enum sl_err err, const struct redisReply *reply)
{
    int64_t accepted = 0;
    if (err == SL_OK && !sl_decode_integer(reply, 0, op->want, &accepted))
        err = sl_op_bad_shape(op);
    op->done.give_back(op->arg, err, (uint32_t)accepted);
}

enum sl_err sl_store_give_back(struct sl_store *s, const char *pool, const struct sl_position *list,
                               const uint32_t *indices, uint32_t n, sl_given_back_cb *done, void *arg)
{
    struct sl_operation *op = sl_op_begin(s, SL_OP_GIVE_BACK, pool, 4, give_give_back, arg);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.give_back = done;
    op->want = n;
    sl_wire_text(&op->wire, s->conn.setup.identity->run);
    put_positions(op, list, 1);
    uint8_t *at = sl_wire_room(&op->wire, (size_t)n * 4);
    for (uint32_t i = 0; i < n; i++, at += 4)
        for (unsigned byte = 0; byte < 4; byte++)
            at[byte] = (uint8_t)(indices[i] >> 8 * byte);
    return sl_op_send(op);
}

/* ---- joins */

SL_OP_GIVES(mend, sl_mended_list, sl_decode_mended(reply, op->fence.lineage, &value))

static void put_cut(struct sl_operation *op, const struct sl_line *line)
{
    char text[SL_CUT_TEXT];
    sl_wire_arg(&op->wire, text, sl_cut_print(line, text));
}

static void put_list(struct sl_operation *op, const char *pool, const struct sl_fence *fence,
                     const struct sl_mend *mend)
{
    sl_op_channel(op, pool);
    sl_op_uuid(op, &mend->list);
    sl_wire_arg(&op->wire, mend->uri.at, mend->uri.len);
    sl_wire_number(&op->wire, mend->final);
    sl_op_fence(op, fence);
}

static void put_state(struct sl_operation *op, const struct sl_mend *mend)
{
    char line[SL_LINE_TEXT];
    sl_op_lineage(op, mend->head.at);
    sl_wire_number(&op->wire, (int64_t)mend->head.version);
    sl_wire_arg(&op->wire, line, sl_line_print(&mend->line, line));
    put_cut(op, &mend->line);
}

enum sl_err sl_store_mend(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                          const struct sl_mend *mend, sl_mended_cb *done, void *arg)
{
    bool whole = mend->bytes.len <= mend->longest;
    unsigned marks = whole ? mend->marks_count : 0;
    struct sl_operation *op = sl_op_begin(s, SL_OP_MEND, pool, 12 + 2 * marks, give_mend, arg);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.mend = done;
    put_list(op, pool, fence, mend);
    put_state(op, mend);
    sl_wire_number(&op->wire, (int64_t)mend->longest);
    sl_wire_arg(&op->wire, mend->bytes.at, whole ? mend->bytes.len : 0);
    for (unsigned i = 0; i < marks; i++) {
        sl_op_lineage(op, mend->marks[i].lineage);
        sl_wire_arg(&op->wire, mend->marks[i].bits.at, mend->marks[i].bits.len);
    }
    return sl_op_send(op);
}

static void put_pieces(struct sl_operation *op, const struct sl_pieces *pieces)
{
    sl_wire_arg(&op->wire, pieces->seen.at, pieces->seen.len);
    put_random(op, pieces->random);
}

/* What the lineage's marks say of the piece; empty where that is nothing. */
static struct sl_span marks_of_piece(struct sl_span bits, unsigned width, size_t from, size_t len)
{
    size_t first = from / width, end = (from + len + width - 1) / width;
    end = end < bits.len ? end : bits.len;
    size_t at = first;
    while (at < end && bits.at[at] == 0)
        at++;
    return at < end ? sl_span(bits.at + first, end - first) : sl_span("", 0);
}

static void give_join_piece(struct sl_operation *op, enum sl_err err, const struct redisReply *reply)
{
    int64_t fits = 0;
    if (err == SL_OK && !sl_decode_integer(reply, 0, 1, &fits))
        err = sl_op_bad_shape(op);
    op->done.join_piece(op->arg, err, fits != 0);
}

enum sl_err sl_store_join_piece(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                                const struct sl_mend *mend, const struct sl_pieces *pieces, size_t from,
                                size_t len, sl_joined_piece_cb *done, void *arg)
{
    struct sl_operation *op =
        sl_op_begin(s, SL_OP_JOIN_PIECE, pool, 12 + 2 * mend->marks_count, give_join_piece, arg);
    sl_assert(from + len <= mend->bytes.len && from % 8 == 0);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.join_piece = done;
    sl_op_uuid(op, &mend->list);
    sl_wire_number(&op->wire, mend->final);
    sl_op_fence(op, fence);
    put_state(op, mend);
    put_pieces(op, pieces);
    sl_wire_number(&op->wire, (int64_t)from);
    sl_wire_arg(&op->wire, mend->bytes.at + from, len);
    for (unsigned i = 0; i < mend->marks_count; i++) {
        struct sl_span marks = marks_of_piece(mend->marks[i].bits, mend->width, from, len);
        sl_op_lineage(op, mend->marks[i].lineage);
        sl_wire_arg(&op->wire, marks.at, marks.len);
    }
    return sl_op_send(op);
}

SL_OP_GIVES(join_end, sl_mended_list, sl_decode_mended(reply, op->fence.lineage, &value))

enum sl_err sl_store_join_end(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                              const struct sl_mend *mend, const struct sl_pieces *pieces, int bound,
                              sl_mended_cb *done, void *arg)
{
    struct sl_operation *op =
        sl_op_begin(s, SL_OP_JOIN_END, pool, 13 + mend->marks_count, give_join_end, arg);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.join_end = done;
    put_list(op, pool, fence, mend);
    put_state(op, mend);
    put_pieces(op, pieces);
    sl_wire_number(&op->wire, bound);
    for (unsigned i = 0; i < mend->marks_count; i++)
        sl_op_lineage(op, mend->marks[i].lineage);
    return sl_op_send(op);
}

/* ---- others */

SL_OP_GIVES(retire, sl_retired, sl_decode_retired(reply, op->want, &value, &op->decoded))

enum sl_err sl_store_retire(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                            const struct sl_retire *question, sl_retired_cb *done, void *arg)
{
    struct sl_operation *op =
        sl_op_begin(s, SL_OP_RETIRE, pool, 8 + question->held + question->asked, give_retire, arg);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.retire = done;
    op->want = question->asked;
    sl_op_channel(op, pool);
    sl_wire_text(&op->wire, s->conn.setup.identity->run);
    sl_op_fence(op, fence);
    sl_wire_number(&op->wire, (int64_t)question->after_ms);
    sl_wire_number(&op->wire, (int64_t)question->lease_ms);
    sl_wire_number(&op->wire, (int64_t)question->keep_ms);
    sl_wire_number(&op->wire, question->held);
    for (uint32_t i = 0; i < question->held + question->asked; i++)
        sl_op_uuid(op, &question->ids[i]);
    return sl_op_send(op);
}

SL_OP_GIVES(changes, sl_changes, sl_decode_changes(reply, &value, &op->decoded))

enum sl_err sl_store_changes(struct sl_store *s, const char *pool, uint64_t since, uint32_t limit,
                             sl_changes_cb *done, void *arg)
{
    struct sl_operation *op = sl_op_begin(s, SL_OP_CHANGES, pool, 2, give_changes, arg);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.changes = done;
    sl_wire_number(&op->wire, (int64_t)since);
    sl_wire_number(&op->wire, limit);
    return sl_op_send(op);
}

static void give_describe(struct sl_operation *op, enum sl_err err, const struct redisReply *reply)
{
    struct sl_list_record record;
    struct sl_damaged_list damaged;
    struct sl_described found = {0};
    if (err == SL_OK && reply->type != REDIS_REPLY_NIL) {
        if (sl_decode_record(reply, &record))
            found.list = &record;
        else if (sl_decode_damage(reply, &damaged))
            found.damaged = &damaged;
        else
            err = sl_op_bad_shape(op);
    }
    op->done.describe(op->arg, err, err == SL_OK ? &found : NULL);
}

enum sl_err sl_store_describe(struct sl_store *s, const char *pool, const struct sl_uuid *list,
                              sl_described_cb *done, void *arg)
{
    struct sl_operation *op = sl_op_begin(s, SL_OP_DESCRIBE, pool, 1, give_describe, arg);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.describe = done;
    sl_op_uuid(op, list);
    return sl_op_send(op);
}
