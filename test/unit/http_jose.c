/* One table of tokens for both verifiers of bearer tokens, libjwt behind its fence and ours: every kind of
 * token that is signed rightly has exactly one that accepts it, and what is forged has none. */
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
#include <openssl/rsa.h>

#include "base/base64url.h"
#include "http/jose.h"
#include "http/jwt.h"

#define SECRET "a secret of sixty-four bytes, as HS512 wants it: 0123456789abcdef"

static const struct kind {
    enum sl_jwt_alg alg;
    const char *type, *curve; /* of the key; NULL: a secret */
    const char *digest;       /* NULL: none */
    int coordinate, salt;     /* of ECDSA; of PSS, 0: not PSS */
} kinds[] = {
    {SL_JWT_RS256, "RSA", NULL, "SHA256", 0, 0},    {SL_JWT_RS384, "RSA", NULL, "SHA384", 0, 0},
    {SL_JWT_RS512, "RSA", NULL, "SHA512", 0, 0},    {SL_JWT_ES256, "EC", "P-256", "SHA256", 32, 0},
    {SL_JWT_ES384, "EC", "P-384", "SHA384", 48, 0}, {SL_JWT_ES512, "EC", "P-521", "SHA512", 66, 0},
    {SL_JWT_HS256, NULL, NULL, "SHA256", 0, 0},     {SL_JWT_HS384, NULL, NULL, "SHA384", 0, 0},
    {SL_JWT_HS512, NULL, NULL, "SHA512", 0, 0},     {SL_JWT_PS256, "RSA", NULL, "SHA256", 0, 32},
    {SL_JWT_PS384, "RSA", NULL, "SHA384", 0, 48},   {SL_JWT_PS512, "RSA", NULL, "SHA512", 0, 64},
    {SL_JWT_EdDSA, "ED25519", NULL, NULL, 0, 0},
};
enum { KINDS = sizeof kinds / sizeof *kinds };
_Static_assert((int)KINDS == SL_JWT_ALG_COUNT, "a kind of each algorithm");

/* What the configuration has of a key. */
struct held {
    EVP_PKEY *pkey; /* NULL: a secret */
    char text[2048];
    size_t len;
};

static struct held hold(const struct kind *k)
{
    struct held h = {.pkey = NULL};
    if (k->type == NULL) {
        memcpy(h.text, SECRET, h.len = sizeof SECRET - 1);
        return h;
    }
    h.pkey = k->curve != NULL              ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", k->curve)
             : strcmp(k->type, "RSA") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
                                           : EVP_PKEY_Q_keygen(NULL, NULL, k->type);
    BIO *out = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(out, h.pkey), 1);
    int n = BIO_read(out, h.text, sizeof h.text);
    assert_in_range(n, 1, sizeof h.text - 1);
    h.len = (size_t)n;
    BIO_free(out);
    return h;
}

/* The signature of the kind; `salt` is -1 or another one than the algorithm's. */
static size_t sign_as(const struct kind *k, const struct held *h, int salt, const char *bytes, size_t n,
                      uint8_t out[static 1024])
{
    size_t len = 1024;
    EVP_PKEY_CTX *p = NULL;
    if (h->pkey == NULL) {
        unsigned mac;
        const EVP_MD *md = EVP_get_digestbyname(k->digest);
        assert_non_null(HMAC(md, h->text, (int)h->len, (const uint8_t *)bytes, n, out, &mac));
        return mac;
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit_ex(ctx, &p, k->digest, NULL, NULL, h->pkey, NULL), 1);
    if (k->salt > 0) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(p, salt >= 0 ? salt : k->salt), 1);
    }
    assert_int_equal(EVP_DigestSign(ctx, out, &len, (const uint8_t *)bytes, n), 1);
    EVP_MD_CTX_free(ctx);
    if (k->coordinate == 0)
        return len;
    const uint8_t *at = out;
    ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &at, (long)len);
    assert_non_null(s);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(s), out, k->coordinate), k->coordinate);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(s), out + k->coordinate, k->coordinate), k->coordinate);
    ECDSA_SIG_free(s);
    return 2 * (size_t)k->coordinate;
}

