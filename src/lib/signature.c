/* Finds the key, and checks whether it made the signature. */
#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "lib/certificate.h"
#include "lib/verifier_int.h"

#define RULES SL_SECTION_RULES

static bool key_verifies(const struct sl_parts *p, EVP_PKEY *key)
{
    return sl_alg_verifies(p->alg, key, p->signed_bytes, p->signature);
}

static void report_signature(struct statuslist_report *r, const struct sl_parts *p, bool ok, bool trusted)
{
    if (ok)
        sl_verify_report_add(r, "signature", STATUSLIST_PASS, RULES, "%s, made by that key", p->alg->name);
    else if (p->alg->half > 0 && p->signature.len != 2 * p->alg->half)
        sl_verify_report_add(r, "signature", STATUSLIST_FAIL, RULES, "%zu bytes; %s has %zu",
                             p->signature.len, p->alg->name, 2 * p->alg->half);
    else
        sl_verify_report_add(r, "signature", STATUSLIST_FAIL, RULES, "not made by that key over these bytes");
    r->trusted = ok && trusted;
}

static void skip_signature(struct statuslist_report *r)
{
    sl_verify_report_add(r, "signature", STATUSLIST_SKIP, RULES, "no key to check it with");
}

static void refuse_usage(struct statuslist_report *r, const char *name)
{
    sl_verify_report_add(r, "key", STATUSLIST_FAIL, "RFC 5280 section 4.2.1.3",
                         "%s may not sign: its keyUsage has no digitalSignature", name);
}

/* With the keys that were given: the first that fits and verifies; otherwise the first that fits says why. */
static bool by_given(const struct statuslist_verifier *v, struct statuslist_report *r,
                     const struct sl_parts *p, int64_t now)
{
    const struct sl_trusted_key *fits = NULL;
    bool ok = false;
    for (size_t i = 0; i < v->key_count && !ok; i++) {
        const struct sl_alg *only = v->keys[i].alg;
        if (!sl_alg_fits(p->alg, v->keys[i].key) || (only != NULL && !sl_alg_alike(only, p->alg)))
            continue;
        ok = key_verifies(p, v->keys[i].key);
        if (fits == NULL || ok)
            fits = &v->keys[i];
    }
    if (fits == NULL)
        return false;
    char name[128] = "a public key";
    if (fits->certificate != NULL)
        sl_certificate_subject(fits->certificate, name);
    if (fits->certificate != NULL && !sl_certificate_valid_at(fits->certificate, now))
        sl_verify_report_add(r, "key", STATUSLIST_FAIL, RULES,
                             "the certificate %s is expired or not yet valid", name);
    else if (fits->certificate != NULL && !sl_certificate_may_sign(fits->certificate))
        refuse_usage(r, name);
    else
        sl_verify_report_add(r, "key", STATUSLIST_PASS, RULES, "the one that was given: %s", name);
    report_signature(r, p, ok, true);
    return true;
}

static X509 *leaf_of(struct statuslist_report *r, const struct sl_parts *p)
{
    X509 *leaf = p->chain_len > 0 ? sl_certificate_parse(p->chain[0]) : NULL;
    if (leaf == NULL)
        sl_verify_report_add(r, "key", STATUSLIST_FAIL, RULES,
                             p->chain_len > 0
                                 ? "the first certificate of the token cannot be read"
                                 : "the token carries no certificate, and none of the given keys fits");
    return leaf;
}

/* The key of a leaf if the algorithm can be its; otherwise a failed check. */
static EVP_PKEY *leaf_key(struct statuslist_report *r, const struct sl_parts *p, X509 *leaf)
{
    EVP_PKEY *key = X509_get0_pubkey(leaf);
    if (key != NULL && sl_alg_fits(p->alg, key))
        return key;
    sl_verify_report_add(r, "key", STATUSLIST_FAIL, RULES, "the certificate's key is not for %s",
                         p->alg->name);
    return NULL;
}

static const char *chain_error(const struct statuslist_verifier *v, const struct sl_parts *p, X509 *leaf,
                               int64_t now)
{
    const char *why = "out of memory";
    STACK_OF(X509) *rest = sk_X509_new_null();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    if (rest != NULL && ctx != NULL && X509_STORE_CTX_init(ctx, v->anchors, leaf, rest) == 1) {
        for (unsigned i = 1; i < p->chain_len; i++) {
            X509 *x = sl_certificate_parse(p->chain[i]);
            if (x != NULL && sk_X509_push(rest, x) <= 0)
                X509_free(x);
        }
        X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN);
        X509_STORE_CTX_set_time(ctx, 0, (time_t)now);
        why =
            X509_verify_cert(ctx) == 1 ? NULL : X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
    }
    X509_STORE_CTX_free(ctx);
    sk_X509_pop_free(rest, X509_free);
    return why;
}

static bool is_expected(const struct statuslist_verifier *v, X509 *leaf)
{
    bool found = v->signer_count == 0;
    for (size_t i = 0; i < v->signer_count && !found; i++)
        found = sl_certificate_has_name(leaf, v->signers[i]);
    return found;
}

static void warn_of_purpose(struct statuslist_report *r, X509 *leaf)
{
    const char *foreign = sl_certificate_foreign_purpose(leaf);
    if (foreign != NULL)
        sl_verify_report_add(
            r, "extended-key-usage", STATUSLIST_WARN, "RFC 5280 section 4.2.1.12",
            "the certificate is for %s, and not for status lists: does this CA vouch for their signers?",
            foreign);
}

