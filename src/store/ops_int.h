/* What the typed operations share: sending a script with its arguments, and what its errors mean. Internal to
 * the store layer.
 *
 * An operation is a pair of functions: sl_store_NAME begins it, puts the arguments down and sends it;
 * give_NAME decodes the reply and calls the callback. */
#pragma once
#include "store/conn_int.h"
#include "store/decode_int.h"
#include "store/operations.h"

#define SL_SHA 40 /* hex characters */

struct sl_store {
    struct sl_conn conn;
    char sha[SL_OP_COUNT][SL_SHA + 1];
    unsigned inflight;
    uint64_t rtt_ns;
};
void sl_store_load_script(struct sl_store *s, enum sl_store_op kind);

struct sl_operation;
/* err == SL_OK: r is the reply to decode; otherwise NULL. Calls `done`. */
typedef void(sl_op_give)(struct sl_operation *op, enum sl_err err, const struct redisReply *reply);

struct sl_operation {
    struct sl_call call;
    enum sl_store_op kind;
    bool waits;    /* the last reply is that of WAIT */
    bool reloaded; /* sent again after NOSCRIPT */
    struct sl_store *store;
    struct sl_wire wire;               /* until it is sent */
    uint32_t acknowledges;             /* durable statuses and answers, if it succeeds */
    uint32_t replicas;                 /* that WAIT asks for */
    uint32_t want;                     /* take: indices; update: changes; batch: groups; inherit: lists */
    uint32_t named;                    /* take: lists */
    uint32_t *positions, *group_first; /* batch: of all changes, and where each group's begin */
    struct sl_fence fence;
    struct sl_lineage *lineages; /* load: whose marks are wanted */
    struct sl_decoded decoded;
    sl_op_give *give;
    union {
#define X(id, name, callback, flags) callback *name;
        SL_STORE_OPS(X)
#undef X
    } done;
    void *arg;
};

/* A script: its EVALSHA with KEYS[1], the pool's config, is in op->wire already; `argc` arguments are to
 * follow. Plain commands (pool NULL): op->wire is empty. NULL: not UP, or too many in flight:
 * SL_ERR_UNAVAILABLE. */
struct sl_operation *sl_op_begin(struct sl_store *s, enum sl_store_op kind, const char *pool, unsigned argc,
                                 sl_op_give *give, void *arg);
/* Always SL_OK: what goes wrong from now on, the callback gets. */
enum sl_err sl_op_send(struct sl_operation *op);
/* The same for several commands in one piece. */
enum sl_err sl_op_send_commands(struct sl_operation *op, unsigned replies);
/* The error for a reply that could not be decoded; logs it. */
enum sl_err sl_op_bad_shape(struct sl_operation *op);

void sl_op_channel(struct sl_operation *op, const char *pool); /* the argument "channel" */
void sl_op_uuid(struct sl_operation *op, const struct sl_uuid *id);
void sl_op_lineage(struct sl_operation *op, struct sl_lineage lineage);
void sl_op_fence(struct sl_operation *op, const struct sl_fence *fence); /* lineage, least */

/* give_NAME for a callback that gets the reply as a struct, or NULL with the error. `decode` fills value. */
#define SL_OP_GIVES(name, type, decode)                                                                      \
    static void give_##name(struct sl_operation *op, enum sl_err err, const struct redisReply *reply)        \
    {                                                                                                        \
        struct type value = {0};                                                                             \
        if (err == SL_OK && !(decode))                                                                       \
            err = sl_op_bad_shape(op);                                                                       \
        op->done.name(op->arg, err, err == SL_OK ? &value : NULL);                                           \
    }
