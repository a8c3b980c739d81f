/* The published form of a list: an immutable blob with every variant of the Status List Token, shared by
 * threads through an atomic count. Built once by a publisher thread, then only read. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"
#include "core/history.h"

struct sl_key; /* token/key.h */

/* What a client can be given. */
enum sl_variant { SL_VARIANT_JWT, SL_VARIANT_JWT_GZIP, SL_VARIANT_CWT, SL_VARIANT_COUNT };

/* What a token is made of. */
struct sl_token_spec {
    const struct sl_key *key;
    struct sl_span sub;             /* the list's URI, byte for byte */
    struct sl_span iss;             /* empty: no iss claim */
    struct sl_span aggregation_uri; /* empty: no such member */
    uint32_t size;                  /* entries */
    unsigned bits;
    const uint8_t *list; /* the status list bytes; may be shorter than the list, the rest is zero */
    size_t list_len;     /* bytes beyond the list are left out */
    uint64_t version;
    struct sl_lineage at; /* of which `version` is one */
    struct sl_line line;  /* what the bytes contain, {at, version} too */
    int64_t iat, exp;     /* seconds since 1970 */
    uint32_t ttl;         /* seconds; 0: no ttl claim */
    bool iat_shared;
    int level; /* of compression, see sl_compress_levels */
};

struct sl_token_body {
    struct sl_span bytes;            /* exactly what is sent */
    struct sl_span etag;             /* strong, with its quotes: hash of `bytes`, so one per variant */
    struct sl_span content_type;     /* application/statuslist+jwt or +cwt */
    struct sl_span content_encoding; /* "gzip", or empty */
};

struct sl_token {
    _Atomic uint32_t refs;
    uint32_t ttl; /* seconds */
    /* Of the list's bytes it was made from. Numbers of two lineages say nothing about each other: see
     * sl_token_covers. */
    uint64_t version;
    struct sl_lineage at;
    struct sl_line line;
    int64_t iat, exp; /* seconds since 1970 */
    /* Another token of this list had the same iat, so Last-Modified cannot tell them apart. */
    bool iat_shared;
    size_t memory;          /* bytes of this allocation */
    struct sl_span zlib;    /* the compressed list, inside the CWT */
    char last_modified[29]; /* IMF-fixdate of iat, no NUL (RFC 9110 section 5.6.7) */
    struct sl_token_body body[SL_VARIANT_COUNT];
    char storage[]; /* what the spans above point to */
};

static inline struct sl_head sl_token_head(const struct sl_token *t)
{
    return (struct sl_head){t->at, t->version};
}

/* Whoever sees the token sees everything that was in the list when it had this version. */
static inline bool sl_token_covers(const struct sl_token *t, struct sl_head head)
{
    return sl_line_covers(&t->line, head);
}

/* The numbers of both say which is newer: one lineage, or the token has the other in its line. */
static inline bool sl_token_compares(const struct sl_token *t, struct sl_head head)
{
    return sl_token_covers(t, head) || sl_lineage_equal(t->at, head.at);
}

/* Takes another reference. The caller must know that a reference keeps the token alive during the call. */
static inline struct sl_token *sl_token_ref(struct sl_token *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

/* The status list bytes that the token carries, `len` as the list has; a shorter list is filled up with
 * zeros. False: memory is short, or the list is longer. Any thread that holds a share; takes as long as
 * decompressing does. */
bool sl_token_unpack(const struct sl_token *t, uint8_t *out, size_t len);
void sl_token_unref(struct sl_token *t); /* any thread; frees with the last share; NULL ok */
