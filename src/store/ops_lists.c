/* Operations on pools and lists: the keeper's. */
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "store/ops_int.h"

static void give_agreed(struct sl_operation *op, enum sl_err err, const struct redisReply *r)
{
    struct sl_agreed a = {0};
    if (err == SL_OK && !sl_decode_agreed(r, &a))
        err = sl_op_bad_shape(op);
    op->done.agreed(op->arg, err, err == SL_OK ? &a : NULL);
}

enum sl_err sl_store_agree(struct sl_store *s, const char *pool, const struct sl_shared_options *mine,
                           bool write, void (*done)(void *arg, enum sl_err err, const struct sl_agreed *r),
                           void *arg)
{
    char fingerprint[17];
    struct sl_wire w = {0};
    struct sl_operation *op;
    sl_assert(mine->text.len <= SL_SHARED_MAX);
    enum sl_err err = sl_op_new(s, SL_OP_AGREE, pool, 7, &w, &op);
    if (err != SL_OK)
        return err;
    op->deliver = give_agreed;
    op->done.agreed = done;
    op->arg = arg;
    snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, mine->fingerprint);
    sl_op_channel(s, pool, &w);
    sl_wire_text(&w, s->conn.setup.identity->instance);
    sl_wire_text(&w, fingerprint);
    sl_wire_arg(&w, mine->text.at, mine->text.len);
    sl_wire_number(&w, mine->size);
    sl_wire_number(&w, mine->bits);
    sl_wire_number(&w, write);
    sl_op_send(s, op, &w, 1);
    return SL_OK;
}

static void give_pool(struct sl_operation *op, enum sl_err err, const struct redisReply *r)
{
    struct sl_pool_opened p = {0};
    if (err == SL_OK && !sl_decode_pool(r, &p))
        err = sl_op_bad_shape(op);
    op->done.pool(op->arg, err, err == SL_OK ? &p : NULL);
}

enum sl_err sl_store_open_pool(struct sl_store *s, const char *pool, uint32_t size, unsigned bits,
                               void (*done)(void *arg, enum sl_err err, const struct sl_pool_opened *r),
                               void *arg)
{
    struct sl_wire w = {0};
    struct sl_operation *op;
    enum sl_err err = sl_op_new(s, SL_OP_OPEN_POOL, pool, 3, &w, &op);
    if (err != SL_OK)
        return err;
    op->deliver = give_pool;
    op->done.pool = done;
    op->arg = arg;
    sl_wire_text(&w, pool);
    sl_wire_number(&w, size);
    sl_wire_number(&w, bits);
    sl_op_send(s, op, &w, 1);
    return SL_OK;
}

static void give_names(struct sl_operation *op, enum sl_err err, const struct redisReply *r)
{
    const struct sl_span *names = NULL;
    size_t n = 0;
    struct sl_decoded d = {0};
    if (err == SL_OK && !sl_decode_names(r, &names, &n, &d))
        err = sl_op_bad_shape(op);
    op->done.names(op->arg, err, names, n);
    sl_decoded_free(&d);
}

enum sl_err sl_store_pool_names(struct sl_store *s,
                                void (*done)(void *arg, enum sl_err err, const struct sl_span *names,
                                             size_t n),
                                void *arg)
{
    struct sl_wire w = {0};
    struct sl_operation *op;
    enum sl_err err = sl_op_plain(s, SL_OP_POOL_NAMES, &op);
    if (err != SL_OK)
        return err;
    op->deliver = give_names;
    op->done.names = done;
    op->arg = arg;
    sl_wire_command(&w, 2);
    sl_wire_text(&w, "SMEMBERS");
    sl_wire_text(&w, "statuslist:pools");
    sl_op_send(s, op, &w, 1);
    return SL_OK;
}

static void give_adopted(struct sl_operation *op, enum sl_err err, const struct redisReply *r)
{
    int64_t adopted = 0;
    if (err == SL_OK && !sl_decode_integer(r, -1, UINT32_MAX, &adopted))
        err = sl_op_bad_shape(op);
    op->done.adopted(op->arg, err, adopted);
}

enum sl_err sl_store_adopt(struct sl_store *s, const char *pool, uint64_t mark,
                           void (*done)(void *arg, enum sl_err err, int64_t adopted), void *arg)
{
    struct sl_wire w = {0};
    struct sl_operation *op;
    enum sl_err err = sl_op_new(s, SL_OP_ADOPT, pool, 1, &w, &op);
    if (err != SL_OK)
        return err;
    op->deliver = give_adopted;
    op->done.adopted = done;
    op->arg = arg;
    sl_wire_number(&w, (int64_t)mark);
    sl_op_send(s, op, &w, 1);
    return SL_OK;
}

