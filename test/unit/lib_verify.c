/* Tokens of the service's own token layer, verified by the public library with every kind of key. */
#include "lib_help.h"

struct fixture {
    char *dir;
    struct sl_token_builder *b;
    uint8_t list[2];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (make_dir((void **)&f->dir) != 0)
        return 1;
    f->b = sl_token_builder_new(&sl_clock_system);
    f->list[0] = 0xb9;
    f->list[1] = 0xa3; /* the draft's list of 16 */
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sl_token_builder_free(f->b);
    drop_dir((void **)&f->dir);
    free(f);
    return 0;
}

/* A key of this kind with a certificate by `issuer`; the files are the pool's. */
static struct sl_key *key_with_chain(struct fixture *f, EVP_PKEY *key, X509 *a, X509 *b, X509 *c)
{
    char *kp = path_of(f->dir, "k.pem"), *cp = path_of(f->dir, "c.pem");
    struct sl_signer_options o = {.key_file = kp, .certificate_file = cp, .x5c = true, .kid = true};
    write_key(kp, key);
    write_chain(cp, a, b, c);
    struct sl_key *k = must_load(&o, f->dir, "pool");
    free(kp), free(cp);
    return k;
}

static struct sl_token *token_of(struct fixture *f, struct sl_key *key)
{
    struct sl_token_spec spec = {.key = key,
                                 .sub = SL_SPAN(URI),
                                 .iss = SL_SPAN("https://example.com"),
                                 .aggregation_uri = SL_SPAN("https://example.com/aggregation/p"),
                                 .size = 16,
                                 .bits = 1,
                                 .list = f->list,
                                 .list_len = 2,
                                 .iat = NOW_S - 10,
                                 .exp = NOW_S + 3590,
                                 .ttl = 60,
                                 .level = 9};
    struct sl_token *t = NULL;
    struct sl_token_cost cost;
    assert_int_equal(sl_token_build(f->b, &spec, &t, &cost), SL_OK);
    return t;
}

static const enum sl_variant variants[] = {SL_VARIANT_JWT, SL_VARIANT_CWT};

/* Both variants are accepted, or both refused for `failure`. */
static void both(const struct statuslist_verifier *v, const struct sl_token *t, const char *failure,
                 const char *label)
{
    for (int i = 0; i < 2; i++) {
        struct sl_span bytes = t->body[variants[i]].bytes;
        uint64_t index = 3;
        struct statuslist_report *r = statuslist_verify(v, bytes.at, bytes.len, URI, &index, NOW_S);
        only_failure(r, failure, label);
        assert_int_equal(statuslist_report_status(r), failure == NULL ? 1 : -1);
        statuslist_report_free(r);
    }
}

static void test_claims(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *pkey = new_key("P-256"), *root = new_key("P-256");
    struct sl_key *key =
        key_with_chain(f, pkey, new_certificate("leaf", pkey, "root", root, -10, 100), NULL, NULL);
    struct sl_token *t = token_of(f, key);
    struct statuslist_verifier *v = verifier_of(pkey);
    EVP_PKEY_free(root);
    for (int i = 0; i < 2; i++) {
        struct sl_span bytes = t->body[variants[i]].bytes;
        struct statuslist_report *r = statuslist_verify(v, bytes.at, bytes.len, URI, NULL, NOW_S);
        only_failure(r, NULL, "own token");
        const struct statuslist_check *c;
        for (size_t n = 0; (c = statuslist_report_check(r, n)) != NULL; n++)
            assert_int_equal(c->outcome, STATUSLIST_PASS);
        const struct statuslist_claims *s = statuslist_report_claims(r);
        assert_int_equal(s->format, i == 0 ? STATUSLIST_JWT : STATUSLIST_CWT);
        assert_string_equal(s->alg, "ES256");
        assert_string_equal(s->sub, URI);
        assert_string_equal(s->iss, "https://example.com");
        assert_string_equal(s->aggregation_uri, "https://example.com/aggregation/p");
        assert_string_equal(s->typ, i == 0 ? "statuslist+jwt" : "application/statuslist+cwt");
        assert_int_equal(strlen(s->kid), 43);
        assert_true(s->has_iat && s->iat == NOW_S - 10);
        assert_true(s->has_exp && s->exp == NOW_S + 3590);
        assert_true(s->has_ttl && s->ttl == 60);
        assert_int_equal(s->certificates, 1);
        assert_int_equal(s->bits, 1);
        assert_int_equal(s->size, 16);
        assert_int_equal(s->list_len, 2);
        assert_memory_equal(s->list, f->list, 2);
        assert_int_equal(statuslist_report_status(r), -1); /* no index was asked for */
        assert_null(statuslist_report_find(r, "index"));
        statuslist_report_free(r);
    }
    statuslist_verifier_free(v);
    sl_token_unref(t);
    sl_key_free(key);
    EVP_PKEY_free(pkey);
}