struct made {
    char text[SL_BEARER_BYTES];
    size_t len;
};

static struct made make(const struct kind *k, const struct held *h, int salt, const char *alg,
                        const char *typ)
{
    static const char payload[] = "{\"exp\":4000000000}";
    struct made t;
    uint8_t signature[1024];
    char header[100];
    int n = snprintf(header, sizeof header, "{\"alg\":\"%s\"%s}", alg, typ);
    t.len = sl_base64url_encode(t.text, header, (size_t)n);
    t.text[t.len++] = '.';
    t.len += sl_base64url_encode(t.text + t.len, payload, sizeof payload - 1);
    size_t len = sign_as(k, h, salt, t.text, t.len, signature);
    t.text[t.len++] = '.';
    t.len += sl_base64url_encode(t.text + t.len, signature, len);
    return t;
}

struct verdict {
    bool libjwt, ours;
};

/* What each says under the key that is configured for this algorithm and kind. */
static struct verdict ask(const struct made *t, enum sl_jwt_alg alg, bool access_token, const struct held *h)
{
    struct verdict v;
    char *copy = malloc(t->len); /* of the exact size, so that a sanitizer sees a read beyond it */
    assert_non_null(copy);
    memcpy(copy, t->text, t->len);
    struct sl_jose_key *k = sl_jose_key_new(alg, access_token, sl_span(h->text, h->len));
    assert_int_equal(k == NULL, sl_jwt_is_libjwts(alg, access_token));
    v.libjwt = sl_jwt_verify(sl_span(copy, t->len), alg, sl_span(h->text, h->len));
    assert_int_equal(ERR_peek_error(), 0);
    v.ours = sl_jose_verify(sl_span(copy, t->len), alg, access_token, k);
    assert_int_equal(ERR_peek_error(), 0);
    sl_jose_key_free(k);
    free(copy);
    return v;
}

static void expect_none(const struct made *t, enum sl_jwt_alg alg, bool access_token, const struct held *h,
                        const char *what)
{
    struct verdict v = ask(t, alg, access_token, h);
    if (v.libjwt || v.ours)
        fail_msg("%s, %s: accepted by %s", sl_jwt_alg_name(alg), what, v.ours ? "ours" : "libjwt");
}

static const struct {
    const char *typ;
    bool access_token;
} types[] = {{"", false},
             {",\"typ\":\"JWT\"", false},
             {",\"typ\":\"at+jwt\"", true},
             {",\"typ\":\"application/at+jwt\"", true}};

static void test_each_has_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct held h = hold(&kinds[i]);
        for (size_t j = 0; j < 4; j++) {
            struct made t = make(&kinds[i], &h, -1, sl_jwt_alg_name(kinds[i].alg), types[j].typ);
            struct sl_bearer b;
            assert_true(sl_bearer_read(sl_span(t.text, t.len), &b));
            assert_int_equal(b.alg, kinds[i].alg);
            assert_int_equal(b.access_token, types[j].access_token);
            sl_bearer_free(&b);
            struct verdict v = ask(&t, kinds[i].alg, types[j].access_token, &h);
            bool libjwts = kinds[i].alg <= SL_JWT_HS512 && j < 2;
            assert_int_equal(v.libjwt, libjwts);
            assert_int_equal(v.ours, !libjwts);
        }
        EVP_PKEY_free(h.pkey);
    }
}

