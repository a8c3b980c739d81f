/* What a TLS connection that we open shows and trusts: a certificate of ours, if any, and authorities. Made
 * of files at start and at a reload, with the checks of token/pem.h; immutable and counted atomically, any
 * thread may hold a share. TLS 1.2 and 1.3 with ephemeral keys and AEAD only (RFC 9325 section 4.2); the
 * caller that opens a connection checks whose certificate it gets. No session is resumed, because these
 * connections are few and long-lived. */
#pragma once
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

struct sl_tls_client;
struct ssl_ctx_st; /* SSL_CTX */

struct sl_tls_client_files {
    const char *ca; /* PEM: a certificate of the other end has to lead to one of them; NULL: the system's */
    const char *certificate; /* PEM chain, leaf first, with `key`; both NULL: we show none */
    const char *key;
    const char *password; /* file with the password of `key`, or NULL */
};

/* `clock` NULL: certificates that have expired are taken. False: a sentence in `why` (what is wrong and what
 * would be right), and *ret_key is what it is about: "ca", "certificate" or "key". */
SL_CHECKED bool sl_tls_client_load(const struct sl_tls_client_files *files, const struct sl_clock *clock,
                                   struct sl_buf *why, const char **ret_key, struct sl_tls_client **ret);
struct sl_tls_client *sl_tls_client_ref(struct sl_tls_client *t); /* NULL ok; returns its argument */
void sl_tls_client_unref(struct sl_tls_client *t);                /* NULL ok */
struct ssl_ctx_st *sl_tls_client_context(const struct sl_tls_client *t);
/* Whether they show the same certificates; whether they trust the same ones. NULL: no TLS. */
bool sl_tls_client_shows_same(const struct sl_tls_client *one, const struct sl_tls_client *other);
bool sl_tls_client_trusts_same(const struct sl_tls_client *one, const struct sl_tls_client *other);
/* When our certificate, or the first one of its chain, expires, in seconds since 1970; INT64_MAX without one.
 * Warn from `warn_from` on. */
int64_t sl_tls_client_not_after(const struct sl_tls_client *t);
int64_t sl_tls_client_warn_from(const struct sl_tls_client *t);
