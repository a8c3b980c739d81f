/* A list as the threads share it, and the table that finds it. */
#pragma once
#include <stdatomic.h>
#include "base/buf.h"
#include "base/uuid.h"
#include "token/token.h"

struct sl_pool;

/* From this size on (raw bytes) a list is large: loaded over a connection of its own, so that it delays no
 * command. */
#define SL_LARGE_LIST (256u * 1024)
/* Of large lists under way at once. A list that is larger than this is a very large one (keeper/queue.h). */
#define SL_LARGE_AT_ONCE (64u * 1024 * 1024)

/* Made by the keeper, never changed afterwards but for `token`, never freed before the threads have ended. */
struct sl_list {
    struct sl_uuid id;
    uint32_t number; /* process-wide, counted from 0: what a ring slot names */
    uint32_t size;
    uint8_t bits;
    struct sl_pool *pool;
    struct sl_span uri;         /* byte for byte the `sub` of its tokens */
    struct sl_span json_prefix; /* `{"uri":"...","index":`, by sl_json_reference */
    /* The published slot: written by the keeper (release), read by the workers (acquire). A reader may use
     * what it loaded until its present loop turn ends, and longer with a share of its own. NULL: not signed
     * yet. */
    _Atomic(struct sl_token *) token;
    /* What worker/visible.h promises stands on these; written by the keeper. */
    _Atomic bool withheld;      /* its last publication failed, or Redis has less than was published */
    _Atomic bool under_way;     /* it is being loaded or signed, perhaps at a version of before */
    _Atomic int64_t latest_exp; /* of all its tokens */
    /* How long the tokens that were replaced may be used, in ms since 1970: by who fetched one in the last
     * moment, and by who got that one from a cache in its last moment. A reload may shorten the ttl. */
    _Atomic int64_t kept_until_ms, cached_until_ms;
    _Atomic bool retired; /* the slot is not filled again: once it is empty the list is unknown */
};

static inline struct sl_token *sl_list_token(const struct sl_list *l)
{
    return atomic_load_explicit(&l->token, memory_order_acquire);
}

/* A reference in JSON begins with these, with the URI as a JSON string between them; the index and `}`
 * follow. */
#define SL_JSON_REFERENCE_URI "{\"uri\":"
#define SL_JSON_REFERENCE_INDEX ",\"index\":"
void sl_json_reference(struct sl_buf *b, struct sl_span uri);

/* The URI as a JSON string, with its quotes. */
static inline struct sl_span sl_list_json_uri(const struct sl_list *l)
{
    size_t before = sizeof SL_JSON_REFERENCE_URI - 1, after = sizeof SL_JSON_REFERENCE_INDEX - 1;
    return sl_span(l->json_prefix.at + before, l->json_prefix.len - before - after);
}

/* All lists of the process, by id and by number. One writer (the keeper), any reader, no lock: both indices
 * only grow; an index by id that has become too small is replaced, and the old one kept until the table is
 * freed (their sizes double, so all old ones together are no larger than the present one). */
struct sl_table;

struct sl_table *sl_table_new(void);
void sl_table_free(struct sl_table *t); /* not the lists */

/* Keeper only. Gives the list its number. False when the table is full (4 M lists) or memory is short. */
bool sl_table_add(struct sl_table *t, struct sl_list *l);
/* Keeper only. No list can be added any more. */
bool sl_table_full(const struct sl_table *t);
/* Any thread; NULL when unknown. */
struct sl_list *sl_table_find(const struct sl_table *t, const struct sl_uuid *id);
/* `number` below sl_table_count (asserted). */
struct sl_list *sl_table_at(const struct sl_table *t, uint32_t number);
uint32_t sl_table_count(const struct sl_table *t);
