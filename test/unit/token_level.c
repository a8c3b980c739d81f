/* Which compression level is chosen, as costs come in. Times in microseconds. */
#include "token_help.h"

#include "token/level_chooser.h"

#define US 1000ull

static void levels_are_a_list(void **state)
{
    (void)state;
    static const int want[] = {1, 6, 9, 12, 0};
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(sl_compress_levels[i], want[i]);
}

static void starts_in_the_middle(void **state)
{
    (void)state;
    struct sl_level_chooser c = {0};
    assert_int_equal(sl_level_choose(&c, 10000 * US), 6);
    assert_int_equal(sl_level_choose(&c, 0), 6);
}

static void climbs_a_level_at_a_time(void **state)
{
    (void)state;
    struct sl_level_chooser c = {0};
    sl_level_measured(&c, 6, 70 * US);
    assert_int_equal(sl_level_choose(&c, 10000 * US), 9);
    sl_level_measured(&c, 9, 830 * US);
    assert_int_equal(sl_level_choose(&c, 10000 * US), 12); /* assumed 4,980 */
    sl_level_measured(&c, 12, 2700 * US);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(sl_level_choose(&c, 10000 * US), 12);
        sl_level_measured(&c, 12, 2700 * US);
    }
}

static void assumed_cost_bars(void **state)
{
    (void)state;
    struct sl_level_chooser c = {0};
    sl_level_measured(&c, 6, 1000 * US);
    assert_int_equal(sl_level_choose(&c, 6000 * US), 6); /* not under */
    assert_int_equal(sl_level_choose(&c, 6000 * US + 1), 9);
    for (int i = 0; i < 10000; i++) {
        sl_level_measured(&c, 6, 1000 * US);
        assert_int_equal(sl_level_choose(&c, 6000 * US), 6);
    }
    assert_int_equal(c.ns[2], 0); /* never tried */
}

static void tried_and_too_slow(void **state)
{
    (void)state;
    struct sl_level_chooser c = {0};
    sl_level_measured(&c, 6, 170 * US);
    sl_level_measured(&c, 9, 1400 * US);
    assert_int_equal(sl_level_choose(&c, 10000 * US), 12);
    sl_level_measured(&c, 12, 41000 * US);
    assert_int_equal(sl_level_choose(&c, 10000 * US), 9);
}

static void rising_cost_is_left(void **state)
{
    (void)state;
    struct sl_level_chooser c = {0};
    sl_level_measured(&c, 6, 100 * US);
    sl_level_measured(&c, 9, 1000 * US);
    sl_level_measured(&c, 12, 9000 * US);
    unsigned rounds = 0; /* the list fills up: 12 takes three times as long now */
    while (sl_level_choose(&c, 10000 * US) == 12 && rounds < 100) {
        sl_level_measured(&c, 12, 27000 * US);
        rounds++;
    }
    assert_int_equal(rounds, 1); /* 9,000 * 3/4 + 27,000 / 4 = 13,500 */
    assert_int_equal(sl_level_choose(&c, 10000 * US), 9);
}

/* One slow moment among fast ones does not change the level, when the smoothed cost stays low. */
static void one_outlier_is_smoothed(void **state)
{
    (void)state;
    struct sl_level_chooser c = {0};
    sl_level_measured(&c, 6, 100 * US);
    sl_level_measured(&c, 9, 800 * US);
    sl_level_measured(&c, 12, 2000 * US);
    sl_level_measured(&c, 12, 20000 * US);
    assert_int_equal(sl_level_choose(&c, 10000 * US), 12);
}

/* A level that was left after a slow moment comes back in time, and a truly slow one is tried rarely. */
static void left_level_is_tried_again(void **state)
{
    (void)state;
    struct sl_level_chooser c = {0};
    sl_level_measured(&c, 6, 100 * US);
    sl_level_measured(&c, 9, 1000 * US);
    sl_level_measured(&c, 12, 30000 * US);
    unsigned slow = 0, n = 3000;
    for (unsigned i = 0; i < n; i++) {
        int level = sl_level_choose(&c, 10000 * US);
        assert_true(level == 9 || level == 12);
        slow += level == 12;
        sl_level_measured(&c, level, level == 12 ? 30000 * US : 1000 * US);
    }
    assert_true(slow >= 5 && slow <= n / 50);
    sl_level_measured(&c, 12, 30000 * US);
    unsigned back = 0;
    while (sl_level_choose(&c, 10000 * US) != 12 && back < 1000) {
        sl_level_measured(&c, 9, 1000 * US);
        back++;
    }
    assert_true(back > 10 && back < 1000);
    sl_level_measured(&c, 12, 2000 * US); /* it was only a slow moment */
    assert_int_equal(sl_level_choose(&c, 10000 * US), 12);
}

static void falls_to_the_lowest(void **state)
{
    (void)state;
    struct sl_level_chooser c = {0};
    sl_level_measured(&c, 6, 22000 * US);
    assert_int_equal(sl_level_choose(&c, 10000 * US), 1);
    sl_level_measured(&c, 1, 12000 * US);
    assert_int_equal(sl_level_choose(&c, 10000 * US),
                     1); /* over the budget too, but there is nothing below */
    assert_int_equal(sl_level_choose(&c, 0), 1);
    assert_int_equal(sl_level_choose(&c, 30000 * US), 6);
}

static void extremes(void **state)
{
    (void)state;
    struct sl_level_chooser c = {0};
    sl_level_measured(&c, 6, 0); /* a clock too coarse to see it; counts as tried */
    assert_int_equal(c.ns[1], 1);
    sl_level_measured(&c, 6, 0);
    assert_int_equal(c.ns[1], 1);
    assert_int_equal(sl_level_choose(&c, 100), 9);
    sl_level_measured(&c, 9, UINT64_MAX);
    assert_int_equal(sl_level_choose(&c, UINT64_MAX - 1), 6); /* no overflow of the assumed cost */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_are_a_list),        cmocka_unit_test(starts_in_the_middle),
        cmocka_unit_test(climbs_a_level_at_a_time), cmocka_unit_test(assumed_cost_bars),
        cmocka_unit_test(tried_and_too_slow),       cmocka_unit_test(rising_cost_is_left),
        cmocka_unit_test(one_outlier_is_smoothed),  cmocka_unit_test(left_level_is_tried_again),
        cmocka_unit_test(falls_to_the_lowest),      cmocka_unit_test(extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
