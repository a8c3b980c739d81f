#include "token/pem.h"

#include <openssl/err.h>

#include "token/key_int.h"

static int64_t time_of(const struct sl_clock *clock)
{
    return clock != NULL ? sl_wall_ms(clock) / 1000 : SL_ANY_TIME;
}

bool sl_pem_same(const STACK_OF(X509) * one, const STACK_OF(X509) * other)
{
    int n = one != NULL ? sk_X509_num(one) : 0, m = other != NULL ? sk_X509_num(other) : 0;
    bool same = n == m;
    for (int i = 0; same && i < n; i++)
        same = X509_cmp(sk_X509_value(one, i), sk_X509_value(other, i)) == 0;
    return same;
}

bool sl_pem_pair_load(const char *key_path, const char *password_path, const char *certificate_path,
                      const struct sl_clock *clock, struct sl_buf *why, bool *ret_of_key,
                      struct sl_pem_pair *ret)
{
    struct sl_key_material m = {0};
    int64_t not_after;
    bool read = sl_key_read_private(key_path, password_path, why, &m.pkey);
    bool ok = read && sl_key_read_certificates(certificate_path, why, &m.chain) &&
              sl_key_check_chain(certificate_path, &m, time_of(clock), why, &not_after);
    ERR_clear_error();
    if (!ok) {
        *ret_of_key = !read;
        sl_key_material_free(&m);
        return false;
    }
    *ret = (struct sl_pem_pair){.key = m.pkey,
                                .chain = m.chain,
                                .not_before = sl_key_seconds(X509_get0_notBefore(sk_X509_value(m.chain, 0))),
                                .not_after = not_after};
    return true;
}

void sl_pem_pair_release(struct sl_pem_pair *p)
{
    EVP_PKEY_free(p->key);
    sk_X509_pop_free(p->chain, X509_free);
    *p = (struct sl_pem_pair){0};
}

static bool all_valid(const char *path, const STACK_OF(X509) * all, int64_t now, struct sl_buf *why)
{
    for (int i = 0; i < sk_X509_num(all); i++) {
        const X509 *x = sk_X509_value(all, i);
        bool late = now > sl_key_seconds(X509_get0_notAfter(x));
        if (late || now < sl_key_seconds(X509_get0_notBefore(x))) {
            sl_buf_printf(why, "certificate %d in %s %s: remove it, or replace it by a valid one", i + 1,
                          path, late ? "has expired" : "is not valid yet");
            return false;
        }
    }
    return true;
}

bool sl_pem_anchors_load(const char *path, const struct sl_clock *clock, struct sl_buf *why,
                         STACK_OF(X509) * *ret)
{
    STACK_OF(X509) *all = NULL;
    bool ok = sl_key_read_certificates(path, why, &all) &&
              (clock == NULL || all_valid(path, all, time_of(clock), why));
    ERR_clear_error();
    if (ok)
        *ret = all;
    else
        sk_X509_pop_free(all, X509_free);
    return ok;
}
