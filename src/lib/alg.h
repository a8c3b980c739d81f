/* The signature algorithms that we verify, and the verification itself, by OpenSSL: of Status List Tokens and
 * of the bearer tokens that libjwt does not know. Any thread; leaves errors in OpenSSL's queue. */
#pragma once
#include <openssl/evp.h>
#include <stdint.h>
#include "base/span.h"

/* MACs and "none" are not among them. */
struct sl_alg {
    const char *name;
    int64_t cose;
    const char *key;   /* "EC", "RSA" or "ED25519", as OpenSSL calls the type */
    const char *group; /* of an EC key */
    const char *digest;
    size_t half; /* bytes of r and of s */
    bool pss;
    bool cose_only; /* JOSE has no such name */
};
/* NULL: unknown. */
const struct sl_alg *sl_alg_of_jose(const char *name);
const struct sl_alg *sl_alg_of_cose(int64_t id);
/* Whether they are two names of one kind of signature, like EdDSA and Ed25519. */
bool sl_alg_alike(const struct sl_alg *one, const struct sl_alg *other);
/* Whether the key can have made a signature of this kind. */
bool sl_alg_fits(const struct sl_alg *alg, const EVP_PKEY *key);
/* Whether it made this one, over these bytes; an ECDSA signature is r||s (RFC 7518 section 3.4, RFC 9053
 * section 2.1). False for a key that does not fit. */
bool sl_alg_verifies(const struct sl_alg *alg, EVP_PKEY *key, struct sl_span bytes, struct sl_span signature);
