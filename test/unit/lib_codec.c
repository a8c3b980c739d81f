/* The public codec: against the draft's vectors, at its edges, and with streams that make false claims. */
#include "lib_help.h"

#include <jansson.h>
#include <zlib.h>

static void test_vectors(void **state)
{
    (void)state;
    json_error_t error;
    json_t *rows = json_load_file(SL_TEST_DATA "/status_list_vectors.json", 0, &error), *row;
    size_t i;
    assert_non_null(rows);
    json_array_foreach(rows, i, row)
    {
        unsigned bits = (unsigned)json_integer_value(json_object_get(row, "bits"));
        size_t size = (size_t)json_integer_value(json_object_get(row, "size")), len = size * bits / 8, n;
        uint8_t *list = calloc(1, len), *zlib, *got;
        const char *key, *lst = json_string_value(json_object_get(row, "lst"));
        json_t *value;
        json_object_foreach(json_object_get(row, "statuses"), key, value)
        {
            uint64_t index = strtoull(key, NULL, 10);
            assert_true(statuslist_set(list, len, bits, index, (unsigned)json_integer_value(value)));
            assert_int_equal(statuslist_get(list, len, bits, index), json_integer_value(value));
        }
        assert_int_equal(statuslist_compress(list, len, &zlib, &n), STATUSLIST_OK);
        char *text = statuslist_base64url(zlib, n);
        assert_string_equal(text, lst); /* level 9 gives the vector byte for byte */
        statuslist_free(zlib);
        assert_int_equal(statuslist_unbase64url(text, strlen(text), &zlib, &n), STATUSLIST_OK);
        statuslist_free(text);
        assert_int_equal(statuslist_inflate(zlib, n, len, &got, &n), STATUSLIST_OK);
        assert_int_equal(n, len);
        assert_memory_equal(got, list, len);
        statuslist_free(got);
        statuslist_free(zlib);
        free(list);
    }
    assert_true(i >= 4);
    json_decref(rows);
}

static void test_edges(void **state)
{
    (void)state;
    uint8_t list[2] = {0};
    assert_int_equal(statuslist_get(list, 2, 1, 15), 0);
    assert_int_equal(statuslist_get(list, 2, 1, 16), -1);
    assert_int_equal(statuslist_get(list, 2, 8, 1), 0);
    assert_int_equal(statuslist_get(list, 2, 8, 2), -1);
    assert_int_equal(statuslist_get(list, 2, 1, UINT64_MAX), -1);
    assert_int_equal(statuslist_get(list, 2, 3, 0), -1);
    assert_int_equal(statuslist_get(list, 0, 1, 0), -1);
    assert_false(statuslist_set(list, 2, 1, 16, 1));
    assert_false(statuslist_set(list, 2, 1, 0, 2));
    assert_false(statuslist_set(list, 2, 0, 0, 0));
    assert_true(statuslist_set(list, 2, 4, 3, 15));
    assert_int_equal(list[1], 0xf0);
    assert_int_equal(list[0], 0);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(statuslist_status_name(0), "VALID");
    assert_string_equal(statuslist_status_name(1), "INVALID");
    assert_string_equal(statuslist_status_name(2), "SUSPENDED");
    assert_string_equal(statuslist_status_name(3), "APPLICATION_SPECIFIC");
    assert_string_equal(statuslist_status_name(4), "RESERVED");
    assert_string_equal(statuslist_status_name(11), "RESERVED");
    assert_string_equal(statuslist_status_name(12), "APPLICATION_SPECIFIC");
    assert_string_equal(statuslist_status_name(15), "APPLICATION_SPECIFIC");
    assert_string_equal(statuslist_status_name(16), "RESERVED");
    for (int i = STATUSLIST_OK; i <= STATUSLIST_NO_MEMORY; i++)
        assert_true(strlen(statuslist_result_text((enum statuslist_result)i)) > 4);
}

static void test_inflate_refuses(void **state)
{
    (void)state;
    size_t len = 100000, n, m;
    uint8_t *list = calloc(1, len), *zlib, *got = NULL;
    assert_int_equal(statuslist_compress(list, len, &zlib, &n), STATUSLIST_OK);
    assert_int_equal(statuslist_inflate(zlib, n, len - 1, &got, &m), STATUSLIST_TOO_LARGE);
    assert_int_equal(statuslist_inflate(zlib, n, 0, &got, &m), STATUSLIST_TOO_LARGE);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(statuslist_inflate(zlib, cut, len, &got, &m), STATUSLIST_MALFORMED);
    uint8_t *longer = malloc(n + 1);
    memcpy(longer, zlib, n);
    longer[n] = 0;
    assert_int_equal(statuslist_inflate(longer, n + 1, len, &got, &m), STATUSLIST_TRAILING);
    longer[n - 1] ^= 1; /* the Adler-32 */
    assert_int_equal(statuslist_inflate(longer, n, len, &got, &m), STATUSLIST_MALFORMED);
    assert_int_equal(statuslist_inflate(zlib + 2, n - 6, len, &got, &m),
                     STATUSLIST_MALFORMED); /* raw deflate */
    assert_null(got);
    free(longer);
    free(list);
    statuslist_free(zlib);
}

static void test_base64url_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"A", "AA==", "AB", "A+AA", "A/AA", "AA AA", "AAAA\n", "\xc3\xa4"};
    uint8_t *got = NULL;
    size_t n;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(statuslist_unbase64url(bad[i], strlen(bad[i]), &got, &n), STATUSLIST_MALFORMED);
    assert_null(got);
    assert_int_equal(statuslist_unbase64url("", 0, &got, &n), STATUSLIST_OK);
    assert_int_equal(n, 0);
    statuslist_free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_inflate_refuses),
        cmocka_unit_test(test_base64url_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
