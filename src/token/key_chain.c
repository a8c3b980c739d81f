/* The certificate chain of a signing key: whether it is one, and when it ends. */
#include <time.h>

#include <openssl/x509v3.h>

#include "base/ending.h"
#include "token/key_int.h"

void sl_key_material_free(struct sl_key_material *m)
{
    EVP_PKEY_free(m->pkey);
    sk_X509_pop_free(m->chain, X509_free);
    *m = (struct sl_key_material){0};
}

int64_t sl_key_seconds(const ASN1_TIME *t)
{
    struct tm tm;
    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : INT64_MIN;
}

static bool chain_linked(STACK_OF(X509) * chain)
{
    for (int i = 0; i + 1 < sk_X509_num(chain); i++) {
        X509 *x = sk_X509_value(chain, i), *next = sk_X509_value(chain, i + 1);
        if (X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(next)) != 0 ||
            X509_verify(x, X509_get0_pubkey(next)) != 1)
            return false;
    }
    return true;
}

/* In a chain that is linked only the last certificate can be the anchor. */
static void drop_anchor(STACK_OF(X509) * chain)
{
    int last = sk_X509_num(chain) - 1;
    X509 *x = sk_X509_value(chain, last);
    if (last > 0 && X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0)
        X509_free(sk_X509_pop(chain));
}

static bool chain_valid(const char *path, STACK_OF(X509) * chain, int64_t now, struct sl_buf *why,
                        int64_t *ret_not_after)
{
    int64_t end = INT64_MAX;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        int64_t from = sl_key_seconds(X509_get0_notBefore(sk_X509_value(chain, i)));
        int64_t to = sl_key_seconds(X509_get0_notAfter(sk_X509_value(chain, i)));
        if (now != SL_ANY_TIME && (now > to || now < from)) {
            sl_buf_printf(why, "certificate %d in %s %s ", i + 1, path,
                          now > to ? "expired on" : "is not valid before");
            sl_ending_put(now > to ? to : from, why);
            sl_buf_puts(why, ": provide one that is valid now, or set the clock");
            return false;
        }
        if (to < end)
            end = to;
    }
    *ret_not_after = end;
    return true;
}

bool sl_key_check_chain(const char *path, const struct sl_key_material *m, int64_t now, struct sl_buf *why,
                        int64_t *ret_not_after)
{
    EVP_PKEY *leaf = X509_get0_pubkey(sk_X509_value(m->chain, 0));
    if (leaf == NULL || EVP_PKEY_eq(leaf, m->pkey) != 1) {
        sl_buf_printf(why,
                      "the first certificate in %s does not belong to the key: "
                      "put the certificate issued for this key first",
                      path);
        return false;
    }
    if (!chain_linked(m->chain)) {
        sl_buf_printf(
            why, "the certificates in %s do not form a chain: order them so that each is signed by the next",
            path);
        return false;
    }
    drop_anchor(m->chain);
    return chain_valid(path, m->chain, now, why, ret_not_after);
}
