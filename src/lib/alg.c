/* The signature algorithms that the library verifies, by their names in JOSE and their numbers in COSE, and
 * whether a key fits one. */
#include <math.h>

#include "lib/parts.h"

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

void sl_alg_refuse(struct statuslist_report *r, const char *section, const char *name)
{
    if (strcmp(name, "none") == 0)
        sl_verify_report_add(r, "alg", STATUSLIST_FAIL, section, "\"none\": the token is not signed");
    else if (strncmp(name, "HS", 2) == 0)
        sl_verify_report_add(r, "alg", STATUSLIST_FAIL, section,
                             "\"%s\" is a MAC: everyone who can verify it can also make it", name);
    else
        sl_verify_report_add(r, "alg", STATUSLIST_FAIL, section,
                             "\"%s\" is not known; ES256, ES384, ES512, EdDSA, Ed25519, PS256 and RS256 are",
                             name);
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

struct sl_number sl_number_of_real(double value)
{
    if (!(value > -9e18 && value < 9e18))
        return (struct sl_number){.kind = SL_NUMBER_WRONG};
    return (struct sl_number){.kind = SL_FRACTION, .value = (int64_t)floor(value)};
}
