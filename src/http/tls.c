#include "http/tls.h"

#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/assert.h"
#include "base/ending.h"
#include "token/pem.h"

#define TICKET_LIFE_S 3600

struct sl_tls {
    _Atomic uint32_t refs;
    SSL_CTX *ctx;
    struct sl_pem_pair pair;
    STACK_OF(X509) * anchors; /* NULL: clients are not asked for certificates */
    bool required;
};

/* AEAD and ephemeral keys only (RFC 9325 section 4.2). */
static const char ciphers_12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
static const char ciphers_13[] = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";

/* Whoever speaks only another protocol is told so here (RFC 7301 section 3.2). */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                   unsigned in_len, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;
    (void)ssl, (void)arg;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof ours - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *new_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ctx, TICKET_LIFE_S);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(ctx, ciphers_12) != 1 || SSL_CTX_set_ciphersuites(ctx, ciphers_13) != 1 ||
        SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384:P-521") != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

/* Refused by libssl: too weak a key or digest for the system's security level, for instance. */
static bool refuse_pair(struct sl_buf *why)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    sl_buf_printf(why,
                  "OpenSSL does not take the certificate for TLS (%s): use an EC key on P-256, or RSA of "
                  "2048 bits and more, signed with SHA-256",
                  reason != NULL ? reason : "no reason given");
    return false;
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

/* Each certificate of the file is trusted as it stands, so it may be an intermediate one or a client's own.
 */
static bool demand_certificates(SSL_CTX *ctx, const STACK_OF(X509) * anchors, bool required)
{
    static const unsigned char id[] = "clients";
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    for (int i = 0; i < sk_X509_num(anchors); i++) {
        X509 *x = sk_X509_value(anchors, i);
        if (X509_STORE_add_cert(store, x) != 1 || SSL_CTX_add_client_CA(ctx, x) != 1)
            return false;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    return SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
           SSL_CTX_set_session_id_context(ctx, id, sizeof id - 1) == 1;
}

/* Takes over what it is given, also where it fails: then NULL, and libssl's error stays in its queue. */
static struct sl_tls *build(struct sl_pem_pair pair, STACK_OF(X509) * anchors, bool required)
{
    struct sl_tls *t = sl_xcalloc(1, sizeof *t);
    atomic_init(&t->refs, 1);
    t->pair = pair;
    t->anchors = anchors;
    t->required = required;
    t->ctx = new_context();
    if (t->ctx != NULL && use_pair(t->ctx, &pair) &&
        (anchors == NULL || demand_certificates(t->ctx, anchors, required)))
        return t;
    sl_tls_unref(t);
    return NULL;
}

bool sl_tls_load(const struct sl_tls_options *o, const struct sl_clock *clock, struct sl_buf *why,
                 const char **ret_key, struct sl_tls **ret)
{
    struct sl_pem_pair pair;
    STACK_OF(X509) *anchors = NULL;
    bool of_key;
    if (!sl_pem_pair_load(o->key_file, o->password_file, o->certificate_file, clock, why, &of_key, &pair)) {
        *ret_key = of_key ? "key" : "certificate";
        return false;
    }
    if (o->client_certificates != SL_CLIENTS_OFF &&
        !sl_pem_anchors_load(o->client_ca_file, clock, why, &anchors)) {
        *ret_key = "client-ca";
        sl_pem_pair_release(&pair);
        return false;
    }
    ERR_clear_error();
    struct sl_tls *t = build(pair, anchors, o->client_certificates == SL_CLIENTS_REQUIRED);
    if (t == NULL) {
        *ret_key = "certificate";
        refuse_pair(why);
        ERR_clear_error();
        return false;
    }
    *ret = t;
    return true;
}

struct sl_tls *sl_tls_renew(const struct sl_tls *t)
{
    struct sl_pem_pair pair = t->pair;
    STACK_OF(X509) *anchors = t->anchors != NULL ? X509_chain_up_ref(t->anchors) : NULL;
    EVP_PKEY_up_ref(pair.key);
    pair.chain = X509_chain_up_ref(pair.chain);
    sl_assert(pair.chain != NULL && (anchors != NULL || t->anchors == NULL)); /* else memory is short */
    struct sl_tls *made = build(pair, anchors, t->required);
    ERR_clear_error();
    return made;
}

struct sl_tls *sl_tls_ref(struct sl_tls *t)
{
    if (t != NULL)
        atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void sl_tls_unref(struct sl_tls *t)
{
    if (t == NULL || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    SSL_CTX_free(t->ctx);
    sl_pem_pair_release(&t->pair);
    sk_X509_pop_free(t->anchors, X509_free);
    free(t);
}

SSL_CTX *sl_tls_context(const struct sl_tls *t)
{
    return t->ctx;
}

int64_t sl_tls_not_after(const struct sl_tls *t)
{
    return t->pair.not_after;
}

int64_t sl_tls_warn_from(const struct sl_tls *t)
{
    return sl_ending_warn_from(t->pair.not_before, t->pair.not_after);
}
