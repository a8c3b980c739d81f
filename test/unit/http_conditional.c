#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "http/conditional.h"

#define LINES 3
#define TAG "\"abc,def\""

struct tag_row {
    const char *lines[LINES];
    bool want;
};

/* clang-format off */
static const struct tag_row tags[] = {
    {{NULL}, false},
    {{""}, false},
    {{" ,, \t"}, false},
    {{TAG}, true},
    {{"W/" TAG}, true},
    {{" \t" TAG "\t "}, true},
    {{"\"x\", " TAG}, true},
    {{"\"x\"," TAG ",\"y\""}, true},
    {{TAG " , \"y\""}, true},
    {{",," TAG}, true},
    {{"W/\"x\", W/" TAG}, true},
    {{"\"x\"", TAG}, true},
    {{"", "\"x\"", "W/" TAG}, true},
    {{"\"x\", \"y\""}, false},
    {{"\"\""}, false},
    {{"\"ABC,DEF\""}, false},
    {{"\"abc,de\""}, false},
    {{"\"abc,defg\""}, false},
    {{"\"abc\", \"def\""}, false},
    {{"\"\x80\xff\"," TAG}, true},
    /* star */
    {{"*"}, true},
    {{" * "}, true},
    {{",*,"}, true},
    {{"*", ""}, true},
    {{"", "*"}, true},
    {{"**"}, false},
    {{"*x"}, false},
    {{"W/*"}, false},
    {{"\"*\""}, false},
    {{"*, \"x\""}, false},
    {{"\"x\", *"}, false},
    {{"\"x\"", "*"}, false},
    {{"*", "*"}, false},
    {{"*, " TAG}, true},
    /* malformed members match nothing, and those after them still count */
    {{"abc,def"}, false},
    {{"'abc,def'"}, false},
    {{"w/" TAG}, false},
    {{"W" TAG}, false},
    {{"W /" TAG}, false},
    {{"W/ " TAG}, false},
    {{"W/W/" TAG}, false},
    {{"x" TAG}, false},
    {{TAG "x"}, false},
    {{TAG " x"}, false},
    {{TAG TAG}, false},
    {{TAG " " TAG}, false},
    {{"\"abc,def"}, false},
    {{"abc,def\""}, false},
    {{"\""}, false},
    {{"W/"}, false},
    {{"W"}, false},
    {{"W/\""}, false},
    {{"\"abc,def", TAG}, true},
    {{"junk, " TAG}, true},
    {{"W/, " TAG}, true},
    {{"\"a b\", " TAG}, true},
    {{"\"a ," TAG}, true},
    {{"\"a\x7f," TAG}, true},
    {{"\"a\tb\", " TAG}, true},
    {{"\"a\x7f\", " TAG}, true},
    {{"\x01, " TAG}, true},
    {{TAG "x, W/" TAG}, true},
    {{"\"abc\\\"\", " TAG}, true},   /* no escapes in entity tags: "abc\" is one, the quote after it is junk */
};

struct date_row {
    const char *text;
    int64_t want;
};

#define BAD INT64_MIN
#define NOW 1767225600 /* 2026-01-01 */

