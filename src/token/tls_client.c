#include "token/tls_client.h"

#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/assert.h"
#include "base/ending.h"
#include "token/pem.h"

struct sl_tls_client {
    _Atomic uint32_t refs;
    SSL_CTX *ctx;
    int64_t not_before, not_after;
};

static const char ciphers_12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
static const char ciphers_13[] = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";

static SSL_CTX *new_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    sl_assert(ctx != NULL);
    /* An end without close_notify is an end: the protocol above says where a reply ends. A renegotiation is
     * refused. */
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    sl_assert(SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
              SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
              SSL_CTX_set_cipher_list(ctx, ciphers_12) == 1 &&
              SSL_CTX_set_ciphersuites(ctx, ciphers_13) == 1);
    return ctx;
}

/* Each certificate of the file is trusted as it stands, so it may be an intermediate one or the other end's
 * own. */
static bool trust(SSL_CTX *ctx, const char *ca, const struct sl_clock *clock, struct sl_buf *why)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    STACK_OF(X509) *anchors = NULL;
    if (ca == NULL && SSL_CTX_set_default_verify_paths(ctx) == 1)
        return true;
    if (ca == NULL || !sl_pem_anchors_load(ca, clock, why, &anchors))
        return false;
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    bool ok = true;
    for (int i = 0; ok && i < sk_X509_num(anchors); i++)
        ok = X509_STORE_add_cert(store, sk_X509_value(anchors, i)) == 1;
    sk_X509_pop_free(anchors, X509_free);
    if (!ok)
        sl_buf_printf(why, "OpenSSL does not take the certificates of %s", ca);
    return ok;
}

static bool use_pair(SSL_CTX *ctx, const struct sl_pem_pair *p)
{
    STACK_OF(X509) *rest = sk_X509_dup(p->chain);
    if (rest == NULL)
        return false;
    X509 *leaf = sk_X509_shift(rest);
    bool ok = SSL_CTX_use_cert_and_key(ctx, leaf, p->key, rest, 1) == 1;
    sk_X509_free(rest);
    return ok;
}

static bool show(struct sl_tls_client *t, const struct sl_tls_client_files *files,
                 const struct sl_clock *clock, struct sl_buf *why, const char **ret_key)
{
    struct sl_pem_pair pair;
    bool of_key;
    if (!sl_pem_pair_load(files->key, files->password, files->certificate, clock, why, &of_key, &pair)) {
        *ret_key = of_key ? "key" : "certificate";
        return false;
    }
    t->not_before = pair.not_before;
    t->not_after = pair.not_after;
    bool ok = use_pair(t->ctx, &pair);
    sl_pem_pair_release(&pair);
    if (!ok) { /* too weak a key or digest for the system's security level, for instance */
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        sl_buf_printf(why,
                      "OpenSSL does not take the certificate for TLS (%s): use an EC key on P-256, or RSA of "
                      "2048 bits and more",
                      reason != NULL ? reason : "no reason given");
        *ret_key = "certificate";
    }
    return ok;
}

bool sl_tls_client_load(const struct sl_tls_client_files *files, const struct sl_clock *clock,
                        struct sl_buf *why, const char **ret_key, struct sl_tls_client **ret)
{
    struct sl_tls_client *t = sl_xcalloc(1, sizeof *t);
    atomic_init(&t->refs, 1);
    t->not_after = INT64_MAX;
    t->ctx = new_context();
    const char *key = "ca";
    bool ok =
        trust(t->ctx, files->ca, clock, why) && (files->key == NULL || show(t, files, clock, why, &key));
    ERR_clear_error();
    if (!ok) {
        sl_tls_client_unref(t);
        *ret_key = key;
        return false;
    }
    *ret = t;
    return true;
}

struct sl_tls_client *sl_tls_client_ref(struct sl_tls_client *t)
{
    if (t != NULL)
        atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void sl_tls_client_unref(struct sl_tls_client *t)
{
    if (t == NULL || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    SSL_CTX_free(t->ctx);
    free(t);
}

SSL_CTX *sl_tls_client_context(const struct sl_tls_client *t)
{
    return t->ctx;
}

int64_t sl_tls_client_not_after(const struct sl_tls_client *t)
{
    return t->not_after;
}

int64_t sl_tls_client_warn_from(const struct sl_tls_client *t)
{
    return sl_ending_warn_from(t->not_before, t->not_after);
}
