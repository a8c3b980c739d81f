/* The status bits against the vectors of the draft, and the offset conversion against a bit-by-bit model of
 * Redis. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>
#include <zlib.h>

#include "base/assert.h"
#include "base/base64url.h"
#include "core/status_list.h"

struct vector {
    const char *name, *lst;
    unsigned bits;
    uint32_t size;
    json_t *statuses;
};

static struct vector vector_of(json_t *row)
{
    struct vector v = {.statuses = json_object_get(row, "statuses")};
    v.name = json_string_value(json_object_get(row, "name"));
    v.lst = json_string_value(json_object_get(row, "lst"));
    v.bits = (unsigned)json_integer_value(json_object_get(row, "bits"));
    v.size = (uint32_t)json_integer_value(json_object_get(row, "size"));
    assert_non_null(v.name);
    assert_non_null(v.lst);
    assert_true(sl_status_bits_valid(v.bits));
    assert_true(json_object_size(v.statuses) > 0);
    return v;
}

/* One byte per entry: what sl_status_get must answer. */
static uint8_t *expected(const struct vector *v)
{
    uint8_t *want = sl_xcalloc(v->size, 1);
    const char *key;
    json_t *value;
    json_object_foreach(v->statuses, key, value)
    {
        unsigned long index = strtoul(key, NULL, 10);
        assert_true(index < v->size);
        want[index] = (uint8_t)json_integer_value(value);
    }
    return want;
}

static void check_vector(const struct vector *v)
{
    size_t len = sl_status_bytes(v->size, v->bits), packed_len = 0;
    uint8_t *want = expected(v), *built = sl_xcalloc(len, 1), *inflated = sl_xcalloc(len + 1, 1);
    for (uint32_t i = 0; i < v->size; i++)
        sl_status_set(built, v->bits, i, want[i]);

    uint8_t *packed = sl_xcalloc(strlen(v->lst) + 1, 1);
    assert_true(sl_base64url_decode(packed, v->lst, strlen(v->lst), &packed_len));
    uLongf inflated_len = len + 1;
    assert_int_equal(uncompress(inflated, &inflated_len, packed, packed_len), Z_OK);
    assert_int_equal(inflated_len, len);
    assert_memory_equal(inflated, built, len);
    for (uint32_t i = 0; i < v->size; i++)
        if (sl_status_get(inflated, len, v->bits, i) != want[i])
            fail_msg("%s: entry %u", v->name, i);

    uLongf again_len = compressBound(len);
    uint8_t *again = sl_xcalloc(again_len, 1);
    assert_int_equal(compress2(again, &again_len, built, len, 9), Z_OK);
    char *text = sl_xcalloc(sl_base64url_len(again_len) + 1, 1);
    sl_base64url_encode(text, again, again_len);
    assert_string_equal(text, v->lst);
    free(text);
    free(again);
    free(packed);
    free(inflated);
    free(built);
    free(want);
}

static void test_vectors(void **state)
{
    (void)state;
    json_error_t error;
    json_t *rows = json_load_file(SL_TEST_DATA "/status_list_vectors.json", 0, &error), *row;
    unsigned seen_bits = 0;
    size_t i;
    assert_true(json_is_array(rows));
    assert_int_equal(json_array_size(rows), 6);
    json_array_foreach(rows, i, row)
    {
        struct vector v = vector_of(row);
        seen_bits |= v.bits;
        check_vector(&v);
    }
    assert_int_equal(seen_bits, 1 | 2 | 4 | 8);
    json_decref(rows);
}

/* The bytes printed in the draft for its two small examples. */
static void test_bytes_of_the_draft(void **state)
{
    (void)state;
    static const uint8_t one[] = {1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1};
    static const uint8_t two[] = {1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3};
    uint8_t bytes[3] = {0};
    for (uint32_t i = 0; i < sizeof one; i++)
        sl_status_set(bytes, 1, i, one[i]);
    assert_memory_equal(bytes, "\xb9\xa3", 2);
    memset(bytes, 0, sizeof bytes);
    for (uint32_t i = 0; i < sizeof two; i++)
        sl_status_set(bytes, 2, i, two[i]);
    assert_memory_equal(bytes, "\xc9\x44\xf9", 3);
}

