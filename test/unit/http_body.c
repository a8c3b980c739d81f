/* Bodies of updates: which are refused and with which sentence, and which are understood. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "http/edge_body.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define ID "123e4567-e89b-42d3-a456-426614174000"
#define U "\"uri\":\"https://s.example/" ID "\""
#define GOOD "{" U ",\"index\":1,\"value\":1}"
#define SEND "; send {\"uri\": string, \"index\": integer, \"value\": integer}"
#define SEND_BATCH "; send {\"statusListReferences\": [{\"uri\", \"index\"}, ...], \"value\": integer}"
#define NO_ID "\"uri\" must end in / and the id of a list, a UUID in lower case"
#define INDEX_RANGE "\"index\" must be from 0 to 4294967295"
#define VALUE_RANGE "\"value\" must be from 0 to 255, and fit the bits of the list"
#define LIST(entries) "{\"statusListReferences\":[" entries "]}"
#define LIST1(entries) "{\"statusListReferences\":[" entries "],\"value\":1}"
#define MAX_ENTRIES 4

struct row {
    const char *text;
    enum sl_err err;
    const char *why;
};

#define MALFORMED SL_ERR_MALFORMED_REQUEST
#define JSON_AT(column) "the body is not valid JSON (line 1, column " #column ")"
#define ENDS_AT(column) "the body ends in the middle of its JSON (line 1, column " #column ")"

/* clang-format off */
static const struct row updates[] = {
    /* not JSON */
    {"", MALFORMED, "the body is empty" SEND},
    {" ", MALFORMED, ENDS_AT(1)},
    {"x", MALFORMED, JSON_AT(1)},
    {"{", MALFORMED, ENDS_AT(1)},
    {"{\"uri\"", MALFORMED, ENDS_AT(6)},
    {"{\"uri\":", MALFORMED, ENDS_AT(7)},
    {"{\"uri\":\"abc", MALFORMED, ENDS_AT(11)},
    {"{'uri':1}", MALFORMED, JSON_AT(2)},
    {"{uri:1}", MALFORMED, JSON_AT(4)},
    {"{\"uri\":1,}", MALFORMED, JSON_AT(10)},
    {"{\"uri\" 1}", MALFORMED, JSON_AT(8)},
    {"{\"index\":01}", MALFORMED, JSON_AT(10)},
    {"{\"index\":+1}", MALFORMED, JSON_AT(10)},
    {"{\"index\":.5}", MALFORMED, JSON_AT(10)},
    {"{\"index\":1.}", MALFORMED, JSON_AT(11)},
    {"{\"index\":-}", MALFORMED, JSON_AT(10)},
    {"{\"index\":0x10}", MALFORMED, JSON_AT(11)},
    {"{\"index\":NaN}", MALFORMED, JSON_AT(12)},
    {"{\"index\":Infinity}", MALFORMED, JSON_AT(17)},
    {"{\"index\":True}", MALFORMED, JSON_AT(13)},
    {"{\"uri\":\"\\x\"}", MALFORMED, JSON_AT(10)},
    {"{\"uri\":\"\\u12\"}", MALFORMED, JSON_AT(13)},
    {"{\"uri\":\"a\nb\"}", MALFORMED, JSON_AT(9)},
    {"{\"uri\":\"\\ud800\"}", MALFORMED, JSON_AT(15)},
    {"{\"uri\":\"\\udc00\\ud800\"}", MALFORMED, JSON_AT(21)},
    {"/* */{}", MALFORMED, JSON_AT(1)},
    {"}", MALFORMED, JSON_AT(1)},
    {"]]]]]]", MALFORMED, JSON_AT(1)},
    {"{\n\"uri\":\n x}", MALFORMED, "the body is not valid JSON (line 3, column 2)"},
    {GOOD "x", MALFORMED, "the body goes on after its JSON value (line 1, column 85)"},
    {GOOD GOOD, MALFORMED, "the body goes on after its JSON value (line 1, column 85)"},
    {GOOD ",", MALFORMED, "the body goes on after its JSON value (line 1, column 85)"},
    {GOOD "}", MALFORMED, "the body goes on after its JSON value (line 1, column 85)"},
    /* not UTF-8 */
    {"\xef\xbb\xbf" GOOD, MALFORMED, JSON_AT(1)},
    {"\xff\xfe{\x01}", MALFORMED, "the body is not UTF-8 (line 1, column 0)"},
    {"{\"uri\":\"\xff\"}", MALFORMED, "the body is not UTF-8 (line 1, column 8)"},
    {"{\"uri\":\"\xc3\"}", MALFORMED, "the body is not UTF-8 (line 1, column 8)"},
    {"{\"uri\":\"\xc0\xaf\"}", MALFORMED, "the body is not UTF-8 (line 1, column 8)"},
    {"{\"uri\":\"\xed\xa0\x80\"}", MALFORMED, "the body is not UTF-8 (line 1, column 8)"},
    {"{\"uri\":\"\xf4\x90\x80\x80\"}", MALFORMED, "the body is not UTF-8 (line 1, column 8)"},
    {"{\"\x80\":1}", MALFORMED, "the body is not UTF-8 (line 1, column 2)"},
    {"{\"uri\":\"\xe2\x82", MALFORMED, "the body is not UTF-8 (line 1, column 8)"},
    /* NUL in a string */
    {"{\"uri\":\"a\\u0000b\"}", MALFORMED, "a string contains \\u0000 (line 1, column 17)"},
    {"{\"a\\u0000b\":1}", MALFORMED, "a string contains \\u0000 (line 1, column 11)"},
    /* members twice */
    {"{" U "," U ",\"index\":1,\"value\":1}", MALFORMED, "a member appears twice in one object (line 1, column 69)"},
    {"{" U ",\"index\":1,\"index\":1,\"value\":1}", MALFORMED, "a member appears twice in one object (line 1, column 81)"},
    {"{" U ",\"index\":1,\"value\":1,\"v\\u0061lue\":1}", MALFORMED, "a member appears twice in one object (line 1, column 96)"},
    /* depth */
    {"[[[[[", MALFORMED, ENDS_AT(5)},
    {"{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}", MALFORMED, "unknown member \"a\"" SEND},
    {"[[[[[]]]]]", MALFORMED, "the body must be a JSON object" SEND},
    {"[[[[]]]]", MALFORMED, "the body must be a JSON object" SEND},
    {"{\"a\":[{\"a\":[]}]}", MALFORMED, "unknown member \"a\"" SEND},
    {"{\"a\":\"[[[[[[[[\"}", MALFORMED, "unknown member \"a\"" SEND},
    {"{\"a\":\"\\\"[[[[[[[[\"}", MALFORMED, "unknown member \"a\"" SEND},
    {"{\"a\":\"\\\\\",\"b\":[[[[[[[[", MALFORMED, ENDS_AT(22)},
    /* not an object */
    {"null", MALFORMED, "the body must be a JSON object" SEND},
    {"true", MALFORMED, "the body must be a JSON object" SEND},
    {"1", MALFORMED, "the body must be a JSON object" SEND},
    {"\"x\"", MALFORMED, "the body must be a JSON object" SEND},
    {"[]", MALFORMED, "the body must be a JSON object" SEND},
    {"[" GOOD "]", MALFORMED, "the body must be a JSON object" SEND},
    /* members */
    {"{}", MALFORMED, "\"uri\" is missing" SEND},
    {"{\"index\":1,\"value\":1}", MALFORMED, "\"uri\" is missing" SEND},
    {"{" U ",\"value\":1}", MALFORMED, "\"index\" is missing" SEND},
    {"{" U ",\"index\":1}", MALFORMED, "\"value\" is missing" SEND},
    {"{" U ",\"index\":1,\"value\":1,\"x\":1}", MALFORMED, "unknown member \"x\"" SEND},
    {"{" U ",\"index\":1,\"Value\":1}", MALFORMED, "unknown member \"Value\"" SEND},
    {"{" U ",\"index\":1,\"value\":1,\"\":1}", MALFORMED, "unknown member" SEND},
    {"{\"a b\":1}", MALFORMED, "unknown member" SEND},
    {"{\"a\\\"b\":1}", MALFORMED, "unknown member" SEND},
    {"{\"a\\nb\":1}", MALFORMED, "unknown member" SEND},
    {"{\"\xc3\xa9\":1}", MALFORMED, "unknown member" SEND},
    {"{\"a1234567890123456789012345678901\":1}", MALFORMED, "unknown member \"a1234567890123456789012345678901\"" SEND},
    {"{\"a12345678901234567890123456789012\":1}", MALFORMED, "unknown member" SEND},
    {"{\"statusListReferences\":[],\"value\":1}", MALFORMED, "unknown member \"statusListReferences\"" SEND},
    /* types */
    {"{\"uri\":1,\"index\":1,\"value\":1}", MALFORMED, "\"uri\" must be a string"},
    {"{\"uri\":null,\"index\":1,\"value\":1}", MALFORMED, "\"uri\" must be a string"},
    {"{\"uri\":[\"x\"],\"index\":1,\"value\":1}", MALFORMED, "\"uri\" must be a string"},
    {"{" U ",\"index\":\"1\",\"value\":1}", MALFORMED, "\"index\" must be an integer"},
    {"{" U ",\"index\":1.0,\"value\":1}", MALFORMED, "\"index\" must be an integer"},
    {"{" U ",\"index\":1e2,\"value\":1}", MALFORMED, "\"index\" must be an integer"},
    {"{" U ",\"index\":-0.0,\"value\":1}", MALFORMED, "\"index\" must be an integer"},
    {"{" U ",\"index\":null,\"value\":1}", MALFORMED, "\"index\" must be an integer"},
    {"{" U ",\"index\":true,\"value\":1}", MALFORMED, "\"index\" must be an integer"},
    {"{" U ",\"index\":[1],\"value\":1}", MALFORMED, "\"index\" must be an integer"},
    {"{" U ",\"index\":{},\"value\":1}", MALFORMED, "\"index\" must be an integer"},
    {"{" U ",\"index\":1,\"value\":\"1\"}", MALFORMED, "\"value\" must be an integer"},
    {"{" U ",\"index\":1,\"value\":1.0}", MALFORMED, "\"value\" must be an integer"},
    {"{" U ",\"index\":1,\"value\":true}", MALFORMED, "\"value\" must be an integer"},
    {"{" U ",\"index\":1,\"value\":false}", MALFORMED, "\"value\" must be an integer"},
    {"{" U ",\"index\":1,\"value\":null}", MALFORMED, "\"value\" must be an integer"},
    {"{" U ",\"index\":1,\"value\":1e999}", MALFORMED, "a number is too large (line 1, column 87)"},
    {"{" U ",\"index\":123456789012345678901234567890.5,\"value\":1}", MALFORMED, "\"index\" must be an integer"},
    {"{" U ",\"index\":123456789012345678901234567890e1,\"value\":1}", MALFORMED, "\"index\" must be an integer"},
    {"{" U ",\"index\":0123456789012345678901,\"value\":1}", MALFORMED, JSON_AT(73)},
    {"{" U ",\"index\":--12345678901234567890,\"value\":1}", MALFORMED, JSON_AT(73)},
    {"{\"index\":123456789012345678901234567890", MALFORMED, ENDS_AT(39)},
    /* a number that is too large takes from no other member what is wrong with it */
    {"{" U ",\"index\":99999999999999999999,\"value\":1.5}", SL_ERR_INDEX_OUT_OF_BOUNDS, INDEX_RANGE},
    {"{" U ",\"index\":1.5,\"value\":99999999999999999999}", MALFORMED, "\"index\" must be an integer"},
    {"{" U ",\"index\":1.0,\"value\":99999999999999999999}", SL_ERR_VALUE_OUT_OF_RANGE, VALUE_RANGE},
    {"{" U ",\"index\":-99999999999999999999,\"value\":1}", SL_ERR_INDEX_OUT_OF_BOUNDS, INDEX_RANGE},
    {"{" U ",\"index\":1,\"value\":1,\"x\":99999999999999999999}", MALFORMED, "unknown member \"x\"" SEND},
    {"{\"uri\":99999999999999999999,\"index\":1,\"value\":1}", MALFORMED, "\"uri\" must be a string"},
    {"[99999999999999999999]", MALFORMED, "the body must be a JSON object" SEND},
    /* ranges */
    {"{" U ",\"index\":-1,\"value\":1}", SL_ERR_INDEX_OUT_OF_BOUNDS, INDEX_RANGE},
    {"{" U ",\"index\":4294967296,\"value\":1}", SL_ERR_INDEX_OUT_OF_BOUNDS, INDEX_RANGE},
    {"{" U ",\"index\":9223372036854775807,\"value\":1}", SL_ERR_INDEX_OUT_OF_BOUNDS, INDEX_RANGE},
    {"{" U ",\"index\":9223372036854775808,\"value\":1}", SL_ERR_INDEX_OUT_OF_BOUNDS, INDEX_RANGE},
    {"{" U ",\"index\":-9223372036854775809,\"value\":1}", SL_ERR_INDEX_OUT_OF_BOUNDS, INDEX_RANGE},
    {"{" U ",\"index\":123456789012345678901234567890,\"value\":1}", SL_ERR_INDEX_OUT_OF_BOUNDS, INDEX_RANGE},
    {"{" U ",\"index\":1,\"value\":-1}", SL_ERR_VALUE_OUT_OF_RANGE, VALUE_RANGE},
    {"{" U ",\"index\":1,\"value\":256}", SL_ERR_VALUE_OUT_OF_RANGE, VALUE_RANGE},
    {"{" U ",\"index\":1,\"value\":123456789012345678901234567890}", SL_ERR_VALUE_OUT_OF_RANGE, VALUE_RANGE},
    /* a uri that is no list's */
    {"{\"uri\":\"\",\"index\":1,\"value\":1}", SL_ERR_NO_SUCH_REFERENCE, NO_ID},
    {"{\"uri\":\"" ID "\",\"index\":1,\"value\":1}", SL_ERR_NO_SUCH_REFERENCE, NO_ID},
    {"{\"uri\":\"x" ID "\",\"index\":1,\"value\":1}", SL_ERR_NO_SUCH_REFERENCE, NO_ID},
    {"{\"uri\":\"https://s.example/\",\"index\":1,\"value\":1}", SL_ERR_NO_SUCH_REFERENCE, NO_ID},
    {"{\"uri\":\"https://s.example/" ID "/\",\"index\":1,\"value\":1}", SL_ERR_NO_SUCH_REFERENCE, NO_ID},
    {"{\"uri\":\"https://s.example/" ID "?a=1\",\"index\":1,\"value\":1}", SL_ERR_NO_SUCH_REFERENCE, NO_ID},
    {"{\"uri\":\"https://s.example/" ID "#a\",\"index\":1,\"value\":1}", SL_ERR_NO_SUCH_REFERENCE, NO_ID},
    {"{\"uri\":\"https://s.example/?" ID "\",\"index\":1,\"value\":1}", SL_ERR_NO_SUCH_REFERENCE, NO_ID},
    {"{\"uri\":\"https://s.example/123E4567-E89B-42D3-A456-426614174000\",\"index\":1,\"value\":1}", SL_ERR_NO_SUCH_REFERENCE, NO_ID},
    {"{\"uri\":\"https://s.example/123e4567e89b42d3a456426614174000\",\"index\":1,\"value\":1}", SL_ERR_NO_SUCH_REFERENCE, NO_ID},
};

