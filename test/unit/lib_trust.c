/* Which keys and certificates may speak for a list: JWK sets, keyUsage, names, profiles. */
#include "lib_help.h"

#define LIST "\"status_list\":{\"bits\":1,\"lst\":\"eNrbuRgAAhcBXQ\"}"
#define CLAIMS "{\"sub\":\"" URI "\",\"iss\":\"i\",\"iat\":1699999990,\"exp\":1700003590,\"ttl\":60," LIST "}"

/* --- JWKs --- */

/* The JWK of a P-256 key, with `more` members; the caller frees. */
static char *jwk_of(EVP_PKEY *key, const char *more)
{
    unsigned char point[65];
    size_t n;
    char *text;
    assert_int_equal(EVP_PKEY_get_octet_string_param(key, "pub", point, sizeof point, &n), 1);
    assert_int_equal(n, 65);
    char *x = statuslist_base64url(point + 1, 32), *y = statuslist_base64url(point + 33, 32);
    assert_true(
        asprintf(&text, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"%s}", x, y, more) > 0);
    free(x), free(y);
    return text;
}

static const struct {
    const char *more; /* members of the JWK */
    const char *why;  /* NULL: usable */
} jwks[] = {
    {"", NULL},
    {",\"use\":\"sig\",\"alg\":\"ES256\",\"key_ops\":[\"verify\"],\"kid\":\"1\",\"x5t\":5", NULL},
    {",\"key_ops\":[\"sign\",\"verify\"]", NULL},
    {",\"use\":\"enc\"", "use is not sig"},
    {",\"use\":1", "use is not sig"},
    {",\"key_ops\":[\"sign\"]", "key_ops has no verify"},
    {",\"key_ops\":[]", "key_ops has no verify"},
    {",\"key_ops\":\"verify\"", "key_ops has no verify"},
    {",\"alg\":\"ES384\"", "alg is not"},
    {",\"alg\":\"RS256\"", "alg is not"},
    {",\"alg\":\"ECDH-ES\"", "alg is not"},
    {",\"alg\":7", "alg is not"},
};

static void test_what_a_jwk_is_for(void **state)
{
    (void)state;
    EVP_PKEY *key = new_key("P-256");
    for (size_t i = 0; i < sizeof jwks / sizeof *jwks; i++) {
        struct statuslist_verifier *v = statuslist_verifier_new();
        char why[STATUSLIST_WHY] = "", *jwk = jwk_of(key, jwks[i].more);
        assert_int_equal(statuslist_verifier_add_key(v, jwk, strlen(jwk), why), jwks[i].why == NULL);
        if (jwks[i].why != NULL)
            assert_non_null(strstr(why, jwks[i].why));
        free(jwk);
        statuslist_verifier_free(v);
    }
    EVP_PKEY_free(key);
}

#define HEADER "{\"alg\":\"ES256\",\"typ\":\"statuslist+jwt\",\"kid\":\"12\"}"

static const char *const strangers[] = {
    "{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\",\"pub\":\"AAAA\"}",
    "{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"AAAA\"}",
    "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
    "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",
    "{\"kty\":\"EC\",\"crv\":\"P-256\"}",
    "{\"kty\":\"RSA\",\"use\":\"enc\",\"n\":\"AAAA\",\"e\":\"AQAB\"}",
    "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
    "{\"kid\":\"1\"}",
    "5",
};
enum { STRANGERS = sizeof strangers / sizeof *strangers };

