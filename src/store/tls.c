/* OpenSSL reads and writes the socket itself; this file turns its results into those of recv() and
 * sendmsg(). Errors use the names of the options, because their reader has to mend an option. OpenSSL must
 * not be called again after a fatal error, not even to say goodbye: `dead` remembers it, and `end` what
 * recv() then answers. Sending gathers small buffers into one record of at most 16 KiB; reading goes on until
 * the socket is empty or no whole record fits. */
#include "store/tls_int.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/assert.h"
#include "store/options.h"

#define RECORD 16384         /* bytes of a record at most (RFC 8446 section 5.1) */
#define RECORDS_PER_EVENT 16 /* so that one connection does not hold the loop */

struct sl_link {
    SSL *ssl;
    const struct sl_redis_options *options;
    const struct sl_redis_names *names;
    bool wants_room, hopeless;
    bool heard; /* something came after the handshake */
    bool dead;  /* nothing may be sent any more, not even a goodbye */
    int end;    /* what recv answers once dead */
    char why[200];
};

static void explain_end(struct sl_link *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void explain_end(struct sl_link *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(l->why, sizeof l->why, fmt, ap);
    va_end(ap);
}

static const char *expected_name(const struct sl_redis_options *options)
{
    return options->tls.server_name != NULL ? options->tls.server_name : options->host;
}

/* An address is looked for among the certificate's addresses and not sent as a name (RFC 6066 section 3). */
static void expect_server(SSL *ssl, const struct sl_redis_options *options)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    const char *name = expected_name(options);
    bool checks = options->tls.verify == SL_VERIFY_FULL;
    bool address = X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
    if (address && !checks)
        X509_VERIFY_PARAM_set1_ip(param, NULL, 0);
    bool named = address || SSL_set_tlsext_host_name(ssl, name) == 1;
    sl_assert(named);
    if (!address && checks) {
        /* Only subject alternative names count: no common name, no `f*o` (RFC 9525 section 2). */
        X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                                   X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        bool set = SSL_set1_host(ssl, name) == 1;
        sl_assert(set);
    }
    SSL_set_verify(ssl, options->tls.verify == SL_VERIFY_NONE ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
}

struct sl_link *sl_link_new(SSL_CTX *ctx, int fd, const struct sl_redis_options *options)
{
    struct sl_link *l = sl_xcalloc(1, sizeof *l);
    l->options = options;
    l->names = options->names != NULL ? options->names : &sl_redis_keys;
    l->ssl = SSL_new(ctx);
    sl_assert(l->ssl != NULL && SSL_set_fd(l->ssl, fd) == 1);
    SSL_set_connect_state(l->ssl);
    expect_server(l->ssl, options);
    ERR_clear_error();
    return l;
}

void sl_link_free(struct sl_link *l)
{
    if (l == NULL)
        return;
    ERR_clear_error();
    if (!l->dead && SSL_is_init_finished(l->ssl))
        SSL_shutdown(l->ssl);
    SSL_free(l->ssl);
    ERR_clear_error();
    free(l);
}

/* Names the option to mend, not only what OpenSSL saw. */
static void explain_certificate(struct sl_link *l)
{
    long seen = SSL_get_verify_result(l->ssl);
    const char *words = X509_verify_cert_error_string(seen);
    l->hopeless = true;
    if (seen == X509_V_ERR_HOSTNAME_MISMATCH || seen == X509_V_ERR_IP_ADDRESS_MISMATCH)
        explain_end(l, "the certificate of Redis is refused: it is not for %.100s (%s)",
                    expected_name(l->options), l->names->server_name);
    else if (seen == X509_V_ERR_CERT_HAS_EXPIRED || seen == X509_V_ERR_CERT_NOT_YET_VALID)
        explain_end(l, "the certificate of Redis is refused: %s", words);
    else
        explain_end(l, "the certificate of Redis is refused: %s; expected one that leads to %s%s", words,
                    l->options->tls.ca != NULL ? "" : "an authority of this system: name ", l->names->ca);
}

static void explain_failure(struct sl_link *l)
{
    unsigned long e = ERR_peek_last_error();
    const char *words = ERR_reason_error_string(e);
    int reason = ERR_GET_REASON(e);
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        explain_certificate(l);
    } else if (reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED ||
               reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE) {
        l->hopeless = true;
        explain_end(l, "Redis ends the handshake (%s): does it ask for a certificate (%s)?", words,
                    l->names->certificate);
    } else if (reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256) { /* its alert */
        l->hopeless = reason != SSL_AD_REASON_OFFSET + SSL_AD_INTERNAL_ERROR;
        explain_end(l, "Redis ends the TLS connection: %s", words != NULL ? words : "an unknown alert");
    } else if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_PACKET_LENGTH_TOO_LONG) {
        explain_end(l, "the server does not speak TLS (%s): is %s the TLS port of Redis?", words,
                    l->names->port);
    } else {
        explain_end(l, "TLS: %s", words != NULL ? words : "no reason given");
    }
}