static const struct row batches[] = {
    {"", MALFORMED, "the body is empty" SEND_BATCH},
    {"{", MALFORMED, ENDS_AT(1)},
    {"[]", MALFORMED, "the body must be a JSON object" SEND_BATCH},
    {"{}", MALFORMED, "\"statusListReferences\" is missing" SEND_BATCH},
    {"{\"value\":1}", MALFORMED, "\"statusListReferences\" is missing" SEND_BATCH},
    {GOOD, MALFORMED, "unknown member \"uri\"" SEND_BATCH},
    {"{\"statusListReferences\":[],\"values\":1}", MALFORMED, "unknown member \"values\"" SEND_BATCH},
    {"{\"statusListReferences\":[],\"value\":1,\"value\":1}", MALFORMED, "a member appears twice in one object (line 1, column 44)"},
    {"{\"statusListReferences\":null}", MALFORMED, "\"statusListReferences\" must be an array"},
    {"{\"statusListReferences\":{}}", MALFORMED, "\"statusListReferences\" must be an array"},
    {"{\"statusListReferences\":\"\"}", MALFORMED, "\"statusListReferences\" must be an array"},
    {"{\"statusListReferences\":" GOOD "}", MALFORMED, "\"statusListReferences\" must be an array"},
    {"{\"statusListReferences\":[],\"value\":\"1\"}", MALFORMED, "\"value\" must be an integer"},
    {"{\"statusListReferences\":[],\"value\":null}", MALFORMED, "\"value\" must be an integer"},
    {"{\"statusListReferences\":[],\"value\":1.5}", MALFORMED, "\"value\" must be an integer"},
    {"{\"statusListReferences\":[],\"value\":256}", SL_ERR_VALUE_OUT_OF_RANGE, VALUE_RANGE},
    {"{\"statusListReferences\":[],\"value\":-1}", SL_ERR_VALUE_OUT_OF_RANGE, VALUE_RANGE},
    {"{\"statusListReferences\":[" GOOD "],\"value\":99999999999999999999}", SL_ERR_VALUE_OUT_OF_RANGE, VALUE_RANGE},
    {LIST(GOOD "," GOOD "," GOOD "," GOOD "," GOOD), SL_ERR_CONTENT_TOO_LARGE, "\"statusListReferences\" has 5 entries; at most 4 are allowed"},
    {LIST("1,1,1,1,1"), SL_ERR_CONTENT_TOO_LARGE, "\"statusListReferences\" has 5 entries; at most 4 are allowed"},
    {LIST("1"), MALFORMED, "statusListReferences[0]: must be an object {\"uri\": string, \"index\": integer, \"value\": integer}"},
    {LIST("null"), MALFORMED, "statusListReferences[0]: must be an object {\"uri\": string, \"index\": integer, \"value\": integer}"},
    {LIST("[]"), MALFORMED, "statusListReferences[0]: must be an object {\"uri\": string, \"index\": integer, \"value\": integer}"},
    {LIST(GOOD ",\"x\""), MALFORMED, "statusListReferences[1]: must be an object {\"uri\": string, \"index\": integer, \"value\": integer}"},
    {LIST1("{}"), MALFORMED, "statusListReferences[0]: \"uri\" is missing" SEND},
    {LIST1(GOOD ",{" U "}"), MALFORMED, "statusListReferences[1]: \"index\" is missing" SEND},
    {LIST1(GOOD ",{\"index\":1}"), MALFORMED, "statusListReferences[1]: \"uri\" is missing" SEND},
    {LIST("{" U ",\"index\":1}"), MALFORMED, "statusListReferences[0]: \"value\" is missing; send it in each entry, or once beside \"statusListReferences\""},
    {LIST(GOOD ",{" U ",\"index\":1}"), MALFORMED, "statusListReferences[1]: \"value\" is missing; send it in each entry, or once beside \"statusListReferences\""},
    {LIST1(GOOD "," GOOD "," GOOD ",{" U ",\"index\":\"1\"}"), MALFORMED, "statusListReferences[3]: \"index\" must be an integer"},
    {LIST1("{" U ",\"index\":1,\"value\":\"1\"}"), MALFORMED, "statusListReferences[0]: \"value\" must be an integer"},
    {LIST1("{" U ",\"index\":1,\"value\":null}"), MALFORMED, "statusListReferences[0]: \"value\" must be an integer"},
    {LIST1("{\"uri\":7,\"index\":1}"), MALFORMED, "statusListReferences[0]: \"uri\" must be a string"},
    {LIST1("{" U ",\"index\":1,\"note\":1}"), MALFORMED, "statusListReferences[0]: unknown member \"note\"" SEND},
    {LIST1("{" U ",\"index\":1,\"a1234567890123456789012345678901\":1}"), MALFORMED, "statusListReferences[0]: unknown member \"a1234567890123456789012345678901\"" SEND},
    {LIST1("{" U ",\"index\":1,\"index\":1}"), MALFORMED, "a member appears twice in one object (line 1, column 106)"},
    {LIST1("{" U ",\"index\":{\"a\":1}}"), MALFORMED, "statusListReferences[0]: \"index\" must be an integer"},
    {LIST1("{" U ",\"index\":{\"a\":[]}}"), MALFORMED, "statusListReferences[0]: \"index\" must be an integer"},
    {LIST1("{" U ",\"index\":1.0}"), MALFORMED, "statusListReferences[0]: \"index\" must be an integer"},
    {LIST1(GOOD ",{" U ",\"index\":-1}"), SL_ERR_INDEX_OUT_OF_BOUNDS, "statusListReferences[1]: " INDEX_RANGE},
    {LIST1(GOOD ",{" U ",\"index\":4294967296}"), SL_ERR_INDEX_OUT_OF_BOUNDS, "statusListReferences[1]: " INDEX_RANGE},
    {LIST1("{" U ",\"index\":99999999999999999999}," GOOD), SL_ERR_INDEX_OUT_OF_BOUNDS, "statusListReferences[0]: " INDEX_RANGE},
    {LIST1("{" U ",\"index\":1,\"value\":256}"), SL_ERR_VALUE_OUT_OF_RANGE, "statusListReferences[0]: " VALUE_RANGE},
    {LIST1("{\"uri\":\"/x\",\"index\":1}"), SL_ERR_NO_SUCH_REFERENCE, "statusListReferences[0]: " NO_ID},
    {LIST1("{" U ",\"index\":-1},{" U ",\"index\":\"x\"}"), SL_ERR_INDEX_OUT_OF_BOUNDS, "statusListReferences[0]: " INDEX_RANGE}, /* the first decides */
    {LIST1(GOOD) "\n1", MALFORMED, "the body goes on after its JSON value (line 2, column 1)"},
    {LIST1(GOOD "," ), MALFORMED, JSON_AT(111)},
    {LIST1(GOOD " " GOOD), MALFORMED, JSON_AT(111)},
    {LIST1("{" U ",\"index\":1,\"value\":\"\xff\"}"), MALFORMED, "the body is not UTF-8 (line 1, column 108)"},
    {LIST1("[[[" ), MALFORMED, JSON_AT(38)},
    {LIST1("{" U "}"), MALFORMED, "statusListReferences[0]: \"index\" is missing" SEND},
    {LIST1("{\"uri\":\"" ID "\",\"index\":1}"), SL_ERR_NO_SUCH_REFERENCE, "statusListReferences[0]: " NO_ID},
    {LIST1("{\"uri\":\"https://s.example/" ID "?x\",\"index\":1}"), SL_ERR_NO_SUCH_REFERENCE, "statusListReferences[0]: " NO_ID},
    {"{\"statusListReferences\":[" GOOD "]", MALFORMED, ENDS_AT(110)},
    {"{\"statusListReferences\":[" GOOD, MALFORMED, ENDS_AT(109)},
    {"{\"statuslistreferences\":[" GOOD "]}", MALFORMED, "unknown member \"statuslistreferences\"" SEND_BATCH},
    {"{\"statusListReferences\":[" GOOD "],\"statusListReferences\":[" GOOD "]}", MALFORMED, "a member appears twice in one object (line 1, column 133)"},
    {"{\"statusListReferences\":[" GOOD "],\"index\":1}", MALFORMED, "unknown member \"index\"" SEND_BATCH},
    {"{\"statusListReferences\":[" GOOD "],\"value\":[1]}", MALFORMED, "\"value\" must be an integer"},
    {"{\"statusListReferences\":true,\"value\":1}", MALFORMED, "\"statusListReferences\" must be an array"},
};
/* clang-format on */

