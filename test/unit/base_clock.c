/* The clock: randomness without bias, time that goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "base/clock.h"

/* Hands out the words of a script, then a fixed pseudo-random sequence. */
struct script {
    const uint64_t *words;
    unsigned count, used;
    uint64_t rng;
};

static void scripted(void *arg, void *out, size_t n)
{
    struct script *s = arg;
    assert_int_equal(n, sizeof(uint64_t));
    uint64_t z = s->rng += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    z ^= z >> 31;
    memcpy(out, s->used < s->count ? &s->words[s->used] : &z, sizeof z);
    s->used++;
}

static void test_below_rejects_the_rest(void **state)
{
    (void)state;
    /* 2^64 - 1 and what lies above the last whole multiple of the bound must be drawn again. */
    const uint64_t bound = 3ull << 62, words[] = {UINT64_MAX, bound, bound + 1, bound - 1};
    struct script s = {words, 4, 0, 0};
    struct sl_clock clock = {.random = scripted, .arg = &s};
    assert_true(sl_random_below(&clock, bound) == bound - 1);
    assert_int_equal(s.used, 4);
    s = (struct script){words, 1, 0, 0};
    assert_int_equal(sl_random_below(&clock, 1), 0);
    assert_true(sl_random_below(&clock, UINT64_MAX) < UINT64_MAX);
}

static double chi_square(const struct sl_clock *clock, uint64_t bound, unsigned cells, unsigned draws)
{
    unsigned counts[64] = {0};
    double x = 0, expect = (double)draws / cells;
    for (unsigned i = 0; i < draws; i++) {
        uint64_t v = sl_random_below(clock, bound);
        assert_true(v < bound);
        counts[(uint64_t)((unsigned __int128)v * cells / bound)]++;
    }
    for (unsigned i = 0; i < cells; i++)
        x += (counts[i] - expect) * (counts[i] - expect) / expect;
    return x;
}

static void test_below_is_uniform(void **state)
{
    (void)state;
    struct script s = {NULL, 0, 0, 12345};
    struct sl_clock clock = {.random = scripted, .arg = &s};
    /* Upper 1e-9 points of chi-square with 1, 6, 9, 63 degrees of freedom: 37.3, 54.0, 60.7, 157. */
    assert_true(chi_square(&clock, 2, 2, 100000) < 37.3);
    assert_true(chi_square(&clock, 7, 7, 100000) < 54.0);
    assert_true(chi_square(&clock, 10, 10, 100000) < 60.7);
    assert_true(chi_square(&clock, 64, 64, 100000) < 157);
    /* Plain v % bound would put twice as much into the first third here. */
    assert_true(chi_square(&clock, 3ull << 62, 64, 100000) < 157);
    assert_true(chi_square(&sl_clock_system, 10, 10, 20000) < 60.7);
}

static void test_system_time(void **state)
{
    (void)state;
    uint64_t before = sl_mono_ns(&sl_clock_system), last = before;
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t now = sl_mono_ns(&sl_clock_system);
        assert_true(now >= last);
        last = now;
    }
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    assert_in_range(sl_mono_ns(&sl_clock_system) - before, 2000000, 60 * SL_NS_PER_S);
    int64_t apart = sl_wall_ms(&sl_clock_system) - (int64_t)time(NULL) * 1000;
    assert_true(apart > -2000 && apart < 3000);
}

static void test_system_random(void **state)
{
    (void)state;
    uint8_t bytes[1000] = {0}, seen[256] = {0};
    unsigned kinds = 0;
    sl_random(&sl_clock_system, bytes, sizeof bytes - 1);
    assert_int_equal(bytes[sizeof bytes - 1], 0); /* not a byte further */
    for (unsigned i = 0; i < sizeof bytes - 1; i++)
        kinds += seen[bytes[i]]++ == 0;
    assert_true(kinds > 200);
    sl_random(&sl_clock_system, bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_below_rejects_the_rest),
        cmocka_unit_test(test_below_is_uniform),
        cmocka_unit_test(test_system_time),
        cmocka_unit_test(test_system_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
