/* Everything that is asked of one certificate: OpenSSL reads it, and these functions put its answers into
 * words that the checks need. */
#include "lib/certificate.h"

#include <limits.h>
#include <openssl/x509v3.h>

X509 *sl_certificate_parse(struct sl_span der)
{
    const unsigned char *at = (const unsigned char *)der.at;
    X509 *x = der.len <= INT_MAX ? d2i_X509(NULL, &at, (long)der.len) : NULL;
    if (x != NULL && at != (const unsigned char *)der.at + der.len) {
        X509_free(x);
        x = NULL;
    }
    return x;
}

void sl_certificate_subject(const X509 *x, char out[static 128])
{
    X509_NAME_oneline(X509_get_subject_name(x), out, 128);
}

bool sl_certificate_valid_at(const X509 *x, int64_t now)
{
    time_t t = (time_t)now;
    return X509_cmp_time(X509_get0_notBefore(x), &t) < 0 && X509_cmp_time(X509_get0_notAfter(x), &t) > 0;
}

bool sl_certificate_self_signed(X509 *x)
{
    return X509_self_signed(x, 0) == 1;
}

bool sl_certificate_may_sign(X509 *x)
{
    return (X509_get_key_usage(x) & KU_DIGITAL_SIGNATURE) != 0; /* without the extension all bits are set */
}

const char *sl_certificate_foreign_purpose(X509 *x)
{
    static const struct {
        int nid;
        const char *name;
    } foreign[] = {{NID_server_auth, "TLS servers (serverAuth)"},
                   {NID_client_auth, "TLS clients (clientAuth)"},
                   {NID_code_sign, "signing code (codeSigning)"},
                   {NID_email_protect, "mail (emailProtection)"},
                   {NID_time_stamp, "time stamps (timeStamping)"},
                   {NID_OCSP_sign, "OCSP (OCSPSigning)"},
                   {NID_ipsec_IKE, "IPsec (ipsecIKE)"}};
    enum { COUNT = sizeof foreign / sizeof *foreign };
    const char *found = NULL;
    EXTENDED_KEY_USAGE *purposes = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
    for (int i = 0; i < sk_ASN1_OBJECT_num(purposes); i++) {
        int nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(purposes, i)), row = 0;
        while (row < COUNT && foreign[row].nid != nid)
            row++;
        if (row == COUNT) {
            found = NULL; /* anyExtendedKeyUsage, or one that may be ours */
            break;
        }
        found = foreign[row].name;
    }
    sk_ASN1_OBJECT_pop_free(purposes, ASN1_OBJECT_free);
    return found;
}

static const char *after(const char *text, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(text, prefix, n) == 0 && text[n] != '\0' ? text + n : NULL;
}

/* A host that begins with a dot would mean every name below it to OpenSSL. */
bool sl_certificate_name_is_one(const char *text)
{
    const char *host = after(text, "dns:");
    return (host != NULL && host[0] != '.') || after(text, "uri:") != NULL || after(text, "subject:") != NULL;
}

static bool has_uri(X509 *x, const char *uri)
{
    bool found = false;
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++) {
        int type;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        found = type == GEN_URI && sl_span_eq(sl_span((const char *)ASN1_STRING_get0_data(value),
                                                      (size_t)ASN1_STRING_length(value)),
                                              sl_span(uri, strlen(uri)));
    }
    GENERAL_NAMES_free(names);
    return found;
}

static bool has_subject(X509 *x, const char *subject)
{
    char *text;
    BIO *bio = BIO_new(BIO_s_mem());
    bool found = false;
    if (bio != NULL && X509_NAME_print_ex(bio, X509_get_subject_name(x), 0, XN_FLAG_RFC2253) >= 0) {
        long n = BIO_get_mem_data(bio, &text);
        found = n > 0 && sl_span_eq(sl_span(text, (size_t)n), sl_span(subject, strlen(subject)));
    }
    BIO_free(bio);
    return found;
}

bool sl_certificate_has_name(X509 *x, const char *text)
{
    const char *name;
    if ((name = after(text, "dns:")) != NULL)
        return X509_check_host(x, name, strlen(name),
                               X509_CHECK_FLAG_NO_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
    if ((name = after(text, "uri:")) != NULL)
        return has_uri(x, name);
    return (name = after(text, "subject:")) != NULL && has_subject(x, name);
}
