/* Compares the scanner of bodies with the JSON library: where it recognises a body, both read the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "http/edge_scan.h"

#define ID "123e4567-e89b-42d3-a456-426614174000"
#define URI "https://s.example/" ID
#define U "\"uri\":\"" URI "\""
#define MAX 4

static const char *const recognised_updates[] = {
    "{" U ",\"index\":7,\"value\":3}",
    "{\"value\":3,\"index\":7," U "}",
    " {\n\t\"uri\" : \"" URI "\" ,\r\n \"index\" : 7 , \"value\" : 3 } \n",
};

static const char *const left_to_the_library[] = {
    "",
    "{",
    "{}",
    "[]",
    "{" U ",\"index\":7}",
    "{" U ",\"value\":3}",
    "{" U ",\"index\":7,\"value\":256}",
    "{" U ",\"index\":4294967296,\"value\":3}",
    "{" U ",\"index\":00000000007,\"value\":3}",
    "{" U ",\"index\":07,\"value\":3}",
    "{" U ",\"index\":-7,\"value\":3}",
    "{" U ",\"index\":7.0,\"value\":3}",
    "{" U ",\"index\":7e0,\"value\":3}",
    "{" U ",\"index\":\"7\",\"value\":3}",
    "{" U ",\"index\":,\"value\":3}",
    "{" U ",\"index\":7,\"value\":3,}",
    "{" U ",\"index\":7,\"value\":3}}",
    "{" U ",\"index\":7,\"value\":3} x",
    "{" U ",\"index\":7,\"index\":7,\"value\":3}",
    "{" U ",\"index\":7,\"value\":3,\"more\":1}",
    "{" U " \"index\":7,\"value\":3}",
    "{\"\\u0075ri\":\"" URI "\",\"index\":7,\"value\":3}",
    "{\"uri\":\"https:\\/\\/s.example/" ID "\",\"index\":7,\"value\":3}",
    "{\"uri\":\"h\xc3\xa9/" ID "\",\"index\":7,\"value\":3}",
    "{\"uri\":\"h\n/" ID "\",\"index\":7,\"value\":3}",
    "{\"uri\":\"" URI "\n\",\"index\":7,\"value\":3}",
    "{\"uri\":\"" ID "\",\"index\":7,\"value\":3}",
    "{\"uri\":\"" URI "x\",\"index\":7,\"value\":3}",
};

static void same_entry(const json_t *o, const json_t *outer, const struct sl_update_entry *e)
{
    const json_t *uri = json_object_get(o, "uri"), *value = json_object_get(o, "value");
    assert_true(json_is_string(uri) && json_is_integer(json_object_get(o, "index")));
    assert_int_equal(e->uri.len, json_string_length(uri));
    assert_memory_equal(e->uri.at, json_string_value(uri), e->uri.len);
    assert_int_equal(e->index, json_integer_value(json_object_get(o, "index")));
    assert_int_equal(json_object_size(o), value != NULL ? 3 : 2);
    assert_int_equal(e->value, json_integer_value(value != NULL ? value : outer));
}

/* True: recognised, and the library agrees. The text is copied to its exact size for the sanitizer. */
static bool agrees(const char *text, size_t n)
{
    struct sl_update_entry e[MAX];
    size_t count = 0;
    char *copy = malloc(n + (n == 0));
    memcpy(copy, text, n);
    bool one = sl_scan_update(sl_span(copy, n), e), many = sl_scan_batch(sl_span(copy, n), MAX, e, &count);
    json_t *root = json_loadb(copy, n, JSON_REJECT_DUPLICATES, NULL);
    assert_false(one && many);
    if (one || many)
        assert_non_null(root);
    if (one)
        same_entry(root, NULL, e);
    const json_t *array = json_object_get(root, "statusListReferences"),
                 *outer = json_object_get(root, "value");
    for (size_t i = 0; i < count; i++)
        same_entry(json_array_get(array, i), outer, &e[i]);
    if (many)
        assert_true(json_array_size(array) == count && count <= sl_scan_batch_room(n));
    json_decref(root);
    free(copy);
    return one || many;
}

static void updates_as_clients_send_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof recognised_updates / sizeof *recognised_updates; i++) {
        struct sl_update_entry e;
        const char *text = recognised_updates[i];
        assert_true(agrees(text, strlen(text)));
        assert_true(sl_scan_update(sl_span(text, strlen(text)), &e));
        assert_true(e.index == 7 && e.value == 3 && sl_span_eq(e.uri, SL_SPAN(URI)));
    }
}

static void anything_else_is_left_to_the_library(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof left_to_the_library / sizeof *left_to_the_library; i++)
        if (agrees(left_to_the_library[i], strlen(left_to_the_library[i])))
            fail_msg("recognised: %s", left_to_the_library[i]);
}

#define E(i) "{" U ",\"index\":" #i "}"
#define EV(i, v) "{" U ",\"index\":" #i ",\"value\":" #v "}"

static const char *const batches[] = {
    "{\"statusListReferences\":[" E(1) "," E(2) "],\"value\":1}",
    "{\"value\":1,\"statusListReferences\":[" E(1) "," EV(2, 0) "," E(3) "]}",
    "{\"statusListReferences\":[" EV(1, 1) "," EV(4294967295, 255) "]}",
    " { \"statusListReferences\" : [ ] } ",
};

static const char *const odd_batches[] = {
    "{\"statusListReferences\":[" E(1) "]}",
    "{\"statusListReferences\":[" E(1) "," EV(2, 0) "]}",
    "{\"value\":1}",
    "{\"statusListReferences\":[" E(1) ",],\"value\":1}",
    "{\"statusListReferences\":[" E(1) "],\"value\":1,\"value\":1}",
    "{\"statusListReferences\":[],\"statusListReferences\":[]}",
    "{\"statusListReferences\":[" E(1) "," E(2) "," E(3) "," E(4) "," E(5) "],\"value\":1}",
    "{\"statusListReferences\":[[]],\"value\":1}",
};

static void batches_as_clients_send_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++)
        if (!agrees(batches[i], strlen(batches[i])))
            fail_msg("not recognised: %s", batches[i]);
    for (size_t i = 0; i < sizeof odd_batches / sizeof *odd_batches; i++)
        if (agrees(odd_batches[i], strlen(odd_batches[i])))
            fail_msg("recognised: %s", odd_batches[i]);
}

/* A good text with each byte replaced by every other byte, and each of its prefixes: what the scanner still
 * recognises means the same to the library. */
static void neighbours_agree(void **state)
{
    (void)state;
    const char *good[] = {recognised_updates[0], batches[0], batches[2]};
    unsigned recognised = 0;
    for (unsigned g = 0; g < 3; g++) {
        char text[512];
        size_t n = strlen(good[g]);
        memcpy(text, good[g], n);
        for (size_t i = 0; i < n; i++) {
            assert_false(agrees(text, i));
            for (unsigned c = 0; c < 256; c++) {
                text[i] = (char)c;
                recognised += agrees(text, n);
            }
            text[i] = good[g][i];
        }
    }
    assert_true(recognised > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_as_clients_send_them),
        cmocka_unit_test(anything_else_is_left_to_the_library),
        cmocka_unit_test(batches_as_clients_send_them),
        cmocka_unit_test(neighbours_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
