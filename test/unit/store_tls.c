/* TLS under a connection to Redis: what is read and written over a socket that is narrow, that renegotiates,
 * that ends. */
#include <errno.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "store/options.h"
#include "store/tls_int.h"
#include "token/tls_client.h"
#include "token_help.h"

#define MEGABYTE (1u << 20)

struct wire {
    char *dir, *ca;
    EVP_PKEY *ca_key, *server_key;
    SSL_CTX *server_ctx;
    SSL *server;
    int fd[2]; /* ours, the server's: non-blocking, with small buffers */
    struct sl_tls_client *client;
    struct sl_redis_options o;
    struct sl_link *link;
};

static void narrow(int fd)
{
    int size = 4096;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    fcntl(fd, F_SETFL, O_NONBLOCK);
}

static void add(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
}

/* OpenSSL uses the time of the machine. */
static X509 *named(struct wire *w, const char *names, long until_s)
{
    long now_s = (long)(time(NULL) - NOW_S);
    X509 *x = new_certificate("redis", w->server_key, "ca", w->ca_key, -1000, now_s + until_s);
    add(x, NID_subject_alt_name, names);
    assert_true(X509_sign(x, w->ca_key, EVP_sha256()) > 0);
    return x;
}

static void write_authority(const struct wire *w, EVP_PKEY *key)
{
    X509 *x = new_certificate("ca", key, "ca", key, -1000, (long)(time(NULL) - NOW_S) + 9000);
    add(x, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    write_chain(w->ca, x, NULL, NULL);
}

static int setup(void **state)
{
    struct wire *w = calloc(1, sizeof *w);
    signal(SIGPIPE, SIG_IGN);
    if (w == NULL || make_dir((void **)&w->dir) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, w->fd) != 0)
        return -1;
    w->ca = path_of(w->dir, "ca");
    w->ca_key = new_key("P-256");
    w->server_key = new_key("P-256");
    write_authority(w, w->ca_key);
    w->server_ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_PrivateKey(w->server_ctx, w->server_key);
    X509 *x = named(w, "DNS:redis.example,IP:10.1.2.3", 3000);
    SSL_CTX_use_certificate(w->server_ctx, x);
    X509_free(x);
    w->o = (struct sl_redis_options){.host = (char *)"redis.example", .tls.enabled = true};
    narrow(w->fd[0]);
    narrow(w->fd[1]);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct wire *w = *state;
    sl_link_free(w->link);
    sl_tls_client_unref(w->client);
    SSL_free(w->server);
    SSL_CTX_free(w->server_ctx);
    EVP_PKEY_free(w->ca_key);
    EVP_PKEY_free(w->server_key);
    close(w->fd[0]);
    close(w->fd[1]);
    free(w->ca);
    drop_dir((void **)&w->dir);
    free(w);
    ERR_clear_error();
    return 0;
}

/* Our end, which trusts w->ca. */
static void call(struct wire *w)
{
    const struct sl_tls_client_files files = {.ca = w->ca};
    const char *key;
    struct sl_buf why;
    sl_buf_init(&why, 4096);
    assert_true(sl_tls_client_load(&files, &sl_clock_system, &why, &key, &w->client));
    sl_buf_free(&why);
    w->link = sl_link_new(sl_tls_client_context(w->client), w->fd[0], &w->o);
}

/* Runs both ends in turn; returns the result of the link's handshake. */
static int meet(struct wire *w)
{
    call(w);
    w->server = SSL_new(w->server_ctx);
    SSL_set_fd(w->server, w->fd[1]);
    SSL_set_accept_state(w->server);
    int rc = 0;
    for (int i = 0; i < 1000 && (rc == 0 || (rc == 1 && !SSL_is_init_finished(w->server))); i++) {
        if (rc == 0)
            rc = sl_link_handshake(w->link);
        SSL_do_handshake(w->server);
        ERR_clear_error();
    }
    return rc;
}

static void must_meet(struct wire *w)
{
    if (meet(w) != 1)
        fail_msg("%s", sl_link_why(w->link));
}

