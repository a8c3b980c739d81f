/* What certification asks of a token beyond the draft: OpenID4VC High Assurance Interoperability Profile 1.0,
 * and the certificate of a status list's signer in ISO/IEC 18013-5, second edition, Table B.9. */
#include "lib/certificate.h"
#include "lib/verifier_int.h"

#include <openssl/x509v3.h>

#define HAIP "HAIP 1.0"
#define MDOC "ISO/IEC 18013-5 second edition, Table B.9"

enum { MDOC_DAYS_MOST = 1187 };

static void find(struct statuslist_report *r, bool right, const char *name, const char *section,
                 const char *good, const char *bad)
{
    sl_verify_report_add(r, name, right ? STATUSLIST_PASS : STATUSLIST_FAIL, section, "%s",
                         right ? good : bad);
}

static bool is_anchor(const struct statuslist_verifier *v, X509 *x)
{
    bool same = X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0;
    STACK_OF(X509_OBJECT) *all = v->anchors != NULL ? X509_STORE_get0_objects(v->anchors) : NULL;
    for (int i = 0; i < sk_X509_OBJECT_num(all) && !same; i++) {
        X509 *anchor = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));
        same = anchor != NULL && X509_cmp(anchor, x) == 0;
    }
    return same;
}

/* What both want of the chain. False: there is none, and nothing else can be said. */
static bool check_chain(const struct statuslist_verifier *v, struct statuslist_report *r,
                        const struct sl_parts *p, X509 *leaf, const char *section)
{
    bool anchor = false;
    find(r, leaf != NULL, "profile.chain", section, "the certificate is in the header",
         "no certificate in the header (x5c, x5chain) that can be read");
    if (leaf == NULL)
        return false;
    find(r, !sl_certificate_self_signed(leaf), "profile.leaf", section,
         "the signer's certificate is not self-signed",
         "the signer's certificate is self-signed; it must be issued by a CA");
    for (unsigned i = 1; i < p->chain_len; i++) {
        X509 *x = sl_certificate_parse(p->chain[i]);
        anchor = anchor || (x != NULL && is_anchor(v, x));
        X509_free(x);
    }
    find(r, !anchor, "profile.anchor", section, "the trust anchor is not in the header",
         "the trust anchor is in the header; it must be left out");
    return true;
}

static void check_haip(const struct statuslist_verifier *v, struct statuslist_report *r,
                       const struct sl_parts *p, X509 *leaf)
{
    check_chain(v, r, p, leaf, HAIP);
    const struct sl_alg *es256 = sl_alg_of_jose("ES256");
    find(r, p->alg != NULL && sl_alg_alike(p->alg, es256), "profile.alg", HAIP, "ES256",
         "the algorithm is not ES256 (in a CWT -7 or -9), the one that every reader has");
    if (!p->claims_read)
        return;
    find(r, p->exp.kind != SL_NO_NUMBER, "profile.exp", HAIP, "there", "exp is missing");
    find(r, p->ttl.kind != SL_NO_NUMBER, "profile.ttl", HAIP, "there", "ttl is missing");
}

static void check_mdoc(const struct statuslist_verifier *v, struct statuslist_report *r,
                       const struct sl_parts *p, X509 *leaf)
{
    int days = 0, seconds = 0;
    find(r, p->format == STATUSLIST_CWT, "profile.format", "ISO/IEC 18013-5 second edition, 12.3.6.3",
         "a CWT", "a JWT; an mdoc's status list is a CWT");
    if (!check_chain(v, r, p, leaf, MDOC))
        return;
    find(r, X509_get_key_usage(leaf) == KU_DIGITAL_SIGNATURE, "profile.key-usage", MDOC,
         "digitalSignature, and nothing else", "the certificate's keyUsage is not digitalSignature alone");
    bool right = ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(leaf), X509_get0_notAfter(leaf)) == 1 &&
                 (days < MDOC_DAYS_MOST || (days == MDOC_DAYS_MOST && seconds <= 0));
    sl_verify_report_add(r, "profile.validity", right ? STATUSLIST_PASS : STATUSLIST_FAIL, MDOC,
                         "the certificate is made for %d days; at most %d are allowed", days, MDOC_DAYS_MOST);
}

void sl_check_profile(const struct statuslist_verifier *v, struct statuslist_report *r,
                      const struct sl_parts *p)
{
    X509 *leaf = p->chain_len > 0 ? sl_certificate_parse(p->chain[0]) : NULL;
    if (v->profile == STATUSLIST_HAIP)
        check_haip(v, r, p, leaf);
    else if (v->profile == STATUSLIST_ISO_MDOC)
        check_mdoc(v, r, p, leaf);
    X509_free(leaf);
}
