/* Lineages and lines: order, text, and what a line of limited length still knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/assert.h"
#include "core/history.h"

static const struct sl_lineage none = {0, 0};

static struct sl_lineage lineage(uint64_t ms)
{
    return (struct sl_lineage){ms, 0x1230};
}

static struct sl_head head(uint64_t ms, uint64_t version)
{
    return (struct sl_head){lineage(ms), version};
}

static struct sl_span text_of(const char *text)
{
    return sl_span(text, strlen(text));
}

static void text_order_is_the_order_of_lineages(void **state)
{
    (void)state;
    static const struct sl_lineage all[] = {{1, 0},   {1, 9},   {1, UINT64_MAX},       {2, 0},
                                            {255, 3}, {256, 3}, {SL_LINEAGE_MS_MAX, 0}};
    char a[SL_LINEAGE_TEXT], b[SL_LINEAGE_TEXT];
    enum { ALL = sizeof all / sizeof all[0] };
    for (size_t i = 0; i < ALL; i++) {
        assert_int_equal(sl_lineage_print(all[i], a), SL_LINEAGE_TEXT);
        assert_true(sl_lineage_compare(none, all[i]) < 0);
        for (size_t j = 0; j < ALL; j++) {
            sl_lineage_print(all[j], b);
            int by_text = memcmp(a, b, SL_LINEAGE_TEXT), by_value = sl_lineage_compare(all[i], all[j]);
            assert_int_equal((by_text > 0) - (by_text < 0), by_value);
            assert_int_equal(sl_lineage_equal(all[i], all[j]), i == j);
        }
    }
}

static void a_lineage_is_read_as_it_was_written(void **state)
{
    (void)state;
    char text[SL_LINEAGE_TEXT];
    struct sl_lineage l = {0x18f3a2b4c5d6, 0x0123456789abcde1}, again;
    assert_int_equal(sl_lineage_print(l, text), SL_LINEAGE_TEXT);
    assert_memory_equal(text, "18f3a2b4c5d6-0123456789abcde1", SL_LINEAGE_TEXT);
    assert_true(sl_lineage_parse(sl_span(text, SL_LINEAGE_TEXT), &again));
    assert_true(sl_lineage_equal(l, again));
    assert_int_equal(sl_lineage_print(none, text), 1);
    assert_int_equal(text[0], '0');
    assert_true(sl_lineage_parse(SL_SPAN("0"), &again));
    assert_true(sl_lineage_none(again));
}

static void what_is_no_lineage_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "1",
                                        "00",
                                        "18f3a2b4c5d6-0123456789abcde",
                                        "18f3a2b4c5d6-0123456789abcde11",
                                        "18f3a2b4c5d600123456789abcde11",
                                        "18F3a2b4c5d6-0123456789abcde1",
                                        "18f3a2b4c5d6-0123456789abcdg1",
                                        "18f3a2b4c5d6:0123456789abcde1",
                                        "000000000000-0000000000000000"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct sl_lineage l = {7, 7};
        assert_false(sl_lineage_parse(text_of(wrong[i]), &l));
        assert_true(l.ms == 7 && l.random == 7);
    }
}

static void the_last_digit_tells_how_long_marks_are_kept(void **state)
{
    (void)state;
    assert_int_equal(sl_lineage_marks_ms((struct sl_lineage){9, 0xab0}), 600000);
    assert_int_equal(sl_lineage_marks_ms((struct sl_lineage){9, 0xab1}), 3600000);
}

static void a_line_covers_what_it_contains(void **state)
{
    (void)state;
    struct sl_line line = {0};
    sl_line_add(&line, head(20, 7));
    sl_line_add(&line, head(10, 3));
    sl_line_add(&line, head(30, 9));
    sl_line_add(&line, head(20, 5)); /* fewer than are there */
    sl_line_add(&line, head(40, 0)); /* nothing */
    assert_int_equal(line.count, 3);
    assert_int_equal(sl_line_version(&line, lineage(10)), 3);
    assert_int_equal(sl_line_version(&line, lineage(20)), 7);
    assert_int_equal(sl_line_version(&line, lineage(25)), 0);
    assert_int_equal(sl_line_version(&line, lineage(40)), 0);
    assert_true(sl_line_covers(&line, head(20, 7)));
    assert_true(sl_line_covers(&line, head(20, 6)));
    assert_false(sl_line_covers(&line, head(20, 8)));
    assert_false(sl_line_covers(&line, head(25, 1)));
    assert_true(sl_line_covers(&line, head(25, 0)));
    sl_line_add(&line, head(20, 8));
    assert_true(sl_line_covers(&line, head(20, 8)));
}

