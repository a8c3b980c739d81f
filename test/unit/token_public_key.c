#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "token/public_key.h"

enum form { PUBLIC, TRADITIONAL, PRIVATE };

/* The key as PEM of that form; to be freed. */
static char *pem_of(EVP_PKEY *key, enum form form)
{
    BIO *out = BIO_new(BIO_s_mem());
    int ok = form == PUBLIC    ? PEM_write_bio_PUBKEY(out, key)
             : form == PRIVATE ? PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL)
                               : 0;
    if (form == TRADITIONAL) {
        uint8_t *der = NULL;
        int n = i2d_PublicKey(key, &der);
        ok = n > 0 && PEM_write_bio(out, PEM_STRING_RSA_PUBLIC, "", der, n) > 0;
        OPENSSL_free(der);
    }
    assert_true(ok);
    char *at, *text;
    long n = BIO_get_mem_data(out, &at);
    text = strndup(at, (size_t)n);
    BIO_free(out);
    EVP_PKEY_free(key);
    return text;
}

static EVP_PKEY *rsa(size_t bits)
{
    return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits);
}

static EVP_PKEY *ec(const char *curve)
{
    return EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve);
}

static EVP_PKEY *rsa_pss(void)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    assert_true(EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_generate(ctx, &key) == 1);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

struct answer {
    bool ok;
    enum sl_public_kind kind;
    char pem[4096], why[600];
};

static struct answer ask(const char *text, size_t n)
{
    struct answer a = {.kind = 99};
    struct sl_buf pem, why;
    sl_buf_over(&pem, a.pem, sizeof a.pem - 1);
    sl_buf_over(&why, a.why, sizeof a.why - 1);
    char *copy = malloc(n > 0 ? n : 1);
    assert_non_null(copy);
    memcpy(copy, text, n);
    a.ok = sl_public_key_read(sl_span(copy, n), &pem, &why, &a.kind);
    free(copy);
    assert_true(a.ok == (why.len == 0) && a.ok == (pem.len > 0) && a.ok == (a.kind != 99));
    assert_int_equal(ERR_peek_error(), 0);
    return a;
}

static void expect_good(char *text, enum sl_public_kind kind, const char *pem)
{
    struct answer a = ask(text, strlen(text));
    if (!a.ok)
        fail_msg("%s", a.why);
    assert_int_equal(a.kind, kind);
    assert_string_equal(a.pem, pem != NULL ? pem : text);
}

static void expect_bad(const char *text, const char *part)
{
    struct answer a = ask(text, strlen(text));
    assert_false(a.ok);
    if (strstr(a.why, part) == NULL ||
        (strstr(a.why, "; expected ") == NULL && strstr(a.why, "give ") == NULL))
        fail_msg("%s: %s", part, a.why);
}

static void test_good_keys(void **state)
{
    (void)state;
    char *keys[] = {pem_of(rsa(2048), PUBLIC),   pem_of(ec("P-256"), PUBLIC),
                    pem_of(ec("P-384"), PUBLIC), pem_of(ec("P-521"), PUBLIC),
                    pem_of(rsa(3072), PUBLIC),   pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), PUBLIC)};
    const enum sl_public_kind kinds[] = {SL_PUBLIC_RSA,  SL_PUBLIC_P256, SL_PUBLIC_P384,
                                         SL_PUBLIC_P521, SL_PUBLIC_RSA,  SL_PUBLIC_ED25519};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        expect_good(keys[i], kinds[i], NULL);
        char *more = NULL; /* text around it is no part of it */
        assert_true(asprintf(&more, "a comment\r\n%s\n\nanother\n", keys[i]) > 0);
        expect_good(more, kinds[i], keys[i]);
        free(more);
        /* a whole block is needed */
        for (size_t n = 0; n < strlen(keys[i]) - 2; n += 7)
            assert_false(ask(keys[i], n).ok);
        free(keys[i]);
    }
}

static void test_the_older_form_of_rsa(void **state)
{
    (void)state;
    EVP_PKEY *key = rsa(2048);
    EVP_PKEY_up_ref(key);
    char *text = pem_of(key, TRADITIONAL), *pem = pem_of(key, PUBLIC);
    assert_non_null(strstr(text, "BEGIN RSA PUBLIC KEY"));
    expect_good(text, SL_PUBLIC_RSA, pem);
    free(text);
    free(pem);
}

static void test_other_keys(void **state)
{
    (void)state;
    struct {
        char *text;
        const char *part;
    } rows[] = {
        {pem_of(rsa(1024), PUBLIC), "it is an RSA key of 1024 bits; expected 2048 to 16384"},
        {pem_of(ec("secp256k1"), PUBLIC), "it is a key of the type EC secp256k1"},
        {pem_of(ec("P-224"), PUBLIC), "it is a key of the type EC secp224r1"},
        {pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), PUBLIC), "it is a key of the type ED448"},
        {pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), PUBLIC), "it is a key of the type X25519"},
        {pem_of(rsa_pss(), PUBLIC), "it is a key of the type RSA-PSS"},
        {pem_of(rsa(2048), PRIVATE),
         "it is a private key, which only its owner may have; give the public key"},
        {pem_of(ec("P-256"), PRIVATE), "it is a private key"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        expect_bad(rows[i].text, rows[i].part);
        free(rows[i].text);
    }
}

static void test_what_is_no_key(void **state)
{
    (void)state;
    char *one = pem_of(ec("P-256"), PUBLIC), *two = pem_of(ec("P-256"), PUBLIC), *both = NULL;
    expect_bad("", "it contains no PEM");
    expect_bad("-----BEGIN PUBLIC KEY-----\n", "it contains no PEM");
    expect_bad("-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n", "it contains no PEM");
    expect_bad("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
               "it contains a key that OpenSSL cannot read");
    expect_bad("-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n",
               "it contains a key that OpenSSL cannot read");
    expect_bad("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
               "it is a certificate; give its public key");
    expect_bad("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "it is PEM, but not a public key");
    expect_bad("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", "it is a private key");
    expect_bad("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
               "it is a private key");
    assert_true(asprintf(&both, "%s%s", one, two) > 0);
    expect_bad(both, "it contains more than one key; expected a file for each");
    free(both);
    /* DER that goes on after the key */
    EVP_PKEY *key = ec("P-256");
    uint8_t *der = NULL, longer[256];
    int n = i2d_PUBKEY(key, &der);
    assert_in_range(n, 1, 250);
    memcpy(longer, der, (size_t)n);
    longer[n] = 0;
    BIO *out = BIO_new(BIO_s_mem());
    char *at;
    assert_true(PEM_write_bio(out, PEM_STRING_PUBLIC, "", longer, n + 1) > 0);
    assert_true(BIO_write(out, "", 1) == 1);
    (void)BIO_get_mem_data(out, &at);
    expect_bad(at, "it contains a key that OpenSSL cannot read");
    BIO_free(out);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    free(one);
    free(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_keys),
        cmocka_unit_test(test_the_older_form_of_rsa),
        cmocka_unit_test(test_other_keys),
        cmocka_unit_test(test_what_is_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
