/* TLS contexts: which files are refused, and handshakes in memory with contexts made from good ones. */
#include <openssl/ssl.h>

#include "http/tls.h"
#include "token_help.h"

struct files {
    char *dir;
    struct sl_tls_options o;
    EVP_PKEY *key, *ca_key;
};

/* A certificate of the kind that a test asks for, from an authority whose certificate stands in ca.pem. */
static int setup(void **state)
{
    struct files *f = calloc(1, sizeof *f);
    if (f == NULL || make_dir((void **)&f->dir) != 0)
        return -1;
    f->o = (struct sl_tls_options){.certificate_file = path_of(f->dir, "crt"),
                                   .key_file = path_of(f->dir, "key"),
                                   .client_ca_file = path_of(f->dir, "ca")};
    f->key = new_key("P-256");
    f->ca_key = new_key("P-256");
    write_key(f->o.key_file, f->key);
    write_chain(f->o.certificate_file, new_certificate("us", f->key, "ca", f->ca_key, -1000, 3000), NULL,
                NULL);
    write_chain(f->o.client_ca_file, new_certificate("ca", f->ca_key, "ca", f->ca_key, -1000, 9000), NULL,
                NULL);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct files *f = *state;
    EVP_PKEY_free(f->key);
    EVP_PKEY_free(f->ca_key);
    free(f->o.certificate_file);
    free(f->o.key_file);
    free(f->o.client_ca_file);
    drop_dir((void **)&f->dir);
    free(f);
    return 0;
}

static struct sl_tls *load(const struct files *f)
{
    struct sl_clock clock = clock_at_now();
    struct sl_tls *t = NULL;
    const char *key = NULL;
    struct sl_buf why;
    sl_buf_init(&why, 4096);
    if (!sl_tls_load(&f->o, &clock, &why, &key, &t))
        fail_msg("%s refused: %.*s", key, (int)why.len, why.data);
    sl_buf_free(&why);
    return t;
}

static void refused(const struct files *f, const char *which, const char *words)
{
    struct sl_clock clock = clock_at_now();
    struct sl_tls *t = NULL;
    const char *key = NULL;
    struct sl_buf why;
    sl_buf_init(&why, 4096);
    assert_false(sl_tls_load(&f->o, &clock, &why, &key, &t));
    sl_buf_putc(&why, '\0');
    assert_string_equal(key, which);
    if (strstr(why.data, words) == NULL)
        fail_msg("no \"%s\" in: %s", words, why.data);
    assert_null(t);
    assert_int_equal(ERR_peek_error(), 0);
    sl_buf_free(&why);
}

static void test_files_that_are_refused(void **state)
{
    struct files *f = *state;
    write_chain(f->o.certificate_file, new_certificate("us", f->ca_key, "ca", f->ca_key, -1000, 3000), NULL,
                NULL);
    refused(f, "certificate", "does not belong to the key");
    write_chain(f->o.certificate_file, new_certificate("us", f->key, "ca", f->ca_key, -1000, -1), NULL, NULL);
    refused(f, "certificate", "expired on");
    EVP_PKEY *weak = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
    write_key(f->o.key_file, weak);
    write_chain(f->o.certificate_file, new_certificate("us", weak, "ca", f->ca_key, -1000, 3000), NULL, NULL);
    EVP_PKEY_free(weak);
    refused(f, "certificate",
            "OpenSSL does not accept the certificate for TLS (ee key too small): use an EC key");
    chmod(f->o.key_file, 0604);
    refused(f, "key", "open to other users");
    unlink(f->o.key_file);
    refused(f, "key", "cannot be opened");
}

static void test_authorities_that_are_refused(void **state)
{
    struct files *f = *state;
    write_bytes(f->o.client_ca_file, "", 0, 0644);
    sl_tls_unref(load(f)); /* it is not read */
    f->o.client_certificates = SL_CLIENTS_OPTIONAL;
    refused(f, "client-ca", "BEGIN CERTIFICATE");
    write_chain(f->o.client_ca_file, new_certificate("ca", f->ca_key, "ca", f->ca_key, -1000, 1000),
                new_certificate("old", f->ca_key, "old", f->ca_key, -1000, -1), NULL);
    refused(f, "client-ca", "certificate 2 in");
    write_chain(f->o.client_ca_file, new_certificate("ca", f->ca_key, "ca", f->ca_key, 100, 1000), NULL,
                NULL);
    refused(f, "client-ca", "is not valid yet: remove it");
}

static void test_when_it_ends(void **state)
{
    struct files *f = *state;
    struct sl_tls *t = load(f);
    assert_int_equal(sl_tls_not_after(t), NOW_S + 3000);
    assert_int_equal(sl_tls_warn_from(t), NOW_S + 2000); /* a quarter of 4000 */
    sl_tls_unref(t);
    long year = 365 * 86400;
    write_chain(f->o.certificate_file, new_certificate("us", f->key, "ca", f->ca_key, -1000, year), NULL,
                NULL);
    t = load(f);
    assert_int_equal(sl_tls_warn_from(t), NOW_S + year - 30 * 86400);
    sl_tls_unref(t);
    /* The chain ends with the first of it; the anchor is not sent. */
    EVP_PKEY *middle = new_key("P-256");
    write_chain(f->o.certificate_file, new_certificate("us", f->key, "middle", middle, -1000, 3000),
                new_certificate("middle", middle, "ca", f->ca_key, -1000, 1500),
                new_certificate("ca", f->ca_key, "ca", f->ca_key, -1000, 900));
    EVP_PKEY_free(middle);
    t = load(f);
    assert_int_equal(sl_tls_not_after(t), NOW_S + 1500);
    sl_tls_unref(t);
}