/* RFC 7517 section 5: what is not ours is left out, wherever it stands. */
static void test_sets_are_read_key_by_key(void **state)
{
    (void)state;
    EVP_PKEY *key = new_key("P-256");
    char *jwk = jwk_of(key, ""), *token = make_jwt(key, HEADER, CLAIMS), why[STATUSLIST_WHY];
    for (size_t i = 0; i < STRANGERS; i++) {
        struct statuslist_verifier *v = statuslist_verifier_new(), *none = statuslist_verifier_new();
        char *set, *alone;
        assert_true(asprintf(&set, "{\"keys\":[%s,%s,%s]}", strangers[i], jwk, strangers[i]) > 0);
        assert_true(asprintf(&alone, "{\"keys\":[%s]}", strangers[i]) > 0);
        assert_true(statuslist_verifier_add_key(v, set, strlen(set), why));
        struct statuslist_report *r = statuslist_verify(v, token, strlen(token), URI, NULL, NOW_S);
        only_failure(r, NULL, strangers[i]);
        statuslist_report_free(r);
        assert_false(statuslist_verifier_add_key(none, alone, strlen(alone), why));
        assert_non_null(strstr(why, "no key of the JWK set can be used; the last: "));
        free(set), free(alone);
        statuslist_verifier_free(v);
        statuslist_verifier_free(none);
    }
    free(jwk), free(token);
    EVP_PKEY_free(key);
}

static void test_what_was_left_out_is_said(void **state)
{
    (void)state;
    EVP_PKEY *key = new_key("P-256");
    char *good = jwk_of(key, ""), *set, why[STATUSLIST_WHY];
    char *token = make_jwt(key, "{\"alg\":\"EdDSA\",\"typ\":\"statuslist+jwt\",\"kid\":\"1\"}", CLAIMS);
    struct statuslist_verifier *v = statuslist_verifier_new();
    assert_true(asprintf(&set, "{\"keys\":[%s,%s,%s]}", strangers[1], good, strangers[6]) > 0);
    assert_true(statuslist_verifier_add_key(v, set, strlen(set), why));
    struct statuslist_report *r = statuslist_verify(v, token, strlen(token), URI, NULL, NOW_S);
    only_failure(r, "key", "left out");
    assert_non_null(strstr(statuslist_report_find(r, "key")->detail, "left out of the JWK set: 2 (the JWK"));
    statuslist_report_free(r);
    statuslist_verifier_free(v);
    free(good), free(set), free(token);
    EVP_PKEY_free(key);
}

/* A key that is for one algorithm verifies it under its other names too, and nothing else. */
static void test_names_of_one_algorithm(void **state)
{
    (void)state;
    EVP_PKEY *key = new_key("ED25519");
    unsigned char raw[32];
    size_t n = sizeof raw;
    assert_int_equal(EVP_PKEY_get_raw_public_key(key, raw, &n), 1);
    char *x = statuslist_base64url(raw, n), why[STATUSLIST_WHY];
    static const char *const names[] = {"EdDSA", "Ed25519"};
    for (int i = 0; i < 4; i++) {
        char *jwk, *header, *input, *token;
        assert_true(asprintf(&jwk, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\",\"alg\":\"%s\"}", x,
                             names[i % 2]) > 0);
        assert_true(
            asprintf(&header, "{\"alg\":\"%s\",\"typ\":\"statuslist+jwt\",\"kid\":\"1\"}", names[i / 2]) > 0);
        char *h = statuslist_base64url(header, strlen(header)),
             *c = statuslist_base64url(CLAIMS, strlen(CLAIMS));
        assert_true(asprintf(&input, "%s.%s", h, c) > 0);
        struct sl_span signature = sign_with(key, NULL, 0, sl_span(input, strlen(input)));
        char *s = statuslist_base64url(signature.at, signature.len);
        assert_true(asprintf(&token, "%s.%s", input, s) > 0);
        struct statuslist_verifier *v = statuslist_verifier_new();
        assert_true(statuslist_verifier_add_key(v, jwk, strlen(jwk), why));
        struct statuslist_report *r = statuslist_verify(v, token, strlen(token), URI, NULL, NOW_S);
        only_failure(r, NULL, header);
        assert_string_equal(statuslist_report_claims(r)->alg, names[i / 2]);
        statuslist_report_free(r);
        statuslist_verifier_free(v);
        free(jwk), free(header), free(h), free(c), free(input), free(token), free(s),
            free((char *)signature.at);
    }
    free(x);
    EVP_PKEY_free(key);
}

/* --- certificates --- */

struct made { /* a leaf of the key below an authority, and what the leaf says */
    EVP_PKEY *key, *ca_key;
    X509 *ca;
};

