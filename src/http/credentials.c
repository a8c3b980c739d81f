/* Who may call: sets of credentials, made and freed by the main thread. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "http/options.h"

struct sl_credentials *sl_credentials_new(size_t pools)
{
    struct sl_credentials *c = sl_xcalloc(1, sizeof *c + pools * sizeof c->pools[0]);
    c->generation = 1;
    c->pool_count = pools;
    for (size_t i = 0; i < pools; i++) {
        c->pools[i] = sl_xcalloc(1, sizeof *c->pools[i]);
        c->pools[i]->refs = 1;
    }
    return c;
}

bool sl_pool_credentials_same(const struct sl_pool_credentials *a, const struct sl_pool_credentials *b)
{
    return a->hash_count == b->hash_count &&
           (a->hash_count == 0 ||
            sl_equal_constant_time(a->hashes, b->hashes, a->hash_count * sizeof a->hashes[0]));
}

void sl_pool_credentials_unref(struct sl_pool_credentials *p)
{
    sl_assert(p->refs > 0);
    if (--p->refs > 0)
        return;
    if (p->hashes != NULL)
        explicit_bzero(p->hashes, p->hash_count * sizeof p->hashes[0]);
    free(p->hashes);
    free(p);
}

void sl_credentials_free(struct sl_credentials *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->pool_count; i++)
        sl_pool_credentials_unref(c->pools[i]);
    free(c);
}
