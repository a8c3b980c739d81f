/* A JWK (RFC 7517) as an OpenSSL key: EC, OKP and RSA, public members only. */
#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdio.h>

#include "base/base64url.h"
#include "lib/parts.h"

enum { COORDINATE_MAX = 66, RSA_MAX = 2048 /* bytes of a modulus: 16384 bits */ };

struct bytes {
    uint8_t at[RSA_MAX];
    size_t len;
};

static bool member(const json_t *jwk, const char *name, size_t most, struct bytes *ret)
{
    const json_t *v = json_object_get(jwk, name);
    size_t n = json_is_string(v) ? json_string_length(v) : 0;
    return n > 0 && n <= most * 4 / 3 + 1 && sl_base64url_decode(ret->at, json_string_value(v), n, &ret->len);
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *ec(const json_t *jwk, const char *crv, char why[STATUSLIST_WHY])
{
    static const struct {
        const char *crv, *group;
        size_t coordinate;
    } curves[] = {{"P-256", "prime256v1", 32}, {"P-384", "secp384r1", 48}, {"P-521", "secp521r1", 66}};
    struct bytes x, y;
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(crv, curves[i].crv) != 0)
            continue;
        size_t n = curves[i].coordinate;
        if (!member(jwk, "x", n, &x) || !member(jwk, "y", n, &y) || x.len != n || y.len != n) {
            snprintf(why, STATUSLIST_WHY, "the JWK's x and y are not %zu bytes in base64url", n);
            return NULL;
        }
        uint8_t point[1 + 2 * COORDINATE_MAX] = {4};
        memcpy(point + 1, x.at, n);
        memcpy(point + 1 + n, y.at, n);
        OSSL_PARAM params[] = {OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)curves[i].group, 0),
                               OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * n),
                               OSSL_PARAM_END};
        EVP_PKEY *key = from_params("EC", params);
        if (key == NULL)
            snprintf(why, STATUSLIST_WHY, "the JWK's x and y are not a point of %s", crv);
        return key;
    }
    snprintf(why, STATUSLIST_WHY, "the JWK's crv is not P-256, P-384 or P-521");
    return NULL;
}

static EVP_PKEY *okp(const json_t *jwk, const char *crv, char why[STATUSLIST_WHY])
{
    struct bytes x;
    if (strcmp(crv, "Ed25519") != 0 || !member(jwk, "x", 32, &x) || x.len != 32) {
        snprintf(why, STATUSLIST_WHY, "the JWK of type OKP is not Ed25519 with an x of 32 bytes");
        return NULL;
    }
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.at, x.len);
}

static EVP_PKEY *rsa(const json_t *jwk, char why[STATUSLIST_WHY])
{
    struct bytes n, e;
    EVP_PKEY *key = NULL;
    if (!member(jwk, "n", RSA_MAX, &n) || !member(jwk, "e", 8, &e)) {
        snprintf(why, STATUSLIST_WHY, "the JWK's n and e are not numbers in base64url");
        return NULL;
    }
    BIGNUM *bn = BN_bin2bn(n.at, (int)n.len, NULL), *be = BN_bin2bn(e.at, (int)e.len, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (bn != NULL && be != NULL && build != NULL &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, be) == 1) {
        OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
        key = params != NULL ? from_params("RSA", params) : NULL;
        OSSL_PARAM_free(params);
    }
    OSSL_PARAM_BLD_free(build);
    BN_free(bn);
    BN_free(be);
    if (key == NULL)
        snprintf(why, STATUSLIST_WHY, "the JWK is not a valid RSA key");
    return key;
}

/* RFC 7517 sections 4.2 and 4.3: what the key is for, where it says so. */
static bool may_verify(const json_t *jwk, char why[STATUSLIST_WHY])
{
    const json_t *use = json_object_get(jwk, "use"), *operations = json_object_get(jwk, "key_ops");
    if (use != NULL && (!json_is_string(use) || strcmp(json_string_value(use), "sig") != 0)) {
        snprintf(why, STATUSLIST_WHY, "the JWK is not for signatures (use is not sig)");
        return false;
    }
    bool found = operations == NULL;
    for (size_t i = 0; i < json_array_size(operations); i++) {
        const char *operation = json_string_value(json_array_get(operations, i));
        found = found || (operation != NULL && strcmp(operation, "verify") == 0);
    }
    if (!found)
        snprintf(why, STATUSLIST_WHY, "the JWK is not for verifying (key_ops has no verify)");
    return found;
}

/* RFC 7517 section 4.4: a JWK with an alg is for that algorithm alone. *ret: NULL: it has none. */
static bool named_alg(const json_t *jwk, const EVP_PKEY *key, const struct sl_alg **ret,
                      char why[STATUSLIST_WHY])
{
    const json_t *name = json_object_get(jwk, "alg");
    const struct sl_alg *alg = json_is_string(name) ? sl_alg_of_jose(json_string_value(name)) : NULL;
    if (name != NULL && (alg == NULL || !sl_alg_fits(alg, key))) {
        snprintf(why, STATUSLIST_WHY, "the JWK's alg is not a signature algorithm of its kind of key");
        return false;
    }
    *ret = alg;
    return true;
}

EVP_PKEY *sl_jwk_read(const void *json, const struct sl_alg **ret_alg, char why[STATUSLIST_WHY])
{
    const json_t *jwk = json;
    const char *kty = json_string_value(json_object_get(jwk, "kty"));
    const char *crv = json_string_value(json_object_get(jwk, "crv"));
    EVP_PKEY *key = NULL;
    snprintf(why, STATUSLIST_WHY, "not a JWK with kty EC, OKP or RSA (RFC 7517)");
    if (kty == NULL || !may_verify(jwk, why))
        return NULL;
    ERR_set_mark();
    if (strcmp(kty, "EC") == 0)
        key = ec(jwk, crv != NULL ? crv : "", why);
    else if (strcmp(kty, "OKP") == 0)
        key = okp(jwk, crv != NULL ? crv : "", why);
    else if (strcmp(kty, "RSA") == 0)
        key = rsa(jwk, why);
    if (key != NULL && !named_alg(jwk, key, ret_alg, why)) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    ERR_pop_to_mark();
    return key;
}