/* ---- handshakes */

struct client {
    SSL_CTX *ctx;
    SSL *ssl, *server;
    SSL_SESSION *session; /* of the connection before */
};

static void client_begin(struct client *c, const struct sl_tls *t)
{
    BIO *ours, *theirs;
    if (c->ctx == NULL)
        c->ctx = SSL_CTX_new(TLS_client_method());
    c->ssl = SSL_new(c->ctx);
    c->server = SSL_new(sl_tls_context(t));
    assert_int_equal(BIO_new_bio_pair(&ours, 1 << 17, &theirs, 1 << 17), 1);
    SSL_set_bio(c->ssl, ours, ours);
    SSL_set_bio(c->server, theirs, theirs);
    SSL_set_connect_state(c->ssl);
    SSL_set_accept_state(c->server);
    if (c->session != NULL)
        assert_int_equal(SSL_set_session(c->ssl, c->session), 1);
}

static bool shake(struct client *c)
{
    int a = 0, b = 0;
    for (int i = 0; i < 20 && (a != 1 || b != 1); i++) {
        a = SSL_do_handshake(c->ssl);
        b = SSL_do_handshake(c->server);
        if ((a != 1 && SSL_get_error(c->ssl, a) != SSL_ERROR_WANT_READ) ||
            (b != 1 && SSL_get_error(c->server, b) != SSL_ERROR_WANT_READ))
            break;
    }
    char byte; /* where the tickets of TLS 1.3 are */
    SSL_read(c->ssl, &byte, 1);
    return a == 1 && b == 1;
}

static void client_end(struct client *c)
{
    SSL_SESSION_free(c->session);
    c->session = SSL_get1_session(c->ssl);
    SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    SSL_free(c->server);
    ERR_clear_error();
}

static void client_free(struct client *c)
{
    SSL_SESSION_free(c->session);
    SSL_CTX_free(c->ctx);
}

/* One connection; whether it was resumed. */
static bool resumes(struct client *c, const struct sl_tls *t)
{
    client_begin(c, t);
    assert_true(shake(c));
    bool resumed = SSL_session_reused(c->ssl);
    client_end(c);
    return resumed;
}

static void test_tickets_open_the_context_that_gave_them(void **state)
{
    struct files *f = *state;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (int i = 0; i < 2; i++) {
        struct client c = {.ctx = SSL_CTX_new(TLS_client_method())};
        SSL_CTX_set_min_proto_version(c.ctx, versions[i]);
        SSL_CTX_set_max_proto_version(c.ctx, versions[i]);
        struct sl_tls *t = load(f);
        assert_false(resumes(&c, t));
        assert_true(resumes(&c, t));
        assert_true(resumes(&c, t));
        struct sl_tls *renewed = sl_tls_renew(t);
        assert_non_null(renewed);
        assert_int_equal(sl_tls_not_after(renewed), sl_tls_not_after(t));
        sl_tls_unref(sl_tls_ref(t));
        sl_tls_unref(t);
        assert_false(resumes(&c, renewed));
        assert_true(resumes(&c, renewed));
        sl_tls_unref(renewed);
        client_free(&c);
    }
}

/* A client with a certificate of `ca_key`'s: libssl asks the system's clock, not ours. */
static struct client client_of(EVP_PKEY *ca_key)
{
    struct client c = {.ctx = SSL_CTX_new(TLS_client_method())};
    EVP_PKEY *key = new_key("P-256");
    long now = (long)(time(NULL) - NOW_S);
    X509 *x = new_certificate("issuer", key, "ca", ca_key, now - 100, now + 1000);
    assert_int_equal(SSL_CTX_use_cert_and_key(c.ctx, x, key, NULL, 1), 1);
    X509_free(x);
    EVP_PKEY_free(key);
    return c;
}

static void connects(struct client c, const struct sl_tls *t, bool expected)
{
    client_begin(&c, t);
    assert_true(shake(&c) == expected);
    client_end(&c);
    client_free(&c);
}

/* And the renewed one has the same rules. */
static void test_clients_that_must_show_a_certificate(void **state)
{
    struct files *f = *state;
    long ever = 100l * 365 * 86400;
    X509 *ca = new_certificate("ca", f->ca_key, "ca", f->ca_key, -1000, ever);
    X509_EXTENSION *is_ca = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
    X509_add_ext(ca, is_ca, -1);
    X509_EXTENSION_free(is_ca);
    assert_true(X509_sign(ca, f->ca_key, EVP_sha256()) > 0);
    write_chain(f->o.client_ca_file, ca, NULL, NULL);
    for (int words = SL_CLIENTS_OPTIONAL; words <= SL_CLIENTS_REQUIRED; words++) {
        f->o.client_certificates = (enum sl_client_certificates)words;
        struct sl_tls *t = load(f);
        struct sl_tls *both[] = {t, sl_tls_renew(t)};
        for (int i = 0; i < 2; i++) {
            connects((struct client){0}, both[i], words == SL_CLIENTS_OPTIONAL);
            connects(client_of(f->ca_key), both[i], true);
            connects(client_of(f->key), both[i], false);
            sl_tls_unref(both[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_files_that_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_authorities_that_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_when_it_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tickets_open_the_context_that_gave_them, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clients_that_must_show_a_certificate, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
