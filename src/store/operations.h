/* The operations of the store, one row each. From the rows follow the enum, the names of scripts, commands
 * and labels, what a failure means, and the callbacks (the unions in ops_int.h and in
 * test/fake/fake_store.h).
 *
 * A row is: enum, name, callback (store.h), flags. A script stands in lua/<name>.lua; script/check-docs wants
 * a row for each operation in docs/redis.md. */
#pragma once

#define SL_OP_SCRIPT 1u   /* by EVALSHA; otherwise plain commands */
#define SL_OP_WRITES 2u   /* when no reply comes, the outcome is unknown */
#define SL_OP_WAITS 4u    /* acknowledged once `wait-replicas` replicas have it */
#define SL_OP_NAMES 8u    /* KEYS[2] is the set of all pools */
#define SL_OP_DURABLE 16u /* refused while Redis is unfit */

#define SL_STORE_OPS(X)                                                                                      \
    X(AGREE, agree, sl_agreed_cb, SL_OP_SCRIPT | SL_OP_WRITES)                                               \
    X(OPEN_POOL, open_pool, sl_pool_opened_cb, SL_OP_SCRIPT | SL_OP_WRITES | SL_OP_NAMES)                    \
    X(INHERIT, inherit, sl_inherited_cb, SL_OP_SCRIPT | SL_OP_WRITES)                                        \
    X(TAKE, take, sl_taken_cb, SL_OP_SCRIPT | SL_OP_WRITES | SL_OP_DURABLE)                                  \
    X(PRECREATE, precreate, sl_precreated_cb, SL_OP_SCRIPT | SL_OP_WRITES | SL_OP_WAITS | SL_OP_DURABLE)     \
    X(GIVE_BACK, give_back, sl_given_back_cb, SL_OP_SCRIPT | SL_OP_WRITES)                                   \
    X(MEND, mend, sl_mended_cb, SL_OP_SCRIPT | SL_OP_WRITES)                                                 \
    X(JOIN_PIECE, join_piece, sl_joined_piece_cb, SL_OP_SCRIPT | SL_OP_WRITES)                               \
    X(JOIN_END, join_end, sl_mended_cb, SL_OP_SCRIPT | SL_OP_WRITES)                                         \
    X(RETIRE, retire, sl_retired_cb, SL_OP_SCRIPT | SL_OP_WRITES)                                            \
    X(CHANGES, changes, sl_changes_cb, SL_OP_SCRIPT)                                                         \
    X(DESCRIBE, describe, sl_described_cb, SL_OP_SCRIPT)                                                     \
    X(UPDATE, update, sl_updated_cb, SL_OP_SCRIPT | SL_OP_WRITES | SL_OP_WAITS | SL_OP_DURABLE)              \
    X(BATCH, batch, sl_batched_cb, SL_OP_SCRIPT | SL_OP_WRITES | SL_OP_WAITS | SL_OP_DURABLE)                \
    X(REMEMBER, remember, sl_remembered_cb, SL_OP_SCRIPT | SL_OP_WRITES | SL_OP_WAITS | SL_OP_DURABLE)       \
    X(STATUS, status, sl_status_cb, SL_OP_SCRIPT)                                                            \
    X(LOAD, load, sl_loaded_cb, 0)                                                                           \
    X(READ, read, sl_loaded_cb, SL_OP_SCRIPT)                                                                \
    X(POOL_NAMES, pool_names, sl_pool_names_cb, 0)                                                           \
    X(TEMPOS, tempos, sl_tempos_cb, 0)

enum sl_store_op {
#define X(id, name, callback, flags) SL_OP_##id,
    SL_STORE_OPS(X)
#undef X
        SL_OP_COUNT
};
