#include "http/keyring.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "core/siphash.h"
#include "http/jwt.h"

struct api_key {
    const uint8_t *hash; /* NULL: the place is free */
    uint64_t *pools;
};

/* A rule of one pool, before equal rules become one grant. */
struct pool_rule {
    const struct sl_jwt_rule *rule;
    size_t pool;
};

/* A key, an issuer and an audience, and the pools that have this rule. In the order of compare_rules, so
 * grants with the same algorithm and key are neighbours. */
struct grant {
    const struct sl_jwt_rule *rule;
    uint64_t *pools;
};

struct sl_keyring {
    size_t words;
    uint64_t seed[2];
    struct api_key *places; /* open addressing, at most half full */
    size_t mask;            /* places - 1 */
    struct grant *grants;
    size_t grant_count, tries;
};

static void add_pool(uint64_t *pools, size_t pool)
{
    pools[pool / 64] |= (uint64_t)1 << pool % 64;
}

/* ---- API keys */

/* The place of the hash, or the free place where it would go. */
static struct api_key *place_of(const struct sl_keyring *k, const uint8_t *hash)
{
    size_t i = sl_siphash(k->seed, hash, SL_SHA256) & k->mask;
    while (k->places[i].hash != NULL && !sl_equal_constant_time(k->places[i].hash, hash, SL_SHA256))
        i = (i + 1) & k->mask;
    return &k->places[i];
}

static void arrange_api_keys(struct sl_keyring *k, const struct sl_credentials *c)
{
    size_t count = 0, places = 2;
    for (size_t p = 0; p < c->pool_count; p++)
        count += c->pools[p]->hash_count;
    while (places < 2 * count)
        places *= 2;
    k->mask = places - 1;
    k->places = sl_xcalloc(places, sizeof *k->places);
    for (size_t p = 0; p < c->pool_count; p++) {
        for (size_t i = 0; i < c->pools[p]->hash_count; i++) {
            struct api_key *a = place_of(k, c->pools[p]->hashes[i]);
            if (a->hash == NULL)
                *a = (struct api_key){c->pools[p]->hashes[i], sl_xcalloc(k->words, sizeof(uint64_t))};
            add_pool(a->pools, p);
        }
    }
}

const uint64_t *sl_keyring_api_key(const struct sl_keyring *k, const uint8_t hash[static SL_SHA256])
{
    return place_of(k, hash)->pools;
}

/* ---- rules for bearer tokens */

static int compare_text(const char *a, const char *b)
{
    if (a == NULL || b == NULL)
        return (a != NULL) - (b != NULL);
    return strcmp(a, b);
}

static int compare_keys(const struct sl_jwt_rule *a, const struct sl_jwt_rule *b)
{
    if (a->alg != b->alg)
        return a->alg < b->alg ? -1 : 1;
    if (a->key_len != b->key_len)
        return a->key_len < b->key_len ? -1 : 1;
    return memcmp(a->key, b->key, a->key_len);
}

static int compare_rules(const struct sl_jwt_rule *a, const struct sl_jwt_rule *b)
{
    int order = compare_keys(a, b);
    if (order == 0)
        order = compare_text(a->issuer, b->issuer);
    return order != 0 ? order : compare_text(a->audience, b->audience);
}

static int by_key(const void *a, const void *b)
{
    return compare_rules(((const struct pool_rule *)a)->rule, ((const struct pool_rule *)b)->rule);
}

/* By algorithm and issuer; then equal keys are neighbours. */
static int by_issuer(const void *a, const void *b)
{
    const struct sl_jwt_rule *x = ((const struct pool_rule *)a)->rule,
                             *y = ((const struct pool_rule *)b)->rule;
    int order = x->alg != y->alg ? (x->alg < y->alg ? -1 : 1) : compare_text(x->issuer, y->issuer);
    return order != 0 ? order : compare_keys(x, y);
}

/* The most keys that one token can make us try: those of rules without an issuer, and those of the issuer
 * that has the most, for the algorithm for which that is most. */
