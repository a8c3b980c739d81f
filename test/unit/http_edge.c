/* Percent-encoding, queries, numbers, content types and routes. Bodies are in http_body.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "http/edge_body.h"
#include "http/edge_header.h"
#include "base/number.h"
#include "http/edge_query.h"
#include "http/edge_route.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define ID "123e4567-e89b-42d3-a456-426614174000"

/* A copy of the exact size, so that the sanitizer sees a read beyond its end. */
static struct sl_span exact(const char *text, size_t n)
{
    char *copy = malloc(n + (n == 0));
    memcpy(copy, text, n);
    return sl_span(copy, n);
}

static void drop(struct sl_span s)
{
    free((char *)s.at);
}

#define BYTES(literal) literal, sizeof(literal) - 1

static void percent(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t in_len;
        const char *out; /* NULL: refused */
    } rows[] = {
        {BYTES(""), ""},
        {BYTES("abc"), "abc"},
        {BYTES("%61%62c"), "abc"},
        {BYTES("a+b"), "a+b"},
        {BYTES("a%2Bb"), "a+b"},
        {BYTES("%2f%2F"), "//"},
        {BYTES("%25"), "%"},
        {BYTES("%2541"), "%41"},
        {BYTES("%20 "), "  "},
        {BYTES("%C3%A9"), "\xc3\xa9"},
        {BYTES("\xc3\xa9%ff"), "\xc3\xa9\xff"},
        {BYTES("https%3A%2F%2Fx%2F1"), "https://x/1"},
        {BYTES("%"), NULL},
        {BYTES("%4"), NULL},
        {BYTES("abc%"), NULL},
        {BYTES("abc%a"), NULL},
        {BYTES("%zz"), NULL},
        {BYTES("%4g"), NULL},
        {BYTES("%g4"), NULL},
        {BYTES("% 1"), NULL},
        {BYTES("%+1"), NULL},
        {BYTES("%%"), NULL},
        {BYTES("%%41"), NULL},
        {BYTES("%u0041"), NULL},
        {BYTES("%00"), NULL},
        {BYTES("a\0b"), NULL},
        {BYTES("%0a"), NULL},
        {BYTES("%0D"), NULL},
        {BYTES("%1f"), NULL},
        {BYTES("%7f"), NULL},
        {BYTES("\x7f"), NULL},
        {BYTES("a\tb"), NULL},
        {BYTES("\n"), NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sl_span in = exact(rows[i].in, rows[i].in_len);
        char *out = malloc(in.len + (in.len == 0));
        size_t len = 12345;
        bool ok = sl_percent_decode(in, out, &len);
        if (ok != (rows[i].out != NULL))
            fail_msg("row %zu: %s", i, rows[i].in);
        if (ok)
            assert_true(sl_span_eq(sl_span(out, len), sl_span(rows[i].out, strlen(rows[i].out))));
        else
            assert_int_equal(len, 12345);
        free(out);
        drop(in);
    }
}

