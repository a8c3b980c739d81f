/* Encrypted keys: PEM with a password file, and PKCS#12 keystores. None of it may prompt on a terminal. */
#include "token_help.h"

#include <openssl/pkcs12.h>
#include <openssl/provider.h>

#define PASSWORD "correct horse \xc3\xa9"

struct fixture {
    char *dir, *key, *crt, *store, *password;
    EVP_PKEY *pkey, *mid, *root;
    X509 *own, *mid_crt, *root_crt;
    struct sl_signer_options pem, p12;
};

static void write_password(struct fixture *f, const char *text, size_t n)
{
    write_bytes(f->password, text, n, 0600);
}

static void write_encrypted(struct fixture *f, const char *password)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, f->pkey, EVP_aes_256_cbc(), password,
                                                   (int)strlen(password), NULL, NULL),
                     1);
    write_bio_to(f->key, bio, 0600);
}

/* `ca`: in the order given; both algorithms 0: what OpenSSL takes by itself. */
static void write_keystore(struct fixture *f, const char *password, EVP_PKEY *pkey, X509 *own,
                           X509 *const *ca, int algorithm)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    for (; ca != NULL && *ca != NULL; ca++)
        sk_X509_push(all, *ca);
    PKCS12 *p = PKCS12_create(password, "signer", pkey, own, all, algorithm, algorithm, 1000, 1000, 0);
    assert_non_null(p);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(i2d_PKCS12_bio(bio, p), 1);
    write_bio_to(f->store, bio, 0600);
    PKCS12_free(p);
    sk_X509_free(all);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (make_dir((void **)&f->dir) != 0)
        return 1;
    f->key = path_of(f->dir, "k.pem");
    f->crt = path_of(f->dir, "c.pem");
    f->store = path_of(f->dir, "k.p12");
    f->password = path_of(f->dir, "password");
    f->pkey = new_key("P-256");
    f->mid = new_key("P-384");
    f->root = new_key("P-256");
    f->own = new_certificate("signer", f->pkey, "mid", f->mid, -10, 1000);
    f->mid_crt = new_certificate("mid", f->mid, "root", f->root, -10, 900);
    f->root_crt = new_certificate("root", f->root, "root", f->root, -10, 800);
    f->pem = (struct sl_signer_options){.key_file = f->key, .key_password_file = f->password, .kid = true};
    f->p12 = (struct sl_signer_options){
        .keystore = f->store, .keystore_password_file = f->password, .kid = true, .x5c = true};
    write_password(f, PASSWORD "\n", strlen(PASSWORD) + 1);
    write_encrypted(f, PASSWORD);
    write_keystore(f, PASSWORD, f->pkey, f->own, (X509 *[]){f->mid_crt, f->root_crt, NULL}, 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    X509_free(f->own);
    X509_free(f->mid_crt);
    X509_free(f->root_crt);
    EVP_PKEY_free(f->pkey);
    EVP_PKEY_free(f->mid);
    EVP_PKEY_free(f->root);
    free(f->key);
    free(f->crt);
    free(f->store);
    free(f->password);
    drop_dir((void **)&f->dir);
    free(f);
    return 0;
}

