/* The index order: a bijection for every size, pinned, and without a pattern that a statistic finds. Each
 * statistic is also shown orders that are bad on purpose and must refuse those that it is meant for. Seeds
 * are fixed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/assert.h"
#include "core/order.h"

#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SCALE 4u
#else
#define SCALE 1u
#endif
#define MORE (4 * SCALE)

static uint64_t next(uint64_t *s)
{
    uint64_t z = *s += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static void make_seed(uint64_t *rng, uint8_t seed[static SL_ORDER_SEED])
{
    for (unsigned i = 0; i < SL_ORDER_SEED; i += 8) {
        uint64_t word = next(rng);
        memcpy(seed + i, &word, 8);
    }
}

/* ---- bijection ---- */

static void check_injective(uint32_t size, uint32_t step, uint32_t count, uint64_t rng)
{
    uint8_t seed[SL_ORDER_SEED];
    struct sl_order o;
    uint8_t *seen = sl_xcalloc(size / 8 + 1, 1);
    make_seed(&rng, seed);
    sl_order_init(&o, seed, size);
    assert_true(o.a * o.b >= size);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = sl_order_at(&o, i * step);
        if (at >= size || seen[at / 8] >> at % 8 & 1)
            fail_msg("size %u: order(%u) = %u is outside or was there before", size, i * step, at);
        seen[at / 8] |= (uint8_t)(1u << at % 8);
    }
    free(seen);
}

static void test_bijection_of_every_small_size(void **state)
{
    (void)state;
    for (uint32_t size = 1; size <= 2000; size++)
        check_injective(size, 1, size, size);
}

static void test_bijection_of_large_sizes(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {4096, 9999, 65535, 65536, 65537, 99999, 100000, 131071};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
        check_injective(sizes[i], 1, sizes[i], sizes[i]);
    check_injective(1048583, 1, 1048583, 1);
    if (SCALE > 1) {
        check_injective(3000017, 1, 3000017, 2);
        check_injective(5000000, 1, 5000000, 3);
    }
    check_injective(100000000, 47, 250000 * SCALE, 4);
    check_injective(100000000, 1, 250000 * SCALE, 5);
    check_injective(UINT32_MAX, 2011, 250000 * SCALE, 6);
}

/* ---- determinism: the storage format. The values were computed by a separate implementation in another
 * language. */

static void test_pinned(void **state)
{
    (void)state;
    enum { counting, mixed };
    static const struct {
        unsigned seed;
        uint32_t size, at[5]; /* k = 0, 1, 2, size / 2, size - 1 */
    } rows[] = {
        {counting, 8u, {4u, 2u, 7u, 1u, 3u}},
        {counting, 1000u, {671u, 310u, 739u, 128u, 569u}},
        {counting, 1023u, {671u, 310u, 739u, 685u, 913u}},
        {counting, 1024u, {789u, 401u, 161u, 530u, 493u}},
        {counting, 100000u, {92246u, 25695u, 5614u, 76796u, 32062u}},
        {counting, 100000000u, {95125276u, 81041158u, 76580858u, 95802891u, 11153531u}},
        {counting, 4294967295u, {1392949605u, 1549280414u, 3511336412u, 1824885965u, 3142867996u}},
        {mixed, 8u, {2u, 1u, 6u, 0u, 5u}},
        {mixed, 1000u, {186u, 356u, 165u, 442u, 453u}},
        {mixed, 1023u, {186u, 356u, 165u, 141u, 729u}},
        {mixed, 1024u, {255u, 895u, 784u, 393u, 277u}},
        {mixed, 100000u, {39926u, 82746u, 60403u, 80888u, 92697u}},
        {mixed, 100000000u, {85668483u, 91964305u, 29959052u, 93815936u, 25328922u}},
        {mixed, 4294967295u, {133989466u, 2954717617u, 2720841611u, 2412995939u, 2743999908u}},
    };
    uint8_t seeds[2][SL_ORDER_SEED];
    for (unsigned i = 0; i < SL_ORDER_SEED; i++) {
        seeds[counting][i] = (uint8_t)i;
        seeds[mixed][i] = (uint8_t)(i * 73 + 201);
    }
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sl_order o;
        uint32_t size = rows[i].size, ks[5] = {0, 1, 2, size / 2, size - 1};
        sl_order_init(&o, seeds[rows[i].seed], size);
        for (unsigned j = 0; j < 5; j++)
            assert_int_equal(sl_order_at(&o, ks[j]), rows[i].at[j]);
    }
}