static int make(void **state)
{
    struct made *m = calloc(1, sizeof *m);
    m->key = new_key("P-256");
    m->ca_key = new_key("P-256");
    m->ca = new_certificate("root", m->ca_key, "root", m->ca_key, -10, 1000);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
    assert_int_equal(X509_add_ext(m->ca, e, -1), 1);
    X509_EXTENSION_free(e);
    assert_true(X509_sign(m->ca, m->ca_key, EVP_sha256()) > 0);
    *state = m;
    return 0;
}

static int unmake(void **state)
{
    struct made *m = *state;
    EVP_PKEY_free(m->key);
    EVP_PKEY_free(m->ca_key);
    X509_free(m->ca);
    free(m);
    return 0;
}

/* A leaf with up to three extensions, "name=value"; `days` long. */
static X509 *leaf_with(const struct made *m, const char *const extensions[3], int days)
{
    X509 *x = new_certificate("leaf", m->key, "root", m->ca_key, -10, -10 + 86400l * days);
    for (int i = 0; i < 3 && extensions[i] != NULL; i++) {
        char name[32], value[200];
        assert_int_equal(sscanf(extensions[i], "%31[^=]=%199[^\n]", name, value), 2);
        X509_EXTENSION *e = X509V3_EXT_conf(NULL, NULL, name, value);
        assert_non_null(e);
        assert_int_equal(X509_add_ext(x, e, -1), 1);
        X509_EXTENSION_free(e);
    }
    assert_true(X509_sign(x, m->ca_key, EVP_sha256()) > 0);
    return x;
}

static void put_der(struct sl_buf *b, X509 *x, bool jose)
{
    unsigned char *der = NULL, text[4096];
    int n = i2d_X509(x, &der);
    assert_true(n > 0 && n < 2048);
    if (jose)
        sl_buf_put(b, (char *)text, (size_t)EVP_EncodeBlock(text, der, n));
    else
        sl_cbor_bytes(b, sl_span((char *)der, (size_t)n));
    OPENSSL_free(der);
}

/* A JWT with one or two certificates; the caller frees. */
static char *jwt_with(const struct made *m, X509 *leaf, X509 *more, const char *claims)
{
    char bytes[8192];
    struct sl_buf header;
    sl_buf_over(&header, bytes, sizeof bytes);
    sl_buf_puts(&header, "{\"alg\":\"ES256\",\"typ\":\"statuslist+jwt\",\"x5c\":[\"");
    put_der(&header, leaf, true);
    if (more != NULL) {
        sl_buf_puts(&header, "\",\"");
        put_der(&header, more, true);
    }
    sl_buf_puts(&header, "\"]}");
    return make_jwt(m->key, sl_buf_cstr(&header), claims);
}

static struct statuslist_verifier *verifier_below(const struct made *m)
{
    char why[STATUSLIST_WHY], *der;
    struct statuslist_verifier *v = statuslist_verifier_new();
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(i2d_X509_bio(bio, m->ca), 1);
    long n = BIO_get_mem_data(bio, &der);
    assert_true(statuslist_verifier_add_anchor(v, der, (size_t)n, why));
    BIO_free(bio);
    return v;
}

#define NAMES "subjectAltName=DNS:Status.Example.com,DNS:*.wild.example,URI:https://example.com/a"