static void refused(struct fixture *f, const struct sl_signer_options *o, const char *file, const char *wrong,
                    const char *right)
{
    struct sl_clock clock = clock_at_now();
    struct sl_buf why;
    sl_buf_init(&why, 4096);
    struct sl_key *untouched = (struct sl_key *)f, *k = untouched;
    assert_false(sl_key_load(o, f->dir, "pool", &clock, &why, &k));
    assert_ptr_equal(k, untouched);
    sl_buf_putc(&why, 0);
    const char *const wanted[] = {file, wrong, right};
    for (int i = 0; i < 3; i++)
        if (strstr(why.data, wanted[i]) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", why.data, wanted[i]);
    assert_null(strchr(why.data, '\n'));
    assert_null(strstr(why.data, "horse"));
    assert_int_equal(ERR_peek_error(), 0);
    sl_buf_free(&why);
}

/* How many certificates the header's x5c has, and whether the first is the key's. */
static unsigned chain_of(const struct sl_key *k, EVP_PKEY *pkey)
{
    struct sl_span h = sl_key_jose_header(k);
    char *json = strndup(h.at, h.len), *at = strstr(json, "\"x5c\":[");
    unsigned n = 0;
    if (at != NULL) {
        EVP_PKEY *first = key_from_x5c(json);
        assert_int_equal(EVP_PKEY_eq(first, pkey), 1);
        EVP_PKEY_free(first);
        for (at += 7; *at != ']'; at++)
            n += *at == '"';
    }
    free(json);
    return n / 2;
}

static void signs(const struct sl_key *k, EVP_PKEY *pkey)
{
    struct sl_signer *s = sl_signer_new();
    unsigned char rs[SL_SIGNATURE_MAX], *der = NULL;
    unsigned n;
    assert_int_equal(sl_key_sign(k, s, SL_SPAN("input"), rs, &n), SL_OK);
    assert_int_equal(n, 64);
    ECDSA_SIG *sig = ECDSA_SIG_new();
    ECDSA_SIG_set0(sig, BN_bin2bn(rs, 32, NULL), BN_bin2bn(rs + 32, 32, NULL));
    int len = i2d_ECDSA_SIG(sig, &der);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey), 1);
    assert_int_equal(EVP_DigestVerify(ctx, der, (size_t)len, (const unsigned char *)"input", 5), 1);
    EVP_MD_CTX_free(ctx);
    ECDSA_SIG_free(sig);
    OPENSSL_free(der);
    sl_signer_free(s);
}

static void encrypted_pem(void **state)
{
    struct fixture *f = *state;
    static const char *const ends[] = {"", "\n", "\r\n"};
    for (unsigned i = 0; i < 3; i++) {
        char text[64];
        int n = snprintf(text, sizeof text, "%s%s", PASSWORD, ends[i]);
        write_password(f, text, (size_t)n);
        struct sl_key *k = must_load(&f->pem, f->dir, "pool");
        signs(k, f->pkey);
        sl_key_free(k);
    }
    /* the traditional form; and a password that nothing asks for does no harm */
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, f->pkey, EVP_aes_128_cbc(),
                                                          (unsigned char *)PASSWORD, (int)strlen(PASSWORD),
                                                          NULL, NULL),
                     1);
    write_bio_to(f->key, bio, 0600);
    sl_key_free(must_load(&f->pem, f->dir, "pool"));
    write_key(f->key, f->pkey);
    sl_key_free(must_load(&f->pem, f->dir, "pool"));
}

static void encrypted_pem_refused(void **state)
{
    struct fixture *f = *state;
    write_password(f, "wrong\n", 6);
    refused(f, &f->pem, f->key, "cannot be opened with the password", "check both");
    f->pem.key_password_file = NULL;
    refused(f, &f->pem, f->key, "is encrypted", "in password-file");
}

static void password_file_refused(void **state)
{
    struct fixture *f = *state;
    char *big = calloc(1, 2000);
    memset(big, 'a', 2000);
    const struct {
        const char *text;
        size_t n;
        const char *wrong, *right;
    } cases[] = {{"", 0, "is empty", "one line"},
                 {"\n", 1, "is empty", "one line"},
                 {"a\nb\n", 4, "more than one line", "one line"},
                 {"a\0b", 3, "more than one line", "one line"},
                 {big, 1001, "is too long", "at most 1000 bytes"},
                 {big, 2000, "cannot be read", "with the password in one line"}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_password(f, cases[i].text, cases[i].n);
        refused(f, &f->pem, f->password, cases[i].wrong, cases[i].right);
        refused(f, &f->p12, f->password, cases[i].wrong, cases[i].right);
    }
    /* the longest that there may be */
    write_password(f, big, 1000);
    big[1000] = '\0';
    write_encrypted(f, big);
    sl_key_free(must_load(&f->pem, f->dir, "pool"));
    free(big);
    unlink(f->password);
    refused(f, &f->pem, f->password, "No such file", "password in one line");
}

