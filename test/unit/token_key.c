/* Keys: what each type signs verifies with the public key that its own header carries. */
#include "token_help.h"

#include <openssl/core_names.h>
#include <pthread.h>
#include <openssl/sha.h>

static const struct row {
    const char *name, *alg, *crv;
    unsigned signature;
} rows[] = {{"P-256", "ES256", "P-256", 64},
            {"P-384", "ES384", "P-384", 96},
            {"P-521", "ES512", "P-521", 132},
            {"ED25519", "EdDSA", "Ed25519", 64}};

static char *header_of(const struct sl_key *k)
{
    struct sl_span h = sl_key_jose_header(k);
    return strndup(h.at, h.len);
}

/* A key of this type with a self-signed certificate, loaded from files. */
static struct sl_key *load_type(const char *dir, const struct row *r, bool x5c, bool kid, bool jwk)
{
    struct sl_signer_options o = {.key_file = path_of(dir, "k.pem"),
                                  .certificate_file = path_of(dir, "c.pem"),
                                  .x5c = x5c,
                                  .kid = kid,
                                  .jwk = jwk};
    EVP_PKEY *pkey = new_key(r->name);
    write_key(o.key_file, pkey);
    write_chain(o.certificate_file, new_certificate("s", pkey, "s", pkey, -10, 1000), NULL, NULL);
    EVP_PKEY_free(pkey);
    struct sl_key *k = must_load(&o, dir, "pool");
    free(o.key_file);
    free(o.certificate_file);
    return k;
}

static void every_type_signs(void **state)
{
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sl_key *k = load_type(*state, &rows[i], true, true, true);
        assert_string_equal(sl_key_alg(k), rows[i].alg);
        assert_int_equal(sl_key_not_after(k), NOW_S + 1000);
        char *header = header_of(k);
        EVP_PKEY *x5c = key_from_x5c(header), *jwk = key_from_jwk(header);
        assert_int_equal(EVP_PKEY_eq(x5c, jwk), 1);
        struct sl_signer *s = sl_signer_new();
        /* Often enough that a number with leading zero bytes occurs: it must be padded, not shortened. */
        for (unsigned round = 0; round < (i == 0 ? 2000u : 50u); round++) {
            char text[32];
            struct sl_span input = sl_span(text, (size_t)snprintf(text, sizeof text, "input %u", round));
            unsigned char sig[SL_SIGNATURE_MAX];
            unsigned n = 0;
            assert_int_equal(sl_key_sign(k, s, input, sig, &n), SL_OK);
            assert_int_equal(n, rows[i].signature);
            assert_true(verifies(round % 2 ? x5c : jwk, rows[i].alg, input, sig, n));
            sig[n / 2] ^= 1;
            assert_false(verifies(x5c, rows[i].alg, input, sig, n));
        }
        EVP_PKEY_free(x5c);
        EVP_PKEY_free(jwk);
        free(header);
        sl_key_free(k);
        sl_signer_free(s); /* after the key: a signer holds none */
    }
}

static void header_follows_options(void **state)
{
    for (unsigned mask = 0; mask < 8; mask++) {
        struct sl_key *k = load_type(*state, &rows[0], mask & 1, mask & 2, mask & 4);
        char *h = header_of(k);
        static const char start[] = "{\"alg\":\"ES256\",\"typ\":\"statuslist+jwt\"";
        assert_memory_equal(h, start, sizeof start - 1);
        assert_int_equal(strstr(h, "\"x5c\":") != NULL, (mask & 1) != 0);
        assert_int_equal(strstr(h, "\"kid\":") != NULL, (mask & 2) != 0);
        assert_int_equal(strstr(h, "\"jwk\":") != NULL, (mask & 4) != 0);
        assert_int_equal(h[strlen(h) - 1], '}');
        if (mask == 0)
            assert_string_equal(h + sizeof start - 1, "}");
        if (mask == 7) {
            assert_true(strstr(h, "\"kid\":") < strstr(h, "\"x5c\":"));
            assert_true(strstr(h, "\"x5c\":") < strstr(h, "\"jwk\":"));
        }
        free(h);
        sl_key_free(k);
    }
}

/* RFC 7638 section 3 for EC keys, from the certificate's public key and OpenSSL's own SHA-256. */
static void kid_is_thumbprint(void **state)
{
    for (unsigned i = 0; i < 3; i++) {
        struct sl_key *k = load_type(*state, &rows[i], true, true, false);
        char *h = header_of(k);
        EVP_PKEY *pub = key_from_x5c(h);
        unsigned char point[1 + 2 * 66];
        size_t n;
        assert_int_equal(
            EVP_PKEY_get_octet_string_param(pub, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &n), 1);
        size_t c = (n - 1) / 2;
        char x[90] = "", y[90] = "", json[300];
        sl_base64url_encode(x, point + 1, c);
        sl_base64url_encode(y, point + 1 + c, c);
        int len = snprintf(json, sizeof json, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
                           rows[i].crv, x, y);
        unsigned char digest[32];
        SHA256((unsigned char *)json, (size_t)len, digest);
        char kid[44] = "";
        sl_base64url_encode(kid, digest, 32);
        assert_true(sl_span_eq(json_text(h, "kid"), sl_span(kid, 43)));
        EVP_PKEY_free(pub);
        free(h);
        sl_key_free(k);
    }
}