static const struct {
    const char *extensions[3];
    const char *signer; /* expected name; NULL: any */
    const char *failure, *warning;
} chains[] = {
    {{NULL}, NULL, NULL, NULL},
    {{"keyUsage=digitalSignature"}, NULL, NULL, NULL},
    {{"keyUsage=critical,digitalSignature,keyAgreement"}, NULL, NULL, NULL},
    {{"keyUsage=keyEncipherment"}, NULL, "key", NULL},
    {{"keyUsage=nonRepudiation"}, NULL, "key", NULL},
    {{"keyUsage=keyCertSign,cRLSign"}, NULL, "key", NULL},
    {{"extendedKeyUsage=serverAuth"}, NULL, NULL, "extended-key-usage"},
    {{"extendedKeyUsage=critical,serverAuth,clientAuth"}, NULL, NULL, "extended-key-usage"},
    {{"extendedKeyUsage=codeSigning"}, NULL, NULL, "extended-key-usage"},
    {{"extendedKeyUsage=anyExtendedKeyUsage"}, NULL, NULL, NULL},
    {{"extendedKeyUsage=serverAuth,1.3.6.1.5.5.7.3.30"}, NULL, NULL, NULL},
    {{"extendedKeyUsage=1.3.6.1.5.5.7.3.30"}, NULL, NULL, NULL},
    {{"keyUsage=keyEncipherment", "extendedKeyUsage=serverAuth"}, NULL, "key", "extended-key-usage"},
    {{NAMES}, "dns:status.example.COM", NULL, NULL},
    {{NAMES}, "dns:other.example.com", "key", NULL},
    {{NAMES}, "dns:a.wild.example", "key", NULL},
    {{NAMES}, "uri:https://example.com/a", NULL, NULL},
    {{NAMES}, "uri:https://example.com/A", "key", NULL},
    {{NAMES}, "uri:https://example.com/", "key", NULL},
    {{NAMES}, "subject:CN=leaf", NULL, NULL},
    {{NAMES}, "subject:leaf", "key", NULL},
    {{NULL}, "dns:leaf", "key", NULL}, /* a common name is no host */
};

static void test_chains(void **state)
{
    const struct made *m = *state;
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        char why[STATUSLIST_WHY], label[32];
        X509 *leaf = leaf_with(m, chains[i].extensions, 30);
        char *token = jwt_with(m, leaf, NULL, CLAIMS);
        struct statuslist_verifier *v = verifier_below(m);
        if (chains[i].signer != NULL)
            assert_true(statuslist_verifier_expect_signer(v, chains[i].signer, why));
        struct statuslist_report *r = statuslist_verify(v, token, strlen(token), URI, NULL, NOW_S);
        snprintf(label, sizeof label, "row %zu", i);
        only_failure(r, chains[i].failure, label);
        bool warned = statuslist_report_find(r, "extended-key-usage") != NULL;
        assert_int_equal(warned, chains[i].warning != NULL);
        statuslist_report_free(r);
        statuslist_verifier_free(v);
        X509_free(leaf);
        free(token);
    }
}