static void queries(void **state)
{
    (void)state;
    static const struct {
        const char *query, *name;
        enum sl_err err;
        const char *value;
    } rows[] = {
        {"", "time", SL_ERR_NOT_FOUND, NULL},
        {"time=5", "time", SL_OK, "5"},
        {"a=1&time=5&b=2", "time", SL_OK, "5"},
        {"time=", "time", SL_OK, ""},
        {"time", "time", SL_OK, ""},
        {"time&a=1", "time", SL_OK, ""},
        {"a=1&time", "time", SL_OK, ""},
        {"time==", "time", SL_OK, "="},
        {"time=a=b", "time", SL_OK, "a=b"},
        {"time=%35", "time", SL_OK, "%35"},
        {"time=5;x=6", "time", SL_OK, "5;x=6"},
        {"time=5?x=6", "time", SL_OK, "5?x=6"},
        {"&&time=5&&", "time", SL_OK, "5"},
        {"=5&time=6", "time", SL_OK, "6"},
        {"%74ime=5", "time", SL_OK, "5"},
        {"%74%69%6D%65=5", "time", SL_OK, "5"},
        {"tim%=1&time=5", "time", SL_OK, "5"},
        {"time%=1", "time", SL_ERR_NOT_FOUND, NULL},
        {"time%00=1", "time", SL_ERR_NOT_FOUND, NULL},
        {"tim%zz=1", "time", SL_ERR_NOT_FOUND, NULL},
        {"Time=5", "time", SL_ERR_NOT_FOUND, NULL},
        {"times=5", "time", SL_ERR_NOT_FOUND, NULL},
        {"tim=5", "time", SL_ERR_NOT_FOUND, NULL},
        {"+time=5", "time", SL_ERR_NOT_FOUND, NULL},
        {"x=time", "time", SL_ERR_NOT_FOUND, NULL},
        {"?time=5", "time", SL_ERR_NOT_FOUND, NULL},
        {"&", "time", SL_ERR_NOT_FOUND, NULL},
        {"=", "time", SL_ERR_NOT_FOUND, NULL},
        {"%", "time", SL_ERR_NOT_FOUND, NULL},
        {"time=5&time=5", "time", SL_ERR_MALFORMED_REQUEST, NULL},
        {"time=5&x=1&time=6", "time", SL_ERR_MALFORMED_REQUEST, NULL},
        {"time&time", "time", SL_ERR_MALFORMED_REQUEST, NULL},
        {"time=5&%74ime=5", "time", SL_ERR_MALFORMED_REQUEST, NULL},
        {"uri=http://x/1&index=7", "index", SL_OK, "7"},
        {"uri=http://x/1&index=7", "uri", SL_OK, "http://x/1"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sl_span query = exact(rows[i].query, strlen(rows[i].query)), got = {NULL, 77};
        enum sl_err err = sl_query_get(query, rows[i].name, &got);
        if (err != rows[i].err)
            fail_msg("row %zu: %s gave %s", i, rows[i].query, sl_err_code(err));
        if (err != SL_OK)
            assert_int_equal(got.len, 77);
        else if (!sl_span_eq(got, sl_span(rows[i].value, strlen(rows[i].value))))
            fail_msg("row %zu: %s gave %.*s", i, rows[i].query, (int)got.len, got.at);
        drop(query);
    }
    struct sl_span got;
    assert_int_equal(sl_query_get(sl_span(NULL, 0), "x", &got), SL_ERR_NOT_FOUND);
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t max;
        bool ok;
        uint64_t value;
    } rows[] = {
        {"0", 0, true, 0},
        {"0", UINT64_MAX, true, 0},
        {"7", 7, true, 7},
        {"4294967295", UINT32_MAX, true, UINT32_MAX},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"10000000000000000000", UINT64_MAX, true, 10000000000000000000u},
        {"8", 7, false, 0},
        {"4294967296", UINT32_MAX, false, 0},
        {"18446744073709551616", UINT64_MAX, false, 0},
        {"18446744073709551620", UINT64_MAX, false, 0},
        {"99999999999999999999", UINT64_MAX, false, 0},
        {"184467440737095516150", UINT64_MAX, false, 0},
        {"", 9, false, 0},
        {"00", 9, false, 0},
        {"01", 9, false, 0},
        {"+1", 9, false, 0},
        {"-1", 9, false, 0},
        {"-0", 9, false, 0},
        {" 1", 9, false, 0},
        {"1 ", 9, false, 0},
        {"1.0", 9, false, 0},
        {"1e0", 9, false, 0},
        {"0x1", 9, false, 0},
        {"a", 9, false, 0},
        {"1,000", UINT64_MAX, false, 0},
        {"\xd9\xa1", 9, false, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sl_span text = exact(rows[i].text, strlen(rows[i].text));
        uint64_t got = 4242;
        if (sl_number_parse_strict(text, rows[i].max, &got) != rows[i].ok ||
            got != (rows[i].ok ? rows[i].value : 4242))
            fail_msg("row %zu: %s", i, rows[i].text);
        drop(text);
    }
    uint64_t got;
    assert_false(sl_number_parse_strict(sl_span("1\0", 2), 100, &got));
}