static void what_fell_out_is_text(void **state)
{
    (void)state;
    struct sl_line line = {.part = {{none, 12}, {{5, 17}, 13}}, .count = 2}, again = {0};
    char text[SL_CUT_TEXT];
    assert_int_equal(sl_cut_print(&line, text), 0);
    assert_true(sl_cut_parse(sl_span("", 0), &again) && sl_lineage_none(again.cut));
    sl_line_cut(&line, (struct sl_lineage){5, 17});
    assert_int_equal(sl_cut_print(&line, text), SL_CUT_TEXT);
    assert_true(sl_cut_parse(sl_span(text, sizeof text), &again) && sl_line_equal(&line, &again));
    assert_false(sl_cut_parse(sl_span(text, sizeof text - 1), &again));
    assert_false(
        sl_cut_parse(SL_SPAN("18f3a2b4c5d6-0123456789abcde1:ffffffffff"), &again)); /* no digest is so high */
    assert_false(sl_cut_parse(SL_SPAN("18f3a2b4c5d6-0123456789abcdeg"), &again));
    assert_true(sl_cut_parse(sl_span(text, SL_LINEAGE_TEXT), &again)); /* of a version before digests */
    assert_int_equal(sl_cut_print(&again, text), SL_LINEAGE_TEXT);
    sl_line_add(&again, head(20, 3));
    sl_line_cut(&again, head(30, 1).at);
    assert_true(again.below == SL_BELOW_UNKNOWN);
}

static void the_lowest_lineage_falls_out_and_is_remembered(void **state)
{
    (void)state;
    struct sl_line line = {0};
    for (uint64_t i = 0; i < SL_LINE_MAX; i++)
        sl_line_add(&line, head(100 - i, 50 - i));
    assert_int_equal(line.count, SL_LINE_MAX);
    assert_true(sl_lineage_none(line.cut));
    assert_int_equal(line.part[0].at.ms, 85);

    sl_line_add(&line, head(200, 60));
    assert_int_equal(line.count, SL_LINE_MAX);
    assert_int_equal(line.cut.ms, 85);
    assert_int_equal(line.part[0].at.ms, 86);
    assert_int_equal(line.part[SL_LINE_MAX - 1].at.ms, 200);

    sl_line_add(&line, head(85, 50)); /* fell out */
    sl_line_add(&line, head(3, 50));  /* is below that */
    assert_int_equal(line.count, SL_LINE_MAX);
    assert_int_equal(line.part[0].at.ms, 86);
    assert_false(sl_line_covers(&line, head(85, 1)));

    struct sl_line before = line;
    line.cut = none;
    sl_line_add(&line, head(3, 50)); /* itself the lowest of seventeen */
    assert_int_equal(line.cut.ms, 3);
    line.cut = before.cut;
    line.below = before.below;
    assert_true(sl_line_equal(&line, &before));

    struct sl_line other = before;
    other.part[0].version++;
    sl_line_cut(&line, head(90, 1).at);
    sl_line_cut(&other, head(90, 1).at);
    assert_int_equal(line.count, other.count);
    assert_true(line.below != other.below && !sl_line_equal(&line, &other));
    line = before;

    line.part[15].at.ms = 300;
    sl_line_add(&line, head(250, 9)); /* in between */
    assert_int_equal(line.cut.ms, 86);
    assert_int_equal(line.part[14].at.ms, 250);
    assert_int_equal(line.part[15].at.ms, 300);
}

/* {0, 0} as `cut` means that nothing fell out. */
static void data_from_before_lineages_fall_out_too(void **state)
{
    (void)state;
    struct sl_line line = {0};
    sl_line_add(&line, (struct sl_head){none, 12});
    for (uint64_t i = 1; i < SL_LINE_MAX; i++)
        sl_line_add(&line, head(i, 12 + i));
    assert_true(sl_line_covers(&line, (struct sl_head){none, 12}));
    sl_line_add(&line, head(50, 50));
    assert_int_equal(line.count, SL_LINE_MAX);
    assert_false(sl_lineage_none(line.cut));
    assert_true(sl_lineage_compare(line.cut, line.part[0].at) < 0);
    sl_line_add(&line, (struct sl_head){none, 12});
    assert_false(sl_line_covers(&line, (struct sl_head){none, 12}));
}

