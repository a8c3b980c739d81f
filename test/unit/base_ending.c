/* When the log warns of an end: in stages, once a day, and not before an operator could have renewed it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/ending.h"

#define DAY_S 86400

struct now {
    int64_t s;
};

static uint64_t mono(void *arg)
{
    return (uint64_t)((struct now *)arg)->s * SL_NS_PER_S;
}

static int64_t wall(void *arg)
{
    return ((struct now *)arg)->s * 1000;
}

/* Looks every hour from `ahead` seconds before the end until one day after it; returns the hours (before
 * the end) at which a warning came. */
static unsigned told_at(int64_t warn_from, int64_t end, int64_t ahead, int64_t *hours, unsigned max)
{
    struct now now = {end - ahead};
    struct sl_clock clock = {.mono_ns = mono, .wall_ms = wall, .arg = &now};
    struct sl_ending e = {0};
    unsigned n = 0;
    for (; now.s <= end + DAY_S; now.s += 3600)
        if (sl_ending_due(&e, &clock, warn_from, end)) {
            assert_true(n < max);
            hours[n++] = (end - now.s) / 3600;
        }
    return n;
}

static void test_stages_and_days(void **state)
{
    (void)state;
    const int64_t end = 2000000000;
    int64_t hours[64];
    unsigned n = told_at(INT64_MIN, end, 40 * DAY_S, hours, 64);
    assert_int_equal(n, 32); /* 30 days ahead, each day, at the end, and a day later */
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(hours[i], 720 - 24 * (int64_t)i);
    /* First seen ten hours before: then, and at the end, and a day after that. */
    n = told_at(INT64_MIN, end, 36000, hours, 64);
    assert_int_equal(n, 3);
    assert_int_equal(hours[0], 10);
    assert_int_equal(hours[1], 0);
    assert_int_equal(hours[2], -24);
}

static void test_short_lives(void **state)
{
    (void)state;
    const int64_t end = 2000000000;
    int64_t hours[64];
    assert_true(sl_ending_warn_from(end - 400 * DAY_S, end) == end - 30 * DAY_S);
    assert_true(sl_ending_warn_from(end - 8 * DAY_S, end) == end - 2 * DAY_S);
    assert_true(sl_ending_warn_from(0, INT64_MAX) == INT64_MAX);
    unsigned n = told_at(end - 2 * DAY_S, end, 8 * DAY_S, hours, 64);
    assert_int_equal(n, 4);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(hours[i], 48 - 24 * (int64_t)i);
}

static void test_no_end(void **state)
{
    (void)state;
    struct now now = {2000000000};
    struct sl_clock clock = {.mono_ns = mono, .wall_ms = wall, .arg = &now};
    struct sl_ending e = {0};
    assert_false(sl_ending_due(&e, &clock, INT64_MIN, INT64_MAX));
    assert_true(sl_ending_left(&clock, INT64_MAX) == INT64_MAX);
    assert_true(sl_ending_left(&clock, now.s + 5) == 5);
    char mem[32];
    struct sl_buf b;
    sl_buf_over(&b, mem, sizeof mem);
    sl_ending_put(now.s, &b);
    assert_int_equal(b.len, 20);
    assert_memory_equal(mem, "2033-05-18T03:33:20Z", 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stages_and_days),
        cmocka_unit_test(test_short_lives),
        cmocka_unit_test(test_no_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
