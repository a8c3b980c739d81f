/* Each way in which a signing key is refused, with the sentence that says so. */
#include "token_help.h"

#include <openssl/core_names.h>

struct fixture {
    char *dir, *key, *crt;
    EVP_PKEY *pkey;
    struct sl_signer_options o;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (make_dir((void **)&f->dir) != 0)
        return 1;
    f->key = path_of(f->dir, "k.pem");
    f->crt = path_of(f->dir, "c.pem");
    f->pkey = new_key("P-256");
    write_key(f->key, f->pkey);
    write_chain(f->crt, new_certificate("s", f->pkey, "s", f->pkey, -10, 1000), NULL, NULL);
    f->o =
        (struct sl_signer_options){.key_file = f->key, .certificate_file = f->crt, .x5c = true, .kid = true};
    *state = f;
    sl_key_free(must_load(&f->o, f->dir, "pool")); /* what each test spoils is good to begin with */
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY_free(f->pkey);
    free(f->key);
    free(f->crt);
    drop_dir((void **)&f->dir);
    free(f);
    return 0;
}

/* The sentence names the file and holds both phrases: what is wrong and what would be right. */
static void refused(struct fixture *f, const char *file, const char *wrong, const char *right)
{
    struct sl_clock clock = clock_at_now();
    struct sl_buf why;
    sl_buf_init(&why, 4096);
    struct sl_key *untouched = (struct sl_key *)f, *k = untouched;
    assert_false(sl_key_load(&f->o, f->dir, "pool", &clock, &why, &k));
    assert_ptr_equal(k, untouched);
    sl_buf_putc(&why, 0);
    const char *const wanted[] = {file, wrong, right};
    for (int i = 0; i < 3; i++)
        if (wanted[i] != NULL && strstr(why.data, wanted[i]) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", why.data, wanted[i]);
    assert_null(strchr(why.data, '\n'));
    assert_int_equal(ERR_peek_error(), 0);
    sl_buf_free(&why);
}

static void no_key_named(void **state)
{
    struct fixture *f = *state;
    f->o.key_file = NULL;
    refused(f, NULL, "a certificate but no key", "signer.pem.key");
    f->o.certificate_file = NULL;
    refused(f, NULL, "names no key", "signer.generate: true");
}

static void unreadable(void **state)
{
    struct fixture *f = *state;
    unlink(f->key);
    refused(f, f->key, "No such file", "PEM file");
    assert_int_equal(mkdir(f->key, 0700), 0);
    refused(f, f->key, "not a regular file", "PEM file");
    rmdir(f->key);
    assert_int_equal(mkfifo(f->key, 0600), 0); /* no process writes to it: must not wait */
    refused(f, f->key, "not a regular file", "PEM file");
    write_key(f->key, f->pkey);
    unlink(f->crt);
    refused(f, f->crt, "No such file", "PEM file");
}

static void too_long(void **state)
{
    struct fixture *f = *state;
    char *big = calloc(1, 70000);
    memset(big, '\n', 70000);
    write_bytes(f->key, big, 70000, 0600);
    free(big);
    refused(f, f->key, "File too large", "at most 65536 bytes");
}

static void open_to_others(void **state)
{
    struct fixture *f = *state;
    static const mode_t bad[] = {0640, 0604, 0660, 0620, 0601, 0644, 0610};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        chmod(f->key, bad[i]);
        refused(f, f->key, "open to other users", "chmod 600");
    }
    chmod(f->key, 0400);
    sl_key_free(must_load(&f->o, f->dir, "pool"));
}

static void not_pem(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {"", "hello\n",
                                        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"};
    for (unsigned i = 0; i < 3; i++) {
        write_bytes(f->key, texts[i], strlen(texts[i]), 0600);
        refused(f, f->key, "no private key in PEM form", "BEGIN PRIVATE KEY");
    }
    BIO *bio = BIO_new(BIO_s_mem());
    i2d_PrivateKey_bio(bio, f->pkey);
    write_bio_to(f->key, bio, 0600);
    refused(f, f->key, "no private key in PEM form", NULL);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(bio, f->pkey);
    write_bio_to(f->key, bio, 0600);
    refused(f, f->key, "no private key in PEM form", NULL);
}

/* Both encrypted forms; were there a prompt, this test would wait for ever or read the terminal. */
static void encrypted(void **state)
{
    struct fixture *f = *state;
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, f->pkey, EVP_aes_256_cbc(), "secret", 6, NULL, NULL),
                     1);
    write_bio_to(f->key, bio, 0600);
    refused(f, f->key, "is encrypted", "in password-file");
    bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, f->pkey, EVP_aes_128_cbc(),
                                                          (unsigned char *)"secret", 6, NULL, NULL),
                     1);
    write_bio_to(f->key, bio, 0600);
    refused(f, f->key, "is encrypted", "in password-file");
}

