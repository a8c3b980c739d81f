/* The connection that the fake's files share: pending operations and their replies. Internal to the fake. */
#pragma once
#include "fake_redis.h"

struct op;
typedef void(fake_give)(struct op *op);

struct op {
    struct op *next;
    enum sl_store_op kind;
    uint64_t due_ns, sent_ns;
    enum sl_err err;
    fake_give *give;
    void *arg;
    union {
#define X(id, name, callback, flags) callback *name;
        SL_STORE_OPS(X)
#undef X
    } done;
    union {
        struct sl_agreed agreed;
        struct sl_pool_opened pool;
        int64_t number;
        struct sl_inherited inherited;
        struct sl_taken taken;
        struct sl_retired retired;
        struct sl_changes changes;
        struct sl_updated updated;
        struct sl_batched batched;
        struct sl_remembered remembered;
        struct sl_loaded loaded;
        struct sl_mended_list mended;
    } result;
    /* owned arrays that the result points to */
    struct sl_block *blocks;
    uint32_t block_count;
    struct sl_list_record *records;
    size_t record_count;
    void *bytes, *more;
    struct sl_lineage *at; /* of a batch's groups */
    const struct sl_clock *clock;
    struct sl_marks marks[FAKE_MARKS];
    char text[SL_REPLID_MAX + 1];
    size_t len;
    struct sl_head head;
    uint8_t value;
};

struct sl_store {
    struct fake_redis *f;
    struct sl_store_setup setup;
    enum sl_store_state state;
    struct sl_store_server server; /* as it was when the connection came up */
    struct fake_end end;
    struct sl_mailbox box;
    struct sl_timer timer;
    struct op *first, **last;
    unsigned inflight;
    uint64_t rtt_ns;
    bool busy;
    struct sl_timer asked; /* who it is */
    sl_server_cb *on_server;
    void *server_arg;
};

/* NULL: refused. Otherwise the caller holds the lock until fake_op_sent; *ret_execute: execute it or not. */
struct op *fake_op_new(struct sl_store *s, enum sl_store_op kind, void *arg, fake_give *give,
                       bool *ret_execute);
enum sl_err fake_op_sent(struct sl_store *s, struct op *op);

/* give_NAME for a callback that gets op->result.MEMBER, or NULL with the error. */
#define FAKE_GIVES(name, member)                                                                             \
    static void give_##name(struct op *op)                                                                   \
    {                                                                                                        \
        op->done.name(op->arg, op->err, op->err == SL_OK ? &op->result.member : NULL);                       \
    }