static void test_every_kind_of_key(void **state)
{
    struct fixture *f = *state;
    static const char *const kinds[] = {"P-256", "P-384", "P-521", "ED25519"};
    for (int i = 0; i < 4; i++) {
        EVP_PKEY *pkey = new_key(kinds[i]), *other = new_key(kinds[i]), *unlike = new_key(kinds[(i + 1) % 4]);
        struct sl_key *key =
            key_with_chain(f, pkey, new_certificate("leaf", pkey, "leaf", pkey, -10, 100), NULL, NULL);
        struct sl_token *t = token_of(f, key);
        struct statuslist_verifier *right = verifier_of(pkey), *wrong = verifier_of(other),
                                   *kind = verifier_of(unlike);
        both(right, t, NULL, kinds[i]);
        both(wrong, t, "signature", kinds[i]);
        both(kind, t, "key", kinds[i]);
        statuslist_verifier_free(right);
        statuslist_verifier_free(wrong);
        statuslist_verifier_free(kind);
        sl_token_unref(t);
        sl_key_free(key);
        EVP_PKEY_free(pkey);
        EVP_PKEY_free(other);
        EVP_PKEY_free(unlike);
    }
}

/* Signed by the same key, under either name. */
static void test_names_of_ed25519(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *pkey = new_key("ED25519"), *ec = new_key("P-256");
    char *path = path_of(f->dir, "k.pem");
    struct statuslist_verifier *v = verifier_of(pkey);
    const struct {
        EVP_PKEY *key;
        int eddsa;
        const char *alg;
    } rows[] = {{pkey, 0, "EdDSA"}, {pkey, 1, "Ed25519"}, {ec, 1, "ES256"}};
    for (int i = 0; i < 3; i++) {
        struct sl_signer_options o = {.key_file = path, .kid = true, .eddsa = rows[i].eddsa};
        write_key(path, rows[i].key);
        struct sl_key *key = must_load(&o, f->dir, "pool");
        assert_string_equal(sl_key_alg(key), rows[i].alg);
        struct sl_token *t = token_of(f, key);
        for (int n = 0; n < 2; n++) {
            struct sl_span bytes = t->body[variants[n]].bytes;
            struct statuslist_report *r = statuslist_verify(v, bytes.at, bytes.len, URI, NULL, NOW_S);
            only_failure(r, rows[i].key == pkey ? NULL : "key", rows[i].alg);
            assert_string_equal(statuslist_report_claims(r)->alg, rows[i].alg);
            statuslist_report_free(r);
        }
        sl_token_unref(t);
        sl_key_free(key);
    }
    statuslist_verifier_free(v);
    free(path);
    EVP_PKEY_free(pkey);
    EVP_PKEY_free(ec);
}

static struct statuslist_verifier *with_certificate(const X509 *x, bool pem, bool anchor)
{
    struct statuslist_verifier *v = statuslist_verifier_new();
    char why[STATUSLIST_WHY], *bytes;
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(pem ? PEM_write_bio_X509(bio, (X509 *)x) : i2d_X509_bio(bio, (X509 *)x), 1);
    long n = BIO_get_mem_data(bio, &bytes);
    assert_true(anchor ? statuslist_verifier_add_anchor(v, bytes, (size_t)n, why)
                       : statuslist_verifier_add_key(v, bytes, (size_t)n, why));
    BIO_free(bio);
    return v;
}

