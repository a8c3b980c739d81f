/* Options of the HTTP layer (rows in http/options.c): listeners, limits, credentials. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/clock.h"
#include "base/option.h"
#include "http/bearer.h"
#include "http/tls_options.h"
#include "token/digest.h"

/* What a listener serves. */
enum sl_listener_kind { SL_LISTEN_PUBLIC, SL_LISTEN_ISSUER, SL_LISTEN_BOTH, SL_LISTEN_OPS, SL_LISTEN_KINDS };

struct sl_http_limits {
    uint32_t body;           /* bytes of a request body */
    uint32_t batch_entries;  /* of one batch-update */
    uint32_t wait_ms;        /* that Prefer: wait may hold an answer */
    uint32_t connections;    /* over all listeners and workers */
    uint32_t request_ms;     /* for a request to come in whole, and between two */
    uint32_t send_ms;        /* for a client to take an answer */
    uint32_t request_memory; /* bytes of requests that are coming in, over all workers */
};

/* One key that signs bearer tokens, and what else a token has to say. */
struct sl_jwt_rule {
    enum sl_jwt_alg alg;
    char *key; /* PEM of a public key, or the bytes of a secret for HS */
    size_t key_len;
    char *issuer, *audience; /* NULL: see bearer.h */
};

/* What opens one pool. Immutable once it is in force. Shares are counted plainly: made and let go of by the
 * main thread only. */
struct sl_pool_credentials {
    unsigned refs;
    uint8_t (*hashes)[SL_SHA256]; /* of API keys */
    size_t hash_count;
    struct sl_jwt_rule *rules;
    size_t rule_count;
};

struct sl_keyring;

/* The credentials of all pools, by pool number; a reload puts another set in its place as a whole. */
struct sl_credentials {
    uint64_t generation; /* counts the sets: what was concluded under another one is void */
    size_t pool_count;
    struct sl_keyring *keyring; /* the same, arranged for requests; NULL before sl_credentials_seal */
    struct sl_pool_credentials *pools[]; /* a share of each */
};

/* Main thread. The first generation; the pools are empty, each with one share. */
struct sl_credentials *sl_credentials_new(size_t pools);
/* Once all pools have their credentials, which do not change any more: makes the keyring. */
void sl_credentials_seal(struct sl_credentials *c, const struct sl_clock *clock);
void sl_credentials_free(struct sl_credentials *c); /* NULL ok */
/* Whether they let the same callers in. */
bool sl_pool_credentials_same(const struct sl_pool_credentials *a, const struct sl_pool_credentials *b);
/* Lets go of a share; with the last one the credentials are wiped. */
void sl_pool_credentials_unref(struct sl_pool_credentials *p);

/* What becomes of reservations and updates while the audit record cannot be written. */
enum sl_audit_failure { SL_AUDIT_REFUSE, SL_AUDIT_CONTINUE };

struct sl_http_options {
    char *public_url;    /* base of the URIs of new lists, without a trailing slash */
    char *listen_public; /* host:port, [v6]:port or unix:/path */
    char *listen_issuer; /* likewise, or "same" */
    char *listen_ops;
    struct sl_http_limits limits;
    bool shared_cache; /* stands between us and verifiers */
    char *audit_file;  /* NULL: no audit record */
    uint32_t audit_max_size, audit_keep, audit_flush_ms;
    enum sl_audit_failure audit_on_failure;
    uint32_t idempotency_ms; /* how long the answer to a request with an Idempotency-Key is remembered */
    struct sl_tls_options tls[SL_TLS_LISTENERS];
};

/* The credential keys of one pool's map, as read; daemon/ turns them into struct sl_pool_credentials and
 * wipes the secrets. */
struct sl_key_options {
    char *api_key;                 /* plain */
    struct sl_texts api_keys;      /* likewise */
    struct sl_texts api_key_files; /* paths; one key in each */
    struct sl_texts hashes;        /* api-key-sha256: 64 hex digits */
    struct sl_texts jwt_keys;      /* paths */
    char *jwt_issuer, *jwt_audience;
    int jwt_algorithm; /* 0: by the key; otherwise an enum sl_jwt_alg + 1 */
};

extern const struct sl_option sl_http_option_rows[];      /* of struct sl_http_options */
extern const struct sl_option sl_http_pool_option_rows[]; /* of struct sl_key_options */
