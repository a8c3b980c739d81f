/* The bounded buffer: its bound, its sticky error, and JSON strings against jansson's strict reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/buf.h"

static void assert_text(const struct sl_buf *b, const char *want)
{
    assert_false(b->failed);
    assert_int_equal(b->len, strlen(want));
    assert_memory_equal(b->data, want, b->len);
}

static void test_grows_up_to_max(void **state)
{
    (void)state;
    struct sl_buf b;
    sl_buf_init(&b, 1000);
    for (unsigned i = 0; i < 1000; i++)
        sl_buf_putc(&b, (char)('a' + i % 26));
    assert_false(b.failed);
    assert_int_equal(b.len, 1000);
    assert_true(b.cap <= 1000);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(b.data[i], 'a' + i % 26);
    sl_buf_putc(&b, 'x');
    assert_true(b.failed);
    assert_int_equal(b.len, 1000);
    sl_buf_free(&b);
    assert_null(b.data);
    sl_buf_free(&b); /* twice is harmless */
    sl_buf_puts(&b, "again");
    assert_text(&b, "again");
    sl_buf_free(&b);
}

static void test_error_is_sticky(void **state)
{
    (void)state;
    struct sl_buf b;
    sl_buf_init(&b, 4);
    sl_buf_puts(&b, "abc");
    sl_buf_puts(&b, "de"); /* all or nothing */
    assert_true(b.failed);
    assert_int_equal(b.len, 3);
    sl_buf_putc(&b, 'x'); /* would fit */
    sl_buf_u64(&b, 1);
    sl_buf_printf(&b, "%d", 2);
    assert_true(b.failed);
    assert_int_equal(b.len, 3);
    sl_buf_free(&b);
    sl_buf_init(&b, 4);
    sl_buf_put(&b, "a", SIZE_MAX); /* a length that would wrap around */
    assert_true(b.failed);
    assert_int_equal(b.len, 0);
    sl_buf_free(&b);
}

static void test_over_foreign_memory(void **state)
{
    (void)state;
    char mem[8];
    struct sl_buf b;
    memset(mem, '#', sizeof mem);
    sl_buf_over(&b, mem, 5);
    sl_buf_puts(&b, "12345");
    assert_text(&b, "12345");
    sl_buf_putc(&b, '6');
    assert_true(b.failed);
    assert_memory_equal(mem, "12345###", 8);
    sl_buf_free(&b); /* leaves the memory alone */
    assert_memory_equal(mem, "12345###", 8);
    sl_buf_over(&b, mem, 0);
    sl_buf_put(&b, NULL, 0);
    assert_false(b.failed);
    sl_buf_putc(&b, 'x');
    assert_true(b.failed);
}

static void test_a_string_ends_where_the_text_does(void **state)
{
    (void)state;
    char mem[6];
    struct sl_buf b;
    sl_buf_over(&b, mem, sizeof mem);
    assert_string_equal(sl_buf_cstr(&b), "");
    sl_buf_puts(&b, "123");
    assert_string_equal(sl_buf_cstr(&b), "123");
    sl_buf_puts(&b, "45");
    assert_string_equal(sl_buf_cstr(&b), "12345");
    sl_buf_putc(&b, '6'); /* takes the room of the NUL */
    assert_false(b.failed);
    assert_string_equal(sl_buf_cstr(&b), "12345");
    sl_buf_over(&b, mem, sizeof mem);
    sl_buf_puts(&b, "123");
    sl_buf_puts(&b, "more than fits");
    assert_string_equal(sl_buf_cstr(&b), "123");
    assert_true(b.failed);
    sl_buf_over(&b, NULL, 0);
    assert_string_equal(sl_buf_cstr(&b), "");

    sl_buf_init(&b, 256); /* as much as the first memory has */
    assert_string_equal(sl_buf_cstr(&b), "");
    for (unsigned i = 0; i < 256; i++)
        sl_buf_putc(&b, 'x');
    assert_int_equal(strlen(sl_buf_cstr(&b)), 255);
    assert_false(b.failed);
    sl_buf_free(&b);
    sl_buf_init(&b, 1000); /* grows for the NUL */
    for (unsigned i = 0; i < 256; i++)
        sl_buf_putc(&b, 'x');
    assert_int_equal(strlen(sl_buf_cstr(&b)), 256);
    sl_buf_free(&b);
}

static void test_numbers(void **state)
{
    (void)state;
    struct sl_buf b;
    sl_buf_init(&b, 1000);
    sl_buf_u64(&b, 0);
    sl_buf_putc(&b, ' ');
    sl_buf_u64(&b, UINT64_MAX);
    sl_buf_putc(&b, ' ');
    sl_buf_i64(&b, INT64_MIN);
    sl_buf_putc(&b, ' ');
    sl_buf_i64(&b, INT64_MAX);
    sl_buf_putc(&b, ' ');
    sl_buf_i64(&b, -1);
    assert_text(&b, "0 18446744073709551615 -9223372036854775808 9223372036854775807 -1");
    sl_buf_free(&b);
    char digits[21] = "####################";
    assert_int_equal(sl_u64_digits(digits, 10), 2);
    assert_memory_equal(digits, "10##", 4);
    assert_int_equal(sl_u64_digits(digits, UINT64_MAX), 20);
}

