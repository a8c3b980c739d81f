/* Keys that the service makes for itself: files, modes, reuse, and what a start that was cut short leaves
 * behind. */
#include "token_help.h"

#include <dirent.h>

static const struct sl_signer_options generate = {.generate = true, .x5c = true, .kid = true, .jwk = true};

static mode_t mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode & 07777;
}

static unsigned entries_of(const char *path)
{
    DIR *d = opendir(path);
    assert_non_null(d);
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static char *load_header(const char *dir, const char *pool)
{
    struct sl_key *k = must_load(&generate, dir, pool);
    assert_string_equal(sl_key_alg(k), "ES256");
    struct sl_span h = sl_key_jose_header(k);
    char *text = strndup(h.at, h.len);
    sl_key_free(k);
    return text;
}

static void refused(const char *dir, const char *phrase)
{
    struct sl_clock clock = clock_at_now();
    struct sl_buf why;
    sl_buf_init(&why, 4096);
    struct sl_key *k = NULL;
    assert_false(sl_key_load(&generate, dir, "pool", &clock, &why, &k));
    sl_buf_putc(&why, 0);
    assert_non_null(strstr(why.data, phrase));
    sl_buf_free(&why);
}

static void once_then_ever_after(void **state)
{
    const char *dir = *state;
    mode_t old = umask(0); /* modes do not depend on it */
    char *first = load_header(dir, "pool");
    umask(0277);
    char *second = load_header(dir, "pool"), *other = load_header(dir, "other-pool");
    umask(old);
    assert_string_equal(first, second);
    assert_false(sl_span_eq(json_text(first, "kid"), json_text(other, "kid")));
    char *keys = path_of(dir, "keys");
    assert_int_equal(mode_of(keys), 0700);
    assert_int_equal(entries_of(keys), 6); /* no temporary names left */
    static const char *const names[] = {"keys/pool.key.pem",       "keys/pool.crt.pem",
                                        "keys/pool.ca.pem",        "keys/other-pool.key.pem",
                                        "keys/other-pool.crt.pem", "keys/other-pool.ca.pem"};
    for (unsigned i = 0; i < 6; i++) {
        char *p = path_of(dir, names[i]);
        assert_int_equal(mode_of(p), 0600);
        free(p);
    }
    free(keys);
    free(first);
    free(second);
    free(other);
}

static X509 *read_certificate(const char *dir, const char *name)
{
    char *path = path_of(dir, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    X509 *x = PEM_read_X509(f, NULL, NULL, NULL);
    assert_non_null(x);
    fclose(f);
    free(path);
    return x;
}

static void certificate_says(void **state)
{
    const char *dir = *state;
    struct sl_key *k = must_load(&generate, dir, "tests");
    X509 *x = read_certificate(dir, "keys/tests.crt.pem");
    char cn[100];
    assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, cn, sizeof cn) > 0);
    assert_string_equal(cn, "statuslistd tests");
    assert_false(sl_key_self_signed(k));
    assert_int_equal(X509_get_signature_nid(x), NID_ecdsa_with_SHA256);
    assert_int_equal(X509_get_version(x), X509_VERSION_3);
    assert_int_equal(X509_check_ca(x), 0);
    assert_int_equal(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE);
    assert_non_null(X509_get0_subject_key_id(x));
    assert_false(ASN1_STRING_get0_data(X509_get0_serialNumber(x))[0] & 0x80);
    int64_t years10 = sl_key_not_after(k) - NOW_S;
    assert_true(years10 > 3650ll * 86400 && years10 < 3653ll * 86400);
    X509_free(x);
    sl_key_free(k);
}

