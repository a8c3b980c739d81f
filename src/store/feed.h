/* The subscription: a connection of its own on which Redis reports each version that an instance commits.
 * These are hints: the sweep of changes finds what a feed misses. Owner: one loop thread. */
#pragma once
#include "store/store.h"

struct sl_feed;

typedef void(sl_feed_version_cb)(void *arg, const char *pool, const struct sl_uuid *list, uint64_t version);

/* What a living instance shows of a pool. */
struct sl_feed_shown {
    uint64_t fingerprint;       /* of the options that all must share */
    uint32_t update_ms, ttl_ms; /* its update-interval, and the longest ttl of a token that it gives out */
};

struct sl_feed_setup {
    struct sl_store_setup connection;  /* role "feed"; on_state: UP = subscribed */
    const char *const *pools;          /* NULL-terminated; outlives the feed */
    const struct sl_feed_shown *shown; /* of each one, while connected; likewise */
    sl_feed_version_cb *on_version;
    void *arg;
};

struct sl_feed *sl_feed_new(const struct sl_feed_setup *setup);
/* What is shown of pools[pool] was `before` and has changed: show what it is now. */
void sl_feed_show(struct sl_feed *f, size_t pool, const struct sl_feed_shown *before);
enum sl_store_state sl_feed_state(const struct sl_feed *f);
const char *sl_feed_reason(const struct sl_feed *f); /* as of a store */
bool sl_feed_hopeless(const struct sl_feed *f);
void sl_feed_free(struct sl_feed *f); /* NULL ok */
