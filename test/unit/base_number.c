/* Decimal numbers of a text: their bounds, and that a refusal leaves the caller's value alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/number.h"

#define UNTOUCHED 4242

static struct sl_span span(const char *text)
{
    return sl_span(text, strlen(text));
}

static void assert_parses(const char *text, uint64_t max, uint64_t want)
{
    uint64_t v = UNTOUCHED;
    assert_true(sl_number_parse(span(text), max, &v));
    assert_true(v == want);
}

static void assert_refused(const char *text, uint64_t max)
{
    uint64_t v = UNTOUCHED;
    assert_false(sl_number_parse(span(text), max, &v));
    assert_false(sl_number_parse_strict(span(text), max, &v));
    assert_int_equal(v, UNTOUCHED);
}

static void test_the_bound_itself_is_a_number_and_one_more_is_not(void **state)
{
    (void)state;
    assert_parses("0", 0, 0);
    assert_refused("1", 0);
    assert_parses("65535", 65535, 65535);
    assert_refused("65536", 65535);
    assert_parses("18446744073709551615", UINT64_MAX, UINT64_MAX);
    assert_refused("18446744073709551616", UINT64_MAX);
    assert_refused("18446744073709551619", UINT64_MAX);
    assert_refused("184467440737095516150", UINT64_MAX);
    assert_refused("99999999999999999999999999999999999999", UINT64_MAX);
}

static void test_only_digits_are_a_number(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",   "-1",  "+1",  " 1", "1 ", "1a",
                                        "a1", "0x1", "1.0", "/",  ":",  "\xd9\xa1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_refused(wrong[i], UINT64_MAX);
    uint64_t v = UNTOUCHED;
    assert_false(sl_number_parse(sl_span("1\0", 2), 100, &v));
    assert_int_equal(v, UNTOUCHED);
}

static void test_nothing_behind_the_span_is_read(void **state)
{
    (void)state;
    uint64_t v;
    assert_true(sl_number_parse(sl_span("1234", 2), 100, &v));
    assert_int_equal(v, 12);
    assert_false(sl_number_parse(sl_span(NULL, 0), 100, &v));
    assert_false(sl_number_parse_strict(sl_span(NULL, 0), 100, &v));
}

static void test_strictly_a_number_has_one_spelling(void **state)
{
    (void)state;
    uint64_t v = UNTOUCHED;
    assert_parses("007", 7, 7);
    assert_parses("000000000000000000000000000018446744073709551615", UINT64_MAX, UINT64_MAX);
    assert_false(sl_number_parse_strict(span("007"), 7, &v));
    assert_false(sl_number_parse_strict(span("00"), 7, &v));
    assert_int_equal(v, UNTOUCHED);
    assert_true(sl_number_parse_strict(span("0"), 7, &v));
    assert_int_equal(v, 0);
    assert_true(sl_number_parse_strict(span("70"), 70, &v));
    assert_int_equal(v, 70);
}

static void test_digits_end_where_others_begin(void **state)
{
    (void)state;
    struct sl_digits d = sl_digits(span("12, 5"));
    assert_int_equal(d.value, 12);
    assert_int_equal(d.count, 2);
    assert_false(d.too_large);
    assert_int_equal(sl_digits(span("x1")).count, 0);
    d = sl_digits(span("18446744073709551616;"));
    assert_true(d.value == UINT64_MAX && d.too_large);
    assert_int_equal(d.count, 20);
    d = sl_digits(
        span("184467440737095516160")); /* a later digit does not hide that an earlier one was too much */
    assert_true(d.value == UINT64_MAX && d.too_large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_bound_itself_is_a_number_and_one_more_is_not),
        cmocka_unit_test(test_only_digits_are_a_number),
        cmocka_unit_test(test_nothing_behind_the_span_is_read),
        cmocka_unit_test(test_strictly_a_number_has_one_spelling),
        cmocka_unit_test(test_digits_end_where_others_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