static X509 *authority(const char *subject, EVP_PKEY *key, const char *issuer, EVP_PKEY *by)
{
    X509 *x = new_certificate(subject, key, issuer, by, -10, 1000);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
    assert_true(X509_sign(x, by, EVP_sha256()) > 0);
    return x;
}

static void test_chains(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *root = new_key("P-256"), *middle = new_key("P-256"), *leaf = new_key("P-256");
    X509 *anchor = authority("root", root, "root", root),
         *stranger = authority("root", middle, "root", middle);
    X509 *leaf_certificate = new_certificate("leaf", leaf, "middle", middle, -10, 100);
    X509_up_ref(leaf_certificate);
    struct sl_key *key =
        key_with_chain(f, leaf, leaf_certificate, authority("middle", middle, "root", root), NULL);
    struct sl_token *t = token_of(f, key);
    struct {
        struct statuslist_verifier *v;
        const char *failure;
    } rows[] = {
        {with_certificate(anchor, true, true), NULL},
        {with_certificate(anchor, false, true), NULL},
        {with_certificate(leaf_certificate, true, true), NULL}, /* an anchor need not be self-signed */
        {with_certificate(stranger, true, true), "key"},
        {with_certificate(leaf_certificate, true, false), NULL},
        {with_certificate(leaf_certificate, false, false), NULL},
        {with_certificate(anchor, true, false), "signature"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        both(rows[i].v, t, rows[i].failure, "chain");
        struct sl_span bytes = t->body[SL_VARIANT_JWT].bytes;
        struct statuslist_report *r =
            statuslist_verify(rows[i].v, bytes.at, bytes.len, URI, NULL, NOW_S + 200);
        assert_false(statuslist_report_accepted(r)); /* the leaf has expired by then */
        statuslist_report_free(r);
        statuslist_verifier_free(rows[i].v);
    }
    X509_free(anchor), X509_free(stranger), X509_free(leaf_certificate);
    EVP_PKEY_free(root), EVP_PKEY_free(middle), EVP_PKEY_free(leaf);
    sl_token_unref(t);
    sl_key_free(key);
}

static void test_carried_keys_are_not_trusted(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *pkey = new_key("P-256");
    struct sl_key *key =
        key_with_chain(f, pkey, new_certificate("leaf", pkey, "leaf", pkey, -10, 100), NULL, NULL);
    struct sl_token *t = token_of(f, key);
    struct statuslist_verifier *v = statuslist_verifier_new();
    both(v, t, "key", "no key");
    statuslist_verifier_trust_carried_key(v, true);
    for (int i = 0; i < 2; i++) {
        struct sl_span bytes = t->body[variants[i]].bytes;
        uint64_t index = 0;
        struct statuslist_report *r = statuslist_verify(v, bytes.at, bytes.len, URI, &index, NOW_S);
        assert_int_equal(outcome_of(r, "key"), STATUSLIST_WARN);
        assert_int_equal(outcome_of(r, "signature"), STATUSLIST_PASS);
        assert_int_equal(outcome_of(r, "index"), STATUSLIST_PASS);
        assert_false(statuslist_report_accepted(r));
        assert_int_equal(statuslist_report_status(r), -1);
        statuslist_report_free(r);
    }
    statuslist_verifier_free(v);
    sl_token_unref(t);
    sl_key_free(key);
    EVP_PKEY_free(pkey);
}

static void test_every_changed_byte_is_noticed(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *pkey = new_key("P-256");
    struct sl_key *key =
        key_with_chain(f, pkey, new_certificate("leaf", pkey, "leaf", pkey, -10, 100), NULL, NULL);
    struct sl_token *t = token_of(f, key);
    struct statuslist_verifier *v = verifier_of(pkey);
    for (int i = 0; i < 2; i++) {
        struct sl_span bytes = t->body[variants[i]].bytes;
        char *copy = malloc(bytes.len);
        for (size_t at = 0; at < bytes.len; at++) {
            memcpy(copy, bytes.at, bytes.len);
            copy[at] ^= 1 << at % 8;
            struct statuslist_report *r = statuslist_verify(v, copy, bytes.len, URI, NULL, NOW_S);
            assert_false(statuslist_report_accepted(r));
            statuslist_report_free(r);
            char *cut = malloc(at > 0 ? at : 1);
            memcpy(cut, bytes.at, at);
            r = statuslist_verify(v, cut, at, URI, NULL, NOW_S);
            assert_false(statuslist_report_accepted(r));
            statuslist_report_free(r);
            free(cut);
        }
        free(copy);
    }
    statuslist_verifier_free(v);
    sl_token_unref(t);
    sl_key_free(key);
    EVP_PKEY_free(pkey);
}

static void test_keys_that_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "hello",
        "{",
        "{}",
        "{\"keys\":[]}",
        "{\"kty\":\"oct\",\"k\":\"AA\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-192\",\"x\":\"AA\",\"y\":\"AA\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
        "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}",
        "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
        "{\"kty\":\"RSA\",\"n\":\"AA\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"enc\",\"x\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    };
    struct statuslist_verifier *v = statuslist_verifier_new();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char why[STATUSLIST_WHY] = "";
        assert_false(statuslist_verifier_add_key(v, bad[i], strlen(bad[i]), why));
        assert_true(strlen(why) > 5);
        strcpy(why, "");
        assert_false(statuslist_verifier_add_anchor(v, bad[i], strlen(bad[i]), why));
        assert_true(strlen(why) > 5);
    }
    statuslist_verifier_free(v);
}

