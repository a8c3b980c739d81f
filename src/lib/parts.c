/* What the parsers of both formats say in the same words, and read in the same way. */
#include "lib/parts.h"

#include <math.h>

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

struct sl_number sl_number_of_real(double value)
{
    if (!(value > -9e18 && value < 9e18))
        return (struct sl_number){.kind = SL_NUMBER_WRONG};
    return (struct sl_number){.kind = SL_FRACTION, .value = (int64_t)floor(value)};
}