static void content_types(void **state)
{
    (void)state;
    static const char *const good[] = {
        "application/json",
        "APPLICATION/JSON",
        "Application/Json",
        "application/json;charset=utf-8",
        "application/json; charset=UTF-8",
        "application/json \t; \t Charset=Utf-8",
        "application/json;charset=\"utf-8\"",
        "application/json;charset=\"UTF\\-8\"",
        "application/json;",
        "application/json; ;charset=utf-8;",
        "application/json;version=1;x=\"a;b\"",
        "application/json;profile=\"charset=latin1\"",
        "application/json ",
    };
    static const char *const bad[] = {
        "",
        "json",
        "application",
        "application/",
        "/json",
        "application/jsonx",
        "application/jso",
        "application/json-patch+json",
        "application/problem+json",
        "text/json",
        "application /json",
        " application/json",
        "application/json charset=utf-8",
        "application/json, application/json",
        "application/json;charset=latin1",
        "application/json;charset=utf-16",
        "application/json;charset=utf8",
        "application/json;charset=utf-8x",
        "application/json;charset=\"utf-8",
        "application/json;charset=\"\"",
        "application/json;charset=",
        "application/json;charset",
        "application/json;charset =utf-8",
        "application/json;charset=utf-8;charset=latin1",
        "application/json;charset=utf-8 x",
        "application/json\x01",
        "application/json;x=\"\x01\"",
        "application/json;x=\"a\\",
        "application/x-www-form-urlencoded",
    };
    for (size_t i = 0; i < COUNT(good) + COUNT(bad); i++) {
        const char *text = i < COUNT(good) ? good[i] : bad[i - COUNT(good)];
        struct sl_span s = exact(text, strlen(text));
        if (sl_content_is_json(s) != (i < COUNT(good)))
            fail_msg("%s", text);
        drop(s);
    }
    assert_false(sl_content_is_json(sl_span("application/json\0", 17)));
}

#define POOL64 "a123456789b123456789c123456789d123456789e123456789f123456789-_yz"

