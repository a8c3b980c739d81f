/* What the files of a signing key share: reading PEM, generating, the JOSE and COSE headers. Start-up only,
 * one thread.
 */
#pragma once
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "token/key.h"

struct sl_key_type {
    const char *alg, *kty, *crv; /* as JOSE writes them */
    int cose_alg;                /* RFC 9053 section 2 */
    const char *group;           /* OpenSSL's name of the curve; NULL: Ed25519 */
    const char *digest;          /* NULL: the signature hashes by itself */
    int coordinate;              /* bytes of x, y, r and s */
};

struct sl_key {
    EVP_PKEY *pkey;
    const struct sl_key_type *type;
    EVP_MD *md; /* fetched once; NULL for Ed25519 */
    int64_t not_after;
    char kid[43]; /* RFC 7638 thumbprint in base64url, where the options ask for a kid */
    struct sl_buf header, cose_header;
};

/* A private key from a PEM file that only its owner may read. False, with a sentence in `why`, as key.h
 * lists. */
SL_CHECKED bool sl_key_read_private(const char *path, struct sl_buf *why, EVP_PKEY **ret);
/* The certificates of a PEM file that belong into x5c, leaf first: the leaf is `pkey`'s, each one signed by
 * the next, all valid at `now` (seconds), a trust anchor behind the leaf taken out. The earliest end goes to
 * ret_not_after. */
SL_CHECKED bool sl_key_read_chain(const char *path, EVP_PKEY *pkey, int64_t now, struct sl_buf *why,
                                  STACK_OF(X509) * *ret, int64_t *ret_not_after);

/* Writes the JOSE header, and the kid; false when memory is short. `chain` may be NULL. */
SL_CHECKED bool sl_key_write_header(struct sl_key *k, const struct sl_signer_options *o,
                                    STACK_OF(X509) * chain);
/* Writes the COSE header; after the JOSE header, whose kid it repeats. */
SL_CHECKED bool sl_key_write_cose_header(struct sl_key *k, const struct sl_signer_options *o,
                                         STACK_OF(X509) * chain);

/* Makes `<storage>/keys/<pool>.key.pem` and `.crt.pem` where they are missing; both paths are the caller's to
 * free. A certificate whose key is gone is refused: a new key behind an old certificate would be nobody's. */
SL_CHECKED bool sl_key_generate(const char *storage, const char *pool, const struct sl_clock *clock,
                                struct sl_buf *why, char **ret_key_path, char **ret_certificate_path);
