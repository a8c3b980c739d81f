/* Bearer tokens that were verified, remembered until they expire. One thread's own, bounded: the one that was
 * used the longest ago makes room. Only good tokens come in, so who has none cannot drive others out. */
#pragma once
#include "token/digest.h"
#include "base/clock.h"

struct sl_verified;

/* At most `capacity` tokens (1 .. 2^20), each with a set of pools of so many words. */
struct sl_verified *sl_verified_new(const struct sl_clock *clock, uint32_t capacity, size_t words);
void sl_verified_free(struct sl_verified *v); /* NULL ok */

struct sl_verified_token {
    int64_t from_ms, until_ms; /* valid in [from, until) of the wall clock */
    uint8_t caller[SL_SHA256]; /* who it speaks for */
    const uint64_t *pools;     /* what it opens */
};
/* By the token's SHA-256; NULL: not known, or not valid at `now_ms`. Good until the next call of this header.
 */
const struct sl_verified_token *sl_verified_find(struct sl_verified *v, const uint8_t hash[static SL_SHA256],
                                                 int64_t now_ms);
/* A token that is not known yet; copies everything. */
void sl_verified_add(struct sl_verified *v, const uint8_t hash[static SL_SHA256],
                     const struct sl_verified_token *token);
uint32_t sl_verified_count(const struct sl_verified *v);
