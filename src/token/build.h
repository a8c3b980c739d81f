/* Makes Status List Tokens (draft-ietf-oauth-status-list, sections "Status List Token in JWT Format" and
 * "... in CWT Format"): compress once, sign the JWT and the CWT, every variant in one blob. Runs on a
 * publisher thread; no I/O. */
#pragma once
#include "base/err.h"
#include "token/key.h"
#include "token/level_chooser.h"
#include "token/token.h"

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