static const struct date_row dates[] = {
    {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
    {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
    {"Sun Nov  6 08:49:37 1994", 784111777},
    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"Wed, 31 Dec 1969 23:59:59 GMT", -1},
    {"Thu, 29 Feb 2024 12:00:00 GMT", 1709208000},
    {"Tue, 29 Feb 2000 00:00:00 GMT", 951782400},
    {"Thu, 31 Dec 2026 23:59:59 GMT", 1798761599},
    {"Tue, 19 Jan 2038 03:14:08 GMT", 2147483648},
    {"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
    {"Mon, 01 Jan 0001 00:00:00 GMT", -62135596800},
    {"Sat, 01 Jan 0000 00:00:00 GMT", -62167219200},
    {"Wed Nov 16 08:49:37 1994", 784975777},
    {"Sun Nov 06 08:49:37 1994", 784111777},
    {"Mon, 06 Nov 1994 08:49:37 GMT", 784111777},        /* the day's name need not fit */
    {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800},
    {"Saturday, 31-Dec-16 23:59:60 GMT", 1483228800},
    {"Sat Dec 31 23:59:60 2016", 1483228800},
    /* two-digit years, at the start of 2026: no more than 50 years ahead */
    {"Wednesday, 01-Jan-75 00:00:00 GMT", 3313526400},
    {"Wednesday, 01-Jan-76 00:00:00 GMT", 3345062400},
    {"Thursday, 31-Dec-76 00:00:00 GMT", 220838400},
    {"Friday, 01-Jan-77 00:00:00 GMT", 220924800},
    {"Friday, 01-Jan-99 00:00:00 GMT", 915148800},
    {"Saturday, 01-Jan-00 00:00:00 GMT", 946684800},
    {"Tuesday, 29-Feb-00 00:00:00 GMT", 951782400},
    {"Thursday, 01-Jan-26 00:00:00 GMT", NOW},
    {"Monday, 29-Feb-26 00:00:00 GMT", BAD},
    /* wrong */
    {"", BAD},
    {"Sun", BAD},
    {"Sun,", BAD},
    {"0", BAD},
    {"784111777", BAD},
    {"1994-11-06T08:49:37Z", BAD},
    {"sun, 06 Nov 1994 08:49:37 GMT", BAD},
    {"SUN, 06 NOV 1994 08:49:37 GMT", BAD},
    {"Sux, 06 Nov 1994 08:49:37 GMT", BAD},
    {"Sun 06 Nov 1994 08:49:37 GMT", BAD},
    {"Sun,06 Nov 1994 08:49:37 GMT", BAD},
    {"Sun, 6 Nov 1994 08:49:37 GMT", BAD},
    {"Sun,  6 Nov 1994 08:49:37 GMT", BAD},
    {"Sun, 06  Nov 1994 08:49:37 GMT", BAD},
    {"Sun, 06 nov 1994 08:49:37 GMT", BAD},
    {"Sun, 06 November 1994 08:49:37 GMT", BAD},
    {"Sun, 06 Nov 94 08:49:37 GMT", BAD},
    {"Sun, 06 Nov 19940 08:49:37 GMT", BAD},
    {"Sun, 06 Nov -994 08:49:37 GMT", BAD},
    {"Sun, 06 Nov 1994 8:49:37 GMT", BAD},
    {"Sun, 06 Nov 1994 08:49 GMT", BAD},
    {"Sun, 06 Nov 1994 08:49:37", BAD},
    {"Sun, 06 Nov 1994 08:49:37 ", BAD},
    {"Sun, 06 Nov 1994 08:49:37 gmt", BAD},
    {"Sun, 06 Nov 1994 08:49:37 UTC", BAD},
    {"Sun, 06 Nov 1994 08:49:37 +0000", BAD},
    {"Sun, 06 Nov 1994 08:49:37 GMT ", BAD},
    {" Sun, 06 Nov 1994 08:49:37 GMT", BAD},
    {"Sun, 06 Nov 1994 08:49:37 GMTx", BAD},
    {"Sun, 06 Nov 1994 08-49-37 GMT", BAD},
    {"Sun, 00 Nov 1994 08:49:37 GMT", BAD},
    {"Thu, 31 Nov 1994 08:49:37 GMT", BAD},
    {"Sun, 32 Jan 1994 08:49:37 GMT", BAD},
    {"Wed, 29 Feb 2023 08:49:37 GMT", BAD},
    {"Mon, 29 Feb 2100 00:00:00 GMT", BAD},
    {"Thu, 30 Feb 2024 00:00:00 GMT", BAD},
    {"Sun, 06 Nov 1994 24:00:00 GMT", BAD},
    {"Sun, 06 Nov 1994 08:60:00 GMT", BAD},
    {"Sun, 06 Nov 1994 08:49:60 GMT", BAD},
    {"Sun, 06 Nov 1994 23:59:61 GMT", BAD},
    {"Sun, 0x Nov 1994 08:49:37 GMT", BAD},
    {"Sun, 06 Nov 1994 08:+9:37 GMT", BAD},
    {"Sun, 06-Nov-94 08:49:37 GMT", BAD},
    {"Sunday, 06 Nov 1994 08:49:37 GMT", BAD},
    {"Sunday, 06-Nov-1994 08:49:37 GMT", BAD},
    {"Sunday, 6-Nov-94 08:49:37 GMT", BAD},
    {"Sunday, 06-Nov-94 08:49:37", BAD},
    {"Sunday Nov  6 08:49:37 1994", BAD},
    {"Sun Nov 6 08:49:37 1994", BAD},
    {"Sun Nov  16 08:49:37 1994", BAD},
    {"Sun Nov  0 08:49:37 1994", BAD},
    {"Sun Nov   08:49:37 1994", BAD},
    {"Sun Nov  6 08:49:37 94", BAD},
    {"Sun Nov  6 08:49:37 1994 GMT", BAD},
    {"Sun Nov  6 08:49:37  1994", BAD},
};
/* clang-format on */

static char *exact(const char *text, struct sl_span *ret)
{
    size_t n = strlen(text);
    char *copy = malloc(n + (n == 0));
    memcpy(copy, text, n);
    *ret = sl_span(copy, n);
    return copy;
}

static void entity_tags(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        struct sl_span lines[LINES];
        char *memory[LINES];
        size_t n = 0;
        for (; n < LINES && tags[i].lines[n] != NULL; n++)
            memory[n] = exact(tags[i].lines[n], &lines[n]);
        if (sl_etag_matches(lines, n, SL_SPAN(TAG)) != tags[i].want)
            fail_msg("row %zu, %s: wanted %d", i, n > 0 ? tags[i].lines[0] : "(none)", tags[i].want);
        assert_int_equal(sl_etag_matches(lines, n, SL_SPAN("W/" TAG)), tags[i].want);
        bool weak = false;
        for (size_t line = 0; line < n; line++)
            weak = weak || strstr(tags[i].lines[line], "W/") != NULL;
        if (!weak)
            assert_int_equal(sl_etag_matches_strongly(lines, n, SL_SPAN(TAG)), tags[i].want);
        while (n > 0)
            free(memory[--n]);
    }
}

/* If-Match compares strongly (RFC 9110 section 8.8.3.2). */
static void weak_tags_are_not_strong(void **state)
{
    (void)state;
    const struct sl_span weak = SL_SPAN("W/" TAG), both = SL_SPAN("W/" TAG ", " TAG), star = SL_SPAN("*");
    assert_true(sl_etag_matches(&weak, 1, SL_SPAN(TAG)));
    assert_false(sl_etag_matches_strongly(&weak, 1, SL_SPAN(TAG)));
    assert_true(sl_etag_matches_strongly(&both, 1, SL_SPAN(TAG)));
    assert_true(sl_etag_matches_strongly(&star, 1, SL_SPAN(TAG)));
    assert_false(sl_etag_matches_strongly(&star, 0, SL_SPAN(TAG)));
}

static void date_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        struct sl_span text;
        char *memory = exact(dates[i].text, &text);
        int64_t got = BAD;
        bool ok = sl_http_date_at(text, NOW, &got);
        if (got != dates[i].want || ok != (got != BAD))
            fail_msg("row %zu, %s: %lld, wanted %lld", i, dates[i].text, (long long)got,
                     (long long)dates[i].want);
        free(memory);
    }
}