static const struct {
    const char *path, *base;
    enum sl_route route;
    const char *pool;
} routes[] = {
    {"/" ID, "", SL_ROUTE_LIST, NULL},
    {"/x/" ID, "/x", SL_ROUTE_LIST, NULL},
    {"/x/y/" ID, "/x/y", SL_ROUTE_LIST, NULL},
    {"/status-lists/" ID, "/status-lists", SL_ROUTE_LIST, NULL},
    {"/pools/" ID, "/pools", SL_ROUTE_LIST, NULL},
    {"/aggregation/tests", "", SL_ROUTE_AGGREGATION, "tests"},
    {"/x/aggregation/tests", "/x", SL_ROUTE_AGGREGATION, "tests"},
    {"/aggregation/-", "", SL_ROUTE_AGGREGATION, "-"},
    {"/aggregation/" POOL64, "", SL_ROUTE_AGGREGATION, POOL64},
    {"/aggregation/" ID, "", SL_ROUTE_AGGREGATION, ID},
    {"/pools/tests/new-references", "", SL_ROUTE_RESERVE, "tests"},
    {"/pools/tests/new-references", "/x", SL_ROUTE_RESERVE, "tests"},
    {"/pools/0_a-z/new-references", "", SL_ROUTE_RESERVE, "0_a-z"},
    {"/pools/new-references/new-references", "", SL_ROUTE_RESERVE, "new-references"},
    {"/pools/" POOL64 "/new-references", "", SL_ROUTE_RESERVE, POOL64},
    {"/pools/aggregation/new-references", "/pools", SL_ROUTE_RESERVE, "aggregation"}, /* before the base's */
    {"/pools/aggregation/tests", "/pools", SL_ROUTE_AGGREGATION, "tests"},
    {"/status-lists/update", "", SL_ROUTE_UPDATE, NULL},
    {"/status-lists/update", "/x", SL_ROUTE_UPDATE, NULL},
    {"/status-lists/batch-update", "", SL_ROUTE_BATCH, NULL},
    {"/status-lists/status", "", SL_ROUTE_STATUS, NULL},
    {"/livez", "", SL_ROUTE_LIVEZ, NULL},
    {"/readyz", "", SL_ROUTE_READYZ, NULL},
    {"/metrics", "", SL_ROUTE_METRICS, NULL},
    {"/version", "/x", SL_ROUTE_VERSION, NULL},
    {"/openapi.yaml", "/x", SL_ROUTE_OPENAPI, NULL},
    {"/openapi", "", SL_ROUTE_NONE, NULL},
    /* nowhere */
    {"", "", SL_ROUTE_NONE, NULL},
    {"/", "", SL_ROUTE_NONE, NULL},
    {"//", "", SL_ROUTE_NONE, NULL},
    {"*", "", SL_ROUTE_NONE, NULL},
    {ID, "", SL_ROUTE_NONE, NULL},
    {"/" ID "/", "", SL_ROUTE_NONE, NULL},
    {"//" ID, "", SL_ROUTE_LIST, NULL},
    {"/" ID "x", "", SL_ROUTE_NONE, NULL},
    {"/" ID "?time=1", "", SL_ROUTE_NONE, NULL},
    {"/x/" ID, "", SL_ROUTE_LIST, NULL},
    {"/" ID, "/x", SL_ROUTE_LIST, NULL},
    {"/y/" ID, "/x", SL_ROUTE_LIST, NULL},
    {"/xx/" ID, "/x", SL_ROUTE_LIST, NULL},
    {"/x" ID, "/x", SL_ROUTE_NONE, NULL},
    {"/x", "/x", SL_ROUTE_NONE, NULL},
    {"/", "/x", SL_ROUTE_NONE, NULL},
    {"/123E4567-E89B-42D3-A456-426614174000", "", SL_ROUTE_NONE, NULL},
    {"/123e4567-e89b-42d3-a456-42661417400", "", SL_ROUTE_NONE, NULL},
    {"/123e4567-e89b-42d3-a456-42661417400g", "", SL_ROUTE_NONE, NULL},
    {"/123e4567e89b42d3a456426614174000", "", SL_ROUTE_NONE, NULL},
    {"/{123e4567-e89b-42d3-a456-426614174000}", "", SL_ROUTE_NONE, NULL},
    {"/%31"
     "23e4567-e89b-42d3-a456-426614174000",
     "", SL_ROUTE_NONE, NULL},
    {"/aggregation/" ID, "", SL_ROUTE_AGGREGATION, ID},
    {"/pools/" ID, "", SL_ROUTE_LIST, NULL},
    {"/x/aggregation/" ID, "", SL_ROUTE_LIST, NULL},
    {"/./" ID, "", SL_ROUTE_LIST, NULL},
    {"/aggregation", "", SL_ROUTE_NONE, NULL},
    {"/aggregation/", "", SL_ROUTE_NONE, NULL},
    {"/aggregation/tests/", "", SL_ROUTE_NONE, NULL},
    {"/aggregation/a/b", "", SL_ROUTE_NONE, NULL},
    {"/aggregation/Tests", "", SL_ROUTE_NONE, NULL},
    {"/aggregation/te%73ts", "", SL_ROUTE_NONE, NULL},
    {"/aggregation/..", "", SL_ROUTE_NONE, NULL},
    {"/aggregation/" POOL64 "x", "", SL_ROUTE_NONE, NULL},
    {"/aggregation/tests", "/x", SL_ROUTE_NONE, NULL},
    {"/pools", "", SL_ROUTE_NONE, NULL},
    {"/pools/", "", SL_ROUTE_NONE, NULL},
    {"/pools/tests", "", SL_ROUTE_NONE, NULL},
    {"/pools/new-references", "", SL_ROUTE_NONE, NULL},
    {"/pools//new-references", "", SL_ROUTE_NONE, NULL},
    {"/pools/tests/new-references/", "", SL_ROUTE_NONE, NULL},
    {"/pools/tests/new-reference", "", SL_ROUTE_NONE, NULL},
    {"/pools/a/b/new-references", "", SL_ROUTE_NONE, NULL},
    {"/pools/a b/new-references", "", SL_ROUTE_NONE, NULL},
    {"/pools/" POOL64 "x/new-references", "", SL_ROUTE_NONE, NULL},
    {"/x/pools/tests/new-references", "/x", SL_ROUTE_NONE, NULL},
    {"/status-lists", "", SL_ROUTE_NONE, NULL},
    {"/status-lists/", "", SL_ROUTE_NONE, NULL},
    {"/status-lists/updates", "", SL_ROUTE_NONE, NULL},
    {"/status-lists/update/", "", SL_ROUTE_NONE, NULL},
    {"/Status-Lists/update", "", SL_ROUTE_NONE, NULL},
    {"/x/status-lists/update", "/x", SL_ROUTE_NONE, NULL},
    {"/livez/", "", SL_ROUTE_NONE, NULL},
    {"/x/livez", "/x", SL_ROUTE_NONE, NULL},
    {"/livezz", "", SL_ROUTE_NONE, NULL},
    {"/readyz?for=issuer", "", SL_ROUTE_NONE, NULL},
    {"http://host/livez", "", SL_ROUTE_NONE, NULL},
};

