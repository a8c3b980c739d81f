/* The keys and rules of a verifier: filled before the first verification, only read from then on. */
#pragma once
#include <openssl/x509.h>
#include "lib/parts.h"

#define SL_KEYS_MAX 64

struct sl_trusted_key {
    EVP_PKEY *key;
    X509 *certificate; /* NULL: a bare key */
};

struct statuslist_verifier {
    struct sl_trusted_key keys[SL_KEYS_MAX];
    size_t key_count;
    X509_STORE *anchors; /* NULL: none */
    bool carried;
    enum statuslist_format format;
    unsigned skew;
    size_t inflate_limit;
};
