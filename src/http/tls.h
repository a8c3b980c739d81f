/* The TLS of one listener: certificate, key and rules as one SSL_CTX that all threads use. Immutable and
 * counted atomically: any thread may hold a share. TLS 1.2 and 1.3, HTTP/1.1 as the only protocol of ALPN.
 *
 * Sessions are resumed by tickets, which need no memory and no lock here. Each struct sl_tls has a random
 * ticket key of its own, so any thread can resume a session, but not after a reload. Listeners with client
 * certificates resume nothing: every connection shows its certificate. */
#pragma once
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "http/options.h"

struct sl_tls;
struct ssl_ctx_st; /* SSL_CTX */

/* From options in which TLS is on. `clock` NULL: certificates that have expired are taken. False: `why` gets
 * a sentence (what is wrong and what would be right), and *ret_key is the key of the listener's map that has
 * to change. */
SL_CHECKED bool sl_tls_load(const struct sl_tls_options *options, const struct sl_clock *clock,
                            struct sl_buf *why, const char **ret_key, struct sl_tls **ret);
/* The same certificate, key and rules with other ticket keys; NULL when memory is short. */
struct sl_tls *sl_tls_renew(const struct sl_tls *t);
struct sl_tls *sl_tls_ref(struct sl_tls *t); /* NULL ok; returns its argument */
void sl_tls_unref(struct sl_tls *t);         /* NULL ok */
struct ssl_ctx_st *sl_tls_context(const struct sl_tls *t);

/* Whether they show the same certificates; whether they trust the same ones of clients. NULL: no TLS. */
bool sl_tls_shows_same(const struct sl_tls *one, const struct sl_tls *other);
bool sl_tls_trusts_same(const struct sl_tls *one, const struct sl_tls *other);

/* The end of the certificate, or of one of its chain, in seconds since 1970. */
int64_t sl_tls_not_after(const struct sl_tls *t);
/* When to begin to warn of that end (base/ending.h). */
int64_t sl_tls_warn_from(const struct sl_tls *t);
