#include <stdlib.h>

#include "lib/verifier.h"

/* A compact serialization begins with a letter of base64url, a COSE_Sign1 with an array or a tag. */
static enum statuslist_format format_of(struct sl_span token)
{
    return token.len > 0 && ((unsigned char)token.at[0] & 0x80) != 0 ? STATUSLIST_CWT : STATUSLIST_JWT;
}

struct statuslist_report *statuslist_verify(const struct statuslist_verifier *v, const void *token,
                                            size_t len, const char *uri, const uint64_t *index, int64_t now)
{
    struct statuslist_report *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    struct sl_span bytes = sl_span(len > 0 ? token : "", len);
    struct sl_parts p = {.format = v->format != STATUSLIST_ANY_FORMAT ? v->format : format_of(bytes)};
    struct sl_expected e = {uri, index, now, v->skew, v->inflate_limit};
    r->status = -1;
    r->claims.format = p.format;
    if (p.format == STATUSLIST_JWT)
        sl_jwt_parse(r, bytes, &p);
    else
        sl_cwt_parse(r, bytes, &p);
    r->claims.certificates = p.chain_len;
    if (p.header_read)
        sl_check_signature(v, r, &p, now);
    sl_check_claims(r, &p, &e);
    EVP_PKEY_free(p.jwk);
    if (r->no_memory) {
        statuslist_report_free(r);
        return NULL;
    }
    return r;
}
