#include "http/tls_options.h"

#define AT(listener, field)                                                                                  \
    ((listener) * sizeof(struct sl_tls_options) + offsetof(struct sl_tls_options, field))

const char *const sl_tls_listener_names[] = {"public", "issuer", "ops", NULL};

static const char *const client_words[] = {"off", "optional", "required", NULL};

#define PAIR(listener, name_, where)                                                                         \
    {.name = name_ ".certificate",                                                                           \
     .type = SL_OPT_TEXT,                                                                                    \
     .offset = AT(listener, certificate_file),                                                               \
     .flags = SL_OPT_RELOAD,                                                                                 \
     .help = "PEM file with the certificate of " where                                                       \
             ", followed by its chain. With it the listener speaks TLS "                                     \
             "1.2 and 1.3, and nothing else."},                                                              \
    {                                                                                                        \
        .name = name_ ".key", .type = SL_OPT_TEXT, .offset = AT(listener, key_file), .flags = SL_OPT_RELOAD, \
        .help = "PEM file with the private key of that certificate (EC, Ed25519 or RSA), readable by its "   \
                "owner only."                                                                                \
    }

#define CLIENTS(listener, name_)                                                                             \
    {.name = name_ ".client-ca",                                                                             \
     .type = SL_OPT_TEXT,                                                                                    \
     .offset = AT(listener, client_ca_file),                                                                 \
     .flags = SL_OPT_RELOAD,                                                                                 \
     .help = "PEM file with the certificates to one of which a client's certificate must lead."},            \
    {                                                                                                        \
        .name = name_ ".client-certificates", .type = SL_OPT_WORD,                                           \
        .offset = AT(listener, client_certificates), .words = client_words, .fallback = "off",               \
        .flags = SL_OPT_RELOAD,                                                                              \
        .help = "`required`: who shows no certificate is refused in the handshake. `optional`: one that is " \
                "shown "                                                                                     \
                "must be good. It admits to the listener only; requests need their credential all the same." \
    }

const struct sl_option sl_tls_option_rows[] = {
    PAIR(SL_TLS_PUBLIC, "public", "the public listener"),
    PAIR(SL_TLS_ISSUER, "issuer", "the issuer listener, where it has an address of its own"),
    CLIENTS(SL_TLS_ISSUER, "issuer"),
    PAIR(SL_TLS_OPS, "ops", "the ops listener"),
    CLIENTS(SL_TLS_OPS, "ops"),
    {.name = NULL},
};