static void test_printf(void **state)
{
    (void)state;
    struct sl_buf b;
    sl_buf_init(&b, 700);
    sl_buf_printf(&b, "%s-%05d", "a", 42);
    assert_text(&b, "a-00042");
    sl_buf_printf(&b, "%692s", "");
    assert_int_equal(b.len, 699);
    sl_buf_printf(&b, "%s", "xy");
    assert_true(b.failed);
    sl_buf_free(&b);
}

static void test_json_escapes(void **state)
{
    (void)state;
    static const struct {
        struct sl_span in;
        const char *out;
    } rows[] = {
        {{NULL, 0}, "\"\""},
        {SL_SPAN("plain"), "\"plain\""},
        {SL_SPAN("a\"b\\c/"), "\"a\\\"b\\\\c/\""},
        {SL_SPAN("\0\x01\n\x1f\x7f"), "\"\\u0000\\u0001\\u000a\\u001f\x7f\""},
        {SL_SPAN("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {SL_SPAN("\xf4\x8f\xbf\xbf"), "\"\xf4\x8f\xbf\xbf\""},
        {SL_SPAN("\x80"), "\"\\ufffd\""},            /* a lone continuation */
        {SL_SPAN("\xff\xfe"), "\"\\ufffd\\ufffd\""}, /* never in UTF-8 */
        {SL_SPAN("\xc0\xaf"), "\"\\ufffd\\ufffd\""}, /* overlong '/' */
        {SL_SPAN("\xc1\xbf"), "\"\\ufffd\\ufffd\""},
        {SL_SPAN("\xe0\x80\xaf"), "\"\\ufffd\\ufffd\\ufffd\""}, /* overlong in three */
        {SL_SPAN("\xf0\x80\x80\xaf"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
        {SL_SPAN("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\""}, /* a surrogate */
        {SL_SPAN("\xed\xbf\xbf"), "\"\\ufffd\\ufffd\\ufffd\""},
        {SL_SPAN("\xf4\x90\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\""}, /* beyond U+10FFFF */
        {SL_SPAN("\xf5\x80\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
        {SL_SPAN("\xe2\x82"), "\"\\ufffd\\ufffd\""}, /* cut short */
        {SL_SPAN("\xc3\"x"), "\"\\ufffd\\\"x\""},    /* does not swallow the quote */
        {SL_SPAN("\xe2\x82\nx"), "\"\\ufffd\\ufffd\\u000ax\""},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sl_buf b;
        sl_buf_init(&b, 100);
        sl_buf_json(&b, rows[i].in);
        assert_text(&b, rows[i].out);
        sl_buf_free(&b);
    }
}

static size_t utf8(uint32_t c, char out[static 4])
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[n] | c);
    return n;
}

/* Every code point, 1024 to a string, comes back from a strict reader as it went in. */
static void test_json_every_code_point(void **state)
{
    (void)state;
    char *text = malloc(4 * 1024);
    for (uint32_t block = 0; block < 0x110000; block += 1024) {
        size_t len = 0;
        if (block >= 0xd800 && block < 0xe000)
            continue;
        for (uint32_t c = block; c < block + 1024; c++)
            len += utf8(c, text + len);
        struct sl_buf b;
        sl_buf_init(&b, 100000);
        sl_buf_json(&b, sl_span(text, len));
        assert_false(b.failed);
        json_t *read = json_loadb(b.data, b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(read);
        assert_int_equal(json_string_length(read), len);
        assert_memory_equal(json_string_value(read), text, len);
        json_decref(read);
        sl_buf_free(&b);
    }
    free(text);
}

/* Whatever the bytes are, what comes out is valid JSON. */
static void test_json_any_bytes(void **state)
{
    (void)state;
    static const uint8_t likely[] = {0x00, 0x22, 0x5c, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1,
                                     0xc2, 0xdf, 0xe0, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf3, 0xf4, 0xf5};
    uint64_t rng = 9;
    for (unsigned round = 0; round < 20000; round++) {
        char in[9];
        for (unsigned i = 0; i < sizeof in; i++) {
            rng = rng * 6364136223846793005u + 1442695040888963407u;
            in[i] = (char)likely[(rng >> 40) % sizeof likely];
        }
        struct sl_buf b;
        sl_buf_init(&b, 100);
        sl_buf_json(&b, sl_span(in, rng >> 33 & 7));
        assert_false(b.failed);
        json_t *read = json_loadb(b.data, b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(read);
        json_decref(read);
        sl_buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows_up_to_max),
        cmocka_unit_test(test_error_is_sticky),
        cmocka_unit_test(test_over_foreign_memory),
        cmocka_unit_test(test_a_string_ends_where_the_text_does),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_printf),
        cmocka_unit_test(test_json_escapes),
        cmocka_unit_test(test_json_every_code_point),
        cmocka_unit_test(test_json_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