/* TLS 1.3 is done on our side before the server has looked at our certificate, and its alert may be lost with
 * the end of the connection. */
static void hint_certificate(struct sl_link *l)
{
    size_t n = strlen(l->why);
    if (SSL_is_init_finished(l->ssl) && !l->heard)
        snprintf(l->why + n, sizeof l->why - n, "; does Redis ask for a certificate (%s)?",
                 l->names->certificate);
}

/* The result of a call that did not succeed: -1 with errno, or 0 at the end of the stream. */
static int end_of_call(struct sl_link *l, int rc)
{
    int system = errno;
    int error = SSL_get_error(l->ssl, rc);
    l->wants_room = error == SSL_ERROR_WANT_WRITE;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        errno = EAGAIN;
        return -1;
    }
    l->dead = true;
    l->end = 0;
    if (error == SSL_ERROR_ZERO_RETURN || (error == SSL_ERROR_SYSCALL && system == 0)) {
        explain_end(l, "closed by Redis");
        hint_certificate(l);
        return 0;
    }
    if (error == SSL_ERROR_SYSCALL) {
        explain_end(l, "%s", strerror(system));
        hint_certificate(l);
    } else {
        explain_failure(l);
    }
    ERR_clear_error();
    l->end = -1;
    errno = EPROTO;
    return -1;
}

int sl_link_handshake(struct sl_link *l)
{
    ERR_clear_error();
    errno = 0;
    int rc = SSL_do_handshake(l->ssl);
    if (rc == 1) {
        l->options = NULL; /* they are the caller's, and have been looked at */
        return 1;
    }
    if (end_of_call(l, rc) < 0 && errno == EAGAIN)
        return 0;
    return -1;
}

ssize_t sl_link_recv(struct sl_link *l, void *bytes, size_t cap)
{
    size_t got = 0;
    if (l->dead) {
        errno = EPROTO;
        return l->end;
    }
    l->wants_room = false;
    ERR_clear_error();
    /* With room for a whole record none is left half read inside OpenSSL, where no event would tell of it. */
    while (cap - got >= RECORD) {
        size_t n;
        errno = 0;
        int rc = SSL_read_ex(l->ssl, (char *)bytes + got, cap - got, &n);
        if (rc != 1) {
            int end = end_of_call(l, rc);
            return got > 0 ? (ssize_t)got : end; /* the next call reports an end */
        }
        got += n;
        l->heard = true;
    }
    return (ssize_t)got;
}

/* The next record's bytes: where they lie, or gathered in `room`. */
static size_t gather_record(const struct iovec *iov, size_t n, size_t at, char room[static RECORD],
                            const char **ret)
{
    size_t len = 0;
    if (n > 0 && iov->iov_len - at >= RECORD) {
        *ret = (const char *)iov->iov_base + at;
        return RECORD;
    }
    for (; n > 0 && len < RECORD; iov++, n--, at = 0) {
        size_t part = iov->iov_len - at < RECORD - len ? iov->iov_len - at : RECORD - len;
        memcpy(room + len, (const char *)iov->iov_base + at, part);
        len += part;
    }
    *ret = room;
    return len;
}

ssize_t sl_link_send(struct sl_link *l, const struct iovec *iov, size_t n)
{
    char room[RECORD];
    size_t sent = 0, at = 0;
    l->wants_room = false;
    ERR_clear_error();
    for (unsigned i = 0; i < RECORDS_PER_EVENT && n > 0; i++) {
        const char *bytes;
        size_t len = gather_record(iov, n, at, room, &bytes), part;
        errno = 0;
        int rc = SSL_write_ex(l->ssl, bytes, len, &part);
        if (rc != 1) {
            int end = end_of_call(l, rc);
            if (sent > 0)
                return (ssize_t)sent;
            if (end == 0)
                errno = EPIPE;
            return -1;
        }
        sent += part;
        for (at += part; n > 0 && at >= iov->iov_len; iov++, n--)
            at -= iov->iov_len;
    }
    return (ssize_t)sent;
}

bool sl_link_wants_room(const struct sl_link *l)
{
    return l->wants_room;
}

const char *sl_link_why(const struct sl_link *l)
{
    return l->why;
}

bool sl_link_hopeless(const struct sl_link *l)
{
    return l->hopeless;
}