/* The path from the certificate to the anchor beside it is one that OpenSSL takes for any purpose. */
static void check_anchor(const char *dir, const char *pool)
{
    char name[200];
    snprintf(name, sizeof name, "keys/%s.crt.pem", pool);
    X509 *leaf = read_certificate(dir, name);
    snprintf(name, sizeof name, "keys/%s.ca.pem", pool);
    X509 *anchor = read_certificate(dir, name);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    assert_int_equal(X509_STORE_add_cert(store, anchor), 1);
    assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, NULL), 1);
    X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT);
    X509_STORE_CTX_set_time(ctx, 0, (time_t)NOW_S);
    if (X509_verify_cert(ctx) != 1)
        fail_msg("%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    assert_int_equal(X509_self_signed(anchor, 1), 1);
    assert_int_equal(X509_self_signed(leaf, 0), 0);
    assert_int_equal(X509_get_key_usage(anchor), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_int_equal(X509_get_pathlen(anchor), 0);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    X509_free(leaf);
    X509_free(anchor);
}

static void anchor_stands_beside(void **state)
{
    const char *dir = *state;
    char *header = load_header(dir, "tests"), *path = sl_key_anchor_path(dir, "tests");
    check_anchor(dir, "tests");
    assert_int_equal(access(path, R_OK), 0);
    assert_null(strstr(header, "\",\"MII")); /* one certificate in x5c: the anchor is not sent */
    free(header);
    free(path);
}

/* What an older version generated has no anchor, and is used as it is. */
static void self_signed_of_before(void **state)
{
    const char *dir = *state;
    char *keys = path_of(dir, "keys"), *key = path_of(dir, "keys/pool.key.pem"),
         *crt = path_of(dir, "keys/pool.crt.pem"), *anchor = sl_key_anchor_path(dir, "pool");
    EVP_PKEY *pkey = new_key("P-256");
    assert_int_equal(mkdir(keys, 0700), 0);
    write_key(key, pkey);
    write_chain(crt, new_certificate("statuslistd pool", pkey, "statuslistd pool", pkey, -10, 1000), NULL,
                NULL);
    struct sl_key *k = must_load(&generate, dir, "pool");
    assert_true(sl_key_self_signed(k));
    assert_int_equal(access(anchor, F_OK), -1);
    sl_key_free(k);
    EVP_PKEY_free(pkey);
    free(keys), free(key), free(crt), free(anchor);
}

/* X.520 lets a common name have 64 characters. */
static void long_pool_name(void **state)
{
    char pool[101];
    memset(pool, 'p', 100);
    pool[100] = 0;
    char *a = load_header(*state, pool), *b = load_header(*state, pool);
    assert_string_equal(a, b);
    check_anchor(*state, pool);
    free(a);
    free(b);
}

/* The process ended between the two files: the key stays, its certificate is made now. */
static void certificate_missing(void **state)
{
    const char *dir = *state;
    char *first = load_header(dir, "pool"), *crt = path_of(dir, "keys/pool.crt.pem");
    assert_int_equal(unlink(crt), 0);
    char *second = load_header(dir, "pool");
    assert_true(sl_span_eq(json_text(first, "kid"), json_text(second, "kid")));
    assert_string_not_equal(first, second); /* another serial number */
    check_anchor(dir, "pool");
    free(crt);
    free(first);
    free(second);
}

static void key_missing(void **state)
{
    const char *dir = *state;
    free(load_header(dir, "pool"));
    char *key = path_of(dir, "keys/pool.key.pem");
    assert_int_equal(unlink(key), 0);
    refused(dir, "is gone: restore it, or remove");
    assert_int_equal(access(key, F_OK), -1);
    free(key);
}

/* Half a key under the temporary name, as a power cut leaves it. */
static void leftovers(void **state)
{
    const char *dir = *state;
    char *keys = path_of(dir, "keys"), *stale = path_of(dir, "keys/pool.key.pem.new");
    assert_int_equal(mkdir(keys, 0755), 0);
    write_bytes(stale, "-----BEGIN", 10, 0644);
    free(load_header(dir, "pool"));
    assert_int_equal(mode_of(keys), 0700);
    assert_int_equal(entries_of(keys), 3);
    free(keys);
    free(stale);
}

static void loaded_with_the_same_rules(void **state)
{
    const char *dir = *state;
    free(load_header(dir, "pool"));
    char *key = path_of(dir, "keys/pool.key.pem");
    chmod(key, 0640);
    refused(dir, "open to other users");
    free(key);
}

static void nowhere_to_write(void **state)
{
    char *missing = path_of(*state, "no/such/place"), *file = path_of(*state, "keys");
    refused(missing, "No such file or directory");
    write_bytes(file, "", 0, 0600);
    refused(*state, "Not a directory");
    free(missing);
    free(file);
}

/* A key file wins over `generate`. */
static void key_file_first(void **state)
{
    EVP_PKEY *k = new_key("P-384");
    struct sl_signer_options o = {.generate = true, .key_file = path_of(*state, "k.pem")};
    write_key(o.key_file, k);
    struct sl_key *loaded = must_load(&o, *state, "pool");
    assert_string_equal(sl_key_alg(loaded), "ES384");
    assert_int_equal(entries_of(*state), 1);
    sl_key_free(loaded);
    EVP_PKEY_free(k);
    free(o.key_file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, drop_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(once_then_ever_after),
        TEST(certificate_says),
        TEST(long_pool_name),
        TEST(anchor_stands_beside),
        TEST(self_signed_of_before),
        TEST(certificate_missing),
        TEST(key_missing),
        TEST(leftovers),
        TEST(nowhere_to_write),
        TEST(key_file_first),
        TEST(loaded_with_the_same_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
