#include "lib/alg.h"

#include <openssl/ecdsa.h>
#include <openssl/rsa.h>

/* RFC 7518 section 3.1, RFC 8037; RFC 9053 section 2, RFC 8230 section 2, RFC 8812 section 2. RFC 9864 gives
 * the same signatures names that say everything: Ed25519 in both worlds, the others in COSE only. */
static const struct sl_alg algs[] = {
    {"ES256", -7, "EC", "prime256v1", "SHA256", 32, false, false},
    {"ES384", -35, "EC", "secp384r1", "SHA384", 48, false, false},
    {"ES512", -36, "EC", "secp521r1", "SHA512", 66, false, false},
    {"EdDSA", -8, "ED25519", NULL, NULL, 0, false, false},
    {"Ed25519", -19, "ED25519", NULL, NULL, 0, false, false},
    {"ESP256", -9, "EC", "prime256v1", "SHA256", 32, false, true},
    {"ESP384", -51, "EC", "secp384r1", "SHA384", 48, false, true},
    {"ESP512", -52, "EC", "secp521r1", "SHA512", 66, false, true},
    {"PS256", -37, "RSA", NULL, "SHA256", 0, true, false},
    {"PS384", -38, "RSA", NULL, "SHA384", 0, true, false},
    {"PS512", -39, "RSA", NULL, "SHA512", 0, true, false},
    {"RS256", -257, "RSA", NULL, "SHA256", 0, false, false},
    {"RS384", -258, "RSA", NULL, "SHA384", 0, false, false},
    {"RS512", -259, "RSA", NULL, "SHA512", 0, false, false},
};

enum { ALGS = sizeof algs / sizeof *algs, RSA_BITS_LEAST = 2048 };

const struct sl_alg *sl_alg_of_jose(const char *name)
{
    for (size_t i = 0; i < ALGS; i++)
        if (!algs[i].cose_only && strcmp(algs[i].name, name) == 0)
            return &algs[i];
    return NULL;
}

const struct sl_alg *sl_alg_of_cose(int64_t id)
{
    for (size_t i = 0; i < ALGS; i++)
        if (algs[i].cose == id)
            return &algs[i];
    return NULL;
}

bool sl_alg_fits(const struct sl_alg *alg, const EVP_PKEY *key)
{
    char group[32];
    size_t n;
    if (!EVP_PKEY_is_a(key, alg->key))
        return false;
    if (strcmp(alg->key, "RSA") == 0)
        return EVP_PKEY_get_bits(key) >= RSA_BITS_LEAST;
    return alg->group == NULL ||
           (EVP_PKEY_get_group_name(key, group, sizeof group, &n) == 1 && strcmp(group, alg->group) == 0);
}

bool sl_alg_alike(const struct sl_alg *one, const struct sl_alg *other)
{
    bool same_group = one->group == other->group ||
                      (one->group != NULL && other->group != NULL && strcmp(one->group, other->group) == 0);
    bool same_digest = one->digest == other->digest || (one->digest != NULL && other->digest != NULL &&
                                                        strcmp(one->digest, other->digest) == 0);
    return strcmp(one->key, other->key) == 0 && same_group && same_digest && one->pss == other->pss;
}

/* r||s as OpenSSL wants it; NULL: not of that length. */
static unsigned char *ecdsa_der(struct sl_span raw, size_t half, size_t *ret_len)
{
    unsigned char *out = NULL;
    if (raw.len != 2 * half)
        return NULL;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *first = BN_bin2bn((const unsigned char *)raw.at, (int)half, NULL);
    BIGNUM *second = BN_bin2bn((const unsigned char *)raw.at + half, (int)half, NULL);
    int n = 0;
    if (sig != NULL && first != NULL && second != NULL && ECDSA_SIG_set0(sig, first, second) == 1) {
        first = second = NULL;
        n = i2d_ECDSA_SIG(sig, &out);
    }
    BN_free(first);
    BN_free(second);
    ECDSA_SIG_free(sig);
    *ret_len = n > 0 ? (size_t)n : 0;
    return n > 0 ? out : NULL;
}

bool sl_alg_verifies(const struct sl_alg *alg, EVP_PKEY *key, struct sl_span bytes, struct sl_span signature)
{
    const unsigned char *sig = (const unsigned char *)signature.at;
    size_t n = signature.len;
    if (!sl_alg_fits(alg, key))
        return false;
    unsigned char *der = alg->half > 0 ? ecdsa_der(signature, alg->half, &n) : NULL;
    if (alg->half > 0 && der == NULL)
        return false;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    bool ok = ctx != NULL && EVP_DigestVerifyInit_ex(ctx, &pctx, alg->digest, NULL, NULL, key, NULL) == 1;
    if (ok && alg->pss)
        ok = EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) == 1;
    ok = ok &&
         EVP_DigestVerify(ctx, der != NULL ? der : sig, n, (const unsigned char *)bytes.at, bytes.len) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    return ok;
}
