/* Hex text, against the C library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <ctype.h>

#include "base/hex.h"

static void test_every_byte_there_and_back(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t in = (uint8_t)byte, out = (uint8_t)~byte;
        char text[3] = "", want[3];
        sl_hex_encode(&in, 1, text);
        snprintf(want, sizeof want, "%02x", byte);
        assert_string_equal(text, want);
        assert_true(sl_hex_decode(sl_span(text, 2), &out, 1));
        assert_int_equal(out, in);
        snprintf(text, sizeof text, "%02X", byte);
        assert_true(sl_hex_decode(sl_span(text, 2), &out, 1));
        assert_int_equal(out, in);
    }
}

static void test_a_digit_is_what_the_library_calls_one(void **state)
{
    (void)state;
    for (int c = -128; c < 128; c++) {
        bool digit = isxdigit(c & 0xff) != 0;
        assert_int_equal(sl_hex_digit((char)c) >= 0, digit);
        assert_int_equal(sl_hex_lower((char)c) >= 0, digit && !isupper(c & 0xff));
    }
}

static void test_only_the_wanted_number_of_bytes(void **state)
{
    (void)state;
    uint8_t out[3];
    assert_true(sl_hex_decode(SL_SPAN("00fF7a"), out, 3));
    assert_memory_equal(out, "\x00\xff\x7a", 3);
    assert_true(sl_hex_decode(sl_span(NULL, 0), out, 0));
    assert_false(sl_hex_decode(SL_SPAN("00ff7"), out, 3));
    assert_false(sl_hex_decode(SL_SPAN("00ff7a0"), out, 3));
    assert_false(sl_hex_decode(SL_SPAN("00ff7a00"), out, 3));
    assert_false(sl_hex_decode(SL_SPAN("00ff"), out, 3));
    assert_false(sl_hex_decode(SL_SPAN("00ff7g"), out, 3));
    assert_false(sl_hex_decode(SL_SPAN("00f 7a"), out, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte_there_and_back),
        cmocka_unit_test(test_a_digit_is_what_the_library_calls_one),
        cmocka_unit_test(test_only_the_wanted_number_of_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
