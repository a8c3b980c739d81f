/* What certificates in a token say about the one who signed it. OpenSSL's error queue is the caller's. */
#pragma once
#include <openssl/x509.h>
#include "lib/parts.h"

/* NULL: not one certificate in DER. The caller's. */
X509 *sl_certificate_parse(struct sl_span der);
/* Its subject in one line, cut off where it is too long. */
void sl_certificate_subject(const X509 *x, char out[static 128]);
bool sl_certificate_valid_at(const X509 *x, int64_t now);
bool sl_certificate_self_signed(X509 *x);
/* Whether the key may sign data: keyUsage, where there is one, has digitalSignature (RFC 5280 section
 * 4.2.1.3). */
bool sl_certificate_may_sign(X509 *x);
/* The purposes of a certificate that is for something else than signing status lists, as text; NULL: none is
 * named, or one that may be ours. The draft's own (id-kp-oauthStatusSigning) has no number yet, so a purpose
 * that is not known counts as ours. */
const char *sl_certificate_foreign_purpose(X509 *x);

/* A name that the certificate must have, as statuslist_verifier_expect_signer takes it: "dns:", "uri:" or
 * "subject:" and the name. */
bool sl_certificate_name_is_one(const char *text);
bool sl_certificate_has_name(X509 *x, const char *text);
