/* Credentials: what opens which pool. Sets of them are made, compared and freed by the main thread; the
 * keyring of a set is arranged for requests, and any thread may read it. A key that several pools have opens
 * them all. A set of pools is an array of bits by pool number, sl_keyring_words long, which lives as long as
 * the keyring. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/clock.h"
#include "http/bearer.h"
#include "token/digest.h"

/* A key that signs bearer tokens, and what else a token must say. */
struct sl_jwt_rule {
    enum sl_jwt_alg alg;
    bool access_token; /* for at+jwt, and nothing else; otherwise for plain JWTs, and nothing else */
    char *key;         /* PEM of a public key, or the bytes of a secret for HS */
    size_t key_len;
    char *issuer, *audience; /* NULL: see bearer.h */
};

/* What opens one pool. Immutable once it is in force. Only the main thread takes and releases shares, so they
 * are counted without atomics. */
struct sl_pool_credentials {
    unsigned refs;
    uint8_t (*hashes)[SL_SHA256]; /* of API keys */
    size_t hash_count;
    struct sl_jwt_rule *rules;
    size_t rule_count;
};

struct sl_keyring;

/* The credentials of all pools, by pool number; a reload replaces the whole set. */
struct sl_credentials {
    uint64_t generation; /* counts the sets: what a thread remembers of another set does not count */
    size_t pool_count;
    struct sl_keyring *keyring; /* the same, arranged for requests; NULL before sl_credentials_seal */
    struct sl_pool_credentials *pools[]; /* a share of each */
};

/* Main thread. The first generation; the pools are empty, each with one share. */
struct sl_credentials *sl_credentials_new(size_t pools);
/* Makes the keyring, once all pools have their credentials, which do not change from then on. */
void sl_credentials_seal(struct sl_credentials *c, const struct sl_clock *clock);
void sl_credentials_free(struct sl_credentials *c); /* NULL ok */
/* Whether both let in the same callers. */
bool sl_pool_credentials_same(const struct sl_pool_credentials *one, const struct sl_pool_credentials *other);
/* Releases a share; with the last one the credentials are wiped. */
void sl_pool_credentials_unref(struct sl_pool_credentials *credentials);

/* Most keys that one token can make us try: the keys of its algorithm and issuer, and those without an
 * issuer. It bounds the time that a forged token takes. */
#define SL_KEYRING_TRIES 8

/* `c` outlives it. */
struct sl_keyring *sl_keyring_new(const struct sl_credentials *c, const struct sl_clock *clock);
void sl_keyring_free(struct sl_keyring *k); /* NULL ok */

size_t sl_keyring_words(const struct sl_keyring *k);
static inline bool sl_pool_in(const uint64_t *pools, unsigned pool)
{
    return pools[pool / 64] >> pool % 64 & 1;
}

/* By the key's SHA-256; NULL: unknown. Its time says nothing about the known hashes: their places depend on a
 * random key, and hashes are compared in constant time. */
const uint64_t *sl_keyring_api_key(const struct sl_keyring *k, const uint8_t hash[static SL_SHA256]);

/* Whether any pool takes bearer tokens. */
bool sl_keyring_takes_bearers(const struct sl_keyring *k);
enum sl_bearer_fate {
    SL_BEARER_GOOD,
    SL_BEARER_UNWANTED, /* no pool takes tokens of this algorithm, issuer and audience */
    SL_BEARER_FORGED    /* none of the keys that could have signed it did */
};
/* GOOD: adds the pools that the token opens to `pools`. `bearer` is what sl_bearer_fault made of the token,
 * whose time the caller checks. */
enum sl_bearer_fate sl_keyring_bearer(const struct sl_keyring *k, const struct sl_bearer *bearer,
                                      struct sl_span token, uint64_t *pools);
/* Why a token was not GOOD, for our log: what the nearest rule has differently, or that no key signed it. */
const char *sl_keyring_misfit(const struct sl_keyring *k, const struct sl_bearer *bearer);
/* How many keys one token can make us try; a set with more than SL_KEYRING_TRIES is refused. */
size_t sl_keyring_tries(const struct sl_keyring *k);