/* Every byte of the seed and every k matters. */
static void test_every_seed_bit_counts(void **state)
{
    (void)state;
    uint8_t seed[SL_ORDER_SEED] = {0};
    struct sl_order plain, other;
    sl_order_init(&plain, seed, 100000000);
    for (unsigned bit = 0; bit < SL_ORDER_SEED * 8; bit++) {
        unsigned same = 0;
        seed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        sl_order_init(&other, seed, 100000000);
        for (uint32_t k = 0; k < 20; k++)
            same += sl_order_at(&plain, k) == sl_order_at(&other, k);
        assert_true(same <= 1);
        seed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* ---- uniformity ---- */

/* The order under test, or a bad one. */
struct candidate {
    uint32_t (*at)(const struct sl_order *o, uint32_t k);
};

static const struct candidate ours = {sl_order_at};

static uint32_t walk_xor(const struct sl_order *o, uint32_t k)
{
    uint32_t mask = o->size > 1 ? UINT32_MAX >> __builtin_clz(o->size - 1) : 0;
    do {
        k ^= (uint32_t)o->key[0][0] & mask;
    } while (k >= o->size);
    return k;
}

static uint32_t coprime(const struct sl_order *o)
{
    uint32_t m = (uint32_t)(o->key[0][1] % o->size), a, b, t;
    for (;; m++) {
        for (a = o->size, b = m; b != 0; t = a % b, a = b, b = t)
            ;
        if (a == 1)
            return m;
    }
}

static uint32_t walk_affine(const struct sl_order *o, uint32_t k)
{
    return (uint32_t)(((uint64_t)k * coprime(o) + o->key[0][0] % o->size) % o->size);
}

static uint32_t walk_shift(const struct sl_order *o, uint32_t k)
{
    return (uint32_t)((k + o->key[0][0] % o->size) % o->size);
}

/* What a short cut in the multiplication would do: low bits only, and not all of them random. */
static uint32_t walk_biased(const struct sl_order *o, uint32_t k)
{
    return (uint32_t)((k + (o->key[0][0] & 0xff) % o->size) % o->size);
}

static const struct candidate bad_xor = {walk_xor}, bad_affine = {walk_affine}, bad_shift = {walk_shift},
                              bad_biased = {walk_biased};

/* Beyond +-LIMIT: refused. Two-sided normal tail 2e-9 a statistic; there are fewer than 100 of them. */
#define LIMIT 6.0

/* Chi-square against equal cells as a standard normal deviate (Wilson and Hilferty, PNAS 17, 1931). */
static double chi_square_z(const uint32_t *counts, unsigned cells, double total)
{
    double expect = total / cells, x = 0, v = 2.0 / (9.0 * (cells - 1));
    assert_true(expect >= 20);
    for (unsigned i = 0; i < cells; i++)
        x += (counts[i] - expect) * (counts[i] - expect) / expect;
    return (cbrt(x / (cells - 1)) - (1 - v)) / sqrt(v);
}

static double single_z(struct candidate c, uint32_t size, uint32_t k, unsigned bins, unsigned seeds)
{
    uint32_t *counts = sl_xcalloc(bins, sizeof *counts);
    uint64_t rng = (uint64_t)size << 32 | k;
    uint8_t seed[SL_ORDER_SEED];
    struct sl_order o;
    for (unsigned i = 0; i < seeds; i++) {
        make_seed(&rng, seed);
        sl_order_init(&o, seed, size);
        counts[(uint64_t)c.at(&o, k) * bins / size]++;
    }
    double z = chi_square_z(counts, bins, seeds);
    free(counts);
    return z;
}

/* (order(k1), order(k2)) over the size * (size - 1) ordered pairs. */
static double pair_z(struct candidate c, uint32_t size, uint32_t k1, uint32_t k2, unsigned seeds)
{
    unsigned cells = size * (size - 1);
    uint32_t *counts = sl_xcalloc(cells, sizeof *counts);
    uint64_t rng = (uint64_t)size << 32 | k1 << 16 | k2;
    uint8_t seed[SL_ORDER_SEED];
    struct sl_order o;
    for (unsigned i = 0; i < seeds; i++) {
        make_seed(&rng, seed);
        sl_order_init(&o, seed, size);
        uint32_t x = c.at(&o, k1), y = c.at(&o, k2);
        assert_int_not_equal(x, y);
        counts[x * (size - 1) + y - (y > x)]++;
    }
    double z = chi_square_z(counts, cells, seeds);
    free(counts);
    return z;
}

/* All 24 orders of size 4. */
static double permutation_z(struct candidate c, unsigned seeds)
{
    uint32_t counts[24] = {0};
    uint64_t rng = 4;
    uint8_t seed[SL_ORDER_SEED];
    struct sl_order o;
    for (unsigned i = 0; i < seeds; i++) {
        make_seed(&rng, seed);
        sl_order_init(&o, seed, 4);
        uint32_t p[3] = {c.at(&o, 0), c.at(&o, 1), c.at(&o, 2)};
        unsigned second = p[1] - (p[1] > p[0]), third = p[2] - (p[2] > p[0]) - (p[2] > p[1]);
        counts[p[0] * 6 + second * 2 + third]++;
    }
    return chi_square_z(counts, 24, seeds);
}

static uint32_t *outputs(struct candidate c, uint32_t size, uint32_t n, uint64_t rng)
{
    uint32_t *out = sl_xcalloc(n, sizeof *out);
    uint8_t seed[SL_ORDER_SEED];
    struct sl_order o;
    make_seed(&rng, seed);
    sl_order_init(&o, seed, size);
    for (uint32_t k = 0; k < n; k++)
        out[k] = c.at(&o, k);
    return out;
}

/* Correlation of order(k) with order(k + lag); for independent outputs a standard normal. */
static double serial_z(struct candidate c, uint32_t size, uint32_t n, uint32_t lag)
{
    uint32_t *at = outputs(c, size, n, lag);
    double mean = (size - 1) / 2.0, cov = 0, variance = 0;
    for (uint32_t k = 0; k < n; k++)
        variance += (at[k] - mean) * (at[k] - mean) / n;
    for (uint32_t k = 0; k + lag < n; k++)
        cov += (at[k] - mean) * (at[k + lag] - mean) / (n - lag);
    free(at);
    return cov / variance * sqrt(n - lag);
}

/* Steps from one output to the next, modulo size. */
static double step_z(struct candidate c, uint32_t size, uint32_t n, unsigned bins)
{
    uint32_t *at = outputs(c, size, n, 77), *counts = sl_xcalloc(bins, sizeof *counts);
    for (uint32_t k = 0; k + 1 < n; k += 2)
        counts[((uint64_t)at[k + 1] + size - at[k]) % size * bins / size]++;
    double z = chi_square_z(counts, bins, n / 2);
    free(counts);
    free(at);
    return z;
}

static void accept(double z, const char *what, uint32_t size, uint32_t k)
{
    if (!(fabs(z) < LIMIT))
        fail_msg("%s: size %u, k %u: z = %.2f", what, size, k, z);
}

static void refuse(double z)
{
    if (fabs(z) < 2 * LIMIT)
        fail_msg("a bad order went unnoticed: z = %.2f", z);
}

static void test_single(void **state)
{
    (void)state;
    static const struct {
        uint32_t size;
        unsigned bins, seeds;
    } rows[] = {{3, 3, 10000}, {5, 5, 10000},  {7, 7, 10000},     {8, 8, 10000},
                {9, 9, 10000}, {64, 64, 8000}, {1000, 100, 8000}, {50000, 50, 20000}};
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t size = rows[i].size, ks[] = {0, 1, size / 2, size - 1};
        for (unsigned j = 0; j < 4; j++)
            accept(single_z(ours, size, ks[j], rows[i].bins, rows[i].seeds * MORE), "single", size, ks[j]);
    }
    refuse(single_z(bad_biased, 7, 0, 7, 1000000));
    refuse(single_z(bad_biased, 1000, 0, 100, 8000));
    refuse(single_z(bad_biased, 50000, 1, 50, 20000));
    refuse(single_z(bad_xor, 1000, 1, 100, 8000));
}

static void test_pairs(void **state)
{
    (void)state;
    for (uint32_t size = 3; size <= 12; size++)
        accept(pair_z(ours, size, 0, 1, 10000 * MORE), "pair", size, 0);
    accept(pair_z(ours, 7, 5, 6, 10000 * MORE), "pair", 7, 5);
    accept(pair_z(ours, 8, 0, 4, 10000 * MORE), "pair", 8, 4);
    refuse(pair_z(bad_xor, 8, 0, 1, 10000));
    refuse(pair_z(bad_affine, 8, 0, 1, 10000));
    refuse(pair_z(bad_shift, 7, 0, 1, 10000));
}

static void test_permutations_of_four(void **state)
{
    (void)state;
    accept(permutation_z(ours, 24000 * MORE), "permutation", 4, 0);
    refuse(permutation_z(bad_xor, 24000));
    refuse(permutation_z(bad_affine, 24000));
    refuse(permutation_z(bad_shift, 24000));
}

static void test_serial(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1000000, 1000003, 100000000};
    for (unsigned i = 0; i < 3; i++) {
        for (uint32_t lag = 1; lag <= 4; lag++)
            accept(serial_z(ours, sizes[i], 80000, lag), "serial", sizes[i], lag);
        accept(step_z(ours, sizes[i], 160000, 64), "step", sizes[i], 0);
    }
    accept(serial_z(ours, 1000000, 20000, 1000), "serial across a row", 1000000, 1000);
    refuse(serial_z(bad_shift, 1000000, 20000, 1));
    refuse(serial_z(bad_xor, 1000000, 20000, 1));
    refuse(step_z(bad_affine, 1000003, 40000, 64));
    refuse(step_z(bad_xor, 1000000, 40000, 64));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bijection_of_every_small_size),
        cmocka_unit_test(test_bijection_of_large_sizes),
        cmocka_unit_test(test_pinned),
        cmocka_unit_test(test_every_seed_bit_counts),
        cmocka_unit_test(test_single),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_permutations_of_four),
        cmocka_unit_test(test_serial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