static void a_cut_drops_what_is_not_above_it(void **state)
{
    (void)state;
    struct sl_line line = {0};
    for (uint64_t i = 1; i < 6; i++)
        sl_line_add(&line, head(i, i));
    sl_line_cut(&line, none);
    assert_int_equal(line.count, 5);
    sl_line_cut(&line, lineage(3));
    assert_int_equal(line.count, 2);
    assert_int_equal(line.part[0].at.ms, 4);
    sl_line_cut(&line, lineage(2));
    assert_int_equal(line.cut.ms, 3);
    sl_line_cut(&line, lineage(9));
    assert_int_equal(line.count, 0);
}

static void lines_are_equal_part_by_part(void **state)
{
    (void)state;
    struct sl_line a = {0}, b = {0};
    sl_line_add(&a, head(1, 1));
    assert_false(sl_line_equal(&a, &b));
    sl_line_add(&b, head(1, 1));
    assert_true(sl_line_equal(&a, &b));
    sl_line_add(&b, head(1, 2));
    assert_false(sl_line_equal(&a, &b));
    b = a;
    b.part[0].at.random++;
    assert_false(sl_line_equal(&a, &b));
    b = a;
    b.cut.random = 1;
    assert_false(sl_line_equal(&a, &b));
}

static void a_line_is_read_as_it_was_written(void **state)
{
    (void)state;
    char text[SL_LINE_TEXT];
    struct sl_line line = {0}, again;
    assert_int_equal(sl_line_print(&line, text), 0);
    assert_true(sl_line_parse(SL_SPAN(""), &again));
    assert_true(sl_line_equal(&line, &again));
    sl_line_add(&line, (struct sl_head){none, 10});
    sl_line_add(&line, head(2, 21));
    static const char want[] = "0:10 000000000002-0000000000001230:21";
    assert_int_equal(sl_line_print(&line, text), sizeof want - 1);
    assert_memory_equal(text, want, sizeof want - 1);

    line.count = 0;
    for (uint64_t i = 0; i < SL_LINE_MAX; i++)
        sl_line_add(&line, head(SL_LINEAGE_MS_MAX - i, UINT64_C(1) << 53));
    size_t n = sl_line_print(&line, text);
    assert_true(n < SL_LINE_TEXT);
    assert_true(sl_line_parse(sl_span(text, n), &again));
    assert_true(sl_line_equal(&line, &again));
}

#define L1 "000000000001-0000000000001230"
#define L2 "000000000002-0000000000001230"

static void what_is_no_line_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {" ",
                                        "0",
                                        "0:",
                                        ":1",
                                        "0:0",
                                        "0:01",
                                        "0:1 ",
                                        " 0:1",
                                        "0:-1",
                                        "0:9007199254740993",
                                        "1:1",
                                        "0:1 0:2",
                                        L2 ":1 " L1 ":2",
                                        L1 ":1 " L1 ":2",
                                        L1 ":1  " L2 ":2",
                                        L1 ":1," L2 ":2",
                                        L1 ":1:2"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct sl_line line = {.count = 3};
        if (sl_line_parse(text_of(wrong[i]), &line))
            fail_msg("\"%s\" was accepted", wrong[i]);
        assert_int_equal(line.count, 3);
    }
    char text[2 * SL_LINE_TEXT], more[sizeof text + 64];
    size_t n = 0;
    for (unsigned i = 0; i < SL_LINE_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%012x-0000000000001230:1", i > 0 ? " " : "",
                              i + 1);
    struct sl_line line;
    assert_true(sl_line_parse(sl_span(text, n), &line));
    assert_int_equal(line.count, SL_LINE_MAX);
    int len = snprintf(more, sizeof more, "%s 0000000000ff-0000000000001230:1", text);
    assert_false(sl_line_parse(sl_span(more, (size_t)len), &line)); /* seventeen */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_order_is_the_order_of_lineages),
        cmocka_unit_test(a_lineage_is_read_as_it_was_written),
        cmocka_unit_test(what_is_no_lineage_is_refused),
        cmocka_unit_test(the_last_digit_tells_how_long_marks_are_kept),
        cmocka_unit_test(a_line_covers_what_it_contains),
        cmocka_unit_test(what_fell_out_is_text),
        cmocka_unit_test(the_lowest_lineage_falls_out_and_is_remembered),
        cmocka_unit_test(data_from_before_lineages_fall_out_too),
        cmocka_unit_test(a_cut_drops_what_is_not_above_it),
        cmocka_unit_test(lines_are_equal_part_by_part),
        cmocka_unit_test(a_line_is_read_as_it_was_written),
        cmocka_unit_test(what_is_no_line_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