static void paths(void **state)
{
    (void)state;
    _Static_assert(COUNT(routes) >= 40, "routes");
    struct sl_uuid id;
    assert_true(sl_uuid_parse(SL_SPAN(ID), &id));
    for (size_t i = 0; i < COUNT(routes); i++) {
        struct sl_span path = exact(routes[i].path, strlen(routes[i].path));
        struct sl_span base = exact(routes[i].base, strlen(routes[i].base));
        struct sl_target t = sl_route_parse(path, base);
        if (t.route != routes[i].route)
            fail_msg("%s on \"%s\" gave %d, not %d", routes[i].path, routes[i].base, t.route,
                     routes[i].route);
        if (t.route == SL_ROUTE_LIST)
            assert_memory_equal(t.list.bytes, id.bytes, sizeof id.bytes);
        bool own = path.len == base.len + 1 + SL_UUID_TEXT && memcmp(path.at, base.at, base.len) == 0;
        assert_true(t.route != SL_ROUTE_LIST ? t.elsewhere.len == 0
                                             : sl_span_eq(t.elsewhere, own ? SL_SPAN("") : path));
        if (t.route >= SL_ROUTE_RESERVE || (t.route == SL_ROUTE_AGGREGATION && base.len == 0))
            assert_int_not_equal(sl_route_reserved(path), SL_RESERVED_NOT); /* the table has all of them */
        if (routes[i].pool != NULL) {
            assert_true(sl_span_eq(t.pool, sl_span(routes[i].pool, strlen(routes[i].pool))));
            assert_true(t.pool.at > path.at && t.pool.at + t.pool.len <= path.at + path.len);
        }
        drop(path);
        drop(base);
    }
    assert_int_equal(sl_route_parse(sl_span("/livez\0", 7), SL_SPAN("")).route, SL_ROUTE_NONE);
    assert_int_equal(sl_route_parse(sl_span(NULL, 0), sl_span(NULL, 0)).route, SL_ROUTE_NONE);
}

static void paths_of_urls(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"https://a.example/b/c", "/b/c"},
                                          {"https://a.example", ""},
                                          {"http://[::1]:8/x", "/x"},
                                          {"https://", ""},
                                          {"a", ""},
                                          {"", ""},
                                          {"https:///x", "/x"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sl_span url = exact(rows[i][0], strlen(rows[i][0]));
        assert_true(sl_span_eq(sl_url_path(url), sl_span(rows[i][1], strlen(rows[i][1]))));
        drop(url);
    }
    static const struct {
        const char *path;
        enum sl_reserved reserved;
    } segments[] = {{"/pools", SL_RESERVED_WHOLE},    {"/feed/x", SL_RESERVED_WHOLE},
                    {"/status/x", SL_RESERVED_ALONE}, {"", SL_RESERVED_NOT},
                    {"/", SL_RESERVED_NOT},           {"/poolsx", SL_RESERVED_NOT},
                    {"/x/pools", SL_RESERVED_NOT}};
    for (size_t i = 0; i < COUNT(segments); i++)
        assert_int_equal(sl_route_reserved(sl_span(segments[i].path, strlen(segments[i].path))),
                         segments[i].reserved);
}

