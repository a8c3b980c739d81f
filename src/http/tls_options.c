#include "http/tls_options.h"

#define AT(listener, field)                                                                                  \
    ((listener) * sizeof(struct sl_tls_options) + offsetof(struct sl_tls_options, field))

const char *const sl_tls_listener_names[] = {"public", "issuer", "ops", NULL};

static const char *const client_words[] = {"off", "optional", "required", NULL};

#define CERTIFICATE                                                                                          \
    "PEM file with the certificate of this listener, followed by its chain. With it the listener speaks "    \
    "TLS "                                                                                                   \
    "1.2 and 1.3, and nothing else."
#define KEY                                                                                                  \
    "PEM file with the private key of that certificate (EC, Ed25519 or RSA), readable by its owner only."
#define PASSWORD "File with the password of that key, where it is encrypted."
#define CA "PEM file with the certificates to one of which a client's certificate must lead."
#define CLIENTS                                                                                              \
    "`required`: who shows no certificate is refused in the handshake. `optional`: one that is shown must "  \
    "be "                                                                                                    \
    "good. It opens the listener and nothing else: requests need their credential all the same."

#define FILE_ROW(name_, listener, field, text)                                                               \
    {                                                                                                        \
        .name = (name_), .type = SL_OPT_TEXT, .offset = AT(listener, field), .flags = SL_OPT_RELOAD,         \
        .help = (text)                                                                                       \
    }
#define CLIENTS_ROW(name_, listener)                                                                         \
    {                                                                                                        \
        .name = (name_), .type = SL_OPT_WORD, .offset = AT(listener, client_certificates),                   \
        .words = client_words, .fallback = "off", .flags = SL_OPT_RELOAD, .help = CLIENTS                    \
    }

const struct sl_option sl_tls_option_rows[] = {
    FILE_ROW("public.certificate", SL_TLS_PUBLIC, certificate_file, CERTIFICATE),
    FILE_ROW("public.key", SL_TLS_PUBLIC, key_file, KEY),
    FILE_ROW("public.password-file", SL_TLS_PUBLIC, password_file, PASSWORD),
    FILE_ROW("issuer.certificate", SL_TLS_ISSUER, certificate_file,
             CERTIFICATE " It has an address of its own: where listen.issuer is `same`, tls.public holds."),
    FILE_ROW("issuer.key", SL_TLS_ISSUER, key_file, KEY),
    FILE_ROW("issuer.password-file", SL_TLS_ISSUER, password_file, PASSWORD),
    FILE_ROW("issuer.client-ca", SL_TLS_ISSUER, client_ca_file, CA),
    CLIENTS_ROW("issuer.client-certificates", SL_TLS_ISSUER),
    FILE_ROW("ops.certificate", SL_TLS_OPS, certificate_file, CERTIFICATE),
    FILE_ROW("ops.key", SL_TLS_OPS, key_file, KEY),
    FILE_ROW("ops.password-file", SL_TLS_OPS, password_file, PASSWORD),
    FILE_ROW("ops.client-ca", SL_TLS_OPS, client_ca_file, CA),
    CLIENTS_ROW("ops.client-certificates", SL_TLS_OPS),
    {.name = NULL},
};
