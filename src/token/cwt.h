/* Status List Tokens in CWT format (draft-ietf-oauth-status-list, section "Status List Token in CWT Format"):
 * a COSE_Sign1 (RFC 9052 section 4.2) under tag 18, without the CWT tag. */
#pragma once
#include "base/err.h"
#include "token/key.h"
#include "token/token.h"

/* The StatusList map: bits, lst, and aggregation_uri where it is not empty. */
void sl_cwt_status_list(struct sl_buf *b, unsigned bits, struct sl_span zlib, struct sl_span aggregation_uri);

/* The claims, in the order of the draft's example: [1 iss,] 2 sub, 6 iat, 4 exp, [65534 ttl,] 65533 status
 * list. `zlib` is the compressed list; of `spec` only what the claims say is read. */
void sl_cwt_claims(struct sl_buf *b, const struct sl_token_spec *spec, struct sl_span zlib);
/* Bytes that the claims need at most. */
size_t sl_cwt_claims_max(const struct sl_token_spec *spec, size_t zlib_len);

/* Signs `payload` and writes the whole token into `room`, of sl_cwt_max bytes; *ret points into it.
 * SL_ERR_INTERNAL: the key could not sign. */
SL_CHECKED enum sl_err sl_cwt_sign(const struct sl_key *key, struct sl_signer *signer, struct sl_span payload,
                                   char *room, struct sl_span *ret);
size_t sl_cwt_max(const struct sl_key *key, size_t payload_len);