static void idempotency_keys(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out; /* NULL: refused */
    } rows[] = {
        {"\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", "8e03978e-40d5-43dd-bc93-6894a57f9324"},
        {"8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"},
        {"  \"a\"  ", "a"},
        {"\"a b\"", "a b"},
        {"\"a\\\"b\\\\\"", "a\"b\\"},
        {"\"a\";x=1", "a"},
        {"\"a\"; x=1 ;y=\"z\"", "a"},
        {"abc/def:1==", "abc/def:1=="},
        {"~!#$%&'*+-.^_`|", "~!#$%&'*+-.^_`|"},
        {"", NULL},
        {"   ", NULL},
        {"\"\"", NULL},
        {"\"a", NULL},
        {"a\"", NULL},
        {"\"a\\\"", NULL},
        {"\"a\\n\"", NULL},
        {"\"a\" b", NULL},
        {"\"a\", \"b\"", NULL},
        {"a, b", NULL},
        {"a b", NULL},
        {"a;x=1", NULL},
        {"\"\xc3\xa9\"", NULL},
        {"\"a\tb\"", NULL},
        {"\"a\x7f\"", NULL},
    };
    char long_key[300], out[SL_IDEMPOTENCY_KEY];
    size_t len;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sl_span in = exact(rows[i].in, strlen(rows[i].in));
        len = 0;
        if (sl_idempotency_key(in, out, &len) != (rows[i].out != NULL))
            fail_msg("%s", rows[i].in);
        if (rows[i].out != NULL)
            assert_true(sl_span_eq(sl_span(out, len), sl_span(rows[i].out, strlen(rows[i].out))));
        else
            assert_int_equal(len, 0);
        drop(in);
    }
    memset(long_key, 'k', sizeof long_key);
    assert_true(sl_idempotency_key(sl_span(long_key, 255), out, &len) && len == 255);
    assert_false(sl_idempotency_key(sl_span(long_key, 256), out, &len));
    long_key[0] = long_key[256] = '"';
    assert_true(sl_idempotency_key(sl_span(long_key, 257), out, &len) && len == 255);
    long_key[256] = 'k';
    long_key[257] = '"';
    assert_false(sl_idempotency_key(sl_span(long_key, 258), out, &len));
}

static void waits(void **state)
{
    (void)state;
    static const struct {
        const char *lines[2];
        uint32_t seconds;
    } rows[] = {
        {{"wait=10"}, 10},
        {{"respond-async, wait=10"}, 10},
        {{"respond-async", "wait=10"}, 10},
        {{"WAIT=3"}, 3},
        {{"wait = 3"}, 3},
        {{"wait=\"3\""}, 3},
        {{"wait=3; a=b"}, 3},
        {{"wait=3;"}, 3},
        {{"wait=007"}, 7},
        {{"wait=3, wait=4"}, 3},
        {{"wait=x, wait=4"}, 4},
        {{"wait=99999999999999999999999"}, SL_PREFER_WAIT},
        {{"wait=0"}, 0},
        {{""}, 0},
        {{"wait"}, 0},
        {{"wait="}, 0},
        {{"wait=\"\""}, 0},
        {{"wait=\""}, 0},
        {{"wait=3 4"}, 0},
        {{"wait=-3"}, 0},
        {{"wait=3.5"}, 0},
        {{"waits=3"}, 0},
        {{"=3"}, 0},
        {{"x=\"wait=3\""}, 0},
        {{"x=\", wait=3\""}, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sl_span lines[2];
        size_t n = 0;
        for (; n < 2 && rows[i].lines[n] != NULL; n++)
            lines[n] = exact(rows[i].lines[n], strlen(rows[i].lines[n]));
        if (sl_prefer_wait(lines, n) != rows[i].seconds)
            fail_msg("%s gave %u", rows[i].lines[0], sl_prefer_wait(lines, n));
        for (size_t j = 0; j < n; j++)
            drop(lines[j]);
    }
    assert_int_equal(sl_prefer_wait(NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percent),          cmocka_unit_test(queries), cmocka_unit_test(numbers),
        cmocka_unit_test(content_types),    cmocka_unit_test(paths),   cmocka_unit_test(paths_of_urls),
        cmocka_unit_test(idempotency_keys), cmocka_unit_test(waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
