#include "http/keyring.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "core/siphash.h"
#include "http/jose.h"
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
    struct sl_jose_key *jose; /* NULL: libjwt verifies */
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
    for (size_t pool = 0; pool < c->pool_count; pool++)
        count += c->pools[pool]->hash_count;
    while (places < 2 * count)
        places *= 2;
    k->mask = places - 1;
    k->places = sl_xcalloc(places, sizeof *k->places);
    for (size_t pool = 0; pool < c->pool_count; pool++) {
        for (size_t i = 0; i < c->pools[pool]->hash_count; i++) {
            struct api_key *key = place_of(k, c->pools[pool]->hashes[i]);
            if (key->hash == NULL)
                *key = (struct api_key){c->pools[pool]->hashes[i], sl_xcalloc(k->words, sizeof(uint64_t))};
            add_pool(key->pools, pool);
        }
    }
}

const uint64_t *sl_keyring_api_key(const struct sl_keyring *k, const uint8_t hash[static SL_SHA256])
{
    return place_of(k, hash)->pools;
}

/* ---- rules for bearer tokens */

static int compare_text(const char *one, const char *other)
{
    if (one == NULL || other == NULL)
        return (one != NULL) - (other != NULL);
    return strcmp(one, other);
}

/* What a token says about itself before any key is looked at. */
static int compare_kinds(const struct sl_jwt_rule *one, const struct sl_jwt_rule *other)
{
    if (one->alg != other->alg)
        return one->alg < other->alg ? -1 : 1;
    return one->access_token - other->access_token;
}

static int compare_keys(const struct sl_jwt_rule *one, const struct sl_jwt_rule *other)
{
    int order = compare_kinds(one, other);
    if (order != 0)
        return order;
    if (one->key_len != other->key_len)
        return one->key_len < other->key_len ? -1 : 1;
    return memcmp(one->key, other->key, one->key_len);
}

static int compare_rules(const struct sl_jwt_rule *one, const struct sl_jwt_rule *other)
{
    int order = compare_keys(one, other);
    if (order == 0)
        order = compare_text(one->issuer, other->issuer);
    return order != 0 ? order : compare_text(one->audience, other->audience);
}

static int by_key(const void *left, const void *right)
{
    return compare_rules(((const struct pool_rule *)left)->rule, ((const struct pool_rule *)right)->rule);
}

/* By kind and issuer; then equal keys are neighbours. */
static int by_issuer(const void *left, const void *right)
{
    const struct sl_jwt_rule *one = ((const struct pool_rule *)left)->rule,
                             *other = ((const struct pool_rule *)right)->rule;
    int order = compare_kinds(one, other);
    if (order == 0)
        order = compare_text(one->issuer, other->issuer);
    return order != 0 ? order : compare_keys(one, other);
}

/* The most keys that one token can make us try: those of rules without an issuer, and those of the issuer
 * that has the most, for the kind of token for which that is most. */
static size_t count_tries(struct pool_rule *uses, size_t n)
{
    size_t most = 0, any_issuer = 0, keys = 0;
    qsort(uses, n, sizeof *uses, by_issuer);
    for (size_t i = 0; i < n; i++) {
        const struct sl_jwt_rule *rule = uses[i].rule, *last = i > 0 ? uses[i - 1].rule : NULL;
        bool same_kind = last != NULL && compare_kinds(last, rule) == 0;
        bool same_issuer = same_kind && compare_text(last->issuer, rule->issuer) == 0;
        if (!same_issuer)
            keys = 0;
        if (!same_kind)
            any_issuer = 0;
        if (!same_issuer || compare_keys(last, rule) != 0)
            keys++;
        if (rule->issuer == NULL)
            any_issuer = keys;
        size_t tries = rule->issuer == NULL ? keys : any_issuer + keys;
        most = tries > most ? tries : most;
    }
    return most;
}

static struct grant make_grant(const struct sl_keyring *k, const struct sl_jwt_rule *rule)
{
    return (struct grant){
        .rule = rule,
        .jose = sl_jose_key_new(rule->alg, rule->access_token, sl_span(rule->key, rule->key_len)),
        .pools = sl_xcalloc(k->words, sizeof(uint64_t))};
}

static bool grant_verifies(const struct grant *g, struct sl_span token)
{
    const struct sl_jwt_rule *rule = g->rule;
    return g->jose != NULL ? sl_jose_verify(token, rule->alg, rule->access_token, g->jose)
                           : sl_jwt_verify(token, rule->alg, sl_span(rule->key, rule->key_len));
}

static void arrange_rules(struct sl_keyring *k, const struct sl_credentials *c)
{
    size_t n = 0;
    for (size_t pool = 0; pool < c->pool_count; pool++)
        n += c->pools[pool]->rule_count;
    if (n == 0)
        return;
    struct pool_rule *uses = sl_xcalloc(n, sizeof *uses);
    n = 0;
    for (size_t pool = 0; pool < c->pool_count; pool++)
        for (size_t i = 0; i < c->pools[pool]->rule_count; i++)
            uses[n++] = (struct pool_rule){&c->pools[pool]->rules[i], pool};
    k->tries = count_tries(uses, n);
    qsort(uses, n, sizeof *uses, by_key);
    k->grants = sl_xcalloc(n, sizeof *k->grants);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || by_key(&uses[i - 1], &uses[i]) != 0)
            k->grants[k->grant_count++] = make_grant(k, uses[i].rule);
        add_pool(k->grants[k->grant_count - 1].pools, uses[i].pool);
    }
    free(uses);
}

