#include "token/tls_rules.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

static const char ciphers_12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
static const char ciphers_13[] = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";

bool sl_tls_rules(SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, ciphers_12) == 1 && SSL_CTX_set_ciphersuites(ctx, ciphers_13) == 1;
}

bool sl_tls_show(SSL_CTX *ctx, const struct sl_pem_pair *p)
{
    STACK_OF(X509) *rest = sk_X509_dup(p->chain);
    if (rest == NULL)
        return false;
    X509 *leaf = sk_X509_shift(rest);
    bool ok = SSL_CTX_use_cert_and_key(ctx, leaf, p->key, rest, 1) == 1;
    sk_X509_free(rest);
    return ok;
}

bool sl_tls_trust(SSL_CTX *ctx, const STACK_OF(X509) * anchors)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    for (int i = 0; i < sk_X509_num(anchors); i++)
        if (X509_STORE_add_cert(store, sk_X509_value(anchors, i)) != 1)
            return false;
    return true;
}

void sl_tls_explain_show(struct sl_buf *why)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    sl_buf_printf(why,
                  "OpenSSL does not accept the certificate for TLS (%s): use an EC key on P-256, or RSA of "
                  "2048 bits and more, signed with SHA-256",
                  reason != NULL ? reason : "no reason given");
}
