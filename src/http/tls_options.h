/* Options of TLS (rows in http/tls_options.c): the `tls` map, which has one map a listener. */
#pragma once
#include <stdbool.h>
#include "base/option.h"

enum sl_tls_listener { SL_TLS_PUBLIC, SL_TLS_ISSUER, SL_TLS_OPS, SL_TLS_LISTENERS };
enum sl_client_certificates { SL_CLIENTS_OFF, SL_CLIENTS_OPTIONAL, SL_CLIENTS_REQUIRED };

struct sl_tls_options {
    char *certificate_file; /* PEM chain, leaf first; with key_file: TLS is on; both NULL: off */
    char *key_file;
    char *password_file;  /* of an encrypted key, or NULL */
    char *client_ca_file; /* PEM certificates that a client's must lead to; never of the public listener */
    enum sl_client_certificates client_certificates;
};

/* Of an array of SL_TLS_LISTENERS. */
extern const struct sl_option sl_tls_option_rows[];
extern const char *const sl_tls_listener_names[]; /* "public", "issuer", "ops", NULL */
