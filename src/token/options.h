/* Options of the token layer (rows in token/options.c): the `signer` map of a pool. */
#pragma once
#include <stdbool.h>
#include "base/option.h"

struct sl_signer_options {
    char *key_file;               /* signer.pem.key: PEM private key, or NULL */
    char *key_password_file;      /* signer.pem.password-file: of an encrypted key, or NULL */
    char *certificate_file;       /* signer.pem.certificate: PEM chain, leaf first, or NULL */
    char *keystore;               /* signer.pkcs12.keystore: PKCS#12 file with key and chain, or NULL */
    char *keystore_password_file; /* signer.pkcs12.password-file, or NULL */
    bool generate;                /* make a key and a certificate once, in the storage directory */
    bool x5c, kid, jwk;           /* signer.header: which header parameters a token carries */
    int eddsa; /* signer.header.eddsa: what the algorithm of an Ed25519 key is called; 1: Ed25519 */
};

extern const struct sl_option sl_signer_option_rows[];
