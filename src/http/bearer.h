/* A bearer token (JWT in compact form, RFC 7515 section 3.1 and RFC 7519), read strictly before any library
 * sees it. Nothing here checks the signature: until http/jwt.h has, a token only claims. Any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/span.h"

#define SL_BEARER_BYTES 4096 /* of a token */
#define SL_BEARER_LEEWAY_MS 30000

/* RFC 7518 section 3.1 and RFC 8037. The name is exactly the token's `alg`; for EdDSA also Ed25519 (RFC
 * 9864). First what libjwt 1.10 can verify, then what it cannot. */
#define SL_JWT_ALGS(X)                                                                                       \
    X(RS256)                                                                                                 \
    X(RS384)                                                                                                 \
    X(RS512) X(ES256) X(ES384) X(ES512) X(HS256) X(HS384) X(HS512) X(PS256) X(PS384) X(PS512) X(EdDSA)
enum sl_jwt_alg {
#define X(name) SL_JWT_##name,
    SL_JWT_ALGS(X)
#undef X
        SL_JWT_ALG_COUNT
};
const char *sl_jwt_alg_name(enum sl_jwt_alg alg);

/* Which code verifies a signature: libjwt (http/jwt.h), or ours (http/jose.h), which each refuse what the
 * other has. A token meets only the one of the key that is configured for its algorithm and kind. libjwt
 * knows no other `typ` than JWT, so access tokens are not its own. */
static inline bool sl_jwt_is_libjwts(enum sl_jwt_alg alg, bool access_token)
{
    return alg <= SL_JWT_HS512 && !access_token;
}

/* Whether an Authorization field has the scheme Bearer (RFC 6750 section 2.1). *ret: what follows it, any
 * text, without the spaces around it. */
bool sl_bearer_field(struct sl_span field, struct sl_span *ret);

struct json_t;
struct sl_bearer {
    enum sl_jwt_alg alg;
    bool access_token;             /* `typ` is at+jwt (RFC 9068) */
    const char *issuer, *subject;  /* iss, sub; NULL: none. Inside `claims`, like `audience` */
    const struct json_t *audience; /* aud; NULL: none */
    int64_t from_ms, until_ms; /* the token is valid in [from, until) of the wall clock, leeway included */
    struct json_t *claims;
};

/* NULL, or why the token is refused, for our log alone, and *ret untouched. NULL only if all of this holds:
 * at most SL_BEARER_BYTES; three parts of strict base64url; a header that is a JSON object with a known
 * `alg`, no other `typ` than JWT or at+jwt, and nothing that brings a key, changes what is signed or must be
 * understood (crit); a payload that is a JSON object, in which the claims that are read have their types and
 * `exp` is present; a signature of the algorithm's length (for RSA: not empty). No object may name a member
 * twice. */
const char *sl_bearer_fault(struct sl_span token, struct sl_bearer *ret);
static inline bool sl_bearer_read(struct sl_span token, struct sl_bearer *ret)
{
    return sl_bearer_fault(token, ret) == NULL;
}
/* Frees what they allocated. */
void sl_bearer_free(struct sl_bearer *b);

/* RFC 7519 section 4.1.3: a token with an audience is only for the services that it names. `audience`
 * NULL: we have no name, so the token must not have an audience. */
bool sl_bearer_is_for(const struct sl_bearer *b, const char *audience);
