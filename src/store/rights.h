/* What the service does in Redis, as the ACL sees it: each command of a script or of a connection, with what
 * it touches. script/check-docs holds this table, the commands of the scripts, and the ACL of docs/redis.md
 * to each other. */
#pragma once
#include "base/buf.h"
#include "store/options.h"

/* Each row: when it is needed, and the command with arguments; `K` stands for a key, `C` for a channel. */
#define SL_RIGHTS(X)                                                                                         \
    X(ALWAYS, "ping")                                                                                        \
    X(DATABASE, "select 0")                                                                                  \
    X(ALWAYS, "info")                                                                                        \
    X(CONFIG, "config get appendonly")                                                                       \
    X(ALWAYS, "client setname name")                                                                         \
    X(ALWAYS, "client id")                                                                                   \
    X(ALWAYS, "client list")                                                                                 \
    X(ALWAYS, "client kill id 0")                                                                            \
    X(ALWAYS, "script load text")                                                                            \
    X(ALWAYS, "evalsha sha 1 K")                                                                             \
    X(REPLICAS, "wait 1 1")                                                                                  \
    X(ALWAYS, "multi")                                                                                       \
    X(ALWAYS, "exec")                                                                                        \
    X(ALWAYS, "get K")                                                                                       \
    X(ALWAYS, "set K value")                                                                                 \
    X(ALWAYS, "getrange K 0 0")                                                                              \
    X(ALWAYS, "setrange K 0 value")                                                                          \
    X(ALWAYS, "del K")                                                                                       \
    X(ALWAYS, "exists K")                                                                                    \
    X(ALWAYS, "hget K field")                                                                                \
    X(ALWAYS, "hmget K field")                                                                               \
    X(ALWAYS, "hset K field value")                                                                          \
    X(ALWAYS, "hsetnx K field value")                                                                        \
    X(ALWAYS, "hincrby K field 1")                                                                           \
    X(ALWAYS, "bitfield K set u1 0 0")                                                                       \
    X(ALWAYS, "bitfield_ro K get u1 0")                                                                      \
    X(ALWAYS, "sadd K member")                                                                               \
    X(ALWAYS, "srem K member")                                                                               \
    X(ALWAYS, "scard K")                                                                                     \
    X(ALWAYS, "copy K K")                                                                                    \
    X(ALWAYS, "bitop xor K K")                                                                               \
    X(ALWAYS, "bitpos K 1")                                                                                  \
    X(ALWAYS, "pexpire K 1")                                                                                 \
    X(ALWAYS, "pexpireat K 1")                                                                               \
    X(ALWAYS, "persist K")                                                                                   \
    X(ALWAYS, "rename K K")                                                                                  \
    X(ALWAYS, "setbit K 0 1")                                                                                \
    X(ALWAYS, "sismember K member")                                                                          \
    X(ALWAYS, "smembers K")                                                                                  \
    X(ALWAYS, "zadd K 0 member")                                                                             \
    X(ALWAYS, "zrange K 0 0")                                                                                \
    X(ALWAYS, "zrangebyscore K 0 0")                                                                         \
    X(ALWAYS, "zrem K member")                                                                               \
    X(ALWAYS, "zscore K member")                                                                             \
    X(ALWAYS, "lpop K")                                                                                      \
    X(ALWAYS, "rpush K value")                                                                               \
    X(ALWAYS, "time")                                                                                        \
    X(ALWAYS, "publish C message")                                                                           \
    X(ALWAYS, "subscribe C")                                                                                 \
    X(ALWAYS, "unsubscribe C")                                                                               \
    X(ALWAYS, "pubsub channels C")

/* The rows that these options need, one a line. */
void sl_rights_put(const struct sl_redis_options *options, struct sl_buf *out);