static void other_kinds(void **state)
{
    struct fixture *f = *state;
    static const char *const kinds[] = {"RSA", "secp256k1", "brainpoolP256r1", "P-224", "ED448"};
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        EVP_PKEY *k = new_key(kinds[i]);
        write_key(f->key, k);
        EVP_PKEY_free(k);
        refused(f, f->key, "not supported", "P-256, P-384 or P-521");
    }
}

/* A SEC1 key whose public point is another key's. */
static void halves_of_two_keys(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *other = new_key("P-256");
    unsigned char *der = NULL, point[65];
    size_t n;
    int len = i2d_PrivateKey(f->pkey, &der);
    EVP_PKEY_get_octet_string_param(other, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &n);
    assert_int_equal(n, 65);
    memcpy(der + len - 65, point, 65); /* the last element of an ECPrivateKey */
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio(bio, "EC PRIVATE KEY", "", der, len);
    write_bio_to(f->key, bio, 0600);
    OPENSSL_free(der);
    EVP_PKEY_free(other);
    f->o.certificate_file = NULL;
    refused(f, f->key, "do not belong together", "export the key again");
}

static void foreign_certificate(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *other = new_key("P-256"), *rsa = new_key("RSA");
    write_chain(f->crt, new_certificate("s", other, "s", other, -10, 1000), NULL, NULL);
    refused(f, f->crt, "does not belong to the key", "first");
    write_chain(f->crt, new_certificate("s", rsa, "s", rsa, -10, 1000), NULL, NULL);
    refused(f, f->crt, "does not belong to the key", "first");
    /* right certificate, wrong place */
    write_chain(f->crt, new_certificate("ca", other, "ca", other, -10, 1000),
                new_certificate("s", f->pkey, "ca", other, -10, 1000), NULL);
    refused(f, f->crt, "does not belong to the key", "first");
    EVP_PKEY_free(other);
    EVP_PKEY_free(rsa);
}

static void out_of_time(void **state)
{
    struct fixture *f = *state;
    write_chain(f->crt, new_certificate("s", f->pkey, "s", f->pkey, -10, -1), NULL, NULL);
    refused(f, f->crt, "expired on 2023-11-14T22:13:19Z", "valid now");
    write_chain(f->crt, new_certificate("s", f->pkey, "s", f->pkey, 1, 1000), NULL, NULL);
    refused(f, f->crt, "is not valid before 2023-11-14T22:13:21Z", "valid now");
    write_chain(f->crt, new_certificate("s", f->pkey, "s", f->pkey, 0, 0), NULL,
                NULL); /* both ends count in */
    sl_key_free(must_load(&f->o, f->dir, "pool"));
    EVP_PKEY *mid = new_key("P-256"), *root = new_key("P-256");
    write_chain(f->crt, new_certificate("s", f->pkey, "mid", mid, -10, 1000),
                new_certificate("mid", mid, "root", root, -10, -1), NULL);
    refused(f, f->crt, "certificate 2", "expired on");
    EVP_PKEY_free(mid);
    EVP_PKEY_free(root);
}

static void broken_chain(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *a = new_key("P-256"), *b = new_key("P-256");
    /* another name; then the right name with another key */
    write_chain(f->crt, new_certificate("s", f->pkey, "a", a, -10, 1000),
                new_certificate("b", b, "b", b, -10, 1000), NULL);
    refused(f, f->crt, "do not form a chain", "signed by the next");
    write_chain(f->crt, new_certificate("s", f->pkey, "a", a, -10, 1000),
                new_certificate("a", b, "a", b, -10, 1000), NULL);
    refused(f, f->crt, "do not form a chain", "signed by the next");
    EVP_PKEY_free(a);
    EVP_PKEY_free(b);
}

static void not_certificates(void **state)
{
    struct fixture *f = *state;
    static const char broken[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    write_bytes(f->crt, "", 0, 0644);
    refused(f, f->crt, "does not hold certificates", "BEGIN CERTIFICATE");
    write_bytes(f->crt, broken, sizeof broken - 1, 0644);
    refused(f, f->crt, "does not hold certificates", NULL);
    /* a good leaf before a broken block must not pass as a chain of one */
    BIO *bio = BIO_new(BIO_s_mem());
    X509 *x = new_certificate("s", f->pkey, "s", f->pkey, -10, 1000);
    PEM_write_bio_X509(bio, x);
    X509_free(x);
    BIO_puts(bio, broken);
    write_bio_to(f->crt, bio, 0644);
    refused(f, f->crt, "does not hold certificates", NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_key_named), TEST(unreadable),       TEST(too_long),           TEST(open_to_others),
        TEST(not_pem),      TEST(encrypted),        TEST(other_kinds),        TEST(out_of_time),
        TEST(broken_chain), TEST(not_certificates), TEST(halves_of_two_keys), TEST(foreign_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