static void put_draft(struct sl_wire *w, const struct sl_list_draft *d)
{
    sl_op_uuid(w, &d->id);
    sl_wire_arg(w, d->uri.at, d->uri.len);
    sl_wire_arg(w, d->seed, sizeof d->seed);
}

static void give_taken(struct sl_operation *op, enum sl_err err, const struct redisReply *r)
{
    struct sl_taken t = {0};
    struct sl_decoded d = {0};
    if (err == SL_OK && !sl_decode_taken(r, op->want, &t, &d))
        err = sl_op_bad_shape(op);
    op->done.taken(op->arg, err, err == SL_OK ? &t : NULL);
    sl_decoded_free(&d);
}

enum sl_err sl_store_take(struct sl_store *s, const char *pool, uint32_t want, uint32_t min_age_ms,
                          const struct sl_list_draft drafts[static 2],
                          void (*done)(void *arg, enum sl_err err, const struct sl_taken *r), void *arg)
{
    struct sl_wire w = {0};
    struct sl_operation *op;
    enum sl_err err = sl_op_new(s, SL_OP_TAKE, pool, 9, &w, &op);
    if (err != SL_OK)
        return err;
    op->deliver = give_taken;
    op->done.taken = done;
    op->arg = arg;
    op->want = want;
    sl_op_channel(s, pool, &w);
    sl_wire_number(&w, want);
    sl_wire_number(&w, min_age_ms);
    put_draft(&w, &drafts[0]);
    put_draft(&w, &drafts[1]);
    sl_op_send(s, op, &w, 1);
    return SL_OK;
}

static void give_made(struct sl_operation *op, enum sl_err err, const struct redisReply *r)
{
    const struct sl_list_record *made = NULL;
    size_t n = 0;
    struct sl_decoded d = {0};
    if (err == SL_OK && !sl_decode_records(r, &made, &n, &d))
        err = sl_op_bad_shape(op);
    op->done.made(op->arg, err, made, n);
    sl_decoded_free(&d);
}

enum sl_err sl_store_precreate(
    struct sl_store *s, const char *pool, uint32_t spares, const struct sl_list_draft *drafts, size_t n,
    void (*done)(void *arg, enum sl_err err, const struct sl_list_record *made, size_t n), void *arg)
{
    struct sl_wire w = {0};
    struct sl_operation *op;
    enum sl_err err = sl_op_new(s, SL_OP_PRECREATE, pool, 2 + 3 * (unsigned)n, &w, &op);
    if (err != SL_OK)
        return err;
    op->deliver = give_made;
    op->done.made = done;
    op->arg = arg;
    sl_op_channel(s, pool, &w);
    sl_wire_number(&w, spares);
    for (size_t i = 0; i < n; i++)
        put_draft(&w, &drafts[i]);
    sl_op_send(s, op, &w, 1);
    return SL_OK;
}

static void give_accepted(struct sl_operation *op, enum sl_err err, const struct redisReply *r)
{
    int64_t accepted = 0;
    if (err == SL_OK && !sl_decode_integer(r, 0, op->want, &accepted))
        err = sl_op_bad_shape(op);
    op->done.accepted(op->arg, err, (uint32_t)accepted);
}

enum sl_err sl_store_give_back(struct sl_store *s, const char *pool, const struct sl_uuid *list,
                               const uint32_t *indices, uint32_t n,
                               void (*done)(void *arg, enum sl_err err, uint32_t accepted), void *arg)
{
    struct sl_wire w = {0};
    struct sl_operation *op;
    enum sl_err err = sl_op_new(s, SL_OP_GIVE_BACK, pool, 2, &w, &op);
    if (err != SL_OK)
        return err;
    op->deliver = give_accepted;
    op->done.accepted = done;
    op->arg = arg;
    op->want = n;
    sl_op_uuid(&w, list);
    uint8_t *at = sl_wire_room(&w, (size_t)n * 4);
    for (uint32_t i = 0; i < n; i++, at += 4)
        for (unsigned b = 0; b < 4; b++)
            at[b] = (uint8_t)(indices[i] >> 8 * b);
    sl_op_send(s, op, &w, 1);
    return SL_OK;
}

static void give_mended(struct sl_operation *op, enum sl_err err, const struct redisReply *r)
{
    uint64_t version = 0;
    enum sl_mended what = SL_MENDED_NOT;
    if (err == SL_OK && !sl_decode_mended(r, &version, &what))
        err = sl_op_bad_shape(op);
    op->done.mended(op->arg, err, version, what);
}