#define FORMS 3

static struct sl_span print_date(int form, int64_t at, char text[static 64])
{
    static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t t = (time_t)at;
    struct tm tm;
    gmtime_r(&t, &tm);
    int n, year = tm.tm_year + 1900;
    const char *month = months + 3 * tm.tm_mon, *day = days[tm.tm_wday];
    if (form == 0)
        n = snprintf(text, 64, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", day, tm.tm_mday, month, year,
                     tm.tm_hour, tm.tm_min, tm.tm_sec);
    else if (form == 1)
        n = snprintf(text, 64, "%.3s %.3s %2d %02d:%02d:%02d %04d", day, month, tm.tm_mday, tm.tm_hour,
                     tm.tm_min, tm.tm_sec, year);
    else
        n = snprintf(text, 64, "%s, %02d-%.3s-%02d %02d:%02d:%02d GMT", day, tm.tm_mday, month, year % 100,
                     tm.tm_hour, tm.tm_min, tm.tm_sec);
    return sl_span(text, (size_t)n);
}

/* Each form of many moments, printed by the C library's calendar, comes back as that moment. */
static void dates_come_back(void **state)
{
    (void)state;
    for (int64_t t = -62135596800; t < 253402300800; t += 86400 * 19 + 7919) {
        for (int form = 0; form < FORMS; form++) {
            char text[64];
            int64_t got = BAD;
            assert_true(sl_http_date_at(print_date(form, t, text), t + 1000000000, &got));
            if (got != t)
                fail_msg("%s gave %lld, not %lld", text, (long long)got, (long long)t);
        }
    }
}

/* At any time: never more than 50 years ahead, never more than 50 years and a bit behind. */
static void two_digits_stay_near(void **state)
{
    (void)state;
    for (int64_t now = 0; now < 8000000000; now += 86400 * 97) {
        for (int year = 0; year < 100; year++) {
            char text[64];
            int64_t got;
            int n = snprintf(text, sizeof text, "Monday, 15-Jun-%02d 12:00:00 GMT", year);
            assert_true(sl_http_date_at(sl_span(text, (size_t)n), now, &got));
            assert_true(got <= now + 50 * 31556952ll);
            assert_true(got > now - 50 * 31556952ll - 2 * 86400);
        }
    }
}

static void now_is_now(void **state)
{
    (void)state;
    char text[64];
    int64_t got, t = time(NULL);
    assert_true(sl_http_date(print_date(2, t, text), &got));
    assert_int_equal(got, t);
    assert_true(sl_http_date(print_date(2, t + 60 * 31556952ll, text), &got));
    assert_true(got < t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entity_tags),     cmocka_unit_test(date_forms),
        cmocka_unit_test(dates_come_back), cmocka_unit_test(two_digits_stay_near),
        cmocka_unit_test(now_is_now),      cmocka_unit_test(weak_tags_are_not_strong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