static enum sl_err parse(bool batch, struct sl_span text, char why[static SL_WHY], struct sl_body **ret)
{
    return batch ? sl_body_batch(text, MAX_ENTRIES, why, ret) : sl_body_update(text, why, ret);
}

static char *last_text; /* bodies point into it */

/* A copy of the exact size, so that the sanitizer sees a read beyond its end; until the next. */
static enum sl_err parse_text(bool batch, const char *text, char why[static SL_WHY], struct sl_body **ret)
{
    size_t n = strlen(text);
    free(last_text);
    last_text = malloc(n + (n == 0));
    memcpy(last_text, text, n);
    return parse(batch, sl_span(last_text, n), why, ret);
}

static void refused(bool batch, const struct row *rows, size_t n)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < n; i++) {
        char why[SL_WHY] = "";
        struct sl_body *body = NULL;
        enum sl_err err = parse_text(batch, rows[i].text, why, &body);
        assert_null(body);
        if (err != rows[i].err || strcmp(why, rows[i].why) != 0) {
            print_error("%s\n    gave %s: %s\n", rows[i].text, sl_err_code(err), why);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void bad_updates(void **state)
{
    (void)state;
    _Static_assert(COUNT(updates) >= 60 && COUNT(batches) >= 60, "tables");
    refused(false, updates, COUNT(updates));
}

static void bad_batches(void **state)
{
    (void)state;
    refused(true, batches, COUNT(batches));
}

static struct sl_body *understood(bool batch, const char *text, size_t count)
{
    char why[SL_WHY] = "untouched";
    struct sl_body *body = NULL;
    size_t n = 0;
    if (parse_text(batch, text, why, &body) != SL_OK)
        fail_msg("%s: %s", text, why);
    assert_string_equal(why, "untouched");
    assert_non_null(sl_body_entries(body, &n));
    assert_int_equal(n, count);
    return body;
}

static void check(const struct sl_body *body, size_t position, const char *uri, uint32_t index,
                  uint32_t value)
{
    size_t n;
    const struct sl_update_entry *e = sl_body_entries(body, &n) + position;
    struct sl_uuid id;
    assert_true(sl_uuid_parse(SL_SPAN(ID), &id));
    assert_memory_equal(e->list.bytes, id.bytes, sizeof id.bytes);
    assert_true(sl_span_eq(e->uri, sl_span(uri, strlen(uri))));
    assert_int_equal(e->index, index);
    assert_int_equal(e->value, value);
}

#define URI "https://s.example/" ID

static void good_updates(void **state)
{
    (void)state;
    static const struct {
        const char *text, *uri;
        uint32_t index, value;
    } rows[] = {
        {GOOD, URI, 1, 1},
        {" \t\r\n{ \"value\" : 0 ,\n\"index\" : 0, " U "\n}\n", URI, 0, 0},
        {"{" U ",\"index\":4294967295,\"value\":255}", URI, UINT32_MAX, 255},
        {"{" U ",\"index\":-0,\"value\":-0}", URI, 0, 0},
        {"{\"uri\":\"/" ID "\",\"index\":1,\"value\":1}", "/" ID, 1, 1},
        {"{\"uri\":\"https:\\/\\/s.example\\/" ID "\",\"index\":1,\"value\":1}", URI, 1, 1},
        {"{\"ur\\u0069\":\"https://s.example/\\u00312"
         "3e4567-e89b-42d3-a456-426614174000\",\"index\":1,\"value\":1}",
         URI, 1, 1},
        {"{\"uri\":\"https://s.example/?a=[{[{[{\xc3\xa9/" ID "\",\"index\":1,\"value\":1}",
         "https://s.example/?a=[{[{[{\xc3\xa9/" ID, 1, 1},
        {"{\"uri\":\"12345678901234567890/" ID "\",\"index\":1,\"value\":1}", "12345678901234567890/" ID, 1,
         1},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sl_body *body = understood(false, rows[i].text, 1);
        check(body, 0, rows[i].uri, rows[i].index, rows[i].value);
        sl_body_free(body);
    }
}

static void good_batches(void **state)
{
    (void)state;
    struct sl_body *body = understood(true, LIST1("{" U ",\"index\":5},{" U ",\"index\":6,\"value\":7}"), 2);
    check(body, 0, URI, 5, 1);
    check(body, 1, URI, 6, 7);
    sl_body_free(body);
    body = understood(true, "{\"value\":3,\"statusListReferences\":[{" U ",\"index\":5}]}", 1);
    check(body, 0, URI, 5, 3);
    sl_body_free(body);
    body = understood(true, LIST(GOOD "," GOOD "," GOOD "," GOOD), MAX_ENTRIES); /* each with its own value */
    for (size_t i = 0; i < MAX_ENTRIES; i++)
        check(body, i, URI, 1, 1);
    sl_body_free(body);
    sl_body_free(understood(true, LIST(""), 0));
    sl_body_free(NULL);
}

/* Ten thousand entries, all different, arrive in order. */
static void large_batch(void **state)
{
    (void)state;
    enum { N = 10000, ROOM = N * 128 };
    char *text = malloc(ROOM), why[SL_WHY];
    size_t len = (size_t)snprintf(text, ROOM, "{\"value\":9,\"statusListReferences\":["), n = 0;
    for (unsigned i = 0; i < N; i++)
        len += (size_t)snprintf(text + len, ROOM - len, "%s{" U ",\"index\":%u}", i > 0 ? "," : "", i * 3);
    len += (size_t)snprintf(text + len, ROOM - len, "]}");
    struct sl_body *body = NULL;
    assert_int_equal(sl_body_batch(sl_span(text, len), N - 1, why, &body), SL_ERR_CONTENT_TOO_LARGE);
    assert_string_equal(why, "\"statusListReferences\" has 10000 entries; at most 9999 are allowed");
    assert_int_equal(sl_body_batch(sl_span(text, len), N, why, &body), SL_OK);
    sl_body_entries(body, &n);
    assert_int_equal(n, N);
    for (unsigned i = 0; i < N; i++)
        check(body, i, URI, i * 3, 9);
    sl_body_free(body);
    free(text);
}

/* A megabyte of brackets costs no more than jansson's bound. */
static void depth_bombs(void **state)
{
    (void)state;
    static const char *const units[] = {"[", "{\"a\":", "[{\"a\":", "[[],", "{\"a\":[],\"b\":"};
    enum { SIZE = 1 << 20 };
    char *text = malloc(SIZE), why[SL_WHY];
    for (size_t u = 0; u < COUNT(units); u++) {
        size_t n = 0, unit = strlen(units[u]);
        while (n + unit <= SIZE) {
            memcpy(text + n, units[u], unit);
            n += unit;
        }
        struct sl_body *body = NULL;
        assert_int_equal(sl_body_batch(sl_span(text, n), 10, why, &body), MALFORMED);
        assert_non_null(strstr(why, "the body is nested too deeply (line 1, column "));
        assert_int_equal(sl_body_update(sl_span(text, n), why, &body), MALFORMED);
        assert_null(body);
    }
    free(text);
}

/* Every proper prefix of a good body is refused, and none is read beyond its end. */
static void cut_short(void **state)
{
    (void)state;
    static const char whole[] = LIST1("{" U ",\"index\":5},{" U ",\"index\":99999999999999999999}");
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        char *copy = malloc(n + (n == 0)), why[SL_WHY] = "";
        memcpy(copy, whole, n);
        struct sl_body *body = NULL;
        assert_int_equal(sl_body_batch(sl_span(copy, n), 10, why, &body), MALFORMED);
        assert_int_equal(sl_body_update(sl_span(copy, n), why, &body), MALFORMED);
        assert_true(why[0] != '\0');
        free(copy);
    }
}

static void bytes_after_nul(void **state)
{
    (void)state;
    char why[SL_WHY];
    struct sl_body *body = NULL;
    assert_int_equal(sl_body_update(sl_span(GOOD "\0", sizeof GOOD), why, &body), MALFORMED);
    assert_int_equal(sl_body_update(sl_span("\0" GOOD, sizeof GOOD), why, &body), MALFORMED);
    assert_int_equal(sl_body_update(sl_span(NULL, 0), why, &body), MALFORMED);
    assert_null(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_updates),  cmocka_unit_test(bad_batches),     cmocka_unit_test(good_updates),
        cmocka_unit_test(good_batches), cmocka_unit_test(large_batch),     cmocka_unit_test(depth_bombs),
        cmocka_unit_test(cut_short),    cmocka_unit_test(bytes_after_nul),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(last_text);
    return failed;
}
