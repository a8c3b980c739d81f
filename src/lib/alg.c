/* The signature algorithms that the library verifies, by their names in JOSE and their numbers in COSE, and
 * whether a key fits one. */
#include <math.h>

#include "lib/parts.h"

/* RFC 7518 section 3.1, RFC 8037; RFC 9053 section 2, RFC 8230 section 2, RFC 8812 section 2. */
static const struct sl_alg algs[] = {
    {"ES256", -7, "EC", "prime256v1", "SHA256", 32, false},
    {"ES384", -35, "EC", "secp384r1", "SHA384", 48, false},
    {"ES512", -36, "EC", "secp521r1", "SHA512", 66, false},
    {"EdDSA", -8, "ED25519", NULL, NULL, 0, false},
    {"PS256", -37, "RSA", NULL, "SHA256", 0, true},
    {"PS384", -38, "RSA", NULL, "SHA384", 0, true},
    {"PS512", -39, "RSA", NULL, "SHA512", 0, true},
    {"RS256", -257, "RSA", NULL, "SHA256", 0, false},
    {"RS384", -258, "RSA", NULL, "SHA384", 0, false},
    {"RS512", -259, "RSA", NULL, "SHA512", 0, false},
};

enum { ALGS = sizeof algs / sizeof *algs, RSA_BITS_LEAST = 2048 };

const struct sl_alg *sl_alg_of_jose(const char *name)
{
    for (size_t i = 0; i < ALGS; i++)
        if (strcmp(algs[i].jose, name) == 0)
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
                             "\"%s\" is not known; ES256, ES384, ES512, EdDSA, PS256 and RS256 are", name);
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

struct sl_number sl_number_of_real(double value)
{
    if (!(value > -9e18 && value < 9e18))
        return (struct sl_number){.kind = SL_NUMBER_WRONG};
    return (struct sl_number){.kind = SL_FRACTION, .value = (int64_t)floor(value)};
}
