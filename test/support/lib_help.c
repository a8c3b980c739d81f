#include "lib_help.h"

#include <openssl/ecdsa.h>

struct sl_span sign_with(EVP_PKEY *key, const char *digest, size_t half, struct sl_span input)
{
    unsigned char der[512], *out = malloc(512);
    size_t n = sizeof der;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, digest, NULL, NULL, key, NULL), 1);
    assert_int_equal(EVP_DigestSign(ctx, der, &n, (const unsigned char *)input.at, input.len), 1);
    EVP_MD_CTX_free(ctx);
    if (half == 0) {
        memcpy(out, der, n);
        return sl_span((char *)out, n);
    }
    const unsigned char *p = der;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)n);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, (int)half), half);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + half, (int)half), half);
    ECDSA_SIG_free(sig);
    return sl_span((char *)out, 2 * half);
}

char *make_jwt(EVP_PKEY *key, const char *header, const char *payload)
{
    char *h = statuslist_base64url(header, strlen(header)),
         *c = statuslist_base64url(payload, strlen(payload));
    char *input, *token;
    assert_true(asprintf(&input, "%s.%s", h, c) > 0);
    struct sl_span sig = sign_with(key, "SHA256", 32, sl_span(input, strlen(input)));
    char *s = statuslist_base64url(sig.at, sig.len);
    assert_true(asprintf(&token, "%s.%s", input, s) > 0);
    free(h), free(c), free(input), free((char *)sig.at), free(s);
    return token;
}

struct statuslist_verifier *verifier_of(EVP_PKEY *key)
{
    char why[STATUSLIST_WHY], *pem;
    struct statuslist_verifier *v = statuslist_verifier_new();
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
    long n = BIO_get_mem_data(bio, &pem);
    assert_true(statuslist_verifier_add_key(v, pem, (size_t)n, why));
    BIO_free(bio);
    return v;
}

static void print_report(const struct statuslist_report *r)
{
    const struct statuslist_check *c;
    for (size_t i = 0; (c = statuslist_report_check(r, i)) != NULL; i++)
        print_error("  %d %s: %s (%s)\n", (int)c->outcome, c->name, c->detail, c->section);
}

void only_failure(const struct statuslist_report *r, const char *name, const char *label)
{
    const struct statuslist_check *c;
    bool seen = name == NULL;
    for (size_t i = 0; (c = statuslist_report_check(r, i)) != NULL; i++) {
        assert_true(c->name != NULL && c->section != NULL && c->detail != NULL);
        if (c->outcome != STATUSLIST_FAIL)
            continue;
        if (name == NULL || strcmp(c->name, name) != 0) {
            print_report(r);
            fail_msg("%s: \"%s\" failed, not \"%s\"", label, c->name, name != NULL ? name : "nothing");
        }
        seen = true;
    }
    if (!seen) {
        print_report(r);
        fail_msg("%s: \"%s\" did not fail", label, name);
    }
    assert_int_equal(statuslist_report_accepted(r), name == NULL);
}

enum statuslist_outcome outcome_of(const struct statuslist_report *r, const char *name)
{
    const struct statuslist_check *c = statuslist_report_find(r, name);
    if (c == NULL) {
        print_report(r);
        fail_msg("no check \"%s\"", name);
    }
    return c->outcome;
}