static void by_chain(const struct statuslist_verifier *v, struct statuslist_report *r,
                     const struct sl_parts *p, int64_t now)
{
    char name[128];
    X509 *leaf = leaf_of(r, p);
    EVP_PKEY *key = leaf != NULL ? leaf_key(r, p, leaf) : NULL;
    if (key != NULL) {
        sl_certificate_subject(leaf, name);
        const char *why = chain_error(v, p, leaf, now);
        bool trusted = why == NULL && sl_certificate_may_sign(leaf) && is_expected(v, leaf);
        if (trusted)
            sl_verify_report_add(r, "key", STATUSLIST_PASS, RULES, "%s, whose chain ends at a trust anchor",
                                 name);
        else if (why != NULL)
            sl_verify_report_add(r, "key", STATUSLIST_FAIL, RULES, "%s: no chain to a trust anchor: %s", name,
                                 why);
        else if (!sl_certificate_may_sign(leaf))
            refuse_usage(r, name);
        else
            sl_verify_report_add(r, "key", STATUSLIST_FAIL, RULES,
                                 "%s has a chain to a trust anchor, but is not the expected signer: %s", name,
                                 v->signers[0]);
        warn_of_purpose(r, leaf);
        report_signature(r, p, key_verifies(p, key), trusted);
    } else {
        skip_signature(r);
    }
    X509_free(leaf);
}

static bool carried_fits(const struct sl_parts *p, const EVP_PKEY *key)
{
    return sl_alg_fits(p->alg, key) &&
           (key != p->jwk || p->jwk_alg == NULL || sl_alg_alike(p->jwk_alg, p->alg));
}

static void by_carried(struct statuslist_report *r, const struct sl_parts *p, int64_t now)
{
    X509 *leaf = p->chain_len > 0 ? leaf_of(r, p) : NULL;
    EVP_PKEY *key = leaf != NULL ? leaf_key(r, p, leaf) : p->chain_len == 0 ? p->jwk : NULL;
    char name[128] = "a JWK";
    if (leaf != NULL)
        sl_certificate_subject(leaf, name);
    if (p->chain_len == 0 && key == NULL)
        sl_verify_report_add(r, "key", STATUSLIST_SKIP, RULES, "the token carries none, and none was given");
    else if (key != NULL && leaf != NULL && !sl_certificate_valid_at(leaf, now))
        sl_verify_report_add(r, "key", STATUSLIST_FAIL, RULES,
                             "the certificate %s is expired or not yet valid", name);
    else if (key != NULL && leaf != NULL && !sl_certificate_may_sign(leaf))
        refuse_usage(r, name);
    else if (key != NULL && !carried_fits(p, key))
        sl_verify_report_add(r, "key", STATUSLIST_FAIL, RULES, "the key in the header is not for %s",
                             p->alg->name);
    else if (key != NULL)
        sl_verify_report_add(r, "key", STATUSLIST_WARN, RULES,
                             "the token's own (%s), which proves nothing about who signed", name);
    if (key != NULL && leaf != NULL)
        warn_of_purpose(r, leaf);
    if (key != NULL && carried_fits(p, key))
        report_signature(r, p, key_verifies(p, key), false);
    else
        skip_signature(r);
    X509_free(leaf);
}

/* A reader has its trust anchors already, and must not take one from the token. */
static void look_for_self_signed(struct statuslist_report *r, const struct sl_parts *p)
{
    for (unsigned i = 0; i < p->chain_len; i++) {
        X509 *x = sl_certificate_parse(p->chain[i]);
        if (x != NULL && i == 0 && sl_certificate_self_signed(x))
            sl_verify_report_add(
                r, "self-signed", STATUSLIST_WARN, RULES,
                "the signer's certificate is self-signed: certification and some readers want one "
                "that a CA issued");
        if (x != NULL && i > 0 && X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0)
            sl_verify_report_add(
                r, "trust-anchor", STATUSLIST_WARN, "RFC 7515 section 4.1.6",
                "certificate %u of the token is self-signed: a trust anchor does not belong there", i);
        X509_free(x);
    }
}

static void say_no_key(const struct statuslist_verifier *v, struct statuslist_report *r,
                       const struct sl_parts *p)
{
    if (v->key_count == 0)
        sl_verify_report_add(r, "key", STATUSLIST_FAIL, RULES, "no key and no trust anchor was given");
    else if (v->left_out == 0)
        sl_verify_report_add(r, "key", STATUSLIST_FAIL, RULES, "none of the given keys is for %s",
                             p->alg->name);
    else
        sl_verify_report_add(r, "key", STATUSLIST_FAIL, RULES,
                             "none of the given keys is for %s; left out of the JWK set: %u (%s)",
                             p->alg->name, v->left_out, v->left_why);
    skip_signature(r);
}

void sl_check_signature(const struct statuslist_verifier *v, struct statuslist_report *r,
                        const struct sl_parts *p, int64_t now)
{
    if (p->alg == NULL) {
        skip_signature(r);
        return;
    }
    ERR_set_mark();
    look_for_self_signed(r, p);
    if (v->key_count > 0 && by_given(v, r, p, now)) {
        /* said */
    } else if (v->anchors != NULL) {
        by_chain(v, r, p, now);
    } else if (v->key_count == 0 && v->carried) {
        by_carried(r, p, now);
    } else {
        say_no_key(v, r, p);
    }
    ERR_pop_to_mark();
}