static void test_set_leaves_neighbours(void **state)
{
    (void)state;
    for (unsigned bits = 1; bits <= 8; bits *= 2) {
        uint8_t bytes[4];
        memset(bytes, 0xff, sizeof bytes);
        sl_status_set(bytes, bits, 8 / bits, 0);
        for (uint32_t i = 0; i < 32 / bits; i++)
            assert_int_equal(sl_status_get(bytes, 4, bits, i), i == 8 / bits ? 0 : sl_status_max(bits));
    }
}

static void test_short_list_reads_zero(void **state)
{
    (void)state;
    const uint8_t bytes[2] = {0xff, 0xff};
    for (unsigned bits = 1; bits <= 8; bits *= 2) {
        assert_int_equal(sl_status_get(bytes, 2, bits, 16 / bits - 1), sl_status_max(bits));
        assert_int_equal(sl_status_get(bytes, 2, bits, 16 / bits), 0);
        assert_int_equal(sl_status_get(bytes, 1, bits, 16 / bits - 1), 0);
        assert_int_equal(sl_status_get(NULL, 0, bits, 0), 0);
        assert_int_equal(sl_status_get(bytes, 2, bits, UINT32_MAX), 0);
    }
}

static void test_sizes(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits <= 300; bits++)
        assert_int_equal(sl_status_bits_valid(bits), bits == 1 || bits == 2 || bits == 4 || bits == 8);
    assert_int_equal(sl_status_bytes(100000000, 8), 100000000);
    assert_int_equal(sl_status_bytes(100000000, 1), 12500000);
    assert_int_equal(sl_status_bytes(UINT32_MAX, 8), UINT32_MAX);
    assert_int_equal(sl_status_max(1), 1);
    assert_int_equal(sl_status_max(8), 255);
}

/* BITFIELD SET u<bits> <offset>: bit 0 is the most significant of byte 0, the field's first bit its own most
 * significant. */
static void redis_bitfield_set(uint8_t *bytes, unsigned bits, uint64_t offset, unsigned value)
{
    for (unsigned i = 0; i < bits; i++) {
        uint64_t at = offset + i;
        uint8_t mask = (uint8_t)(0x80 >> at % 8);
        if (value >> (bits - 1 - i) & 1)
            bytes[at / 8] |= mask;
        else
            bytes[at / 8] &= (uint8_t)~mask;
    }
}

static void test_redis_offset(void **state)
{
    (void)state;
    for (unsigned bits = 1; bits <= 8; bits *= 2) {
        uint8_t ours[16] = {0}, redis[16] = {0};
        for (unsigned round = 0; round < 2; round++)
            for (uint32_t i = 0; i < 128 / bits; i++) {
                uint8_t value = (uint8_t)((i * 37 + 11 + round * 5) & sl_status_max(bits));
                sl_status_set(ours, bits, i, value);
                redis_bitfield_set(redis, bits, sl_status_redis_offset(bits, i), value);
                assert_memory_equal(ours, redis, sizeof ours);
            }
    }
    assert_int_equal(sl_status_redis_offset(1, 0), 7);
    assert_int_equal(sl_status_redis_offset(2, 0), 6);
    assert_int_equal(sl_status_redis_offset(4, 1), 0);
    assert_int_equal(sl_status_redis_offset(8, 3), 24);
    assert_true(sl_status_redis_offset(8, UINT32_MAX) == (uint64_t)UINT32_MAX * 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_bytes_of_the_draft),
        cmocka_unit_test(test_set_leaves_neighbours),
        cmocka_unit_test(test_short_list_reads_zero),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_redis_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