static void open_to_others(void **state)
{
    struct fixture *f = *state;
    static const mode_t bad[] = {0640, 0604, 0660, 0644, 0610};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        char mode[16];
        snprintf(mode, sizeof mode, "(mode %04o)", bad[i]);
        chmod(f->password, bad[i]);
        refused(f, &f->pem, f->password, mode, "chmod 600");
        refused(f, &f->p12, f->password, mode, "chmod 600");
        chmod(f->password, 0600);
        chmod(f->store, bad[i]);
        refused(f, &f->p12, f->store, mode, "chmod 600");
        chmod(f->store, 0600);
    }
    chmod(f->store, 0400);
    chmod(f->password, 0400);
    sl_key_free(must_load(&f->p12, f->dir, "pool"));
}

/* The trust anchor is left out; the end is that of the certificates that are sent. */
static void keystore(void **state)
{
    struct fixture *f = *state;
    struct sl_key *k = must_load(&f->p12, f->dir, "pool");
    signs(k, f->pkey);
    assert_int_equal(chain_of(k, f->pkey), 2);
    assert_int_equal(sl_key_not_after(k), NOW_S + 900);
    sl_key_free(k);
    /* the algorithms of older tools */
    write_keystore(f, PASSWORD, f->pkey, f->own, (X509 *[]){f->mid_crt, NULL},
                   NID_pbe_WithSHA1And3_Key_TripleDES_CBC);
    k = must_load(&f->p12, f->dir, "pool");
    assert_int_equal(chain_of(k, f->pkey), 2);
    sl_key_free(k);
}

/* Whatever order the certificates have, and whatever else is among them. */
static void keystore_in_any_order(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *other = new_key("P-256");
    X509 *stranger = new_certificate("stranger", other, "stranger", other, -10, -1);
    X509 *namesake = new_certificate("mid", other, "root", other, -10, 1000); /* the name, another key */
    X509 *orders[][5] = {{f->root_crt, f->mid_crt, NULL},
                         {stranger, f->root_crt, namesake, f->mid_crt, NULL},
                         {namesake, stranger, f->mid_crt, f->root_crt, NULL}};
    for (unsigned i = 0; i < 3; i++) {
        write_keystore(f, PASSWORD, f->pkey, f->own, orders[i], 0);
        struct sl_key *k = must_load(&f->p12, f->dir, "pool");
        assert_int_equal(chain_of(k, f->pkey), 2);
        sl_key_free(k);
    }
    write_keystore(f, PASSWORD, f->pkey, f->own, (X509 *[]){f->root_crt, NULL}, 0); /* a gap ends it */
    struct sl_key *k = must_load(&f->p12, f->dir, "pool");
    assert_int_equal(chain_of(k, f->pkey), 1);
    sl_key_free(k);
    X509_free(stranger);
    X509_free(namesake);
    EVP_PKEY_free(other);
}

static void keystore_with_self_signed(void **state)
{
    struct fixture *f = *state;
    X509 *self = new_certificate("s", f->pkey, "s", f->pkey, -10, 1000);
    write_keystore(f, PASSWORD, f->pkey, self, (X509 *[]){f->mid_crt, NULL}, 0);
    struct sl_key *k = must_load(&f->p12, f->dir, "pool");
    assert_int_equal(chain_of(k, f->pkey), 1);
    sl_key_free(k);
    X509_free(self);
}

static void keystore_without_password(void **state)
{
    struct fixture *f = *state;
    f->p12.keystore_password_file = NULL;
    refused(f, &f->p12, f->store, "is encrypted", "signer.pkcs12.password-file");
    write_keystore(f, "", f->pkey, f->own, NULL, 0);
    sl_key_free(must_load(&f->p12, f->dir, "pool"));
    write_keystore(f, NULL, f->pkey, f->own, NULL, 0);
    sl_key_free(must_load(&f->p12, f->dir, "pool"));
}