static void test_forged_by_nobody(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        enum sl_jwt_alg alg = kinds[i].alg;
        struct held right = hold(&kinds[i]), other = hold(&kinds[i]);
        if (other.pkey == NULL)
            other.text[0] ^= 1;
        for (size_t j = 0; j < 4; j++) {
            bool access_token = types[j].access_token;
            const char *name = sl_jwt_alg_name(alg), *typ = types[j].typ;
            struct made good = make(&kinds[i], &right, -1, name, typ), t = good;
            expect_none(&t, alg, access_token, &other, "another key");
            t.text[t.len - 5] = t.text[t.len - 5] == 'A' ? 'B' : 'A';
            expect_none(&t, alg, access_token, &right, "a changed signature");
            t = good;
            t.text[strlen("eyJhbGciOi") + 30]++;
            expect_none(&t, alg, access_token, &right, "changed claims");
            t = good;
            t.len -= 4;
            expect_none(&t, alg, access_token, &right, "a shorter signature");
            t = good;
            t.len = (size_t)((char *)memrchr(t.text, '.', t.len) + 1 - t.text);
            struct sl_bearer b; /* libjwt writes beyond its memory there: it may not come that far */
            assert_false(sl_bearer_read(sl_span(t.text, t.len), &b));
        }
        EVP_PKEY_free(right.pkey);
        EVP_PKEY_free(other.pkey);
    }
}

/* A signature is right for its algorithm alone, also where another one has the same key. */
static void test_no_other_algorithm(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct held h = hold(&kinds[i]);
        for (size_t j = 0; j < KINDS; j++) {
            bool same_key = kinds[j].type == kinds[i].type && kinds[j].curve == kinds[i].curve;
            if (j == i || !same_key)
                continue;
            struct made t = make(&kinds[j], &h, -1, sl_jwt_alg_name(kinds[i].alg), ",\"typ\":\"at+jwt\"");
            expect_none(&t, kinds[i].alg, true, &h, "the signature of another algorithm");
            t = make(&kinds[j], &h, -1, sl_jwt_alg_name(kinds[i].alg), "");
            expect_none(&t, kinds[i].alg, false, &h, "the signature of another algorithm");
        }
        EVP_PKEY_free(h.pkey);
    }
}

/* RFC 7518 section 3.5: the salt is as long as the hash. */
static void test_salts(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i].salt == 0)
            continue;
        struct held h = hold(&kinds[i]);
        const int salts[] = {0, kinds[i].salt - 1, kinds[i].salt + 1};
        for (int j = 0; j < 3; j++) {
            struct made t = make(&kinds[i], &h, salts[j], sl_jwt_alg_name(kinds[i].alg), "");
            expect_none(&t, kinds[i].alg, false, &h, "another salt");
        }
        EVP_PKEY_free(h.pkey);
    }
}

/* A public key is no secret for ours either. */
static void test_a_public_key_as_secret(void **state)
{
    (void)state;
    struct held rsa = hold(&kinds[0]), secret = rsa;
    secret.pkey = NULL;
    struct made t = make(&kinds[6], &secret, -1, "HS256", ",\"typ\":\"at+jwt\"");
    static const enum sl_jwt_alg algs[] = {SL_JWT_RS256, SL_JWT_PS256};
    for (int i = 0; i < 2; i++)
        expect_none(&t, algs[i], true, &rsa, "HS256 with the text of the public key");
    EVP_PKEY_free(rsa.pkey);
}

/* Both names of RFC 9864 and RFC 8037 mean the one key. */
static void test_names_of_eddsa(void **state)
{
    (void)state;
    const struct kind *k = &kinds[KINDS - 1];
    struct held h = hold(k);
    struct made t = make(k, &h, -1, "Ed25519", "");
    struct sl_bearer b;
    assert_true(sl_bearer_read(sl_span(t.text, t.len), &b));
    assert_int_equal(b.alg, SL_JWT_EdDSA);
    sl_bearer_free(&b);
    struct verdict v = ask(&t, SL_JWT_EdDSA, false, &h);
    assert_true(v.ours && !v.libjwt);
    EVP_PKEY_free(h.pkey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_has_its_own),       cmocka_unit_test(test_forged_by_nobody),
        cmocka_unit_test(test_no_other_algorithm),     cmocka_unit_test(test_salts),
        cmocka_unit_test(test_a_public_key_as_secret), cmocka_unit_test(test_names_of_eddsa),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
