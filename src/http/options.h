/* Options of the HTTP layer (rows in http/options.c): listeners, limits, credentials. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/option.h"
#include "token/digest.h"

struct sl_http_limits {
    uint32_t body;          /* bytes of a request body */
    uint32_t batch_entries; /* of one batch-update */
    uint32_t connections;   /* over all listeners and workers */
};

/* A credential is the SHA-256 of an API key and the one pool that it opens; the same key in two pools gives
 * two rows. */
struct sl_credential {
    uint8_t hash[SL_SHA256];
    size_t pool; /* index into the configuration's pools */
};

struct sl_http_options {
    char *public_url;    /* base of the URIs of new lists, without a trailing slash */
    char *listen_public; /* host:port, [v6]:port or unix:/path */
    char *listen_issuer; /* likewise, or "same" */
    char *listen_ops;
    struct sl_http_limits limits;
    struct sl_credential *credentials;
    size_t credential_count;
};

/* The credential keys of one pool's map, as read; daemon/ turns them into rows of `credentials` and wipes the
 * secrets. */
struct sl_key_options {
    char *api_key;            /* plain */
    struct sl_texts api_keys; /* likewise */
    char *api_key_file;       /* path; one key */
    struct sl_texts hashes;   /* api-key-sha256: 64 hex digits */
};

extern const struct sl_option sl_http_option_rows[];      /* of struct sl_http_options */
extern const struct sl_option sl_http_pool_option_rows[]; /* of struct sl_key_options */
