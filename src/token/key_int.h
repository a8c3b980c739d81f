/* What the files of a signing key share: reading PEM and PKCS#12, generating, the JOSE and COSE headers.
 * Start-up only, one thread. */
#pragma once
#include <stdatomic.h>

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
    _Atomic unsigned refs;
    char *absent; /* why there is no key, and nothing below; NULL: there is one */
    EVP_PKEY *pkey;
    const struct sl_key_type *type;
    EVP_MD *md; /* fetched once; NULL for Ed25519 */
    int64_t not_after;
    bool self_signed;
    char kid[43]; /* RFC 7638 thumbprint in base64url, where the options ask for a kid */
    struct sl_buf header, cose_header;
};

extern const char sl_key_no_memory[]; /* the sentence that says so */

/* What the files of a signer hold: the key, and certificates with its own first; NULL: none. */
struct sl_key_material {
    EVP_PKEY *pkey;
    STACK_OF(X509) * chain;
};
void sl_key_material_free(struct sl_key_material *m);
/* Seconds since 1970; INT64_MIN: not a time. */
int64_t sl_key_seconds(const ASN1_TIME *t);

/* A whole file in one piece of memory, so that no realloc leaves a copy of a key behind; wiped when freed. */
struct sl_key_file {
    char *at;
    size_t len, cap;
};
struct sl_key_file_kind {
    const char *what, *form; /* "key file", "PEM file" */
    size_t max;              /* bytes */
    bool secret;             /* refused when others than its owner may use it */
};
SL_CHECKED bool sl_key_file_read(const struct sl_key_file_kind *kind, const char *path, struct sl_buf *why,
                                 struct sl_key_file *ret);
void sl_key_file_free(struct sl_key_file *f);
/* A secret file of one line, whose line break is not part of it. NUL-terminated, no other NUL inside. */
#define SL_KEY_PASSWORD_MAX 1000 /* bytes: OpenSSL asks for PEM passwords with a buffer of 1024 */
SL_CHECKED bool sl_key_password_read(const char *path, struct sl_buf *why, struct sl_key_file *ret);

/* All of these: false, with a sentence in `why`, as key.h lists. A password_path of NULL: there is none. */
SL_CHECKED bool sl_key_read_private(const char *path, const char *password_path, struct sl_buf *why,
                                    EVP_PKEY **ret);
/* The certificates of a PEM file in the order of the file, at least one. */
SL_CHECKED bool sl_key_read_certificates(const char *path, struct sl_buf *why, STACK_OF(X509) * *ret);
/* A key with its chain in the order in which the certificates sign each other; what else the keystore holds
 * is left out. */
SL_CHECKED bool sl_key_read_keystore(const char *path, const char *password_path, struct sl_buf *why,
                                     struct sl_key_material *ret);
#define SL_ANY_TIME INT64_MIN
/* The chain as it belongs into x5c: the first is the key's, each one signed by the next, all valid at `now`
 * (seconds; SL_ANY_TIME: expired ones are taken), a trust anchor behind the first taken out. `path` is where
 * it is from. The earliest end goes to ret_not_after. */
SL_CHECKED bool sl_key_check_chain(const char *path, const struct sl_key_material *m, int64_t now,
                                   struct sl_buf *why, int64_t *ret_not_after);

/* Writes the JOSE header, and the kid; false when memory is short. `chain` may be NULL. */
SL_CHECKED bool sl_key_write_header(struct sl_key *k, const struct sl_signer_options *o,
                                    STACK_OF(X509) * chain);
/* Writes the COSE header; after the JOSE header, whose kid it repeats. */
SL_CHECKED bool sl_key_write_cose_header(struct sl_key *k, const struct sl_signer_options *o,
                                         STACK_OF(X509) * chain);

/* Makes `<storage>/keys/<pool>.key.pem`, and `.crt.pem` with `.ca.pem`, where they are missing; the paths are
 * the caller's to free. Refuses a certificate whose key is gone, because a new key would not match it. */
SL_CHECKED bool sl_key_generate(const char *storage, const char *pool, const struct sl_clock *clock,
                                struct sl_buf *why, char **ret_key_path, char **ret_certificate_path);