static void refused(struct wire *w, const char *words)
{
    assert_int_equal(meet(w), -1);
    if (strstr(sl_link_why(w->link), words) == NULL)
        fail_msg("no \"%s\" in: %s", words, sl_link_why(w->link));
    assert_int_equal(ERR_peek_error(), 0);
}

static void test_the_name_is_looked_for_and_asked_for(void **state)
{
    struct wire *w = *state;
    must_meet(w);
    assert_string_equal(SSL_get_servername(w->server, TLSEXT_NAMETYPE_host_name), "redis.example");
}

static void test_an_address_is_no_name(void **state)
{
    struct wire *w = *state;
    w->o.host = (char *)"10.1.2.3";
    must_meet(w);
    assert_null(SSL_get_servername(w->server, TLSEXT_NAMETYPE_host_name));
}

static void test_the_name_that_is_given_goes_before_the_host(void **state)
{
    struct wire *w = *state;
    w->o.host = (char *)"10.9.9.9";
    w->o.tls.server_name = (char *)"redis.example";
    must_meet(w);
    assert_string_equal(SSL_get_servername(w->server, TLSEXT_NAMETYPE_host_name), "redis.example");
}

static void test_another_name_is_refused(void **state)
{
    struct wire *w = *state;
    w->o.host = (char *)"redis"; /* the common name does not count */
    refused(w, "it is not for redis (redis.tls.server-name)");
    assert_true(sl_link_hopeless(w->link));
}

static void test_another_address_is_refused(void **state)
{
    struct wire *w = *state;
    w->o.host = (char *)"10.1.2.4";
    refused(w, "it is not for 10.1.2.4");
    assert_true(sl_link_hopeless(w->link));
}

static void test_whoever_it_is_for(void **state)
{
    struct wire *w = *state;
    w->o.host = (char *)"10.1.2.4";
    w->o.tls.verify = SL_VERIFY_CHAIN;
    must_meet(w);
}

static void test_an_expired_certificate_is_refused(void **state)
{
    struct wire *w = *state;
    X509 *x = named(w, "DNS:redis.example", -5);
    SSL_CTX_use_certificate(w->server_ctx, x);
    X509_free(x);
    w->o.tls.verify = SL_VERIFY_CHAIN;
    refused(w, "certificate has expired");
    assert_true(sl_link_hopeless(w->link));
}

static void other_authority(struct wire *w)
{
    EVP_PKEY *other = new_key("P-256");
    write_authority(w, other);
    EVP_PKEY_free(other);
}

static void test_another_authority_is_refused(void **state)
{
    struct wire *w = *state;
    other_authority(w);
    w->o.tls.ca = w->ca;
    refused(w, "leads to redis.tls.ca");
    assert_true(sl_link_hopeless(w->link));
}

static void test_nothing_is_checked(void **state)
{
    struct wire *w = *state;
    other_authority(w);
    w->o.tls.verify = SL_VERIFY_NONE;
    must_meet(w);
}

static void test_a_server_that_speaks_no_tls(void **state)
{
    struct wire *w = *state;
    assert_int_equal(write(w->fd[1], "-ERR unknown command\r\n", 22), 22);
    SSL_CTX_set_verify(w->server_ctx, SSL_VERIFY_NONE, NULL);
    call(w);
    assert_int_equal(sl_link_handshake(w->link), -1);
    assert_non_null(strstr(sl_link_why(w->link), "the server does not speak TLS"));
    assert_false(sl_link_hopeless(w->link));
}

