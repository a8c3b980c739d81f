#include "core/order.h"

#include <string.h>

#include "base/assert.h"
#include "core/siphash.h"

#define ROUNDS 12
#define ROUNDS_SMALL 32
#define SMALL 1024 /* lists below it mix more slowly: see order.h */

static uint64_t ceil_sqrt(uint32_t n)
{
    uint64_t root = 0;
    for (uint64_t bit = 1ull << 16; bit != 0; bit >>= 1)
        if ((root + bit) * (root + bit) <= n)
            root += bit;
    return root * root < n ? root + 1 : root;
}

void sl_order_init(struct sl_order *o, const uint8_t seed[static SL_ORDER_SEED], uint32_t size)
{
    sl_assert(size >= 1);
    o->size = size;
    o->a = (ceil_sqrt(size) + 1) / 2 * 2;
    o->b = (size + o->a - 1) / o->a;
    uint64_t words[4];
    memcpy(words, seed, sizeof words);
    for (unsigned i = 0; i < 4; i++)
        o->key[i / 2][i % 2] = le64toh(words[i]);
}

/* (at + F(other)) mod m; the product's high word maps the hash into [0, m) with a bias below m / 2^64. */
static inline uint64_t shifted(const uint64_t key[static 2], unsigned round, uint64_t other, uint64_t at,
                               uint64_t m)
{
    uint64_t message = htole64((uint64_t)round << 32 | other);
    uint64_t hash = sl_siphash(key, &message, sizeof message);
    uint64_t sum = at + (uint64_t)((unsigned __int128)hash * m >> 64);
    return sum < m ? sum : sum - m;
}

static uint64_t permuted(const struct sl_order *o, uint64_t cell)
{
    unsigned rounds = o->size < SMALL ? ROUNDS_SMALL : ROUNDS;
    uint64_t x = cell % o->a, y = cell / o->a;
    for (unsigned i = 0; i < rounds; i += 2) {
        x = shifted(o->key[0], i, y, x, o->a);
        y = shifted(o->key[1], i + 1, x, y, o->b);
    }
    return y * o->a + x;
}

uint32_t sl_order_at(const struct sl_order *o, uint32_t k)
{
    sl_assert(k < o->size);
    uint64_t cell = k;
    do {
        cell = permuted(o, cell);
    } while (cell >= o->size);
    return (uint32_t)cell;
}
