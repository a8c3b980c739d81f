/* Verification of Status List Tokens (draft-ietf-oauth-status-list, section "Validation Rules") in both
 * formats, from bytes: nothing here fetches, reads files or the clock. Every verification is a list of checks
 * with what each found, so that a program can say why a token was refused. */
#pragma once
#include "statuslist/status_list.h"

#ifdef __cplusplus
extern "C" {
#endif

enum statuslist_format { STATUSLIST_ANY_FORMAT, STATUSLIST_JWT, STATUSLIST_CWT };
enum statuslist_profile { STATUSLIST_NO_PROFILE, STATUSLIST_HAIP, STATUSLIST_ISO_MDOC };

/* --- how to verify --- */

/* Keys and rules. Made once, then any number of threads may verify with it at once. */
struct statuslist_verifier;

/* NULL: no memory. Without a key or an anchor, it accepts no token. */
STATUSLIST_API struct statuslist_verifier *statuslist_verifier_new(void);
STATUSLIST_API void statuslist_verifier_free(struct statuslist_verifier *v); /* NULL ok */

#define STATUSLIST_WHY 160 /* bytes of a reason, with its NUL */

/* Adds a key that you trust: a certificate (PEM or DER), a public key (PEM), a JWK or a JWK
 * set (JSON). Several may be added. A certificate is used only while it is valid, and only if its keyUsage,
 * where it has one, has digitalSignature. A JWK is used only for what its use, key_ops and alg say. Keys of a
 * set that are for something else, or of another kind, are left out (RFC 7517 section 5). False, with a
 * sentence in `why`, if the bytes are no key, or none of the set can be used; then nothing was added. */
STATUSLIST_API bool statuslist_verifier_add_key(struct statuslist_verifier *v, const void *bytes, size_t len,
                                                char why[STATUSLIST_WHY]);
/* Adds trust anchors for the chain in a token (x5c, x5chain): a certificate, or several in PEM. Whoever has a
 * certificate below an anchor can sign every list: unless the anchor's CA issues certificates for status
 * lists only, say with statuslist_verifier_expect_signer whose they must be. The certificate may not sign
 * when its keyUsage has no digitalSignature. When its extendedKeyUsage names other purposes only (TLS, code,
 * mail, ...), the check "extended-key-usage" warns; the purpose that the draft defines has no number yet.
 * False, with a sentence in `why` and no anchor added, if one of them cannot be read. */
STATUSLIST_API bool statuslist_verifier_add_anchor(struct statuslist_verifier *v, const void *bytes,
                                                   size_t len, char why[STATUSLIST_WHY]);
/* A name that the first certificate of a chain must have: "dns:NAME" or "uri:URI", a subjectAltName (no
 * wildcards; a URI byte for byte), or "subject:NAME", the whole subject as RFC 2253 writes it, like
 * "subject:CN=Status,O=Example,C=DE". Of several names one is enough. Does not concern keys that you gave
 * yourself. False, with a sentence in `why`, if the name has none of these forms. */
STATUSLIST_API bool statuslist_verifier_expect_signer(struct statuslist_verifier *v, const char *name,
                                                      char why[STATUSLIST_WHY]);
/* For diagnosis only: without a key and an anchor, uses the key that the token itself contains. This shows
 * that the token is intact, but not who made it, so the check "key" is then a warning. */
STATUSLIST_API void statuslist_verifier_trust_carried_key(struct statuslist_verifier *v, bool on);
/* Accepts only this format. */
STATUSLIST_API void statuslist_verifier_set_format(struct statuslist_verifier *v,
                                                   enum statuslist_format format);
/* Adds the checks of a profile, whose names begin with "profile.": of OpenID4VC HAIP 1.0, or of ISO/IEC
 * 18013-5, second edition (a CWT, with a certificate as in Table B.9). */
STATUSLIST_API void statuslist_verifier_set_profile(struct statuslist_verifier *v,
                                                    enum statuslist_profile profile);
/* How many seconds the clock of the issuer may differ from `now`, for iat, nbf and exp; the default is 5. */
STATUSLIST_API void statuslist_verifier_set_skew(struct statuslist_verifier *v, unsigned seconds);
/* The largest list to accept, in bytes, uncompressed; the default is 16 MiB. */
STATUSLIST_API void statuslist_verifier_set_inflate_limit(struct statuslist_verifier *v, size_t bytes);

/* --- what was found --- */

enum statuslist_outcome {
    STATUSLIST_PASS,
    STATUSLIST_WARN, /* allowed, but some verifiers fail on it */
    STATUSLIST_FAIL, /* the token must not be used */
    STATUSLIST_SKIP  /* not checked, because of another failure */
};

struct statuslist_check {
    const char *name; /* "signature", "sub", "exp", ...: stable */
    enum statuslist_outcome outcome;
    const char *section; /* the section that requires it, of the draft unless an RFC is named */
    const char *detail;  /* what was found, and what would be right; printable ASCII */
};

/* What the token says. A string is NULL if the claim is absent or of another type. Rely on these only if the
 * report is accepted. */
struct statuslist_claims {
    enum statuslist_format format;
    /* `typ` of a CWT may be "279", the registered number of its media type. A kid that is not printable is
     * shown in hex, after "0x". */
    const char *alg, *typ, *kid;
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

/* Verifies `token` as of `now` (seconds since 1970). `uri`: the URI in the Referenced Token, which `sub` must
 * equal byte for byte; NULL: not compared. `index`: the entry to read; NULL: none. Returns NULL only if there
 * is no memory. */
STATUSLIST_API struct statuslist_report *statuslist_verify(const struct statuslist_verifier *v,
                                                           const void *token, size_t len, const char *uri,
                                                           const uint64_t *index, int64_t now);
STATUSLIST_API void statuslist_report_free(struct statuslist_report *r); /* NULL ok */

/* True if no check failed, a trusted key made the signature, and the list (and the entry at the index, if one
 * was given) could be read. */
STATUSLIST_API bool statuslist_report_accepted(const struct statuslist_report *r);
/* The status at the index; -1 unless the report is accepted and there was an index. */
STATUSLIST_API int statuslist_report_status(const struct statuslist_report *r);
STATUSLIST_API size_t statuslist_report_count(const struct statuslist_report *r);
/* The check at position i, in the order in which they were made; NULL beyond the last. */
STATUSLIST_API const struct statuslist_check *statuslist_report_check(const struct statuslist_report *r,
                                                                      size_t i);
/* The check with this name; NULL if there is none. */
STATUSLIST_API const struct statuslist_check *statuslist_report_find(const struct statuslist_report *r,
                                                                     const char *name);
STATUSLIST_API const struct statuslist_claims *statuslist_report_claims(const struct statuslist_report *r);

#ifdef __cplusplus
}
#endif