/* How far the rule and the token go together, in the order in which they are compared. */
enum fit { OTHER_ALG, OTHER_TYPE, OTHER_ISSUER, OTHER_AUDIENCE, FITS };

static enum fit fit_of(const struct sl_jwt_rule *rule, const struct sl_bearer *bearer)
{
    if (rule->alg != bearer->alg)
        return OTHER_ALG;
    if (rule->access_token != bearer->access_token)
        return OTHER_TYPE;
    if (rule->issuer != NULL && !sl_same_text(rule->issuer, bearer->issuer))
        return OTHER_ISSUER;
    return sl_bearer_is_for(bearer, rule->audience) ? FITS : OTHER_AUDIENCE;
}

static bool rule_is_for(const struct sl_jwt_rule *rule, const struct sl_bearer *bearer)
{
    return fit_of(rule, bearer) == FITS;
}

const char *sl_keyring_misfit(const struct sl_keyring *k, const struct sl_bearer *bearer)
{
    static const char *const whys[] = {
        [OTHER_ALG] = "no configured key has its alg",
        [OTHER_TYPE] = "its typ is not the one of jwt-auth.type",
        [OTHER_ISSUER] = "its iss is not jwt-auth.issuer",
        [OTHER_AUDIENCE] = "its aud does not contain jwt-auth.audience, or is there without that option",
        [FITS] = "none of the keys that it could be of has signed it"};
    enum fit nearest = OTHER_ALG;
    for (size_t i = 0; i < k->grant_count; i++) {
        enum fit fit = fit_of(k->grants[i].rule, bearer);
        nearest = fit > nearest ? fit : nearest;
    }
    return whys[nearest];
}

/* A key is tried once, when the first of its grants is for the token. */
enum sl_bearer_fate sl_keyring_bearer(const struct sl_keyring *k, const struct sl_bearer *bearer,
                                      struct sl_span token, uint64_t *pools)
{
    enum sl_bearer_fate fate = SL_BEARER_UNWANTED;
    const struct sl_jwt_rule *tried = NULL;
    for (size_t i = 0; i < k->grant_count; i++) {
        const struct grant *grant = &k->grants[i];
        bool same = tried != NULL && compare_keys(tried, grant->rule) == 0;
        if (fate == SL_BEARER_GOOD && !same)
            break; /* a token has one signature, so no other key can have made it */
        if (!rule_is_for(grant->rule, bearer))
            continue;
        if (!same) {
            tried = grant->rule;
            fate = grant_verifies(grant, token) ? SL_BEARER_GOOD : SL_BEARER_FORGED;
        }
        for (size_t word = 0; fate == SL_BEARER_GOOD && word < k->words; word++)
            pools[word] |= grant->pools[word];
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
    for (size_t i = 0; i < k->grant_count; i++) {
        sl_jose_key_free(k->grants[i].jose);
        free(k->grants[i].pools);
    }
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

static bool same_rule(const struct sl_jwt_rule *one, const struct sl_jwt_rule *other)
{
    return compare_kinds(one, other) == 0 && one->key_len == other->key_len &&
           sl_equal_constant_time(one->key, other->key, one->key_len) &&
           sl_same_text(one->issuer, other->issuer) && sl_same_text(one->audience, other->audience);
}

bool sl_pool_credentials_same(const struct sl_pool_credentials *one, const struct sl_pool_credentials *other)
{
    bool same = one->hash_count == other->hash_count && one->rule_count == other->rule_count &&
                (one->hash_count == 0 ||
                 sl_equal_constant_time(one->hashes, other->hashes, one->hash_count * sizeof one->hashes[0]));
    for (size_t i = 0; same && i < one->rule_count; i++)
        same = same_rule(&one->rules[i], &other->rules[i]);
    return same;
}

void sl_credentials_seal(struct sl_credentials *c, const struct sl_clock *clock)
{
    sl_assert(c->keyring == NULL);
    c->keyring = sl_keyring_new(c, clock);
}

static void rule_clear(struct sl_jwt_rule *rule)
{
    sl_wipe(rule->key, rule->key_len);
    free(rule->key);
    free(rule->issuer);
    free(rule->audience);
}

void sl_pool_credentials_unref(struct sl_pool_credentials *credentials)
{
    sl_assert(credentials->refs > 0);
    if (--credentials->refs > 0)
        return;
    if (credentials->hashes != NULL)
        explicit_bzero(credentials->hashes, credentials->hash_count * sizeof credentials->hashes[0]);
    free(credentials->hashes);
    for (size_t i = 0; i < credentials->rule_count; i++)
        rule_clear(&credentials->rules[i]);
    free(credentials->rules);
    free(credentials);
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
