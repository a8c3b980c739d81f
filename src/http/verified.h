/* Verified bearer tokens, remembered until they expire. One thread's own. Bounded: the least recently used
 * one makes room. Only verified tokens get in, so a client without one cannot drive others out. */
#pragma once
#include "token/digest.h"
#include "base/clock.h"

struct sl_verified;

/* At most `capacity` tokens (1 .. 2^20); `words`: the size of each one's set of pools (sl_keyring_words). */
struct sl_verified *sl_verified_new(const struct sl_clock *clock, uint32_t capacity, size_t words);
void sl_verified_free(struct sl_verified *v); /* NULL ok */

struct sl_verified_token {
    int64_t from_ms, until_ms; /* valid in [from, until) of the wall clock */
    uint8_t caller[SL_SHA256]; /* sl_identity.hash */
    const uint64_t *pools;     /* that it opens */
};
/* By the token's SHA-256; NULL: unknown, or not valid at `now_ms`. Good until the next call with `v`. */
const struct sl_verified_token *sl_verified_find(struct sl_verified *v, const uint8_t hash[static SL_SHA256],
                                                 int64_t now_ms);
/* Adds a token that is not known yet; copies everything. */
void sl_verified_add(struct sl_verified *v, const uint8_t hash[static SL_SHA256],
                     const struct sl_verified_token *token);
uint32_t sl_verified_count(const struct sl_verified *v);