static void keystore_refused(void **state)
{
    struct fixture *f = *state;
    write_password(f, "wrong", 5);
    refused(f, &f->p12, f->store, "cannot be opened with the password", "check both");
    write_password(f, PASSWORD, strlen(PASSWORD));
    write_bytes(f->store, "hello", 5, 0600);
    refused(f, &f->p12, f->store, "is not a PKCS#12 file", "export");
    write_key(f->store, f->pkey);
    refused(f, &f->p12, f->store, "is not a PKCS#12 file", "export");
    write_keystore(f, PASSWORD, NULL, NULL, (X509 *[]){f->own, NULL}, 0);
    refused(f, &f->p12, f->store, "holds no private key", "export");
    write_keystore(f, PASSWORD, f->pkey, NULL, (X509 *[]){f->mid_crt, NULL}, 0);
    refused(f, &f->p12, f->store, "no certificate that belongs to its key", "export");
    unlink(f->store);
    refused(f, &f->p12, f->store, "No such file", "PKCS#12 file");
    X509 *old = new_certificate("signer", f->pkey, "mid", f->mid, -10, -1);
    write_keystore(f, PASSWORD, f->pkey, old, NULL, 0);
    refused(f, &f->p12, f->store, "expired on", "valid now");
    X509_free(old);
    EVP_PKEY *rsa = new_key("RSA");
    X509 *x = new_certificate("signer", rsa, "mid", f->mid, -10, 1000);
    write_keystore(f, PASSWORD, rsa, x, NULL, 0);
    refused(f, &f->p12, f->store, "not supported", "P-256");
    X509_free(x);
    EVP_PKEY_free(rsa);
}

/* What OpenSSL 3 takes only with its legacy provider is named as such. */
static void keystore_of_old(void **state)
{
    struct fixture *f = *state;
    OSSL_PROVIDER *current = OSSL_PROVIDER_load(NULL, "default"),
                  *legacy = OSSL_PROVIDER_load(NULL, "legacy");
    assert_true(current != NULL && legacy != NULL);
    write_keystore(f, PASSWORD, f->pkey, f->own, NULL, NID_pbe_WithSHA1And40BitRC2_CBC);
    OSSL_PROVIDER_unload(legacy);
    refused(f, &f->p12, f->store, "no longer offers", "AES");
    OSSL_PROVIDER_unload(current);
}

/* Whatever is cut off or flipped: refused, never taken for another key, nothing leaks. */
static void keystore_damaged(void **state)
{
    struct fixture *f = *state;
    FILE *in = fopen(f->store, "rb");
    char bytes[8192];
    size_t n = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    struct sl_clock clock = clock_at_now();
    for (size_t at = 0; at < n; at += 13) {
        char spoilt[8192];
        memcpy(spoilt, bytes, n);
        spoilt[at] ^= 0x55;
        write_bytes(f->store, spoilt, at % 2 ? n : at, 0600);
        struct sl_buf why;
        struct sl_key *k = NULL;
        sl_buf_init(&why, 4096);
        if (sl_key_load(&f->p12, f->dir, "pool", &clock, &why, &k))
            signs(k, f->pkey); /* a byte that says nothing */
        else
            assert_true(why.len > 0);
        sl_key_free(k);
        sl_buf_free(&why);
    }
}

static void sameness(void **state)
{
    struct fixture *f = *state;
    struct sl_key *a = must_load(&f->p12, f->dir, "pool"), *b = must_load(&f->p12, f->dir, "pool");
    assert_true(sl_key_same(a, b));
    sl_key_free(b);
    f->p12.x5c = false;
    b = must_load(&f->p12, f->dir, "pool");
    assert_false(sl_key_same(a, b));
    sl_key_free(b);
    f->p12.x5c = f->p12.kid = false;
    b = must_load(&f->p12, f->dir, "pool");
    EVP_PKEY *other = new_key("P-256");
    X509 *x = new_certificate("signer", other, "mid", f->mid, -10, 900);
    write_keystore(f, PASSWORD, other, x, NULL, 0);
    struct sl_key *c = must_load(&f->p12, f->dir, "pool");
    assert_false(sl_key_same(b, c));
    sl_key_free(sl_key_ref(c));
    signs(c, other); /* another share was let go of */
    sl_key_free(a);
    sl_key_free(b);
    sl_key_free(c);
    X509_free(x);
    EVP_PKEY_free(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(encrypted_pem),
        TEST(encrypted_pem_refused),
        TEST(password_file_refused),
        TEST(open_to_others),
        TEST(keystore),
        TEST(keystore_in_any_order),
        TEST(keystore_with_self_signed),
        TEST(keystore_without_password),
        TEST(keystore_refused),
        TEST(keystore_of_old),
        TEST(keystore_damaged),
        TEST(sameness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
