/* Credentials arranged for requests: which pools an API key or a bearer token opens. The same key may stand
 * in several pools and opens them all. Immutable; any thread. Sets of pools are bits by pool number,
 * sl_keyring_words of them, which live as long as the keyring. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/clock.h"
#include "http/bearer.h"
#include "token/digest.h"

/* One key that signs bearer tokens, and what else a token has to say. */
struct sl_jwt_rule {
    enum sl_jwt_alg alg;
    char *key; /* PEM of a public key, or the bytes of a secret for HS */
    size_t key_len;
    char *issuer, *audience; /* NULL: see bearer.h */
};

/* What opens one pool. Immutable once it is in force. Shares are counted plainly: made and let go of by the
 * main thread only. */
struct sl_pool_credentials {
    unsigned refs;
    uint8_t (*hashes)[SL_SHA256]; /* of API keys */
    size_t hash_count;
    struct sl_jwt_rule *rules;
    size_t rule_count;
};

struct sl_keyring;

/* The credentials of all pools, by pool number; a reload puts another set in its place as a whole. */
struct sl_credentials {
    uint64_t generation; /* counts the sets: what was concluded under another one is void */
    size_t pool_count;
    struct sl_keyring *keyring; /* the same, arranged for requests; NULL before sl_credentials_seal */
    struct sl_pool_credentials *pools[]; /* a share of each */
};

/* Main thread. The first generation; the pools are empty, each with one share. */
struct sl_credentials *sl_credentials_new(size_t pools);
/* Once all pools have their credentials, which do not change any more: makes the keyring. */
void sl_credentials_seal(struct sl_credentials *c, const struct sl_clock *clock);
void sl_credentials_free(struct sl_credentials *c); /* NULL ok */
/* Whether they let the same callers in. */
bool sl_pool_credentials_same(const struct sl_pool_credentials *a, const struct sl_pool_credentials *b);
/* Lets go of a share; with the last one the credentials are wiped. */
void sl_pool_credentials_unref(struct sl_pool_credentials *p);

/* Keys of one algorithm and one issuer, those without an issuer included, of which each may have to be tried
 * for a token that comes from nobody knows where: a bound on the time that it takes. */
#define SL_KEYRING_TRIES 8

/* `c` outlives it. */
struct sl_keyring *sl_keyring_new(const struct sl_credentials *c, const struct sl_clock *clock);
void sl_keyring_free(struct sl_keyring *k); /* NULL ok */

size_t sl_keyring_words(const struct sl_keyring *k);
static inline bool sl_pool_in(const uint64_t *pools, unsigned pool)
{
    return pools[pool / 64] >> pool % 64 & 1;
}

/* By the key's SHA-256; NULL: unknown. The time it takes says nothing about the hashes that are known: their
 * places depend on a random key, and those that are looked at are compared in constant time. */
const uint64_t *sl_keyring_api_key(const struct sl_keyring *k, const uint8_t hash[static SL_SHA256]);

/* Whether any pool takes bearer tokens. */
bool sl_keyring_takes_bearers(const struct sl_keyring *k);
enum sl_bearer_fate {
    SL_BEARER_GOOD,
    SL_BEARER_UNWANTED, /* no pool takes tokens of this algorithm, issuer and audience */
    SL_BEARER_FORGED    /* no key that could have signed it did */
};
/* GOOD: adds the pools that the token opens to `pools`. `b` is what sl_bearer_read made of the token; its
 * time is not looked at. */
enum sl_bearer_fate sl_keyring_bearer(const struct sl_keyring *k, const struct sl_bearer *b,
                                      struct sl_span token, uint64_t *pools);
/* How many keys may have to be tried for one token; more than SL_KEYRING_TRIES should not be put in force. */
size_t sl_keyring_tries(const struct sl_keyring *k);
