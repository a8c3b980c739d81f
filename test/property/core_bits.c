/* Random sets and gets of packed statuses against one int per entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/assert.h"
#include "core/status_list.h"

static uint64_t next(uint64_t *s)
{
    uint64_t z = *s += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* The byte array as the draft words it: bit by bit, from the least significant. */
static void model_pack(const unsigned *model, uint32_t size, unsigned bits, uint8_t *out)
{
    for (uint32_t i = 0; i < size; i++)
        for (unsigned j = 0; j < bits; j++)
            if (model[i] >> j & 1) {
                uint64_t at = (uint64_t)i * bits + j;
                out[at / 8] |= (uint8_t)(1u << at % 8);
            }
}

static void run(unsigned bits, uint32_t size, uint64_t seed, unsigned ops)
{
    size_t len = sl_status_bytes(size, bits);
    unsigned *model = sl_xcalloc(size, sizeof *model);
    /* Exactly as long as the list: a write beyond the end is a sanitizer's finding. */
    uint8_t *bytes = sl_xcalloc(len, 1), *packed = sl_xcalloc(len, 1);
    for (unsigned n = 0; n < ops; n++) {
        uint64_t r = next(&seed);
        uint32_t i = (uint32_t)(next(&seed) % size);
        if (r % 3 == 0) {
            assert_int_equal(sl_status_get(bytes, len, bits, i), model[i]);
        } else {
            model[i] = (unsigned)(r >> 32) & sl_status_max(bits);
            sl_status_set(bytes, bits, i, (uint8_t)model[i]);
        }
    }
    for (uint32_t i = 0; i < size; i++)
        assert_int_equal(sl_status_get(bytes, len, bits, i), model[i]);
    model_pack(model, size, bits, packed);
    assert_memory_equal(bytes, packed, len);
    /* A stored list may be cut anywhere: what is kept reads the same, the rest reads as zero. */
    size_t cut = (size_t)(next(&seed) % (len + 1));
    for (uint32_t i = 0; i < size; i++)
        assert_int_equal(sl_status_get(bytes, cut, bits, i), (uint64_t)i * bits / 8 < cut ? model[i] : 0);
    free(packed);
    free(bytes);
    free(model);
}

static void test_against_model(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (unsigned bits = 1; bits <= 8; bits *= 2)
        for (unsigned n = 0; n < 200; n++)
            run(bits, 8 / bits * (1 + (uint32_t)(next(&seed) % (n < 100 ? 8 : 500))), next(&seed), 1500);
}

/* The bits that the commands to Redis name for different entries never overlap, and together cover the
 * list. */
static void test_redis_offsets_tile(void **state)
{
    (void)state;
    for (unsigned bits = 1; bits <= 8; bits *= 2) {
        uint8_t covered[4096] = {0};
        for (uint32_t i = 0; i < sizeof covered / bits; i++) {
            uint64_t at = sl_status_redis_offset(bits, i);
            assert_int_equal(at / 8, (uint64_t)i * bits / 8);
            for (unsigned j = 0; j < bits; j++)
                assert_int_equal(covered[at + j]++, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_redis_offsets_tile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
