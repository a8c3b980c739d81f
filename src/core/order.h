/* The order in which a list gives out its indices: order(seed, k), k = 0 .. size-1, a keyed pseudo-random bijection
 * on [0, size). Nothing is stored but the seed and how far the list has come.
 *
 * Construction: a generalised Feistel network over Z_a x Z_b with a * b >= size, followed by cycle walking
 * (J. Black, P. Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002, sections 4 and 5); the round function
 * is SipHash-2-4 (J.-P. Aumasson, D. J. Bernstein, INDOCRYPT 2012), keyed by the two halves of the seed in turn.
 * Immutable after init: any thread may read. */
#pragma once
#include <stdint.h>

#define SL_ORDER_SEED 32 /* bytes */

struct sl_order {
    uint32_t size;
    uint64_t a, b;      /* the two factors: a >= b, a * b >= size */
    uint64_t key[2][2]; /* round keys: [half of the seed][k0, k1] */
};

/* size >= 1. */
void sl_order_init(struct sl_order *o, const uint8_t seed[static SL_ORDER_SEED], uint32_t size);
/* The index of the k-th reservation; k < size (asserted). Expected time: constant. */
uint32_t sl_order_at(const struct sl_order *o, uint32_t k);
