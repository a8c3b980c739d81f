#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "http/accept.h"

#define LINES 3
#define JWT 0
#define CWT 1
#define NONE (-1)

static const struct sl_span token_types[] = {{"application/statuslist+jwt", 26},
                                             {"application/statuslist+cwt", 26}};

struct media_row {
    const char *lines[LINES];
    int want;      /* of jwt, cwt */
    int want_swap; /* of cwt, jwt, still as JWT or CWT */
};

#define J "application/statuslist+jwt"
#define C "application/statuslist+cwt"

/* clang-format off */
static const struct media_row media[] = {
    /* no field */
    {{NULL}, JWT, CWT},
    {{""}, JWT, CWT},
    {{" \t "}, JWT, CWT},
    {{","}, JWT, CWT},
    {{" , ,, "}, JWT, CWT},
    {{"", "", ""}, JWT, CWT},
    /* one type */
    {{J}, JWT, JWT},
    {{C}, CWT, CWT},
    {{"Application/StatusList+JWT"}, JWT, JWT},
    {{"APPLICATION/STATUSLIST+CWT"}, CWT, CWT},
    {{"\t" C " "}, CWT, CWT},
    {{"application/json"}, NONE, NONE},
    {{"application/statuslist"}, NONE, NONE},
    {{"application/statuslist+jw"}, NONE, NONE},
    {{"application/statuslist+jwtx"}, NONE, NONE},
    {{"text/statuslist+jwt"}, NONE, NONE},
    {{"application/jwt, text/html"}, NONE, NONE},
    /* wildcards */
    {{"*/*"}, JWT, CWT},
    {{"*"}, JWT, CWT},
    {{"application/*"}, JWT, CWT},
    {{"APPLICATION/*"}, JWT, CWT},
    {{"text/*"}, NONE, NONE},
    {{"*/statuslist+jwt"}, JWT, CWT},           /* junk: counts like no field */
    {{"text/html, */statuslist+jwt"}, NONE, NONE},
    {{"text/*, */*;q=0.1"}, JWT, CWT},
    {{C ", */*"}, JWT, CWT},                    /* both 1: ties go to the offer's order */
    {{C ", */*;q=0.9"}, CWT, CWT},
    {{"*/*;q=0.9, " C}, CWT, CWT},
    {{J ";q=0.2, */*"}, CWT, CWT},              /* the most specific range decides, not the highest q */
    {{J ";q=0.2, application/*;q=0.1"}, JWT, JWT},
    {{"application/*;q=0.3, */*;q=0.9"}, JWT, CWT},
    {{"application/*;q=0, */*"}, NONE, NONE},
    {{J ";q=0, application/*"}, CWT, CWT},
    {{J ";q=0, */*;q=0.1"}, CWT, CWT},
    /* weights */
    {{J ";q=0"}, NONE, NONE},
    {{J ";q=0.0"}, NONE, NONE},
    {{J ";q=0.000"}, NONE, NONE},
    {{J ";q=0.001"}, JWT, JWT},
    {{J ";q=0.001, " C ";q=0"}, JWT, JWT},
    {{J ";q=0.001, " C ";q=0.002"}, CWT, CWT},
    {{J ";q=0.5, " C ";q=0.50"}, JWT, CWT},
    {{J ";q=0.9, " C ";q=0.91"}, CWT, CWT},
    {{J ";q=0.999, " C}, CWT, CWT},
    {{J ";q=1.000, " C ";q=1."}, JWT, CWT},
    {{J ";q=0., " C ";q=0.1"}, CWT, CWT},
    {{J ";Q=0.1, " C ";q=0.2"}, CWT, CWT},
    {{J " ; q=0.1 , " C "\t;\tq=0.2"}, CWT, CWT},
    {{J ";q=.1, " C ";q=.2"}, CWT, CWT},
    {{J ";q=0.1, " J ";q=0.3, " C ";q=0.2"}, JWT, JWT}, /* the better of two equally specific */
    {{J ";q=0.3, " J ";q=0.1, " C ";q=0.2"}, JWT, JWT},
    /* malformed weights: the member does not count */
    {{J ";q=1.0001, " C ";q=0.1"}, CWT, CWT},
    {{J ";q=1.001, " C ";q=0.1"}, CWT, CWT},
    {{J ";q=2, " C ";q=0.1"}, CWT, CWT},
    {{J ";q=-1, " C ";q=0.1"}, CWT, CWT},
    {{J ";q=0.1234, " C ";q=0.1"}, CWT, CWT},
    {{J ";q=, " C ";q=0.1"}, CWT, CWT},
    {{J ";q, " C ";q=0.1"}, CWT, CWT},
    {{J ";q=., " C ";q=0.1"}, CWT, CWT},
    {{J ";q=0.x, " C ";q=0.1"}, CWT, CWT},
    {{J ";q=01, " C ";q=0.1"}, CWT, CWT},
    {{J ";q=1e0, " C ";q=0.1"}, CWT, CWT},
    {{J ";q= 1, " C ";q=0.1"}, CWT, CWT},
    {{J ";q =1, " C ";q=0.1"}, CWT, CWT},
    {{J ";q=\"1\", " C ";q=0.1"}, CWT, CWT},
    {{J ";q=1;q=1, " C ";q=0.1"}, CWT, CWT},
    {{J ";q=1 x, " C ";q=0.1"}, CWT, CWT},
    {{J ";q=1.0001"}, JWT, CWT},                /* no well-formed member is left: counts like no field */
    /* malformed members */
    {{"application, " C}, CWT, CWT},
    {{"/, " C}, CWT, CWT},
    {{"application/, " C}, CWT, CWT},
    {{"/statuslist+jwt, " C}, CWT, CWT},
    {{J "/x, " C}, CWT, CWT},
    {{"application /statuslist+jwt, " C}, CWT, CWT},
    {{"application/ statuslist+jwt, " C}, CWT, CWT},
    {{J " " C ", " C ";q=0.1"}, CWT, CWT},
    {{"\x01\x80\xff, " C}, CWT, CWT},
    {{"@@@"}, JWT, CWT},
    {{",, ," C ", ,"}, CWT, CWT},
    /* parameters */
    {{J ";v=2"}, NONE, NONE},
    {{J ";v=2, " C}, CWT, CWT},
    {{J ";v=2;q=1, */*;q=0.1"}, JWT, CWT},
    {{J ";charset=utf-8"}, JWT, JWT},
    {{J "; Charset=\"UTF-8\" ;q=0.5"}, JWT, JWT},
    {{J ";charset=latin1, " C}, CWT, CWT},
    {{J ";;q=0.5;"}, JWT, JWT},
    {{C ";"}, CWT, CWT},
    {{J ";v=\"a,b\", " C}, CWT, CWT},           /* a comma inside a string separates nothing */
    {{"text/x;v=\"" J ", " J "\", " C}, CWT, CWT},
    {{"text/x;v=\"a\\\", " J ", \", " C}, CWT, CWT},
    {{"text/x;v=\"a, " J ", " C}, JWT, CWT},    /* never closed: one malformed member to the end of the line */
    {{"text/x;v=\"a, " J, C}, CWT, CWT},        /* but not into the next line */
    {{"text/x;v=\"a\x01\", " C}, CWT, CWT},
    {{J ";=x, " C ";q=0.1"}, CWT, CWT},
    {{J ";v=, " C ";q=0.1"}, CWT, CWT},
    /* several lines are one list */
    {{"text/html", J}, JWT, JWT},
    {{"text/html", "text/plain", C}, CWT, CWT},
    {{J ";q=0.1", C ";q=0.2"}, CWT, CWT},
    {{"*/*;q=0.1", "", J ";q=0"}, CWT, CWT},
    {{"text/html", ""}, NONE, NONE},
    /* what clients send */
    {{"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}, JWT, CWT},
    {{"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"}, JWT, CWT},
    {{"application/json, text/plain, */*"}, JWT, CWT},
    {{C ";q=0.8, " J}, JWT, JWT},
};

struct coding_row {
    const char *lines[LINES];
    bool gzip, identity;
};

static const struct coding_row codings[] = {
    {{NULL}, false, true},
    {{""}, false, true},
    {{" , "}, false, true},
    {{"gzip"}, true, true},
    {{"GZip"}, true, true},
    {{"x-gzip"}, true, true},
    {{"X-GZIP;Q=0.5"}, true, true},
    {{"gzipx"}, false, true},
    {{"deflate, br, zstd"}, false, true},
    {{"gzip, deflate, br"}, true, true},
    {{"deflate,gzip;q=0.001"}, true, true},
    {{"gzip;q=0"}, false, true},
    {{"gzip;q=0.000"}, false, true},
    {{"gzip;q=0, x-gzip;q=1"}, true, true},
    {{"*"}, true, true},
    {{"*;q=0.1"}, true, true},
    {{"*;q=0"}, false, false},
    {{"gzip;q=0, *"}, false, true},
    {{"gzip, *;q=0"}, true, false},
    {{"*;q=0, gzip;q=0.1"}, true, false},
    {{"gzip;q=0, *;q=0"}, false, false},
    {{"identity;q=0"}, false, false},
    {{"identity;q=0, gzip"}, true, false},
    {{"IDENTITY;q=0, *"}, true, false},
    {{"identity, *;q=0"}, false, true},
    {{"identity"}, false, true},
    {{"identity, gzip"}, true, true},
    {{"identity;q=0.5, gzip;q=0.4"}, false, true},
    {{"identity;q=0.5, gzip;q=0.5"}, true, true},
    {{"identity;q=0.5, gzip;q=0.6"}, true, true},
    {{"gzip;q=0.5"}, true, true},
    {{"gzip;q=0.5, *"}, false, true},
    {{"gzip;q=0.5, *;q=0.5"}, true, true},
    {{"gzip;q=1.0001"}, false, true},
    {{"gzip;q=2, *;q=0.2"}, true, true},
    {{"gzip;q=\"1\""}, false, true},
    {{"gzip;level=9"}, false, true},
    {{"gzip;q=1;level=9"}, false, true},
    {{"gzip q=1"}, false, true},
    {{"gzip ; q=0.3"}, true, true},
    {{"\"gzip\""}, false, true},
    {{"\"a, gzip\", br"}, false, true},
    {{"identity;q=0x, gzip"}, true, true},
    {{"br", "gzip"}, true, true},
    {{"gzip", "identity;q=0"}, true, false},
    {{"gzip;q=0", "", "gzip;q=0"}, false, true},
    {{"\xff,gzip"}, true, true},
    {{";q=1, gzip"}, true, true},
};
/* clang-format on */

/* Copies of the exact size, so that the sanitizer sees a read beyond a line. */
static size_t spans(const char *const lines[LINES], struct sl_span out[LINES])
{
    size_t n = 0;
    for (; n < LINES && lines[n] != NULL; n++) {
        size_t len = strlen(lines[n]);
        char *copy = malloc(len + (len == 0));
        memcpy(copy, lines[n], len);
        out[n] = sl_span(copy, len);
    }
    return n;
}

static void drop(const struct sl_span *lines, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free((char *)lines[i].at);
}

static int swap(int which)
{
    return which == NONE ? NONE : 1 - which;
}

static void media_types(void **state)
{
    (void)state;
    const struct sl_span swapped[] = {token_types[CWT], token_types[JWT]};
    for (size_t i = 0; i < sizeof media / sizeof *media; i++) {
        struct sl_span lines[LINES];
        size_t n = spans(media[i].lines, lines);
        int got = sl_accept_media(lines, n, token_types, 2),
            got_swap = swap(sl_accept_media(lines, n, swapped, 2));
        if (got != media[i].want || got_swap != media[i].want_swap)
            fail_msg("row %zu, \"%s\": %d and %d, wanted %d and %d", i, n > 0 ? media[i].lines[0] : "(none)",
                     got, got_swap, media[i].want, media[i].want_swap);
        drop(lines, n);
    }
}

static void one_offer(void **state)
{
    (void)state;
    const struct sl_span json = SL_SPAN("application/json"), any = SL_SPAN("text/html, application/*;q=0.1"),
                         html = SL_SPAN("text/html");
    assert_int_equal(sl_accept_media(&any, 1, &json, 1), 0);
    assert_int_equal(sl_accept_media(&html, 1, &json, 1), -1);
    assert_int_equal(sl_accept_media(NULL, 0, &json, 1), 0);
}

static void content_codings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof codings / sizeof *codings; i++) {
        struct sl_span lines[LINES];
        size_t n = spans(codings[i].lines, lines);
        bool identity = !codings[i].identity, gzip = sl_accept_gzip(lines, n, &identity);
        if (gzip != codings[i].gzip || identity != codings[i].identity)
            fail_msg("row %zu, \"%s\": gzip %d identity %d", i, n > 0 ? codings[i].lines[0] : "(none)", gzip,
                     identity);
        drop(lines, n);
    }
}

int main(void)
{
    _Static_assert(sizeof media / sizeof *media >= 60 && sizeof codings / sizeof *codings >= 30, "tables");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(media_types),
        cmocka_unit_test(one_offer),
        cmocka_unit_test(content_codings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
