/* libjwt behind its fence: what libjwt alone would accept must not get through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "base/base64url.h"
#include "http/jwt.h"

struct pair {
    EVP_PKEY *key;
    char pem[2048];
    size_t pem_len;
};

static struct pair make_pair(const char *type, size_t bits, const char *curve)
{
    struct pair p = {.key = curve != NULL ? EVP_PKEY_Q_keygen(NULL, NULL, type, curve)
                                          : EVP_PKEY_Q_keygen(NULL, NULL, type, bits)};
    BIO *out = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio_PUBKEY(out, p.key) == 1);
    int n = BIO_read(out, p.pem, sizeof p.pem);
    assert_in_range(n, 1, sizeof p.pem - 1);
    p.pem_len = (size_t)n;
    BIO_free(out);
    return p;
}

static struct sl_span pem_of(const struct pair *p)
{
    return sl_span(p->pem, p->pem_len);
}

/* header.payload */
static size_t begin(char *out, const char *alg)
{
    static const char payload[] = "{\"exp\":4000000000}";
    char header[64];
    int n = snprintf(header, sizeof header, "{\"alg\":\"%s\"}", alg);
    size_t len = sl_base64url_encode(out, header, (size_t)n);
    out[len++] = '.';
    return len + sl_base64url_encode(out + len, payload, sizeof payload - 1);
}

static struct sl_span finish(char *token, size_t n, const void *signature, size_t len)
{
    token[n++] = '.';
    return sl_span(token, n + sl_base64url_encode(token + n, signature, len));
}

static struct sl_span signed_rsa(char *token, const char *alg, const EVP_MD *md, EVP_PKEY *key)
{
    uint8_t signature[1024];
    size_t n = begin(token, alg), len = sizeof signature;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_true(EVP_DigestSignInit(ctx, NULL, md, NULL, key) == 1 &&
                EVP_DigestSign(ctx, signature, &len, (uint8_t *)token, n) == 1);
    EVP_MD_CTX_free(ctx);
    return finish(token, n, signature, len);
}

static struct sl_span signed_ec(char *token, const char *alg, const EVP_MD *md, EVP_PKEY *key, int coordinate)
{
    uint8_t der[300], signature[300];
    const uint8_t *at = der;
    size_t n = begin(token, alg), len = sizeof der;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_true(EVP_DigestSignInit(ctx, NULL, md, NULL, key) == 1 &&
                EVP_DigestSign(ctx, der, &len, (uint8_t *)token, n) == 1);
    EVP_MD_CTX_free(ctx);
    ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &at, (long)len);
    assert_non_null(s);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(s), signature, coordinate), coordinate);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(s), signature + coordinate, coordinate), coordinate);
    ECDSA_SIG_free(s);
    return finish(token, n, signature, 2 * (size_t)coordinate);
}

static struct sl_span signed_hmac(char *token, const char *alg, const EVP_MD *md, const void *key,
                                  size_t key_len)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned len;
    size_t n = begin(token, alg);
    assert_non_null(HMAC(md, key, (int)key_len, (uint8_t *)token, n, mac, &len));
    return finish(token, n, mac, len);
}

/* Of the exact size, and the error queue is empty afterwards. */
static bool verify(struct sl_span token, enum sl_jwt_alg alg, struct sl_span key)
{
    char *t = malloc(token.len), *k = malloc(key.len);
    assert_true(t != NULL && k != NULL);
    memcpy(t, token.at, token.len);
    memcpy(k, key.at, key.len);
    bool ok = sl_jwt_verify(sl_span(t, token.len), alg, sl_span(k, key.len));
    assert_int_equal(ERR_peek_error(), 0);
    free(t);
    free(k);
    return ok;
}

static void test_rsa(void **state)
{
    (void)state;
    struct pair a = make_pair("RSA", 2048, NULL), b = make_pair("RSA", 2048, NULL);
    static const enum sl_jwt_alg algs[] = {SL_JWT_RS256, SL_JWT_RS384, SL_JWT_RS512};
    const EVP_MD *mds[] = {EVP_sha256(), EVP_sha384(), EVP_sha512()};
    char token[SL_BEARER_BYTES];
    for (unsigned i = 0; i < 3; i++) {
        struct sl_span t = signed_rsa(token, sl_jwt_alg_name(algs[i]), mds[i], a.key);
        for (unsigned k = 0; k < SL_JWT_ALG_COUNT; k++)
            assert_int_equal(verify(t, (enum sl_jwt_alg)k, pem_of(&a)), k == algs[i]);
        assert_false(verify(t, algs[i], pem_of(&b))); /* leaves errors behind in OpenSSL */
        token[t.len - 1] = token[t.len - 1] == 'A' ? 'Q' : 'A';
        assert_false(verify(t, algs[i], pem_of(&a)));
    }
    EVP_PKEY_free(a.key);
    EVP_PKEY_free(b.key);
}

