/* SipHash-2-4 against the vectors of its paper and reference, and against OpenSSL's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "core/siphash.h"

static uint64_t of_prefix(size_t n)
{
    static const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    uint8_t in[64];
    for (unsigned i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)i;
    return sl_siphash(key, in, n);
}

static void test_reference(void **state)
{
    (void)state;
    assert_true(of_prefix(15) == 0xa129ca6149be45e5); /* appendix A of the paper */
    assert_true(of_prefix(0) == 0x726fdb47dd0e0e31);
    assert_true(of_prefix(7) == 0xab0200f58b01d137);
    assert_true(of_prefix(8) == 0x93f5f5799a932462);
}

static uint64_t openssl_siphash(EVP_MAC *mac, const uint64_t key[2], const uint8_t *in, size_t n)
{
    size_t size = 8, len = 0;
    uint8_t raw[16], out[8];
    uint64_t k[2] = {htole64(key[0]), htole64(key[1])}, hash;
    memcpy(raw, k, sizeof raw);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                           OSSL_PARAM_construct_end()};
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
    assert_int_equal(EVP_MAC_init(ctx, raw, sizeof raw, params), 1);
    assert_int_equal(EVP_MAC_update(ctx, in, n), 1);
    assert_int_equal(EVP_MAC_final(ctx, out, &len, sizeof out), 1);
    assert_int_equal(len, 8);
    EVP_MAC_CTX_free(ctx);
    memcpy(&hash, out, sizeof hash);
    return le64toh(hash);
}

static void test_against_openssl(void **state)
{
    (void)state;
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    assert_non_null(mac);
    uint64_t key[2] = {1, 2};
    uint8_t in[300];
    for (unsigned i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 151 + 7);
    for (size_t n = 0; n <= sizeof in; n++) {
        uint64_t ours = sl_siphash(key, in, n);
        assert_true(ours == openssl_siphash(mac, key, in, n));
        key[0] = key[1] ^ ours; /* another key for every length */
        key[1] = ours;
    }
    EVP_MAC_free(mac);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_against_openssl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
