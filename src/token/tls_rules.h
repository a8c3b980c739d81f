/* What all TLS contexts of ours have in common, those of listeners and those of connections that we open:
 * TLS 1.2 and 1.3, ephemeral keys and AEAD only (RFC 9325 section 4.2), no compression, no renegotiation,
 * no cache of sessions. At start and at a reload; one thread. A function that fails leaves the reason in
 * OpenSSL's error queue. */
#pragma once
#include "token/pem.h"

struct ssl_ctx_st; /* SSL_CTX */

SL_CHECKED bool sl_tls_rules(struct ssl_ctx_st *ctx);
/* The context shows the pair's certificates; it takes shares of its own. */
SL_CHECKED bool sl_tls_show(struct ssl_ctx_st *ctx, const struct sl_pem_pair *p);
/* Each of them is trusted as it stands, so it may be an intermediate one or the other end's own. */
SL_CHECKED bool sl_tls_trust(struct ssl_ctx_st *ctx, const STACK_OF(X509) * anchors);
/* Why sl_tls_show was refused, and what would be right: too weak a key or digest for the system's security
 * level, for instance. */
void sl_tls_explain_show(struct sl_buf *why);
