#include "token/options.h"

#define AT(field) offsetof(struct sl_signer_options, field)

static const char *const eddsa_names[] = {"EdDSA", "Ed25519", NULL};

const struct sl_option sl_signer_option_rows[] = {
    {.name = "pem.key",
     .type = SL_OPT_TEXT,
     .offset = AT(key_file),
     .flags = SL_OPT_RELOAD,
     .help = "PEM file with the private key (P-256, P-384, P-521 or Ed25519), readable by its owner only."},
    {.name = "pem.password-file",
     .type = SL_OPT_TEXT,
     .offset = AT(key_password_file),
     .flags = SL_OPT_RELOAD,
     .help = "File with the password of an encrypted pem.key, in one line, readable by its owner only."},
    {.name = "pem.certificate",
     .type = SL_OPT_TEXT,
     .offset = AT(certificate_file),
     .flags = SL_OPT_RELOAD,
     .help = "PEM file with the certificate of pem.key, followed by its chain."},
    {.name = "pkcs12.keystore",
     .type = SL_OPT_TEXT,
     .offset = AT(keystore),
     .flags = SL_OPT_RELOAD,
     .help = "PKCS#12 file with the private key and its certificates, readable by its owner only; instead of "
             "pem.key."},
    {.name = "pkcs12.password-file",
     .type = SL_OPT_TEXT,
     .offset = AT(keystore_password_file),
     .flags = SL_OPT_RELOAD,
     .help = "File with the keystore's password, in one line, readable by its owner only."},
    {.name = "generate",
     .type = SL_OPT_BOOL,
     .offset = AT(generate),
     .flags = SL_OPT_RELOAD,
     .fallback = "false",
     .help =
         "For development: generate a P-256 key and a certificate in `keys` of storage-directory at the "
         "first start, and use them from then on. The certificate is issued by a CA of its own, whose "
         "certificate is the trust anchor for verifiers: `POOL.ca.pem` beside it. A pool that names no key "
         "does this too, with a warning."},
    {.name = "header.x5c",
     .type = SL_OPT_BOOL,
     .offset = AT(x5c),
     .flags = SL_OPT_RELOAD,
     .fallback = "true",
     .help = "Put the certificate chain, if there is one, into the header of each JWT; a CWT always has it."},
    {.name = "header.kid",
     .type = SL_OPT_BOOL,
     .offset = AT(kid),
     .flags = SL_OPT_RELOAD,
     .fallback = "true",
     .help = "Put the RFC 7638 thumbprint of the key into the header of each token."},
    {.name = "header.jwk",
     .type = SL_OPT_BOOL,
     .offset = AT(jwk),
     .flags = SL_OPT_RELOAD,
     .fallback = "false",
     .help = "Put the public key itself into the header of each JWT."},
    {.name = "header.eddsa",
     .type = SL_OPT_WORD,
     .offset = AT(eddsa),
     .words = eddsa_names,
     .fallback = "EdDSA",
     .flags = SL_OPT_RELOAD,
     .help =
         "What the algorithm of an Ed25519 key is called: `EdDSA` (in a CWT -8), which most readers know, or "
         "`Ed25519` (-19), which RFC 9864 puts in its place. Other keys are not concerned."},
    {.name = NULL},
};
