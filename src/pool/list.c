#include "pool/list.h"

#include <stdlib.h>

#include "base/assert.h"

void sl_json_reference(struct sl_buf *b, struct sl_span uri)
{
    sl_buf_puts(b, SL_JSON_REFERENCE_URI);
    sl_buf_json(b, uri);
    sl_buf_puts(b, SL_JSON_REFERENCE_INDEX);
}

#define CHUNK 1024u
#define CHUNKS 4096u

/* Open addressing with linear probing; a cell is a list's number + 1, 0 is empty. Ids are random, so their
 * first bytes hash themselves. Filled to at most one half. */
struct index {
    struct index *older;
    uint32_t mask;
    _Atomic uint32_t cells[];
};

struct sl_table {
    _Atomic uint32_t count;
    _Atomic(struct index *) index;
    _Atomic(_Atomic(struct sl_list *) *) chunks[CHUNKS];
};

static uint32_t hash_of_id(const struct sl_uuid *id)
{
    uint32_t h;
    memcpy(&h, id->bytes, sizeof h);
    return h;
}

static void index_put(struct index *ix, const struct sl_list *l)
{
    uint32_t at = hash_of_id(&l->id) & ix->mask;
    while (atomic_load_explicit(&ix->cells[at], memory_order_relaxed) != 0)
        at = (at + 1) & ix->mask;
    atomic_store_explicit(&ix->cells[at], l->number + 1, memory_order_release);
}

static struct index *index_new(uint32_t cells, struct index *older)
{
    struct index *ix = calloc(1, sizeof *ix + cells * sizeof ix->cells[0]);
    if (ix != NULL) {
        ix->older = older;
        ix->mask = cells - 1;
    }
    return ix;
}

struct sl_table *sl_table_new(void)
{
    struct sl_table *t = sl_xcalloc(1, sizeof *t);
    struct index *ix = sl_must(index_new(256, NULL));
    atomic_init(&t->index, ix);
    return t;
}

void sl_table_free(struct sl_table *t)
{
    if (t == NULL)
        return;
    for (unsigned i = 0; i < CHUNKS; i++)
        free((void *)atomic_load(&t->chunks[i]));
    for (struct index *ix = atomic_load(&t->index), *older; ix != NULL; ix = older) {
        older = ix->older;
        free(ix);
    }
    free(t);
}

static bool grow_table(struct sl_table *t, uint32_t count)
{
    struct index *old = atomic_load_explicit(&t->index, memory_order_relaxed);
    if (count < (old->mask + 1) / 2)
        return true;
    struct index *ix = index_new((old->mask + 1) * 2, old);
    if (ix == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++)
        index_put(ix, sl_table_at(t, i));
    atomic_store_explicit(&t->index, ix, memory_order_release);
    return true;
}

bool sl_table_full(const struct sl_table *t)
{
    return atomic_load_explicit(&t->count, memory_order_relaxed) == CHUNK * CHUNKS;
}

bool sl_table_add(struct sl_table *t, struct sl_list *l)
{
    uint32_t n = atomic_load_explicit(&t->count, memory_order_relaxed);
    if (sl_table_full(t) || !grow_table(t, n))
        return false;
    _Atomic(struct sl_list *) *chunk = atomic_load_explicit(&t->chunks[n / CHUNK], memory_order_relaxed);
    if (chunk == NULL) {
        chunk = calloc(CHUNK, sizeof *chunk);
        if (chunk == NULL)
            return false;
        atomic_store_explicit(&t->chunks[n / CHUNK], chunk, memory_order_release);
    }
    l->number = n;
    atomic_store_explicit(&chunk[n % CHUNK], l, memory_order_release);
    index_put(atomic_load_explicit(&t->index, memory_order_relaxed), l);
    /* Last: a thread that counts the list also finds it. */
    atomic_store_explicit(&t->count, n + 1, memory_order_release);
    return true;
}

uint32_t sl_table_count(const struct sl_table *t)
{
    return atomic_load_explicit(&t->count, memory_order_acquire);
}

struct sl_list *sl_table_at(const struct sl_table *t, uint32_t number)
{
    sl_assert(number < CHUNK * CHUNKS);
    _Atomic(struct sl_list *) *chunk = atomic_load_explicit(&t->chunks[number / CHUNK], memory_order_acquire);
    sl_assert(chunk != NULL);
    struct sl_list *l = atomic_load_explicit(&chunk[number % CHUNK], memory_order_acquire);
    sl_assert(l != NULL);
    return l;
}

struct sl_list *sl_table_find(const struct sl_table *t, const struct sl_uuid *id)
{
    const struct index *ix = atomic_load_explicit(&t->index, memory_order_acquire);
    for (uint32_t at = hash_of_id(id) & ix->mask;; at = (at + 1) & ix->mask) {
        uint32_t cell = atomic_load_explicit(&ix->cells[at], memory_order_acquire);
        if (cell == 0)
            return NULL;
        struct sl_list *l = sl_table_at(t, cell - 1);
        if (memcmp(l->id.bytes, id->bytes, sizeof id->bytes) == 0)
            return l;
    }
}