static void test_curves(void **state)
{
    (void)state;
    static const struct {
        const char *curve;
        enum sl_jwt_alg alg;
        int coordinate;
    } rows[] = {{"P-256", SL_JWT_ES256, 32}, {"P-384", SL_JWT_ES384, 48}, {"P-521", SL_JWT_ES512, 66}};
    const EVP_MD *mds[] = {EVP_sha256(), EVP_sha384(), EVP_sha512()};
    struct pair rsa = make_pair("RSA", 2048, NULL);
    char token[SL_BEARER_BYTES];
    for (unsigned i = 0; i < 3; i++) {
        struct pair a = make_pair("EC", 0, rows[i].curve), b = make_pair("EC", 0, rows[i].curve);
        const char *alg = sl_jwt_alg_name(rows[i].alg);
        struct sl_span t = signed_ec(token, alg, mds[i], a.key, rows[i].coordinate);
        for (unsigned k = 0; k < SL_JWT_ALG_COUNT; k++)
            assert_int_equal(verify(t, (enum sl_jwt_alg)k, pem_of(&a)), k == rows[i].alg);
        assert_false(verify(t, rows[i].alg, pem_of(&b)));
        assert_false(verify(t, rows[i].alg, pem_of(&rsa)));
        uint8_t none[132] = {0};
        t = finish(token, begin(token, alg), none, 2 * (size_t)rows[i].coordinate);
        assert_false(verify(t, rows[i].alg, pem_of(&a)));
        EVP_PKEY_free(a.key);
        EVP_PKEY_free(b.key);
    }
    EVP_PKEY_free(rsa.key);
}

/* libjwt accepts these: the public key's text as the secret of an HMAC. */
static void test_a_public_key_as_secret(void **state)
{
    (void)state;
    struct pair pairs[] = {make_pair("RSA", 2048, NULL), make_pair("EC", 0, "P-256")};
    char token[SL_BEARER_BYTES];
    for (unsigned i = 0; i < 2; i++) {
        struct sl_span t = signed_hmac(token, "HS256", EVP_sha256(), pairs[i].pem, pairs[i].pem_len);
        for (unsigned k = 0; k < SL_JWT_ALG_COUNT; k++)
            assert_int_equal(verify(t, (enum sl_jwt_alg)k, pem_of(&pairs[i])), k == SL_JWT_HS256);
        t = finish(token, begin(token, "none"), "", 0);
        for (unsigned k = 0; k < SL_JWT_ALG_COUNT; k++)
            assert_false(verify(t, (enum sl_jwt_alg)k, pem_of(&pairs[i])));
        EVP_PKEY_free(pairs[i].key);
    }
}

static void test_secrets(void **state)
{
    (void)state;
    static const char secret[] = "a\0secret with a NUL inside";
    const size_t n = sizeof secret - 1;
    char token[SL_BEARER_BYTES];
    static const enum sl_jwt_alg algs[] = {SL_JWT_HS256, SL_JWT_HS384, SL_JWT_HS512};
    const EVP_MD *mds[] = {EVP_sha256(), EVP_sha384(), EVP_sha512()};
    for (unsigned i = 0; i < 3; i++) {
        struct sl_span t = signed_hmac(token, sl_jwt_alg_name(algs[i]), mds[i], secret, n);
        for (unsigned k = 0; k < SL_JWT_ALG_COUNT; k++)
            assert_int_equal(verify(t, (enum sl_jwt_alg)k, sl_span(secret, n)), k == algs[i]);
        assert_false(verify(t, algs[i], sl_span(secret, 1)));
        assert_false(verify(t, algs[i], sl_span(secret, n - 1)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rsa),
        cmocka_unit_test(test_curves),
        cmocka_unit_test(test_a_public_key_as_secret),
        cmocka_unit_test(test_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