enum sl_err sl_store_mend(struct sl_store *s, const char *pool, const struct sl_mend *m,
                          void (*done)(void *arg, enum sl_err err, uint64_t version, enum sl_mended what),
                          void *arg)
{
    static const char seed[SL_ORDER_SEED]; /* nothing is ever taken from the list again */
    struct sl_wire w = {0};
    struct sl_operation *op;
    enum sl_err err = sl_op_new(s, SL_OP_MEND, pool, 7, &w, &op);
    if (err != SL_OK)
        return err;
    op->deliver = give_mended;
    op->done.mended = done;
    op->arg = arg;
    sl_op_channel(s, pool, &w);
    sl_op_uuid(&w, &m->list);
    sl_wire_arg(&w, m->uri.at, m->uri.len);
    sl_wire_arg(&w, seed, sizeof seed);
    sl_wire_number(&w, (int64_t)m->least);
    sl_wire_number(&w, (int64_t)m->source);
    sl_wire_arg(&w, m->bytes.at, m->bytes.len);
    sl_op_send(s, op, &w, 1);
    return SL_OK;
}

static void give_retired(struct sl_operation *op, enum sl_err err, const struct redisReply *r)
{
    struct sl_retired t = {0};
    struct sl_decoded d = {0};
    if (err == SL_OK && !sl_decode_retired(r, op->want, &t, &d))
        err = sl_op_bad_shape(op);
    op->done.retired(op->arg, err, err == SL_OK ? &t : NULL);
    sl_decoded_free(&d);
}

enum sl_err sl_store_retire(struct sl_store *s, const char *pool, const struct sl_retire *r,
                            void (*done)(void *arg, enum sl_err err, const struct sl_retired *r), void *arg)
{
    struct sl_wire w = {0};
    struct sl_operation *op;
    enum sl_err err = sl_op_new(s, SL_OP_RETIRE, pool, 5 + r->held + r->asked, &w, &op);
    if (err != SL_OK)
        return err;
    op->deliver = give_retired;
    op->done.retired = done;
    op->arg = arg;
    op->want = r->asked;
    sl_op_channel(s, pool, &w);
    sl_wire_number(&w, (int64_t)r->after_ms);
    sl_wire_number(&w, (int64_t)r->lease_ms);
    sl_wire_number(&w, (int64_t)r->keep_ms);
    sl_wire_number(&w, r->held);
    for (uint32_t i = 0; i < r->held + r->asked; i++)
        sl_op_uuid(&w, &r->ids[i]);
    sl_op_send(s, op, &w, 1);
    return SL_OK;
}

static void give_changes(struct sl_operation *op, enum sl_err err, const struct redisReply *r)
{
    struct sl_changes c = {0};
    struct sl_decoded d = {0};
    if (err == SL_OK && !sl_decode_changes(r, &c, &d))
        err = sl_op_bad_shape(op);
    op->done.changes(op->arg, err, err == SL_OK ? &c : NULL);
    sl_decoded_free(&d);
}

enum sl_err sl_store_changes(struct sl_store *s, const char *pool, uint64_t since, uint32_t limit,
                             void (*done)(void *arg, enum sl_err err, const struct sl_changes *r), void *arg)
{
    struct sl_wire w = {0};
    struct sl_operation *op;
    enum sl_err err = sl_op_new(s, SL_OP_CHANGES, pool, 2, &w, &op);
    if (err != SL_OK)
        return err;
    op->deliver = give_changes;
    op->done.changes = done;
    op->arg = arg;
    sl_wire_number(&w, (int64_t)since);
    sl_wire_number(&w, limit);
    sl_op_send(s, op, &w, 1);
    return SL_OK;
}

static void give_record(struct sl_operation *op, enum sl_err err, const struct redisReply *r)
{
    struct sl_list_record l = {0};
    bool there = err == SL_OK && r->type != REDIS_REPLY_NIL;
    if (there && !sl_decode_record(r, &l))
        err = sl_op_bad_shape(op);
    op->done.record(op->arg, err, there && err == SL_OK ? &l : NULL);
}

enum sl_err sl_store_describe(struct sl_store *s, const char *pool, const struct sl_uuid *list,
                              void (*done)(void *arg, enum sl_err err, const struct sl_list_record *r),
                              void *arg)
{
    struct sl_wire w = {0};
    struct sl_operation *op;
    enum sl_err err = sl_op_new(s, SL_OP_DESCRIBE, pool, 1, &w, &op);
    if (err != SL_OK)
        return err;
    op->deliver = give_record;
    op->done.record = done;
    op->arg = arg;
    sl_op_uuid(&w, list);
    sl_op_send(s, op, &w, 1);
    return SL_OK;
}
