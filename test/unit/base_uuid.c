/* UUIDs: one spelling each, version and variant of RFC 9562. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/uuid.h"

static const char example[] = "0123abcd-4567-89ef-8123-456789abcdef";

static void fill(void *arg, void *out, size_t n)
{
    memset(out, *(int *)arg, n);
}

static void test_v4_bits(void **state)
{
    (void)state;
    static const char *const want[] = {"00000000-0000-4000-8000-000000000000",
                                       "ffffffff-ffff-4fff-bfff-ffffffffffff"};
    for (int i = 0; i < 2; i++) {
        int byte = i == 0 ? 0 : 0xff;
        struct sl_clock clock = {.random = fill, .arg = &byte};
        struct sl_uuid id = sl_uuid_v4(&clock);
        char text[SL_UUID_TEXT];
        sl_uuid_text(&id, text);
        assert_memory_equal(text, want[i], SL_UUID_TEXT);
    }
}

static void test_v4_differs(void **state)
{
    (void)state;
    struct sl_uuid a = sl_uuid_v4(&sl_clock_system), b = sl_uuid_v4(&sl_clock_system);
    assert_memory_not_equal(a.bytes, b.bytes, sizeof a.bytes);
}

static void test_round_trip(void **state)
{
    (void)state;
    static const uint8_t want[16] = {0x01, 0x23, 0xab, 0xcd, 0x45, 0x67, 0x89, 0xef,
                                     0x81, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    struct sl_uuid id;
    char text[SL_UUID_TEXT + 1];
    text[SL_UUID_TEXT] = '#';
    assert_true(sl_uuid_parse(SL_SPAN("0123abcd-4567-89ef-8123-456789abcdef"), &id));
    assert_memory_equal(id.bytes, want, sizeof want);
    sl_uuid_text(&id, text);
    assert_memory_equal(text, example, SL_UUID_TEXT);
    assert_int_equal(text[SL_UUID_TEXT], '#');
    for (unsigned i = 0; i < 100; i++) {
        struct sl_uuid one = sl_uuid_v4(&sl_clock_system), two;
        sl_uuid_text(&one, text);
        assert_true(sl_uuid_parse(sl_span(text, SL_UUID_TEXT), &two));
        assert_memory_equal(one.bytes, two.bytes, sizeof one.bytes);
    }
}

/* Each of the 256 characters at each place: only lower-case hex passes, and only a dash where one belongs. */
static void test_every_other_spelling_is_refused(void **state)
{
    (void)state;
    for (unsigned at = 0; at < SL_UUID_TEXT; at++) {
        bool dash = example[at] == '-';
        for (unsigned c = 0; c < 256; c++) {
            char text[SL_UUID_TEXT];
            struct sl_uuid id;
            memset(&id, 0x5a, sizeof id);
            memcpy(text, example, sizeof text);
            text[at] = (char)c;
            bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
            bool ok = sl_uuid_parse(sl_span(text, sizeof text), &id);
            assert_int_equal(ok, dash ? c == '-' : hex);
            for (unsigned i = 0; !ok && i < sizeof id.bytes; i++)
                assert_int_equal(id.bytes[i], 0x5a); /* untouched */
        }
    }
}

static void test_lengths(void **state)
{
    (void)state;
    struct sl_uuid id;
    assert_false(sl_uuid_parse(sl_span(NULL, 0), &id));
    assert_false(sl_uuid_parse(sl_span(example, SL_UUID_TEXT - 1), &id));
    assert_false(sl_uuid_parse(sl_span(example, SL_UUID_TEXT + 1), &id));
    assert_false(sl_uuid_parse(SL_SPAN("0123abcd456789ef8123456789abcdef"), &id));
    assert_false(sl_uuid_parse(SL_SPAN("{0123abcd-4567-89ef-8123-456789abcdef}"), &id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v4_bits),    cmocka_unit_test(test_v4_differs),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_every_other_spelling_is_refused),
        cmocka_unit_test(test_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
