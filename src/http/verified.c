#include "http/verified.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "core/siphash.h"

#define NONE UINT32_MAX

/* Entries are linked by index: a used one in its bucket (`next`) and in the order of use, a free one in the
 * list of the free (`next`). */
struct entry {
    uint8_t hash[SL_SHA256];
    struct sl_verified_token token; /* its pools are in sl_verified.pools */
    uint32_t next;                  /* in the bucket, or free */
    uint32_t newer, older;          /* by last use */
};

struct sl_verified {
    uint32_t capacity, count, free, newest, oldest;
    uint32_t mask; /* buckets - 1 */
    size_t words;
    uint64_t seed[2];
    struct entry *entries;
    uint64_t *pools; /* `words` of each entry */
    uint32_t *buckets;
};

struct sl_verified *sl_verified_new(const struct sl_clock *clock, uint32_t capacity, size_t words)
{
    struct sl_verified *v = sl_xcalloc(1, sizeof *v);
    uint32_t buckets = 1;
    while (buckets < capacity)
        buckets *= 2;
    *v = (struct sl_verified){
        .capacity = capacity, .newest = NONE, .oldest = NONE, .mask = buckets - 1, .words = words};
    sl_random(clock, v->seed, sizeof v->seed);
    v->entries = sl_xcalloc(capacity, sizeof *v->entries);
    v->pools = sl_xcalloc(capacity, words * sizeof *v->pools);
    v->buckets = sl_xcalloc(buckets, sizeof *v->buckets);
    memset(v->buckets, 0xff, buckets * sizeof *v->buckets); /* NONE */
    for (uint32_t i = 0; i < capacity; i++) {
        v->entries[i].next = i + 1 < capacity ? i + 1 : NONE;
        v->entries[i].token.pools = v->pools + i * words;
    }
    return v;
}

void sl_verified_free(struct sl_verified *v)
{
    if (v == NULL)
        return;
    free(v->entries);
    free(v->pools);
    free(v->buckets);
    free(v);
}

/* ---- the order of use */

static void leave_order(struct sl_verified *v, struct entry *e)
{
    *(e->newer != NONE ? &v->entries[e->newer].older : &v->newest) = e->older;
    *(e->older != NONE ? &v->entries[e->older].newer : &v->oldest) = e->newer;
}

static void become_newest(struct sl_verified *v, uint32_t i)
{
    struct entry *e = &v->entries[i];
    e->newer = NONE;
    e->older = v->newest;
    *(v->newest != NONE ? &v->entries[v->newest].newer : &v->oldest) = i;
    v->newest = i;
}

/* ---- buckets */

static uint32_t *bucket_of(const struct sl_verified *v, const uint8_t *hash)
{
    return &v->buckets[sl_siphash(v->seed, hash, SL_SHA256) & v->mask];
}

/* The link that has the index of the entry, or NONE at the end of its bucket. */
static uint32_t *link_of(const struct sl_verified *v, const uint8_t *hash)
{
    uint32_t *link = bucket_of(v, hash);
    while (*link != NONE && !sl_equal_constant_time(v->entries[*link].hash, hash, SL_SHA256))
        link = &v->entries[*link].next;
    return link;
}

static void drop_entry(struct sl_verified *v, uint32_t *link)
{
    uint32_t i = *link;
    struct entry *e = &v->entries[i];
    leave_order(v, e);
    *link = e->next;
    e->next = v->free;
    v->free = i;
    v->count--;
}

const struct sl_verified_token *sl_verified_find(struct sl_verified *v, const uint8_t hash[static SL_SHA256],
                                                 int64_t now_ms)
{
    uint32_t *link = link_of(v, hash), i = *link;
    if (i == NONE)
        return NULL;
    struct entry *e = &v->entries[i];
    if (now_ms < e->token.from_ms || now_ms >= e->token.until_ms) {
        drop_entry(v, link);
        return NULL;
    }
    leave_order(v, e);
    become_newest(v, i);
    return &e->token;
}

void sl_verified_add(struct sl_verified *v, const uint8_t hash[static SL_SHA256],
                     const struct sl_verified_token *token)
{
    if (v->count == v->capacity)
        drop_entry(v, link_of(v, v->entries[v->oldest].hash));
    uint32_t i = v->free, *bucket = bucket_of(v, hash);
    struct entry *e = &v->entries[i];
    v->free = e->next;
    memcpy(e->hash, hash, SL_SHA256);
    e->token = *token;
    e->token.pools = memcpy(v->pools + i * v->words, token->pools, v->words * sizeof *v->pools);
    e->next = *bucket;
    *bucket = i;
    become_newest(v, i);
    v->count++;
}

uint32_t sl_verified_count(const struct sl_verified *v)
{
    return v->count;
}
