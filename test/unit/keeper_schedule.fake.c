/* Validity and renewal: the bounds, the draw, and never sooner than a second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keeper/schedule.h"

#define NOW 1700000000ll

static struct sl_pool_options options(uint32_t lifetime_s, uint32_t ttl_s)
{
    return (struct sl_pool_options){.list_lifetime_ms = lifetime_s * 1000, .ttl_ms = ttl_s * 1000};
}

static void validity_begins_now_and_never_before_the_last_token(void **state)
{
    (void)state;
    struct sl_pool_options o = options(3600, 60);
    struct sl_validity v = sl_schedule_validity(&o, NOW, NOW + 2, 0, INT64_MAX);
    assert_true(v.iat == NOW && v.exp == NOW + 3600);
    v = sl_schedule_validity(&o, NOW, NOW + 50, NOW + 50, INT64_MAX); /* Redis' clock is ahead */
    assert_true(v.iat == NOW + 50 && v.exp == NOW + 3650);
    v = sl_schedule_validity(&o, NOW, NOW + 2, NOW + 3,
                             INT64_MAX); /* the last one is from a clock that was wrong */
    assert_true(v.iat == NOW && v.exp == NOW + 3600);
}

static void validity_ends_with_the_certificate(void **state)
{
    (void)state;
    struct sl_pool_options o = options(3600, 60);
    struct sl_validity v = sl_schedule_validity(&o, NOW, NOW + 2, 0, NOW + 100);
    assert_true(v.iat == NOW && v.exp == NOW + 100);
    v = sl_schedule_validity(&o, NOW, NOW + 2, 0, NOW - 1);
    assert_true(v.exp <= v.iat); /* nothing can be signed */
}

/* The interval that the contract names, worked out anew. */
static void bounds(uint32_t lifetime_s, uint32_t ttl_s, double *ret_from, double *ret_to)
{
    double margin = lifetime_s / 10.0 > ttl_s ? lifetime_s / 10.0 : ttl_s;
    *ret_from = lifetime_s / 2.0;
    *ret_to = lifetime_s - margin;
}

static void renewals_spread_evenly_over_the_interval(void **state)
{
    (void)state;
    static const uint32_t cases[][2] = {{3600, 60}, {3600, 900}, {600, 60}, {60, 15}, {86400, 300}};
    for (unsigned c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct sl_pool_options o = options(cases[c][0], cases[c][1]);
        double from, to, sum = 0;
        unsigned draws = 20000, cells[10] = {0};
        bounds(cases[c][0], cases[c][1], &from, &to);
        for (unsigned i = 0; i < draws; i++) {
            double at =
                (double)sl_schedule_renewal(&o, NOW, NOW + cases[c][0], NOW * 1000, &sl_clock_system) / 1e9;
            assert_true(at >= from && at <= to);
            sum += at;
            unsigned cell = (unsigned)((at - from) / (to - from) * 10);
            cells[cell < 10 ? cell : 9]++;
        }
        /* Chi-square with 9 degrees of freedom: above 40 is a chance of 1 in 100,000. */
        double chi = 0, expected = draws / 10.0;
        for (unsigned i = 0; i < 10; i++)
            chi += (cells[i] - expected) * (cells[i] - expected) / expected;
        assert_true(chi < 40);
        double middle = (from + to) / 2, width = to - from;
        assert_true(sum / draws > middle - width / 50 && sum / draws < middle + width / 50);
    }
}

static void renewal_is_never_sooner_than_a_second(void **state)
{
    (void)state;
    struct sl_pool_options o = options(3600, 60);
    /* Long past, at the edge, and a lifetime cut short by a certificate. */
    assert_true(sl_schedule_renewal(&o, NOW, NOW + 3600, (NOW + 100000) * 1000, &sl_clock_system) ==
                SL_NS_PER_S);
    assert_true(sl_schedule_renewal(&o, NOW, NOW + 1, NOW * 1000, &sl_clock_system) == SL_NS_PER_S);
    for (unsigned i = 0; i < 1000; i++) {
        struct sl_pool_options p = options(4, 1);
        uint64_t at = sl_schedule_renewal(&p, NOW, NOW + 4, NOW * 1000 + i, &sl_clock_system);
        assert_true(at >= SL_NS_PER_S && at <= 3 * SL_NS_PER_S);
    }
}

static void renewal_counts_from_the_wall_clock(void **state)
{
    (void)state;
    struct sl_pool_options o = options(1000, 100);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t at = sl_schedule_renewal(&o, NOW, NOW + 1000, (NOW + 300) * 1000, &sl_clock_system);
        assert_true(at >= 200 * SL_NS_PER_S && at <= 600 * SL_NS_PER_S);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(validity_begins_now_and_never_before_the_last_token),
        cmocka_unit_test(validity_ends_with_the_certificate),
        cmocka_unit_test(renewals_spread_evenly_over_the_interval),
        cmocka_unit_test(renewal_is_never_sooner_than_a_second),
        cmocka_unit_test(renewal_counts_from_the_wall_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