static size_t count_tries(struct pool_rule *uses, size_t n)
{
    size_t most = 0, any_issuer = 0, keys = 0;
    qsort(uses, n, sizeof *uses, by_issuer);
    for (size_t i = 0; i < n; i++) {
        const struct sl_jwt_rule *r = uses[i].rule, *last = i > 0 ? uses[i - 1].rule : NULL;
        bool same_alg = last != NULL && last->alg == r->alg;
        bool same_issuer = same_alg && compare_text(last->issuer, r->issuer) == 0;
        if (!same_issuer)
            keys = 0;
        if (!same_alg)
            any_issuer = 0;
        if (!same_issuer || compare_keys(last, r) != 0)
            keys++;
        if (r->issuer == NULL)
            any_issuer = keys;
        size_t tries = r->issuer == NULL ? keys : any_issuer + keys;
        most = tries > most ? tries : most;
    }
    return most;
}

static void arrange_rules(struct sl_keyring *k, const struct sl_credentials *c)
{
    size_t n = 0;
    for (size_t p = 0; p < c->pool_count; p++)
        n += c->pools[p]->rule_count;
    if (n == 0)
        return;
    struct pool_rule *uses = sl_xcalloc(n, sizeof *uses);
    n = 0;
    for (size_t p = 0; p < c->pool_count; p++)
        for (size_t i = 0; i < c->pools[p]->rule_count; i++)
            uses[n++] = (struct pool_rule){&c->pools[p]->rules[i], p};
    k->tries = count_tries(uses, n);
    qsort(uses, n, sizeof *uses, by_key);
    k->grants = sl_xcalloc(n, sizeof *k->grants);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || by_key(&uses[i - 1], &uses[i]) != 0)
            k->grants[k->grant_count++] =
                (struct grant){uses[i].rule, sl_xcalloc(k->words, sizeof(uint64_t))};
        add_pool(k->grants[k->grant_count - 1].pools, uses[i].pool);
    }
    free(uses);
}

static bool rule_is_for(const struct sl_jwt_rule *r, const struct sl_bearer *b)
{
    return r->alg == b->alg &&
           (r->issuer == NULL || (b->issuer != NULL && strcmp(r->issuer, b->issuer) == 0)) &&
           sl_bearer_is_for(b, r->audience);
}

/* A key is tried once, when the first of its grants is for the token. */
enum sl_bearer_fate sl_keyring_bearer(const struct sl_keyring *k, const struct sl_bearer *b,
                                      struct sl_span token, uint64_t *pools)
{
    enum sl_bearer_fate fate = SL_BEARER_UNWANTED;
    const struct sl_jwt_rule *tried = NULL;
    for (size_t i = 0; i < k->grant_count; i++) {
        const struct grant *g = &k->grants[i];
        bool same = tried != NULL && compare_keys(tried, g->rule) == 0;
        if (fate == SL_BEARER_GOOD && !same)
            break; /* a token has one signature, so no other key can have made it */
        if (!rule_is_for(g->rule, b))
            continue;
        if (!same) {
            tried = g->rule;
            fate = sl_jwt_verify(token, tried->alg, sl_span(tried->key, tried->key_len)) ? SL_BEARER_GOOD
                                                                                         : SL_BEARER_FORGED;
        }
        for (size_t w = 0; fate == SL_BEARER_GOOD && w < k->words; w++)
            pools[w] |= g->pools[w];
    }
    return fate;
}

bool sl_keyring_takes_bearers(const struct sl_keyring *k)
{
    return k->grant_count > 0;
}

size_t sl_keyring_tries(const struct sl_keyring *k)
{
    return k->tries;
}

/* ---- keyrings */

struct sl_keyring *sl_keyring_new(const struct sl_credentials *c, const struct sl_clock *clock)
{
    struct sl_keyring *k = sl_xcalloc(1, sizeof *k);
    k->words = (c->pool_count + 63) / 64;
    sl_random(clock, k->seed, sizeof k->seed);
    arrange_api_keys(k, c);
    arrange_rules(k, c);
    return k;
}

size_t sl_keyring_words(const struct sl_keyring *k)
{
    return k->words;
}

void sl_keyring_free(struct sl_keyring *k)
{
    if (k == NULL)
        return;
    for (size_t i = 0; i <= k->mask; i++)
        free(k->places[i].pools);
    for (size_t i = 0; i < k->grant_count; i++)
        free(k->grants[i].pools);
    free(k->places);
    free(k->grants);
    free(k);
}

/* ---- credentials */

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

static bool same_rule(const struct sl_jwt_rule *a, const struct sl_jwt_rule *b)
{
    return a->alg == b->alg && a->key_len == b->key_len &&
           sl_equal_constant_time(a->key, b->key, a->key_len) && sl_same_text(a->issuer, b->issuer) &&
           sl_same_text(a->audience, b->audience);
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