static void test_a_server_that_asks_for_a_certificate(void **state)
{
    struct wire *w = *state;
    SSL_CTX_set_verify(w->server_ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    meet(w); /* TLS 1.3: our side is done before the server has looked */
    char bytes[65536];
    assert_int_equal(sl_link_recv(w->link, bytes, sizeof bytes), -1);
    assert_int_equal(errno, EPROTO);
    assert_non_null(strstr(sl_link_why(w->link), "does it ask for a certificate (redis.tls.certificate)?"));
    assert_true(sl_link_hopeless(w->link));
}

/* ---- bytes, each at its own place */

static unsigned char byte_at(size_t i)
{
    return (unsigned char)(i * 2654435761u >> 11);
}

static size_t drain_server(struct wire *w, size_t at, size_t most)
{
    char bytes[5000];
    int n;
    size_t before = at;
    while (at - before < most && (n = SSL_read(w->server, bytes, sizeof bytes)) > 0)
        for (int i = 0; i < n; i++, at++)
            if ((unsigned char)bytes[i] != byte_at(at))
                fail_msg("byte %zu", at);
    ERR_clear_error();
    return at;
}

static void sends_all(struct wire *w)
{
    unsigned char *all = malloc(MEGABYTE);
    unsigned waits = 0;
    must_meet(w);
    for (size_t i = 0; i < MEGABYTE; i++)
        all[i] = byte_at(i);
    size_t sent = 0, seen = 0;
    while (sent < MEGABYTE) {
        /* As a queue of commands: small ones, and a large one at times; what waited stays at its head. */
        struct iovec iov[64];
        size_t n = 0;
        for (size_t at = sent; n < 64 && at < MEGABYTE; n++) {
            size_t piece = n % 9 == 8 ? 40000 : 100 + n;
            piece = MEGABYTE - at < piece ? MEGABYTE - at : piece;
            iov[n] = (struct iovec){all + at, piece};
            at += piece;
        }
        ssize_t rc = sl_link_send(w->link, iov, n);
        if (rc < 0) {
            assert_int_equal(errno, EAGAIN);
            assert_true(sl_link_wants_room(w->link));
            waits++;
            seen = drain_server(w, seen, 3000);
        } else {
            sent += (size_t)rc;
        }
    }
    while (seen < sent) {
        size_t before = seen;
        seen = drain_server(w, seen, MEGABYTE);
        assert_true(seen > before);
    }
    assert_int_equal(seen, MEGABYTE);
    assert_true(waits > 10);
    free(all);
}

static void test_sends_through_a_narrow_socket_13(void **state)
{
    sends_all(*state);
}

static void test_sends_through_a_narrow_socket_12(void **state)
{
    struct wire *w = *state;
    SSL_CTX_set_max_proto_version(w->server_ctx, TLS1_2_VERSION);
    sends_all(w);
    assert_int_equal(SSL_version(w->server), TLS1_2_VERSION);
}

/* The server sends records of all sizes; after EAGAIN there is nothing that no event would tell of. */
static void test_receives_all_that_has_come(void **state)
{
    struct wire *w = *state;
    static char bytes[65536];
    unsigned char *all = malloc(MEGABYTE);
    must_meet(w);
    SSL_set_mode(w->server, SSL_MODE_ENABLE_PARTIAL_WRITE);
    for (size_t i = 0; i < MEGABYTE; i++)
        all[i] = byte_at(i);
    size_t written = 0, got = 0;
    while (got < MEGABYTE) {
        size_t n, piece = 1 + written % 16384;
        piece = MEGABYTE - written < piece ? MEGABYTE - written : piece;
        if (written < MEGABYTE && SSL_write_ex(w->server, all + written, piece, &n) == 1) {
            written += n;
            if (written % 7 == 0 && SSL_version(w->server) == TLS1_3_VERSION)
                SSL_key_update(w->server, SSL_KEY_UPDATE_REQUESTED);
            if (written % 3 != 0)
                continue;
        }
        ERR_clear_error();
        ssize_t rc = sl_link_recv(w->link, bytes, sizeof bytes);
        if (rc < 0)
            assert_int_equal(errno, EAGAIN);
        for (ssize_t i = 0; i < rc; i++, got++)
            if ((unsigned char)bytes[i] != byte_at(got))
                fail_msg("byte %zu", got);
        SSL_read(w->server, bytes, 1); /* our answers to its new keys */
        ERR_clear_error();
    }
    assert_int_equal(written, MEGABYTE);
    free(all);
}

static void test_a_key_update_is_answered_when_there_is_room(void **state)
{
    struct wire *w = *state;
    char bytes[65536];
    must_meet(w);
    unsigned char out[16384];
    for (size_t i = 0; i < sizeof out; i++)
        out[i] = byte_at(i);
    struct iovec one = {out, sizeof out};
    assert_int_equal(sl_link_send(w->link, &one, 1), -1); /* more than the socket takes */
    assert_true(sl_link_wants_room(w->link));
    SSL_key_update(w->server, SSL_KEY_UPDATE_REQUESTED);
    assert_int_equal(SSL_write(w->server, "+PONG\r\n", 7), 7);
    size_t seen = 0;
    ssize_t rc = -1;
    for (int i = 0; i < 1000 && rc < 0; i++) {
        rc = sl_link_recv(w->link, bytes, sizeof bytes);
        if (rc < 0)
            assert_int_equal(errno, EAGAIN);
        seen = drain_server(w, seen, 1);
        if (rc < 0 && seen < sizeof out && sl_link_send(w->link, &one, 1) > 0)
            one.iov_len = 0;
    }
    assert_int_equal(rc, 7);
    assert_memory_equal(bytes, "+PONG\r\n", 7);
}

static void test_goodbyes(void **state)
{
    struct wire *w = *state;
    char bytes[65536];
    must_meet(w);
    assert_int_equal(SSL_write(w->server, "+OK\r\n", 5), 5);
    SSL_shutdown(w->server);
    assert_int_equal(sl_link_recv(w->link, bytes, sizeof bytes), 5); /* what came before it counts */
    assert_int_equal(sl_link_recv(w->link, bytes, sizeof bytes), 0);
    assert_int_equal(sl_link_recv(w->link, bytes, sizeof bytes), 0);
}

static void test_our_goodbye(void **state)
{
    struct wire *w = *state;
    char byte;
    must_meet(w);
    sl_link_free(w->link);
    w->link = NULL;
    assert_int_equal(SSL_get_error(w->server, SSL_read(w->server, &byte, 1)), SSL_ERROR_ZERO_RETURN);
}

static void test_an_end_without_goodbye(void **state)
{
    struct wire *w = *state;
    char bytes[65536];
    struct iovec one = {(char *)"PING\r\n", 6};
    must_meet(w);
    shutdown(w->fd[1], SHUT_RDWR);
    assert_int_equal(sl_link_recv(w->link, bytes, sizeof bytes), 0);
    assert_int_equal(sl_link_send(w->link, &one, 1), -1);
    assert_int_not_equal(errno, EAGAIN);
}

static void test_bytes_that_were_changed_on_the_way(void **state)
{
    struct wire *w = *state;
    char bytes[65536];
    must_meet(w);
    static const char record[] = "\x17\x03\x03\0\x20"
                                 "not what the other end has sealed";
    assert_int_equal(write(w->fd[1], record, 5 + 0x20), 5 + 0x20);
    ssize_t rc;
    while ((rc = sl_link_recv(w->link, bytes, sizeof bytes)) > 0)
        continue;
    assert_int_equal(rc, -1);
    assert_int_equal(errno, EPROTO);
    assert_non_null(strstr(sl_link_why(w->link), "TLS: "));
    assert_int_equal(ERR_peek_error(), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_the_name_is_looked_for_and_asked_for),
        T(test_an_address_is_no_name),
        T(test_the_name_that_is_given_goes_before_the_host),
        T(test_another_name_is_refused),
        T(test_another_address_is_refused),
        T(test_whoever_it_is_for),
        T(test_an_expired_certificate_is_refused),
        T(test_another_authority_is_refused),
        T(test_nothing_is_checked),
        T(test_a_server_that_speaks_no_tls),
        T(test_a_server_that_asks_for_a_certificate),
        T(test_sends_through_a_narrow_socket_13),
        T(test_sends_through_a_narrow_socket_12),
        T(test_receives_all_that_has_come),
        T(test_a_key_update_is_answered_when_there_is_room),
        T(test_goodbyes),
        T(test_our_goodbye),
        T(test_an_end_without_goodbye),
        T(test_bytes_that_were_changed_on_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
