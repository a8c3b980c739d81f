#include "token_help.h"

#include <dirent.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

static int64_t fixed_wall(void *arg)
{
    (void)arg;
    return NOW_S * 1000;
}

struct sl_clock clock_at_now(void)
{
    struct sl_clock c = sl_clock_system;
    c.wall_ms = fixed_wall;
    return c;
}

char *path_of(const char *dir, const char *name)
{
    char *p = NULL;
    assert_true(asprintf(&p, "%s/%s", dir, name) > 0);
    return p;
}

int make_dir(void **state)
{
    char template[] = "/tmp/sl-token-XXXXXX";
    *state = strdup(mkdtemp(template));
    return *state == NULL;
}

void remove_tree(const char *path)
{
    DIR *d = opendir(path);
    if (d == NULL) {
        unlink(path);
        return;
    }
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        char *child = path_of(path, e->d_name);
        if (e->d_type == DT_DIR)
            remove_tree(child);
        else
            unlink(child);
        free(child);
    }
    closedir(d);
    rmdir(path);
}

int drop_dir(void **state)
{
    remove_tree(*state);
    free(*state);
    return 0;
}

void write_bytes(const char *path, const void *bytes, size_t n, mode_t mode)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

void write_bio_to(const char *path, BIO *bio, mode_t mode)
{
    char *bytes;
    long n = BIO_get_mem_data(bio, &bytes);
    write_bytes(path, bytes, (size_t)n, mode);
    BIO_free(bio);
}

EVP_PKEY *new_key(const char *name)
{
    EVP_PKEY *k = strcmp(name, "ED25519") == 0   ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                  : strncmp(name, "RSA", 3) == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
                  : strcmp(name, "ED448") == 0   ? EVP_PKEY_Q_keygen(NULL, NULL, "ED448")
                                                 : EVP_EC_gen(name);
    assert_non_null(k);
    return k;
}

void write_key(const char *path, EVP_PKEY *k)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(bio, k, NULL, NULL, 0, NULL, NULL), 1);
    write_bio_to(path, bio, 0600);
}

X509 *new_certificate(const char *subject, EVP_PKEY *key, const char *issuer, EVP_PKEY *issuer_key, long from,
                      long to)
{
    X509 *x = X509_new();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 42);
    ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(NOW_S + from));
    ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(NOW_S + to));
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, (const unsigned char *)subject,
                               -1, -1, 0);
    X509_NAME_add_entry_by_txt(X509_get_issuer_name(x), "CN", MBSTRING_UTF8, (const unsigned char *)issuer,
                               -1, -1, 0);
    X509_set_pubkey(x, key);
    const EVP_MD *md = EVP_PKEY_is_a(issuer_key, "ED25519") ? NULL : EVP_sha256();
    assert_true(X509_sign(x, issuer_key, md) > 0);
    return x;
}

void write_chain(const char *path, X509 *a, X509 *b, X509 *c)
{
    BIO *bio = BIO_new(BIO_s_mem());
    X509 *all[] = {a, b, c};
    for (int i = 0; i < 3; i++) {
        if (all[i] != NULL)
            assert_int_equal(PEM_write_bio_X509(bio, all[i]), 1);
        X509_free(all[i]);
    }
    write_bio_to(path, bio, 0644);
}

struct sl_key *must_load(const struct sl_signer_options *o, const char *storage, const char *pool)
{
    struct sl_clock clock = clock_at_now();
    struct sl_buf why;
    sl_buf_init(&why, 4096);
    struct sl_key *k = NULL;
    if (!sl_key_load(o, storage, pool, &clock, &why, &k))
        fail_msg("refused: %.*s", (int)why.len, why.data);
    assert_int_equal(why.len, 0);
    sl_buf_free(&why);
    return k;
}

unsigned char *unbase64url(struct sl_span text, size_t *ret_len)
{
    unsigned char *out = malloc(text.len * 3 / 4 + 1);
    assert_true(sl_base64url_decode(out, text.at, text.len, ret_len));
    out[*ret_len] = 0;
    return out;
}

