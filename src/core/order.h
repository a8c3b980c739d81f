/* The order in which a list gives out its indices: order(seed, k), k = 0 .. size-1, a keyed pseudo-random
 * bijection on [0, size). Nothing is stored but the seed and how far the list has come, so the function is
 * part of the storage format: changed, it would give out indices twice. test/property/core_order.c pins it.
 *
 * Construction: a generalised Feistel network over Z_a x Z_b with a * b >= size, followed by cycle walking
 * (J. Black, P. Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002, sections 4 and 5); the round
 * function is SipHash-2-4 (J.-P. Aumasson, D. J. Bernstein, INDOCRYPT 2012) of the 64-bit little-endian word
 * (round << 32 | other half), keyed by the two halves of the seed in turn, each two little-endian words.
 * Even rounds add to k mod a, odd rounds to k / a. Forward only: nothing needs the k of an index.
 *
 * Factors: a is the square root of size rounded up to an even number, b = ceil(size / a). With a and b both
 * odd every round, being made of cycles of odd length, is an even permutation, and half of all orders could
 * never appear.
 *
 * Rounds: with ideal round functions the total variation distance of (order(0), order(1)) from uniform falls
 * by about a factor of b with every two rounds. Worked out exactly, 12 rounds leave 2e-2 at size 8, 9e-6 at
 * 100; so lists below 1024 entries take 32 rounds (2e-5 at size 8, 5e-8 at 9, under 1e-14 at 100), and all
 * others 12 (about 32^-5 = 3e-8 and less). For size 4 the distance of the whole order from uniform is 3e-10,
 * for size 8 5e-4.
 *
 * Immutable after init: any thread may read. */
#pragma once
#include <stdint.h>

#define SL_ORDER_SEED 32 /* bytes */

struct sl_order {
    uint32_t size;
    uint64_t a, b;      /* the two factors: a even, a * b >= size */
    uint64_t key[2][2]; /* round keys: [half of the seed][k0, k1] */
};

/* size >= 1. */
void sl_order_init(struct sl_order *o, const uint8_t seed[static SL_ORDER_SEED], uint32_t size);
/* The index of the k-th reservation; k < size (asserted). Expected time: constant. */
uint32_t sl_order_at(const struct sl_order *o, uint32_t k);
