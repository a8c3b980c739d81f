/* Verification of Status List Tokens (draft-ietf-oauth-status-list, section "Validation Rules") in both
 * formats, from bytes: nothing here fetches, reads files or the clock. Every verification is a list of checks
 * with what each found, so that a program can say why a token was refused. */
#pragma once
#include "statuslist/status_list.h"

#ifdef __cplusplus
extern "C" {
#endif

enum statuslist_format { STATUSLIST_ANY_FORMAT, STATUSLIST_JWT, STATUSLIST_CWT };

/* --- how to verify --- */

/* Keys and rules. Made once, then any number of threads may verify with it at once. */
struct statuslist_verifier;

/* NULL: no memory. Starts without a key: then no token is accepted. */
STATUSLIST_API struct statuslist_verifier *statuslist_verifier_new(void);
STATUSLIST_API void statuslist_verifier_free(struct statuslist_verifier *v); /* NULL ok */

#define STATUSLIST_WHY 160 /* bytes of a reason, with its NUL */

/* A key that is trusted because you say so: a certificate (PEM or DER), a public key (PEM), a JWK or a JWK
 * set (JSON). Several may be added. A certificate counts during its validity only. False with a sentence in
 * `why`. */
STATUSLIST_API bool statuslist_verifier_add_key(struct statuslist_verifier *v, const void *bytes, size_t len,
                                                char why[STATUSLIST_WHY]);
/* A certificate, or several in PEM, at which the chain of a token (x5c, x5chain) may end. */
STATUSLIST_API bool statuslist_verifier_add_anchor(struct statuslist_verifier *v, const void *bytes,
                                                   size_t len, char why[STATUSLIST_WHY]);
/* For diagnosis only: where no key and no anchor was added, the key that the token itself carries is used.
 * Proves that the token is whole, and nothing about who made it: the check "key" is a warning then. */
STATUSLIST_API void statuslist_verifier_trust_carried_key(struct statuslist_verifier *v, bool on);
/* Refuses the other format. */
STATUSLIST_API void statuslist_verifier_set_format(struct statuslist_verifier *v,
                                                   enum statuslist_format format);
/* By how many seconds the issuer's clock may differ from ours; 0 at first. */
STATUSLIST_API void statuslist_verifier_set_skew(struct statuslist_verifier *v, unsigned seconds);
/* Most bytes that a list may have, inflated; 16 MiB at first. */
STATUSLIST_API void statuslist_verifier_set_inflate_limit(struct statuslist_verifier *v, size_t bytes);

/* --- what was found --- */

enum statuslist_outcome {
    STATUSLIST_PASS,
    STATUSLIST_WARN, /* allowed, but some readers trip over it */
    STATUSLIST_FAIL, /* the token must not be used */
    STATUSLIST_SKIP  /* could not be looked at, because of a failure elsewhere */
};

struct statuslist_check {
    const char *name; /* "signature", "sub", "exp", ...: stable */
    enum statuslist_outcome outcome;
    const char *section; /* the section that asks for it, of the draft unless an RFC is named */
    const char *detail;  /* what was found, and what would be right; printable ASCII */
};

/* What the token says; strings are NULL where it says nothing (or something of another type). Only what a
 * report that is accepted carries can be relied on. */
struct statuslist_claims {
    enum statuslist_format format;
    const char *alg, *typ, *kid; /* a kid that is not printable is shown in hex, after "0x" */
    const char *sub, *iss, *aggregation_uri;
    bool has_iat, has_exp, has_ttl;
    int64_t iat, exp, ttl; /* seconds since 1970, ttl in seconds; at most 2^53 */
    unsigned certificates; /* in x5c or x5chain */
    unsigned bits;         /* 0: none that is valid */
    size_t compressed;     /* bytes of the zlib stream */
    const uint8_t *list;   /* the byte array; NULL when it could not be inflated */
    size_t list_len;
    uint64_t size; /* entries */
};

/* Immutable once made; owner: the caller of statuslist_verify. */
struct statuslist_report;

/* Verifies `token` as of `now` (seconds since 1970). `uri`: the one that the Referenced Token names, which
 * `sub` must be, byte for byte; NULL: not compared. `index`: the entry to read; NULL: none. NULL is returned
 * only when memory is short. */
STATUSLIST_API struct statuslist_report *statuslist_verify(const struct statuslist_verifier *v,
                                                           const void *token, size_t len, const char *uri,
                                                           const uint64_t *index, int64_t now);
STATUSLIST_API void statuslist_report_free(struct statuslist_report *r); /* NULL ok */

/* No check failed, the signature is that of a trusted key, and the list (and the index, where one was given)
 * could be read. */
STATUSLIST_API bool statuslist_report_accepted(const struct statuslist_report *r);
/* The status at the index; -1 unless the report is accepted and there was an index. */
STATUSLIST_API int statuslist_report_status(const struct statuslist_report *r);
STATUSLIST_API size_t statuslist_report_count(const struct statuslist_report *r);
/* In the order in which they were made; NULL beyond the last. */
STATUSLIST_API const struct statuslist_check *statuslist_report_check(const struct statuslist_report *r,
                                                                      size_t i);
/* By name; NULL when there was no such check. */
STATUSLIST_API const struct statuslist_check *statuslist_report_find(const struct statuslist_report *r,
                                                                     const char *name);
STATUSLIST_API const struct statuslist_claims *statuslist_report_claims(const struct statuslist_report *r);

#ifdef __cplusplus
}
#endif
