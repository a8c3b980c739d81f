/* The lists of a pool in one answer. Each thread keeps the text for itself, so no request writes what another
 * core writes. Only the first request after the pool has gained or lost a list builds a new text; all others
 * compare two counters. */
#include "http/call_aggregation.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/base64url.h"
#include "http/conditional.h"
#include "http/respond.h"
#include "http/routes.h"

#define ETAG_LEN 24 /* like that of a token: 128 bits of a hash, in quotes */

/* Immutable, and counted by h2o's plain shared memory, so an answer that is being sent keeps its text. */
struct catalog {
    size_t len;
    char etag[ETAG_LEN];
    char json[];
};

/* The catalog of one pool. */
struct entry {
    struct catalog *catalog; /* NULL: not asked for yet */
    uint32_t seen;           /* lists of the table that were considered */
    uint32_t ended;          /* retired lists of the pool at that time, which are left out */
};

struct sl_catalogs {
    unsigned pool_count;
    struct entry entries[]; /* by pool number */
};

static const char opening[] = "{\"status_lists\":[", closing[] = "]}";

static bool is_retired(const struct sl_list *list)
{
    return atomic_load_explicit(&list->retired, memory_order_relaxed);
}

/* How many bytes the pool's lists from number `from` on add to the text, each with a comma. */
static size_t added_bytes(const struct sl_table *table, const struct sl_pool *pool, uint32_t from,
                          uint32_t end)
{
    size_t n = 0;
    for (uint32_t i = from; i < end; i++) {
        const struct sl_list *list = sl_table_at(table, i);
        if (list->pool == pool && !is_retired(list))
            n += sl_list_json_uri(list).len + 1;
    }
    return n;
}

static char *put_bytes(char *at, const char *bytes, size_t n)
{
    memcpy(at, bytes, n);
    return at + n;
}

/* The old text, if there is one, and the new lists after it. */
static struct catalog *extend_catalog(struct sl_http_thread *thread, const struct sl_pool *pool,
                                      const struct entry *old, uint32_t end, size_t added)
{
    const struct sl_table *table = thread->http->shared->table;
    size_t head = old->catalog != NULL ? old->catalog->len - strlen(closing) : strlen(opening);
    const char *from = old->catalog != NULL ? old->catalog->json : opening;
    struct catalog *catalog =
        h2o_mem_alloc_shared(NULL, sizeof *catalog + head + added + strlen(closing), NULL);
    char *at = put_bytes(catalog->json, from, head);
    for (uint32_t i = old->seen; i < end; i++) {
        const struct sl_list *list = sl_table_at(table, i);
        if (list->pool != pool || is_retired(list))
            continue;
        if (at[-1] != '[')
            *at++ = ',';
        struct sl_span uri = sl_list_json_uri(list);
        at = put_bytes(at, uri.at, uri.len);
    }
    at = put_bytes(at, closing, strlen(closing));
    catalog->len = (size_t)(at - catalog->json);
    uint8_t digest[SL_SHA256];
    sl_sha256(thread->hasher, catalog->json, catalog->len, digest);
    catalog->etag[0] = catalog->etag[ETAG_LEN - 1] = '"';
    sl_base64url_encode(catalog->etag + 1, digest, 16);
    return catalog;
}

static struct catalog *current_catalog(struct sl_http_thread *thread, const struct sl_pool *pool)
{
    const struct sl_table *table = thread->http->shared->table;
    struct entry *entry = &thread->catalogs->entries[pool->number];
    uint32_t count = sl_table_count(table);
    uint32_t ended = atomic_load_explicit(&pool->ended, memory_order_acquire);
    if (entry->catalog != NULL && entry->ended != ended) { /* a list was retired: build the text anew */
        h2o_mem_release_shared(entry->catalog);
        entry->catalog = NULL;
        entry->seen = 0;
    }
    entry->ended = ended;
    if (entry->catalog != NULL && entry->seen == count)
        return entry->catalog;
    size_t added = added_bytes(table, pool, entry->seen, count);
    if (entry->catalog == NULL || added > 0) {
        struct catalog *catalog = extend_catalog(thread, pool, entry, count, added);
        if (entry->catalog != NULL)
            h2o_mem_release_shared(entry->catalog);
        entry->catalog = catalog;
    }
    entry->seen = count;
    return entry->catalog;
}

struct sl_catalogs *sl_catalogs_new(const struct sl_shared *shared)
{
    struct sl_catalogs *all = sl_xcalloc(1, sizeof *all + shared->pool_count * sizeof(struct entry));
    all->pool_count = shared->pool_count;
    return all;
}

void sl_catalogs_free(struct sl_catalogs *all)
{
    if (all == NULL)
        return;
    for (unsigned i = 0; i < all->pool_count; i++)
        if (all->entries[i].catalog != NULL)
            h2o_mem_release_shared(all->entries[i].catalog);
    free(all);
}

void sl_call_aggregation(struct sl_call *c)
{
    struct sl_http_thread *thread = c->t;
    struct sl_shared *shared = thread->http->shared;
    const struct sl_pool *pool = sl_pool_named(shared, c->target.pool);
    if (pool == NULL) {
        sl_respond_error(c, SL_ERR_NO_SUCH_POOL, NULL);
        return;
    }
    if (!atomic_load_explicit(&shared->authoritative, memory_order_acquire)) {
        sl_respond_error(c, SL_ERR_UNAVAILABLE, "Not all lists of the pool are known yet: try again shortly");
        return;
    }
    struct catalog *catalog = current_catalog(thread, pool);
    struct sl_span etag = sl_span(catalog->etag, ETAG_LEN);
    if (c->f->if_matches > 0 && !sl_etag_matches_strongly(c->f->if_match, c->f->if_matches, etag)) {
        sl_respond_error(c, SL_ERR_PRECONDITION_FAILED, "The lists of the pool have changed");
        return;
    }
    h2o_mem_link_shared(&c->req->pool, catalog);
    sl_call_add_header(c, "etag", etag);
    sl_call_add_header(c, "cache-control",
                       sl_call_decimal(c, "max-age=", sl_pool_options(pool)->ttl_ms / 1000));
    sl_call_add_header(c, "access-control-allow-origin", SL_SPAN("*"));
    sl_call_add_header(c, "access-control-expose-headers", SL_SPAN("ETag"));
    if (c->f->if_none_matches > 0 && sl_etag_matches(c->f->if_none_match, c->f->if_none_matches, etag))
        sl_respond_empty(c, 304);
    else
        sl_respond_json(c, catalog->json, catalog->len);
}
