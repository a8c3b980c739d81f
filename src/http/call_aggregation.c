/* The lists of a pool in one answer, in the order of their ids: so every instance answers the same bytes,
 * with the same entity tag. Each thread keeps the text for itself, so no request writes what another core
 * writes. Only the first request after the pool has gained or lost a list builds a new text; all others
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
    struct catalog *catalog;      /* NULL: not asked for yet */
    const struct sl_list **lists; /* its lists in order of their ids, without the retired */
    uint32_t count, cap;
    uint32_t seen;  /* lists of the table that were considered */
    uint32_t ended; /* retired lists of the pool at that time, which are left out */
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

static int by_id(const void *left, const void *right)
{
    const struct sl_list *const *one = left, *const *other = right;
    return memcmp(&(*one)->id, &(*other)->id, sizeof(*one)->id);
}

static void drop_retired(struct entry *entry)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < entry->count; i++)
        if (!is_retired(entry->lists[i]))
            entry->lists[kept++] = entry->lists[i];
    entry->count = kept;
}

/* `old` and the lists behind it are sorted: makes one row of them, from the back. */
static void merge_lists(struct entry *entry, uint32_t old)
{
    uint32_t added = entry->count - old, at = entry->count;
    const struct sl_list **more = sl_xcalloc(added + 1, sizeof *more);
    memcpy(more, entry->lists + old, added * sizeof *more);
    while (added > 0) {
        bool last = old == 0 || by_id(&entry->lists[old - 1], &more[added - 1]) < 0;
        entry->lists[--at] = last ? more[--added] : entry->lists[--old];
    }
    free(more);
}

/* The pool's lists from number entry->seen on. */
static void add_lists(struct entry *entry, const struct sl_table *table, const struct sl_pool *pool,
                      uint32_t end)
{
    uint32_t old = entry->count;
    for (uint32_t i = entry->seen; i < end; i++) {
        const struct sl_list *list = sl_table_at(table, i);
        if (list->pool != pool || is_retired(list))
            continue;
        if (entry->count == entry->cap) {
            entry->cap = entry->cap > 0 ? 2 * entry->cap : 16;
            entry->lists = sl_xrealloc(entry->lists, entry->cap * sizeof *entry->lists);
        }
        entry->lists[entry->count++] = list;
    }
    entry->seen = end;
    if (entry->count == old)
        return;
    qsort(entry->lists + old, entry->count - old, sizeof *entry->lists, by_id);
    merge_lists(entry, old);
}

static char *put_bytes(char *at, const char *bytes, size_t n)
{
    memcpy(at, bytes, n);
    return at + n;
}

static struct catalog *build_catalog(struct sl_http_thread *thread, const struct entry *entry)
{
    size_t len = strlen(opening) + strlen(closing);
    for (uint32_t i = 0; i < entry->count; i++)
        len += sl_list_json_uri(entry->lists[i]).len + (i > 0);
    struct catalog *catalog = h2o_mem_alloc_shared(NULL, sizeof *catalog + len, NULL);
    char *at = put_bytes(catalog->json, opening, strlen(opening));
    for (uint32_t i = 0; i < entry->count; i++) {
        if (i > 0)
            *at++ = ',';
        struct sl_span uri = sl_list_json_uri(entry->lists[i]);
        at = put_bytes(at, uri.at, uri.len);
    }
    put_bytes(at, closing, strlen(closing));
    catalog->len = len;
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
    uint32_t known = entry->count, count = sl_table_count(table);
    uint32_t ended = atomic_load_explicit(&pool->ended, memory_order_acquire);
    if (entry->catalog != NULL && entry->seen == count && entry->ended == ended)
        return entry->catalog;
    if (entry->ended != ended)
        drop_retired(entry);
    bool changed = entry->catalog == NULL || entry->count != known;
    entry->ended = ended;
    known = entry->count;
    add_lists(entry, table, pool, count);
    if (!changed && entry->count == known)
        return entry->catalog;
    if (entry->catalog != NULL)
        h2o_mem_release_shared(entry->catalog);
    return entry->catalog = build_catalog(thread, entry);
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
    for (unsigned i = 0; i < all->pool_count; i++) {
        if (all->entries[i].catalog != NULL)
            h2o_mem_release_shared(all->entries[i].catalog);
        free(all->entries[i].lists);
    }
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
    if (!atomic_load_explicit(&pool->enumerated, memory_order_acquire)) {
        sl_respond_error(c, SL_ERR_UNAVAILABLE, "Not all lists of the pool are known yet: try again shortly");
        return;
    }
    struct catalog *catalog = current_catalog(thread, pool);
    struct sl_span etag = sl_span(catalog->etag, ETAG_LEN);
    if (c->f->if_match.count > 0 &&
        !sl_etag_matches_strongly(sl_lines(&c->f->if_match), c->f->if_match.count, etag)) {
        sl_respond_error(c, SL_ERR_PRECONDITION_FAILED, "The lists of the pool have changed");
        return;
    }
    h2o_mem_link_shared(&c->req->pool, catalog);
    sl_call_add_header(c, "etag", etag);
    sl_call_add_header(c, "cache-control",
                       sl_call_decimal(c, "max-age=", sl_pool_options(pool)->ttl_ms / 1000));
    sl_call_add_header(c, "access-control-allow-origin", SL_SPAN("*"));
    sl_call_add_header(c, "access-control-expose-headers", SL_SPAN("ETag"));
    if (c->f->if_none_match.count > 0 &&
        sl_etag_matches(sl_lines(&c->f->if_none_match), c->f->if_none_match.count, etag))
        sl_respond_empty(c, 304);
    else
        sl_respond_json(c, catalog->json, catalog->len);
}
