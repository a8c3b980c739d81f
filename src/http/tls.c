#include "http/tls.h"

#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/assert.h"
#include "base/ending.h"
#include "token/tls_rules.h"

#define TICKET_LIFE_S 3600

struct sl_tls {
    _Atomic uint32_t refs;
    SSL_CTX *ctx;
    struct sl_pem_pair pair;
    STACK_OF(X509) * anchors; /* NULL: clients need no certificate */
    bool required;
};

/* A client that offers only other protocols gets an alert (RFC 7301 section 3.2). */
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
    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_timeout(ctx, TICKET_LIFE_S);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    if (!sl_tls_rules(ctx) || SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384:P-521") != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

static bool demand_certificates(SSL_CTX *ctx, const STACK_OF(X509) * anchors, bool required)
{
    static const unsigned char id[] = "clients";
    if (!sl_tls_trust(ctx, anchors))
        return false;
    for (int i = 0; i < sk_X509_num(anchors); i++)
        if (SSL_CTX_add_client_CA(ctx, sk_X509_value(anchors, i)) != 1)
            return false;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    return SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
           SSL_CTX_set_session_id_context(ctx, id, sizeof id - 1) == 1;
}

/* Takes over the pair and the anchors, also when it fails (NULL; libssl's error stays in its queue). */
static struct sl_tls *build_tls(struct sl_pem_pair pair, STACK_OF(X509) * anchors, bool required)
{
    struct sl_tls *t = sl_xcalloc(1, sizeof *t);
    atomic_init(&t->refs, 1);
    t->pair = pair;
    t->anchors = anchors;
    t->required = required;
    t->ctx = new_context();
    if (t->ctx != NULL && sl_tls_show(t->ctx, &pair) &&
        (anchors == NULL || demand_certificates(t->ctx, anchors, required)))
        return t;
    sl_tls_unref(t);
    return NULL;
}

bool sl_tls_load(const struct sl_tls_options *options, const struct sl_clock *clock, struct sl_buf *why,
                 const char **ret_key, struct sl_tls **ret)
{
    struct sl_pem_pair pair;
    STACK_OF(X509) *anchors = NULL;
    bool of_key;
    if (!sl_pem_pair_load(options->key_file, options->password_file, options->certificate_file, clock, why,
                          &of_key, &pair)) {
        *ret_key = of_key ? "key" : "certificate";
        return false;
    }
    if (options->client_certificates != SL_CLIENTS_OFF &&
        !sl_pem_anchors_load(options->client_ca_file, clock, why, &anchors)) {
        *ret_key = "client-ca";
        sl_pem_pair_release(&pair);
        return false;
    }
    ERR_clear_error();
    struct sl_tls *t = build_tls(pair, anchors, options->client_certificates == SL_CLIENTS_REQUIRED);
    if (t == NULL) {
        *ret_key = "certificate";
        sl_tls_explain_show(why);
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
    struct sl_tls *made = build_tls(pair, anchors, t->required);
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

bool sl_tls_shows_same(const struct sl_tls *one, const struct sl_tls *other)
{
    return sl_pem_same(one != NULL ? one->pair.chain : NULL, other != NULL ? other->pair.chain : NULL);
}

bool sl_tls_trusts_same(const struct sl_tls *one, const struct sl_tls *other)
{
    return sl_pem_same(one != NULL ? one->anchors : NULL, other != NULL ? other->anchors : NULL);
}

int64_t sl_tls_not_after(const struct sl_tls *t)
{
    return t->pair.not_after;
}

int64_t sl_tls_warn_from(const struct sl_tls *t)
{
    return sl_ending_warn_from(t->pair.not_before, t->pair.not_after);
}