/* The key, thumbprint and signature of RFC 8037 appendix A. */
static void rfc8037_example(void **state)
{
    size_t n;
    unsigned char *d = unbase64url(SL_SPAN("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"), &n);
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, d, n);
    free(d);
    struct sl_signer_options o = {
        .key_file = path_of(*state, "k.pem"), .kid = true, .x5c = true, .jwk = true};
    write_key(o.key_file, pkey);
    EVP_PKEY_free(pkey);
    struct sl_key *k = must_load(&o, *state, "pool");
    assert_true(sl_key_not_after(k) == INT64_MAX);
    char *h = header_of(k);
    assert_string_equal(h, "{\"alg\":\"EdDSA\",\"typ\":\"statuslist+jwt\","
                           "\"kid\":\"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k\","
                           "\"jwk\":{\"crv\":\"Ed25519\",\"kty\":\"OKP\","
                           "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}}");
    struct sl_signer *s = sl_signer_new();
    unsigned char sig[SL_SIGNATURE_MAX];
    unsigned len;
    struct sl_span input = SL_SPAN("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc");
    assert_int_equal(sl_key_sign(k, s, input, sig, &len), SL_OK);
    char text[100];
    size_t text_len = sl_base64url_encode(text, sig, len);
    assert_true(sl_span_eq(
        sl_span(text, text_len),
        SL_SPAN("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")));
    sl_signer_free(s);
    sl_key_free(k);
    free(h);
    free(o.key_file);
}

static unsigned x5c_count(const struct sl_key *k)
{
    char *h = header_of(k);
    const char *at = strstr(h, "\"x5c\":[");
    unsigned n = 0;
    for (const char *p = at; p != NULL && p < strchr(at, ']'); p++)
        n += *p == '"';
    free(h);
    return at == NULL ? 0 : (n - 2) / 2; /* without the quotes of the name */
}

/* leaf, intermediate and root in the file; the root stays at home. The earliest end counts. */
static void anchor_is_left_out(void **state)
{
    struct sl_signer_options o = {
        .key_file = path_of(*state, "k.pem"), .certificate_file = path_of(*state, "c.pem"), .x5c = true};
    EVP_PKEY *leaf = new_key("P-256"), *mid = new_key("P-384"), *root = new_key("RSA");
    write_key(o.key_file, leaf);
    for (int with_root = 0; with_root < 2; with_root++) {
        write_chain(o.certificate_file, new_certificate("leaf", leaf, "mid", mid, -10, 1000),
                    new_certificate("mid", mid, "root", root, -10, 500),
                    with_root ? new_certificate("root", root, "root", root, -10, -5) : NULL);
        struct sl_key *k = must_load(&o, *state, "pool");
        assert_int_equal(x5c_count(k), 2);
        assert_int_equal(sl_key_not_after(k), NOW_S + 500);
        sl_key_free(k);
    }
    write_chain(o.certificate_file, new_certificate("leaf", leaf, "leaf", leaf, -10, 1000), NULL, NULL);
    struct sl_key *k = must_load(&o, *state, "pool");
    assert_int_equal(x5c_count(k), 1);
    sl_key_free(k);
    EVP_PKEY_free(leaf);
    EVP_PKEY_free(mid);
    EVP_PKEY_free(root);
    free(o.key_file);
    free(o.certificate_file);
}

struct thread_arg {
    const struct sl_key *key;
    EVP_PKEY *pub;
    unsigned good;
};

static void *sign_many(void *p)
{
    struct thread_arg *a = p;
    struct sl_signer *s = sl_signer_new();
    for (unsigned i = 0; i < 200; i++) {
        unsigned char sig[SL_SIGNATURE_MAX];
        unsigned n;
        struct sl_span input = SL_SPAN("shared by threads");
        a->good +=
            sl_key_sign(a->key, s, input, sig, &n) == SL_OK && verifies(a->pub, "ES256", input, sig, n);
    }
    sl_signer_free(s);
    return NULL;
}

static void threads_share_a_key(void **state)
{
    struct sl_key *k = load_type(*state, &rows[0], true, false, false);
    char *h = header_of(k);
    struct thread_arg arg[4];
    pthread_t thread[4];
    for (int i = 0; i < 4; i++) {
        arg[i] = (struct thread_arg){k, key_from_x5c(h), 0};
        assert_int_equal(pthread_create(&thread[i], NULL, sign_many, &arg[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(arg[i].good, 200);
        EVP_PKEY_free(arg[i].pub);
    }
    free(h);
    sl_key_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_type_signs, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(header_follows_options, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(kid_is_thumbprint, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(rfc8037_example, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(anchor_is_left_out, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(threads_share_a_key, make_dir, drop_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
