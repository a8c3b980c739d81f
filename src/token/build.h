/* Makes Status List Tokens (draft-ietf-oauth-status-list, sections "Status List Token in JWT Format" and
 * "... in CWT Format"): compress once, sign the JWT and the CWT, every variant in one blob. Runs on a
 * publisher thread; no I/O. */
#pragma once
#include "base/err.h"
#include "token/key.h"
#include "token/token.h"

struct sl_token_spec {
    const struct sl_key *key;
    struct sl_span sub;             /* the list's URI, byte for byte */
    struct sl_span iss;             /* empty: no iss claim */
    struct sl_span aggregation_uri; /* empty: no such member */
    uint32_t size;                  /* entries */
    unsigned bits;
    const uint8_t *list; /* the status list bytes; may be shorter than the list, the rest is zero */
    size_t list_len;     /* what goes beyond the list is left out */
    uint64_t version;
    int64_t iat, exp; /* seconds since 1970 */
    uint32_t ttl;     /* seconds; 0: no ttl claim */
    bool iat_shared;
    int level; /* of compression, see sl_compress_levels */
};

struct sl_token_cost {
    uint64_t compress_ns,
        sign_ns; /* compress_ns: the zlib stream of the list only; sign_ns: both signatures */
};

/* Scratch of one publisher thread: compressors, EVP contexts, buffers as large as the largest list so far.
 * Never NULL. */
struct sl_token_builder;
struct sl_token_builder *sl_token_builder_new(const struct sl_clock *clock);
void sl_token_builder_free(struct sl_token_builder *b);

/* *ret_token has one share, the caller's. SL_ERR_INTERNAL when memory is short or the key cannot sign. */
SL_CHECKED enum sl_err sl_token_build(struct sl_token_builder *b, const struct sl_token_spec *spec,
                                      struct sl_token **ret_token, struct sl_token_cost *ret_cost);

/* The levels worth using, ascending in effort (libdeflate: 1, 6, 9, 12), 0-terminated. */
extern const int sl_compress_levels[];

/* Chooses the level of a pool's next token: the best whose measured time for a list of this size stays under
 * the budget. Starts at level 6; a level that was not tried is assumed to cost 6 times the one below, and is
 * tried only once that one was, so the choice climbs a level at a time. Each measurement of a level makes the
 * costs remembered for higher ones 1/256 smaller: one slow moment does not bar a level for ever. One thread.
 */
struct sl_level_chooser {
    uint64_t ns[4]; /* smoothed cost per level; 0 = not tried */
};
int sl_level_choose(const struct sl_level_chooser *c, uint64_t budget_ns);
void sl_level_measured(struct sl_level_chooser *c, int level, uint64_t ns);