void split_jws(struct sl_span jws, struct sl_span part[3])
{
    const char *at = jws.at, *end = jws.at + jws.len;
    for (int i = 0; i < 3; i++) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        assert_int_equal(dot == NULL, i == 2);
        if (dot == NULL)
            dot = end;
        part[i] = sl_span(at, (size_t)(dot - at));
        at = dot + 1;
    }
}

struct sl_span json_text(const char *json, const char *name)
{
    char want[64];
    snprintf(want, sizeof want, "\"%s\":\"", name);
    const char *at = strstr(json, want);
    if (at == NULL)
        return sl_span(NULL, 0);
    at += strlen(want);
    return sl_span(at, strcspn(at, "\""));
}

EVP_PKEY *key_from_x5c(const char *header)
{
    const char *at = strstr(header, "\"x5c\":[\"");
    assert_non_null(at);
    at += 8;
    size_t n = strcspn(at, "\"");
    assert_int_equal(n % 4, 0);
    unsigned char *der = malloc(n);
    int len = EVP_DecodeBlock(der, (const unsigned char *)at, (int)n);
    assert_true(len > 0);
    const unsigned char *p = der;
    X509 *x = d2i_X509(NULL, &p, len);
    assert_non_null(x);
    EVP_PKEY *k = X509_get_pubkey(x);
    X509_free(x);
    free(der);
    return k;
}

static EVP_PKEY *ec_from_coordinates(const char *crv, const unsigned char *x, const unsigned char *y,
                                     size_t n)
{
    unsigned char point[1 + 2 * 66] = {4};
    memcpy(point + 1, x, n);
    memcpy(point + 1 + n, y, n);
    OSSL_PARAM params[] = {OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)crv, 0),
                           OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * n),
                           OSSL_PARAM_END};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *k = NULL;
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &k, EVP_PKEY_PUBLIC_KEY, params), 1);
    EVP_PKEY_CTX_free(ctx);
    return k;
}

EVP_PKEY *key_from_jwk(const char *header)
{
    const char *jwk = strstr(header, "\"jwk\":{");
    assert_non_null(jwk);
    struct sl_span crv = json_text(jwk, "crv"), kty = json_text(jwk, "kty");
    size_t nx, ny = 0;
    unsigned char *x = unbase64url(json_text(jwk, "x"), &nx);
    EVP_PKEY *k;
    if (sl_span_eq(kty, SL_SPAN("OKP"))) {
        assert_true(sl_span_eq(crv, SL_SPAN("Ed25519")));
        k = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, nx);
    } else {
        char name[16];
        snprintf(name, sizeof name, "%.*s", (int)crv.len, crv.at);
        unsigned char *y = unbase64url(json_text(jwk, "y"), &ny);
        assert_int_equal(nx, ny);
        k = ec_from_coordinates(name, x, y, nx);
        free(y);
    }
    free(x);
    assert_non_null(k);
    return k;
}

bool verifies(EVP_PKEY *pub, const char *alg, struct sl_span input, const unsigned char *sig, size_t n)
{
    const EVP_MD *md = strcmp(alg, "ES256") == 0   ? EVP_sha256()
                       : strcmp(alg, "ES384") == 0 ? EVP_sha384()
                       : strcmp(alg, "ES512") == 0 ? EVP_sha512()
                                                   : NULL;
    unsigned char *der = NULL;
    int len = (int)n;
    if (md != NULL) {
        ECDSA_SIG *s = ECDSA_SIG_new();
        ECDSA_SIG_set0(s, BN_bin2bn(sig, len / 2, NULL), BN_bin2bn(sig + n / 2, len / 2, NULL));
        len = i2d_ECDSA_SIG(s, &der);
        ECDSA_SIG_free(s);
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, md, NULL, pub), 1);
    bool ok = EVP_DigestVerify(ctx, der != NULL ? der : sig, (size_t)len, (const unsigned char *)input.at,
                               input.len) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    ERR_clear_error();
    return ok;
}
