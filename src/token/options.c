#include "token/options.h"

#define AT(field) offsetof(struct sl_signer_options, field)

const struct sl_option sl_signer_option_rows[] = {
    {.name = "pem.key",
     .type = SL_OPT_TEXT,
     .offset = AT(key_file),
     .help = "PEM file with the private key (P-256, P-384, P-521 or Ed25519), readable by its owner only."},
    {.name = "pem.certificate",
     .type = SL_OPT_TEXT,
     .offset = AT(certificate_file),
     .help = "PEM file with the certificate of that key, followed by its chain."},
    {.name = "pkcs12",
     .type = SL_OPT_LATER,
     .help = "convert the keystore with `openssl pkcs12` and use pem.key and pem.certificate"},
    {.name = "generate",
     .type = SL_OPT_BOOL,
     .offset = AT(generate),
     .fallback = "false",
     .help = "Make a P-256 key and a self-signed certificate once, below storage-directory, and use them "
             "ever after; "
             "for development. It is what happens, with a warning, where a pool names no key."},
    {.name = "header.x5c",
     .type = SL_OPT_BOOL,
     .offset = AT(x5c),
     .fallback = "true",
     .help =
         "Put the certificate chain into the header of each JWT, where there is one; a CWT always has it."},
    {.name = "header.kid",
     .type = SL_OPT_BOOL,
     .offset = AT(kid),
     .fallback = "true",
     .help = "Put the RFC 7638 thumbprint of the key into the header of each token."},
    {.name = "header.jwk",
     .type = SL_OPT_BOOL,
     .offset = AT(jwk),
     .fallback = "false",
     .help = "Put the public key itself into the header of each JWT."},
    {.name = NULL},
};
