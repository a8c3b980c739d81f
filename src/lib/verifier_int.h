/* The keys and rules of a verifier: filled before the first verification, only read from then on. */
#pragma once
#include <openssl/x509.h>
#include "lib/parts.h"

#define SL_KEYS_MAX 64
#define SL_SIGNERS_MAX 16

struct sl_trusted_key {
    EVP_PKEY *key;
    X509 *certificate;        /* NULL: a bare key */
    const struct sl_alg *alg; /* the only one that it is for; NULL: any that fits */
};

struct statuslist_verifier {
    struct sl_trusted_key keys[SL_KEYS_MAX];
    size_t key_count;
    unsigned left_out;             /* keys of JWK sets that cannot be used */
    char left_why[STATUSLIST_WHY]; /* of the first of them */
    X509_STORE *anchors;           /* NULL: none */
    char *signers[SL_SIGNERS_MAX]; /* names, one of which a certificate below an anchor must have */
    size_t signer_count;           /* 0: any */
    bool carried;
    enum statuslist_format format;
    enum statuslist_profile profile;
    unsigned skew;
    size_t inflate_limit;
};

/* The checks of the profile, none without one. */
void sl_check_profile(const struct statuslist_verifier *v, struct statuslist_report *r,
                      const struct sl_parts *p);
