#include "http/jwt.h"

#include <string.h>

#include <jwt.h>
#include <openssl/err.h>

#include "base/assert.h"

static const jwt_alg_t algs[SL_JWT_ALG_COUNT] = {
    [SL_JWT_RS256] = JWT_ALG_RS256, [SL_JWT_RS384] = JWT_ALG_RS384, [SL_JWT_RS512] = JWT_ALG_RS512,
    [SL_JWT_ES256] = JWT_ALG_ES256, [SL_JWT_ES384] = JWT_ALG_ES384, [SL_JWT_ES512] = JWT_ALG_ES512,
    [SL_JWT_HS256] = JWT_ALG_HS256, [SL_JWT_HS384] = JWT_ALG_HS384, [SL_JWT_HS512] = JWT_ALG_HS512,
};

bool sl_jwt_verify(struct sl_span token, enum sl_jwt_alg alg, struct sl_span key)
{
    char text[SL_BEARER_BYTES + 1];
    jwt_t *jwt = NULL;
    if (!sl_jwt_is_libjwts(alg, false))
        return false;
    sl_assert(token.len <= SL_BEARER_BYTES && key.len > 0); /* without a key libjwt checks nothing */
    memcpy(text, token.at, token.len);
    text[token.len] = '\0';
    int error = jwt_decode(&jwt, text, (const unsigned char *)key.at, (int)key.len);
    /* libjwt takes the algorithm from the token, so check which one it took. */
    bool ok = error == 0 && jwt_get_alg(jwt) == algs[alg];
    jwt_free(jwt);
    ERR_clear_error(); /* TLS on this thread would take what is left there for an error of its own */
    return ok;
}
