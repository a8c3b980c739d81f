/* Who may call: sets of credentials, made and freed by the main thread. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "http/keyring.h"

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

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_rule(const struct sl_jwt_rule *a, const struct sl_jwt_rule *b)
{
    return a->alg == b->alg && a->key_len == b->key_len &&
           sl_equal_constant_time(a->key, b->key, a->key_len) && same_text(a->issuer, b->issuer) &&
           same_text(a->audience, b->audience);
}

bool sl_pool_credentials_same(const struct sl_pool_credentials *a, const struct sl_pool_credentials *b)
{
    bool same = a->hash_count == b->hash_count && a->rule_count == b->rule_count &&
                (a->hash_count == 0 ||
                 sl_equal_constant_time(a->hashes, b->hashes, a->hash_count * sizeof a->hashes[0]));
    for (size_t i = 0; same && i < a->rule_count; i++)
        same = same_rule(&a->rules[i], &b->rules[i]);
    return same;
}

void sl_credentials_seal(struct sl_credentials *c, const struct sl_clock *clock)
{
    sl_assert(c->keyring == NULL);
    c->keyring = sl_keyring_new(c, clock);
}

static void rule_clear(struct sl_jwt_rule *r)
{
    sl_wipe(r->key, r->key_len);
    free(r->key);
    free(r->issuer);
    free(r->audience);
}

void sl_pool_credentials_unref(struct sl_pool_credentials *p)
{
    sl_assert(p->refs > 0);
    if (--p->refs > 0)
        return;
    if (p->hashes != NULL)
        explicit_bzero(p->hashes, p->hash_count * sizeof p->hashes[0]);
    free(p->hashes);
    for (size_t i = 0; i < p->rule_count; i++)
        rule_clear(&p->rules[i]);
    free(p->rules);
    free(p);
}

void sl_credentials_free(struct sl_credentials *c)
{
    if (c == NULL)
        return;
    sl_keyring_free(c->keyring);
    for (size_t i = 0; i < c->pool_count; i++)
        sl_pool_credentials_unref(c->pools[i]);
    free(c);
}