static void test_one_of_several_names(void **state)
{
    const struct made *m = *state;
    char why[STATUSLIST_WHY];
    X509 *leaf = leaf_with(m, (const char *const[3]){NAMES}, 30);
    char *token = jwt_with(m, leaf, NULL, CLAIMS);
    struct statuslist_verifier *v = verifier_below(m);
    static const char *const wrong[] = {"",      "status.example.com", "dns:", "dns:.example.com",
                                        "DNS:a", "email:a@b"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(statuslist_verifier_expect_signer(v, wrong[i], why));
    assert_true(statuslist_verifier_expect_signer(v, "dns:other.example", why));
    assert_true(statuslist_verifier_expect_signer(v, "dns:status.example.com", why));
    for (int i = 2; i < 16; i++)
        assert_true(statuslist_verifier_expect_signer(v, "dns:more.example", why));
    assert_false(statuslist_verifier_expect_signer(v, "dns:more.example", why));
    struct statuslist_report *r = statuslist_verify(v, token, strlen(token), URI, NULL, NOW_S);
    only_failure(r, NULL, "names");
    statuslist_report_free(r);
    statuslist_verifier_free(v);
    X509_free(leaf);
    free(token);
}

/* A certificate that is given is held to what it says about itself, too. */
static void test_given_certificates(void **state)
{
    const struct made *m = *state;
    static const struct {
        const char *usage, *failure;
    } rows[] = {{"keyUsage=digitalSignature", NULL}, {"keyUsage=keyEncipherment", "key"}};
    for (int i = 0; i < 2; i++) {
        char why[STATUSLIST_WHY], *der;
        X509 *leaf = leaf_with(m, (const char *const[3]){rows[i].usage}, 30);
        char *token = make_jwt(m->key, HEADER, CLAIMS);
        struct statuslist_verifier *v = statuslist_verifier_new();
        BIO *bio = BIO_new(BIO_s_mem());
        assert_int_equal(i2d_X509_bio(bio, leaf), 1);
        long n = BIO_get_mem_data(bio, &der);
        assert_true(statuslist_verifier_add_key(v, der, (size_t)n, why));
        struct statuslist_report *r = statuslist_verify(v, token, strlen(token), URI, NULL, NOW_S);
        only_failure(r, rows[i].failure, rows[i].usage);
        statuslist_report_free(r);
        BIO_free(bio);
        statuslist_verifier_free(v);
        X509_free(leaf);
        free(token);
    }
}

/* --- profiles --- */

#define NO_TTL "{\"sub\":\"" URI "\",\"iss\":\"i\",\"iat\":1699999990,\"exp\":1700003590," LIST "}"
#define NO_EXP "{\"sub\":\"" URI "\",\"iss\":\"i\",\"iat\":1699999990,\"ttl\":60," LIST "}"

static struct statuslist_report *under(enum statuslist_profile profile, const struct made *m,
                                       const char *token, size_t len)
{
    struct statuslist_verifier *v = verifier_below(m);
    statuslist_verifier_set_profile(v, profile);
    struct statuslist_report *r = statuslist_verify(v, token, len, URI, NULL, NOW_S);
    statuslist_verifier_free(v);
    return r;
}

static void test_haip(void **state)
{
    const struct made *m = *state;
    X509 *leaf = leaf_with(m, (const char *const[3]){NULL}, 30);
    X509 *alone = new_certificate("leaf", m->key, "leaf", m->key, -10, 1000);
    const struct {
        X509 *leaf, *more;
        const char *claims, *failure;
    } rows[] = {{leaf, NULL, CLAIMS, NULL},
                {leaf, m->ca, CLAIMS, "profile.anchor"},
                {leaf, NULL, NO_TTL, "profile.ttl"},
                {leaf, NULL, NO_EXP, "profile.exp"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *token = jwt_with(m, rows[i].leaf, rows[i].more, rows[i].claims);
        struct statuslist_report *r = under(STATUSLIST_HAIP, m, token, strlen(token));
        only_failure(r, rows[i].failure, "haip");
        assert_int_equal(outcome_of(r, "profile.leaf"), STATUSLIST_PASS);
        statuslist_report_free(r);
        r = under(STATUSLIST_NO_PROFILE, m, token, strlen(token));
        only_failure(r, NULL, "no profile");
        statuslist_report_free(r);
        free(token);
    }
    char *token = jwt_with(m, alone, NULL, CLAIMS);
    struct statuslist_report *r = under(STATUSLIST_HAIP, m, token, strlen(token));
    assert_int_equal(outcome_of(r, "profile.leaf"), STATUSLIST_FAIL);
    assert_int_equal(outcome_of(r, "self-signed"), STATUSLIST_WARN);
    statuslist_report_free(r);
    free(token);
    token = make_jwt(m->key, HEADER, CLAIMS);
    r = under(STATUSLIST_HAIP, m, token, strlen(token));
    assert_int_equal(outcome_of(r, "profile.chain"), STATUSLIST_FAIL);
    statuslist_report_free(r);
    free(token);
    token = make_jwt(m->key, "{\"alg\":\"ES384\",\"typ\":\"statuslist+jwt\",\"kid\":\"12\"}", CLAIMS);
    r = under(STATUSLIST_HAIP, m, token, strlen(token));
    assert_int_equal(outcome_of(r, "profile.alg"), STATUSLIST_FAIL);
    statuslist_report_free(r);
    free(token);
    X509_free(leaf), X509_free(alone);
}

/* The draft's claims, with one certificate in header 33. */
static void make_cwt(const struct made *m, X509 *leaf, struct sl_buf *ret)
{
    char head_bytes[2048], claim_bytes[512], input_bytes[4096];
    struct sl_buf head, claims, input;
    sl_buf_over(&head, head_bytes, sizeof head_bytes);
    sl_buf_over(&claims, claim_bytes, sizeof claim_bytes);
    sl_buf_over(&input, input_bytes, sizeof input_bytes);
    sl_cbor_head(&head, SL_CBOR_MAP, 3);
    sl_cbor_int(&head, 1), sl_cbor_int(&head, -9);
    sl_cbor_int(&head, 16), sl_cbor_int(&head, 279);
    sl_cbor_int(&head, 33), put_der(&head, leaf, false);
    sl_cbor_head(&claims, SL_CBOR_MAP, 5);
    sl_cbor_int(&claims, 2), sl_cbor_text(&claims, SL_SPAN(URI));
    sl_cbor_int(&claims, 6), sl_cbor_int(&claims, NOW_S - 10);
    sl_cbor_int(&claims, 4), sl_cbor_int(&claims, NOW_S + 3590);
    sl_cbor_int(&claims, 65534), sl_cbor_int(&claims, 60);
    sl_cbor_int(&claims, 65533), sl_cbor_head(&claims, SL_CBOR_MAP, 2);
    sl_cbor_text(&claims, SL_SPAN("bits")), sl_cbor_int(&claims, 1);
    sl_cbor_text(&claims, SL_SPAN("lst"));
    sl_cbor_bytes(&claims, SL_SPAN("\x78\xda\xdb\xb9\x18\x00\x02\x17\x01\x5d"));
    sl_buf_puts(&input, "\x84\x6aSignature1");
    sl_cbor_bytes(&input, sl_span(head.data, head.len));
    sl_cbor_bytes(&input, sl_span(NULL, 0));
    sl_cbor_bytes(&input, sl_span(claims.data, claims.len));
    struct sl_span signature = sign_with(m->key, "SHA256", 32, sl_span(input.data, input.len));
    sl_buf_puts(ret, "\xd2\x84");
    sl_cbor_bytes(ret, sl_span(head.data, head.len));
    sl_cbor_head(ret, SL_CBOR_MAP, 0);
    sl_cbor_bytes(ret, sl_span(claims.data, claims.len));
    sl_cbor_bytes(ret, signature);
    assert_false(ret->failed || head.failed || claims.failed || input.failed);
    free((char *)signature.at);
}

static void test_iso_mdoc(void **state)
{
    const struct made *m = *state;
    static const struct {
        const char *usage;
        int days;
        const char *failure;
    } rows[] = {
        {"keyUsage=critical,digitalSignature", 1187, NULL},
        {"keyUsage=critical,digitalSignature", 1188, "profile.validity"},
        {"keyUsage=critical,digitalSignature,nonRepudiation", 1187, "profile.key-usage"},
        {NULL, 1187, "profile.key-usage"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char bytes[4096];
        struct sl_buf token;
        X509 *leaf = leaf_with(m, (const char *const[3]){rows[i].usage}, rows[i].days);
        sl_buf_over(&token, bytes, sizeof bytes);
        make_cwt(m, leaf, &token);
        struct statuslist_report *r = under(STATUSLIST_ISO_MDOC, m, token.data, token.len);
        only_failure(r, rows[i].failure, "iso-mdoc");
        assert_string_equal(statuslist_report_claims(r)->typ, "279");
        assert_string_equal(statuslist_report_claims(r)->alg, "ESP256");
        statuslist_report_free(r);
        r = under(STATUSLIST_HAIP, m, token.data, token.len);
        only_failure(r, NULL, "haip takes -9");
        statuslist_report_free(r);
        X509_free(leaf);
    }
    X509 *leaf = leaf_with(m, (const char *const[3]){rows[0].usage}, 30);
    char *token = jwt_with(m, leaf, NULL, CLAIMS);
    struct statuslist_report *r = under(STATUSLIST_ISO_MDOC, m, token, strlen(token));
    only_failure(r, "profile.format", "a JWT");
    statuslist_report_free(r);
    free(token);
    X509_free(leaf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_jwk_is_for),
        cmocka_unit_test(test_sets_are_read_key_by_key),
        cmocka_unit_test(test_what_was_left_out_is_said),
        cmocka_unit_test(test_names_of_one_algorithm),
        cmocka_unit_test_setup_teardown(test_chains, make, unmake),
        cmocka_unit_test_setup_teardown(test_one_of_several_names, make, unmake),
        cmocka_unit_test_setup_teardown(test_given_certificates, make, unmake),
        cmocka_unit_test_setup_teardown(test_haip, make, unmake),
        cmocka_unit_test_setup_teardown(test_iso_mdoc, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
