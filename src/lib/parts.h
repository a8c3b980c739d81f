/* A token taken apart: what both formats have, so that one set of checks serves them. Everything that the
 * spans point to lives in the token or in the report's memory. */
#pragma once
#include "lib/alg.h"
#include "lib/report.h"

struct sl_number {
    enum { SL_NO_NUMBER, SL_NUMBER_WRONG, SL_WHOLE, SL_FRACTION } kind;
    int64_t value; /* of a fraction: rounded down */
};
/* A floating-point number that was read for a whole one. */
struct sl_number sl_number_of_real(double value);

struct sl_string {
    enum { SL_NO_STRING, SL_STRING_WRONG, SL_STRING } kind;
    char *at;
};

#define SL_CHAIN_MAX 8

struct sl_parts {
    enum statuslist_format format;
    struct sl_span signed_bytes, signature;

    bool header_read; /* the header could be read, so its members below mean something */
    const struct sl_alg *alg;
    struct sl_span chain[SL_CHAIN_MAX]; /* certificates in DER, leaf first */
    unsigned chain_len;
    bool chain_wrong;
    EVP_PKEY *jwk;                /* owned */
    const struct sl_alg *jwk_alg; /* that this JWK names; NULL: none */

    bool claims_read;
    struct sl_string sub, iss, aggregation_uri;
    struct sl_number iat, exp, nbf, ttl, bits;
    bool has_status_list;
    enum { SL_NO_LST, SL_LST_WRONG, SL_LST } lst_kind;
    struct sl_span lst; /* the zlib stream */
};

/* Each adds the checks of its format, and fills what it could read. */
void sl_jwt_parse(struct statuslist_report *r, struct sl_span token, struct sl_parts *p);
void sl_cwt_parse(struct statuslist_report *r, struct sl_span token, struct sl_parts *p);

/* The check "alg" for an algorithm that the table does not have. */
void sl_alg_refuse(struct statuslist_report *r, const char *section, const char *name);

/* The checks "key" and "signature". */
void sl_check_signature(const struct statuslist_verifier *v, struct statuslist_report *r,
                        const struct sl_parts *p, int64_t now);
/* The checks of the claims, the list and the index. */
struct sl_expected {
    const char *uri;       /* NULL: any */
    const uint64_t *index; /* NULL: none */
    int64_t now;
    unsigned skew;
    size_t inflate_limit;
};
void sl_check_claims(struct statuslist_report *r, const struct sl_parts *p, const struct sl_expected *e);

/* A public key from a JWK (RFC 7517; EC, OKP with Ed25519, RSA) that may verify signatures. NULL, with a
 * sentence. `jwk`: a json_t *. *ret_alg: the only algorithm that it is for; NULL: any that fits. */
EVP_PKEY *sl_jwk_read(const void *jwk, const struct sl_alg **ret_alg, char why[STATUSLIST_WHY]);
