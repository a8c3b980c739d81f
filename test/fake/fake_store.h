/* The connection that the fake's files share: operations under way and their replies. Internal to the fake.
 */
#pragma once
#include "fake_redis.h"

struct op {
    struct op *next;
    enum sl_store_op kind;
    uint64_t due_ns, sent_ns;
    enum sl_err err;
    void (*deliver)(struct op *op);
    void *arg;
    union {
        void (*agreed)(void *, enum sl_err, const struct sl_agreed *);
        void (*pool)(void *, enum sl_err, const struct sl_pool_opened *);
        void (*names)(void *, enum sl_err, const struct sl_span *, size_t);
        void (*adopted)(void *, enum sl_err, int64_t);
        void (*taken)(void *, enum sl_err, const struct sl_taken *);
        void (*made)(void *, enum sl_err, const struct sl_list_record *, size_t);
        void (*accepted)(void *, enum sl_err, uint32_t);
        void (*mended)(void *, enum sl_err, uint64_t, enum sl_mended);
        void (*retired)(void *, enum sl_err, const struct sl_retired *);
        void (*changes)(void *, enum sl_err, const struct sl_changes *);
        void (*record)(void *, enum sl_err, const struct sl_list_record *);
        void (*loaded)(void *, enum sl_err, uint64_t, struct sl_span);
        void (*updated)(void *, enum sl_err, const struct sl_updated *);
        void (*batched)(void *, enum sl_err, const struct sl_batched *);
        void (*remembered)(void *, enum sl_err, const struct sl_remembered *);
        void (*status)(void *, enum sl_err, uint8_t, uint64_t);
    } done;
    union {
        struct sl_agreed agreed;
        struct sl_pool_opened pool;
        int64_t number;
        struct sl_taken taken;
        struct sl_retired retired;
        struct sl_changes changes;
        struct sl_updated updated;
        struct sl_batched batched;
        struct sl_remembered remembered;
    } result;
    /* owned arrays that the result points to */
    struct sl_block *blocks;
    struct sl_list_record *records;
    size_t record_count;
    void *bytes, *more;
    size_t len;
    uint64_t version;
    uint8_t value;
};

struct sl_store {
    struct fake_redis *f;
    struct sl_store_setup setup;
    enum sl_store_state state;
    struct fake_end end;
    struct sl_mailbox box;
    struct sl_timer timer;
    struct op *first, **last;
    unsigned inflight;
    uint64_t rtt_ns;
    bool busy;
};

/* NULL: refused. Otherwise the caller has the lock until fake_op_sent; *ret_execute: whether it is to happen.
 */
struct op *fake_op_new(struct sl_store *s, enum sl_store_op kind, void *arg, void (*deliver)(struct op *op),
                       bool *ret_execute);
enum sl_err fake_op_sent(struct sl_store *s, struct op *op);
