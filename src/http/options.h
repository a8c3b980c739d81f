/* Options of the HTTP layer: listeners and their TLS, limits, audit record, credentials. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "base/option.h"

/* What a listener serves. */
enum sl_listener_kind { SL_LISTEN_PUBLIC, SL_LISTEN_ISSUER, SL_LISTEN_BOTH, SL_LISTEN_OPS, SL_LISTEN_KINDS };
#define SL_HTTP_LISTENERS 64 /* sockets of one thread */

enum sl_tls_listener { SL_TLS_PUBLIC, SL_TLS_ISSUER, SL_TLS_OPS, SL_TLS_LISTENERS };
enum sl_client_certificates { SL_CLIENTS_OFF, SL_CLIENTS_OPTIONAL, SL_CLIENTS_REQUIRED };

/* The TLS of one listener. */
struct sl_tls_options {
    /* PEM chain, leaf first. With key_file: TLS is on; both NULL: off. */
    char *certificate_file;
    char *key_file;
    char *password_file; /* of an encrypted key, or NULL */
    /* PEM certificates that a client's must lead to; never of the public listener. */
    char *client_ca_file;
    enum sl_client_certificates client_certificates;
};

struct sl_http_limits {
    uint32_t body;           /* bytes of a request body */
    uint32_t batch_entries;  /* of one batch-update */
    uint32_t wait_ms;        /* longest that Prefer: wait can hold an answer */
    uint32_t connections;    /* over all listeners and workers */
    uint32_t request_ms;     /* for a request to arrive completely, and between two requests */
    uint32_t send_ms;        /* for a client to read an answer */
    uint32_t request_memory; /* bytes of requests that have not arrived completely, over all workers */
};

/* What happens to reservations and updates while the audit record cannot be written. */
enum sl_audit_failure { SL_AUDIT_REFUSE, SL_AUDIT_CONTINUE };

struct sl_http_options {
    char *public_url; /* base of the URIs of new lists, without a trailing slash */
    /* Of each host:port, [v6]:port, *:port or unix:/path; the issuers' may be "same" alone. */
    struct sl_texts listen[SL_TLS_LISTENERS];
    struct sl_http_limits limits;
    bool shared_cache; /* one stands between us and verifiers */
    char *audit_file;  /* NULL: no audit record */
    uint32_t audit_max_size, audit_keep, audit_flush_ms;
    enum sl_audit_failure audit_on_failure;
    uint32_t idempotency_ms; /* how long the answer to a request with an Idempotency-Key is remembered */
    struct sl_tls_options tls[SL_TLS_LISTENERS];
};

/* The credential keys of one pool's map, as read; the daemon makes struct sl_pool_credentials of them and
 * wipes the secrets. */
struct sl_key_options {
    char *api_key;                 /* plain */
    struct sl_texts api_keys;      /* likewise */
    struct sl_texts api_key_files; /* paths; one key in each */
    struct sl_texts hashes;        /* api-key-sha256: 64 hex digits */
    struct sl_texts jwt_keys;      /* paths */
    char *jwt_issuer, *jwt_audience;
    int jwt_algorithm; /* 0: by the key; otherwise an enum sl_jwt_alg + 1 */
    int jwt_type;      /* 0: JWT; 1: at+jwt */
};

/* Issuers are served where the public is. */
static inline bool sl_issuers_share(const struct sl_http_options *o)
{
    const struct sl_texts *texts = &o->listen[SL_TLS_ISSUER];
    return texts->count == 1 && strcmp(texts->at[0], "same") == 0;
}

extern const struct sl_option sl_http_option_rows[];      /* of struct sl_http_options */
extern const struct sl_option sl_http_pool_option_rows[]; /* of struct sl_key_options */
extern const struct sl_option sl_tls_option_rows[];       /* of an array of SL_TLS_LISTENERS sl_tls_options */
extern const char *const sl_tls_listener_names[];         /* "public", "issuer", "ops", NULL */
