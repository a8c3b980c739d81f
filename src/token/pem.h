/* A private key with its certificates from PEM files, as a TLS listener presents them, and the certificates
 * that it trusts. OpenSSL's own objects, because libssl takes them as they are. At start and at a reload; one
 * thread. */
#pragma once
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

struct sl_pem_pair {
    EVP_PKEY *key;
    STACK_OF(X509) * chain; /* leaf first; a trust anchor behind it is left out */
    int64_t not_before;     /* of the leaf, seconds since 1970 */
    int64_t not_after;      /* the earliest of the chain */
};

/* Refuses (false, and one sentence into `why`: what is wrong and what would be right) what sl_key_load
 * refuses of a pair of PEM files, but for the type of the key: RSA is welcome here. *ret_of_key: the key file
 * is at fault. `password_path` may be NULL. `clock` NULL: certificates that have expired, or are not valid
 * yet, are taken. */
SL_CHECKED bool sl_pem_pair_load(const char *key_path, const char *password_path,
                                 const char *certificate_path, const struct sl_clock *clock,
                                 struct sl_buf *why, bool *ret_of_key, struct sl_pem_pair *ret);
void sl_pem_pair_release(struct sl_pem_pair *p); /* zeroed is fine */
/* Whether both are the same certificates in the same order; NULL: none. */
bool sl_pem_same(const STACK_OF(X509) * one, const STACK_OF(X509) * other);

/* The certificates of a file, at least one, all of them valid now unless `clock` is NULL. Freed by
 * sk_X509_pop_free. */
SL_CHECKED bool sl_pem_anchors_load(const char *path, const struct sl_clock *clock, struct sl_buf *why,
                                    STACK_OF(X509) * *ret);
