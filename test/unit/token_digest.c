/* SHA-256 against the examples of FIPS 180-4 and against OpenSSL's one-shot function. */
#include "token_help.h"

#include <openssl/sha.h>

#include "token/digest.h"

static void known_answers(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hex;
    } rows[] = {{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
                {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
                {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"}};
    struct sl_hasher *h = sl_hasher_new();
    for (unsigned i = 0; i < 3; i++) {
        uint8_t out[SL_SHA256];
        char hex[65];
        sl_sha256(h, rows[i].text, strlen(rows[i].text), out);
        for (unsigned b = 0; b < SL_SHA256; b++)
            snprintf(hex + 2 * b, 3, "%02x", out[b]);
        assert_string_equal(hex, rows[i].hex);
    }
    uint8_t data[1000], mine[SL_SHA256], theirs[SL_SHA256];
    for (size_t n = 0; n < sizeof data; n++) {
        data[n] = (uint8_t)(n * 7);
        sl_sha256(h, data, n, mine);
        SHA256(data, n, theirs);
        assert_memory_equal(mine, theirs, SL_SHA256);
    }
    sl_hasher_free(h);
    sl_hasher_free(NULL);
}

static void equality(void **state)
{
    (void)state;
    uint8_t a[64], b[64];
    memset(a, 5, sizeof a);
    memset(b, 5, sizeof b);
    assert_true(sl_equal_constant_time(a, b, sizeof a));
    assert_true(sl_equal_constant_time(a, "x", 0));
    for (unsigned i = 0; i < sizeof a; i++) {
        b[i] ^= 0x80;
        assert_false(sl_equal_constant_time(a, b, sizeof a));
        assert_true(sl_equal_constant_time(a, b, i));
        b[i] ^= 0x80;
    }
}

static void wiping(void **state)
{
    (void)state;
    char secret[] = "secret", zero[sizeof secret] = "";
    sl_wipe(secret, 3);
    assert_memory_equal(secret, "\0\0\0ret", 7);
    sl_wipe(secret, sizeof secret);
    assert_memory_equal(secret, zero, sizeof secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(equality),
        cmocka_unit_test(wiping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
