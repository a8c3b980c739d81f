/* The signature of a bearer token that libjwt does not verify: PS256, PS384, PS512 and EdDSA, and access
 * tokens (at+jwt) of every algorithm. The key is read once, and the code is the one that verifies Status List
 * Tokens. */
#pragma once
#include "http/bearer.h"

struct sl_jose_key;

/* NULL for a kind of token that libjwt verifies. `key`: the PEM text of a public key, or the bytes of a
 * secret for HS, which outlive what is returned. Main thread. */
struct sl_jose_key *sl_jose_key_new(enum sl_jwt_alg alg, bool access_token, struct sl_span key);
void sl_jose_key_free(struct sl_jose_key *k); /* NULL ok */

/* Whether the key signed the token, which sl_bearer_fault has accepted with exactly this `alg` and kind.
 * False for a kind that libjwt verifies: http/jwt.h. Any thread, several at once; leaves OpenSSL's error
 * queue empty. */
bool sl_jose_verify(struct sl_span token, enum sl_jwt_alg alg, bool access_token,
                    const struct sl_jose_key *k);
