/* base64url: the vectors of RFC 4648 section 10, and what a strict reader refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/evp.h>

#include "base/base64url.h"

static void test_rfc_vectors(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"", "", ""},
        {"f", "Zg", "Zg=="},
        {"fo", "Zm8", "Zm8="},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg", "Zm9vYg=="},
        {"fooba", "Zm9vYmE", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "-_-_", "+/+/"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *plain = rows[i][0];
        size_t n = strlen(plain), len = 99;
        char text[16];
        uint8_t back[16];
        assert_int_equal(sl_base64url_encode(text, plain, n), strlen(rows[i][1]));
        assert_int_equal(sl_base64url_len(n), strlen(rows[i][1]));
        assert_memory_equal(text, rows[i][1], strlen(rows[i][1]));
        assert_int_equal(sl_base64_encode(text, plain, n), strlen(rows[i][2]));
        assert_memory_equal(text, rows[i][2], strlen(rows[i][2]));
        assert_true(sl_base64url_decode(back, rows[i][1], strlen(rows[i][1]), &len));
        assert_int_equal(len, n);
        assert_memory_equal(back, plain, n);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "Z",       "Zm9vY",           /* a length no bytes have */
        "Zh",      "Zm9",     "Zm-",  /* unused bits set */
        "Zg==",    "Zg=",     "Zm8=", /* padding */
        "=",       "====",    "Zm9v=", "Zm 9v",  "Zm9v ", " Zm9v", "Zm9v\n", "Zm\t9", /* white space */
        "Zm+v",    "Zm/v",                                                            /* the other alphabet */
        "Zm9\x80", "Zm9\xff", "Zm.v",  "Zm9v!A",
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t out[16];
        size_t len = 99;
        if (sl_base64url_decode(out, rows[i], strlen(rows[i]), &len))
            fail_msg("accepted: %s", rows[i]);
        assert_int_equal(len, 99);
    }
    uint8_t out[3];
    size_t len;
    assert_false(sl_base64url_decode(out, "Zm\0v", 4, &len));
}

/* Each of the 256 characters at each place: only the 64 of the alphabet pass. */
static void test_alphabet(void **state)
{
    (void)state;
    for (unsigned at = 0; at < 4; at++) {
        unsigned accepted = 0;
        for (unsigned c = 0; c < 256; c++) {
            char text[4] = {'A', 'A', 'A', 'A'};
            uint8_t out[3];
            size_t len;
            text[at] = (char)c;
            accepted += sl_base64url_decode(out, text, 4, &len);
        }
        assert_int_equal(accepted, 64);
    }
}

static void test_against_openssl(void **state)
{
    (void)state;
    uint64_t rng = 3;
    for (size_t n = 0; n < 200; n++) {
        /* Exactly as large as promised: a byte more is a sanitizer's finding. */
        size_t len = sl_base64url_len(n), back_len;
        uint8_t *in = malloc(n + 1), *back = malloc(len * 3 / 4 + 1), padded[300], want[300];
        char *text = malloc(len + 1);
        for (size_t i = 0; i < n; i++) {
            rng = rng * 6364136223846793005u + 1442695040888963407u;
            in[i] = (uint8_t)(rng >> 50);
        }
        int want_len = EVP_EncodeBlock(want, in, (int)n);
        assert_int_equal(sl_base64_encode((char *)padded, in, n), want_len);
        assert_memory_equal(padded, want, want_len);
        assert_int_equal(sl_base64url_encode(text, in, n), len);
        for (size_t i = 0; i < len; i++)
            assert_int_equal(text[i], want[i] == '+' ? '-' : want[i] == '/' ? '_' : want[i]);
        assert_true(sl_base64url_decode(back, text, len, &back_len));
        assert_int_equal(back_len, n);
        assert_memory_equal(back, in, n);
        free(text);
        free(back);
        free(in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_vectors),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_alphabet),
        cmocka_unit_test(test_against_openssl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
