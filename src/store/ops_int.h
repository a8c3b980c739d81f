/* What the typed operations share: sending a script with its arguments, and what its errors mean. Internal to
 * the store layer. */
#pragma once
#include "store/conn_int.h"
#include "store/decode_int.h"
#include "store/metrics.h"

#define SL_SHA 40 /* hex characters */

struct sl_store {
    struct sl_conn conn; /* first */
    char sha[SL_OP_COUNT][SL_SHA + 1];
    unsigned inflight;
    uint64_t rtt_ns;
    uint64_t verified_ns;
    struct sl_span info; /* of the verification under way: owned copy, waits for CONFIG GET */
    bool verifying;
};

struct sl_operation;
/* err == SL_OK: r is the reply to decode; otherwise NULL. Calls `done`; a shape that is wrong is
 * sl_op_bad_shape. */
typedef void sl_op_deliver(struct sl_operation *op, enum sl_err err, const struct redisReply *r);

struct sl_operation {
    struct sl_call call; /* first */
    enum sl_store_op kind;
    bool waits;                        /* the last reply is that of WAIT */
    bool reloaded;                     /* sent again after NOSCRIPT */
    uint32_t want;                     /* take: indices; update: changes; batch: groups */
    uint32_t *positions, *group_first; /* batch: of all changes, and where each group's begin */
    sl_op_deliver *deliver;
    union {
        void (*agreed)(void *arg, enum sl_err err, const struct sl_agreed *r);
        void (*pool)(void *arg, enum sl_err err, const struct sl_pool_opened *r);
        void (*names)(void *arg, enum sl_err err, const struct sl_span *names, size_t n);
        void (*adopted)(void *arg, enum sl_err err, int64_t adopted);
        void (*taken)(void *arg, enum sl_err err, const struct sl_taken *r);
        void (*made)(void *arg, enum sl_err err, const struct sl_list_record *made, size_t n);
        void (*accepted)(void *arg, enum sl_err err, uint32_t accepted);
        void (*mended)(void *arg, enum sl_err err, uint64_t version, enum sl_mended what);
        void (*retired)(void *arg, enum sl_err err, const struct sl_retired *r);
        void (*changes)(void *arg, enum sl_err err, const struct sl_changes *r);
        void (*record)(void *arg, enum sl_err err, const struct sl_list_record *r);
        void (*loaded)(void *arg, enum sl_err err, uint64_t version, struct sl_span bytes);
        void (*updated)(void *arg, enum sl_err err, const struct sl_updated *r);
        void (*batched)(void *arg, enum sl_err err, const struct sl_batched *r);
        void (*remembered)(void *arg, enum sl_err err, const struct sl_remembered *r);
        void (*status)(void *arg, enum sl_err err, uint8_t value, uint64_t version);
    } done;
    void *arg;
};

/* SL_OK: *ret_op and its wire, with the head of EVALSHA and `nkeys` = 1 (the pool's config) already in it;
 * `argc` arguments are to follow. SL_ERR_UNAVAILABLE: not UP, or too many in flight. */
enum sl_err sl_op_new(struct sl_store *s, enum sl_store_op kind, const char *pool, unsigned argc,
                      struct sl_wire *w, struct sl_operation **ret_op);
/* The same for plain commands: the wire is empty. */
enum sl_err sl_op_plain(struct sl_store *s, enum sl_store_op kind, struct sl_operation **ret_op);
void sl_op_send(struct sl_store *s, struct sl_operation *op, struct sl_wire *w, unsigned replies);
/* The error for a reply that could not be decoded; logs it. */
enum sl_err sl_op_bad_shape(struct sl_operation *op);

void sl_op_channel(struct sl_store *s, const char *pool, struct sl_wire *w); /* the argument "channel" */
void sl_op_uuid(struct sl_wire *w, const struct sl_uuid *id);
void sl_op_pack(struct sl_wire *w, const struct sl_change *changes, uint32_t n);
/* The channel's name into `out`, NUL-terminated; its length. */
size_t sl_store_channel(unsigned database, const char *pool, char *out, size_t cap);
/* The channel by which an instance shows that it lives with these options: likewise. */
size_t sl_store_shown(unsigned database, const char *pool, uint64_t fingerprint, const char *instance,
                      char *out, size_t cap);
/* The key statuslist:{<pool>}:config. */
size_t sl_store_pool_key(const char *pool, char *out, size_t cap);

/* prepare.c */
void sl_store_prepare(struct sl_conn *c);
void sl_store_verify(struct sl_store *s);
void sl_store_reload(struct sl_store *s, enum sl_store_op kind); /* SCRIPT LOAD of one */