/* PEM of a bundle: three roots, the middle one with `change` at a byte of its base64; the leaf is of the
 * last. */
static size_t bundle_of(struct fixture *f, char change, char *ret, size_t room, struct sl_key **ret_leaf)
{
    static const char *const names[] = {"one", "two", "three"};
    BIO *bio = BIO_new(BIO_s_mem());
    long middle = 0;
    char *bytes;
    EVP_PKEY *key = NULL;
    for (int i = 0; i < 3; i++) {
        EVP_PKEY_free(key);
        key = new_key("P-256");
        X509 *root = authority(names[i], key, names[i], key);
        middle = i == 1 ? BIO_get_mem_data(bio, &bytes) + 60 : middle;
        assert_int_equal(PEM_write_bio_X509(bio, root), 1);
        X509_free(root);
    }
    EVP_PKEY *leaf = new_key("P-256");
    *ret_leaf = key_with_chain(f, leaf, new_certificate("leaf", leaf, "three", key, -10, 100), NULL, NULL);
    size_t n = (size_t)BIO_get_mem_data(bio, &bytes);
    assert_true(n < room);
    memcpy(ret, bytes, n);
    if (change != '\0')
        ret[middle] = change;
    BIO_free(bio);
    EVP_PKEY_free(key);
    EVP_PKEY_free(leaf);
    return n;
}

/* Of a bundle with a damaged certificate nothing is taken, as what stands behind it would be missing
 * unnoticed. */
static void test_a_damaged_bundle_is_refused(void **state)
{
    struct fixture *f = *state;
    char bundle[8192], why[STATUSLIST_WHY];
    struct sl_key *leaf;
    for (int damaged = 0; damaged < 2; damaged++) {
        struct statuslist_verifier *v = statuslist_verifier_new();
        size_t n = bundle_of(f, damaged ? '!' : '\0', bundle, sizeof bundle, &leaf);
        assert_int_equal(statuslist_verifier_add_anchor(v, bundle, n, why), !damaged);
        if (damaged)
            assert_string_equal(why, "certificate 2 of the PEM cannot be read");
        assert_int_equal(statuslist_verifier_add_anchor(v, bundle, n - 40, why), false); /* cut off */
        struct sl_token *t = token_of(f, leaf);
        both(v, t, damaged ? "key" : NULL, "the last one's leaf");
        sl_token_unref(t);
        sl_key_free(leaf);
        statuslist_verifier_free(v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_damaged_bundle_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_claims, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_kind_of_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_of_ed25519, setup, teardown),
        cmocka_unit_test_setup_teardown(test_chains, setup, teardown),
        cmocka_unit_test_setup_teardown(test_carried_keys_are_not_trusted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_changed_byte_is_noticed, setup, teardown),
        cmocka_unit_test(test_keys_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
