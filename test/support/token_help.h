/* What the tests of the token layer share: temporary directories, keys and certificates made by OpenSSL
 * directly, and a reader of tokens that uses nothing of the code under test but the base64url decoder. */
#pragma once
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/base64url.h"
#include "base/clock.h"
#include "token/key.h"

#define NOW_S 1700000000ll

struct sl_clock clock_at_now(void);

/* --- files --- */

char *path_of(const char *dir, const char *name);
int make_dir(void **state);
void remove_tree(const char *path);
int drop_dir(void **state);
void write_bytes(const char *path, const void *bytes, size_t n, mode_t mode);
void write_bio_to(const char *path, BIO *bio, mode_t mode);

/* --- keys and certificates --- */

EVP_PKEY *new_key(const char *name);
void write_key(const char *path, EVP_PKEY *k);

/* A certificate valid from `from` to `to`, seconds relative to NOW_S. */
X509 *new_certificate(const char *subject, EVP_PKEY *key, const char *issuer, EVP_PKEY *issuer_key, long from,
                      long to);

/* Writes and frees up to three certificates. */
void write_chain(const char *path, X509 *a, X509 *b, X509 *c);

/* Loads, or fails the test with the sentence that says why not. */
struct sl_key *must_load(const struct sl_signer_options *o, const char *storage, const char *pool);

/* --- reading tokens --- */

/* Decodes base64url; NUL-terminated for convenience; the caller frees. */
unsigned char *unbase64url(struct sl_span text, size_t *ret_len);

/* The three parts of a compact serialization. */
void split_jws(struct sl_span jws, struct sl_span part[3]);

/* The text of a JSON string member, found by its name; every name in our tokens occurs once. */
struct sl_span json_text(const char *json, const char *name);

EVP_PKEY *key_from_x5c(const char *header);

EVP_PKEY *key_from_jwk(const char *header);

/* Verifies a JWS signature with OpenSSL. */
bool verifies(EVP_PKEY *pub, const char *alg, struct sl_span input, const unsigned char *sig, size_t n);
