#include "token/pem.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "token/key_int.h"

static int64_t seconds_of(const ASN1_TIME *t)
{
    struct tm tm;
    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : INT64_MIN;
}

bool sl_pem_pair_load(const char *key_path, const char *certificate_path, const struct sl_clock *clock,
                      struct sl_buf *why, bool *ret_of_key, struct sl_pem_pair *ret)
{
    struct sl_pem_pair p = {0};
    bool read = sl_key_read_private(key_path, why, &p.key);
    bool ok = read && sl_key_read_chain(certificate_path, p.key, sl_wall_ms(clock) / 1000, why, &p.chain,
                                        &p.not_after);
    ERR_clear_error();
    if (!ok) {
        *ret_of_key = !read;
        sl_pem_pair_release(&p);
        return false;
    }
    p.not_before = seconds_of(X509_get0_notBefore(sk_X509_value(p.chain, 0)));
    *ret = p;
    return true;
}

void sl_pem_pair_release(struct sl_pem_pair *p)
{
    EVP_PKEY_free(p->key);
    sk_X509_pop_free(p->chain, X509_free);
    *p = (struct sl_pem_pair){0};
}

static BIO *open_regular(const char *path, struct sl_buf *why)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) { /* opening a pipe would wait for its writer */
        sl_buf_printf(why, "the file %s is not a regular file: name a PEM file with certificates", path);
        return NULL;
    }
    BIO *bio = BIO_new_file(path, "r");
    if (bio == NULL)
        sl_buf_printf(why, "the file %s cannot be opened (%s): name a PEM file that this user may read", path,
                      strerror(errno));
    return bio;
}

/* All of the file; false when there is none or one is broken. */
static bool read_all(BIO *bio, STACK_OF(X509) * all)
{
    bool ok = true;
    for (X509 *x; ok && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL;) {
        ok = sk_X509_push(all, x) > 0;
        if (!ok)
            X509_free(x);
    }
    unsigned long e = ERR_peek_last_error(); /* the end of the file says: no more start lines */
    return ok && ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE &&
           sk_X509_num(all) > 0;
}

static bool all_valid(const char *path, const STACK_OF(X509) * all, int64_t now, struct sl_buf *why)
{
    for (int i = 0; i < sk_X509_num(all); i++) {
        const X509 *x = sk_X509_value(all, i);
        bool late = now > seconds_of(X509_get0_notAfter(x));
        if (late || now < seconds_of(X509_get0_notBefore(x))) {
            sl_buf_printf(why, "certificate %d in %s %s: take it out, or put one that is valid in its place",
                          i + 1, path, late ? "has expired" : "is not valid yet");
            return false;
        }
    }
    return true;
}

bool sl_pem_anchors_load(const char *path, const struct sl_clock *clock, struct sl_buf *why,
                         STACK_OF(X509) * *ret)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    ERR_clear_error();
    BIO *bio = open_regular(path, why);
    bool ok = bio != NULL && all != NULL;
    if (ok && !read_all(bio, all)) {
        sl_buf_printf(why,
                      "the file %s does not hold certificates in PEM form: it must have intact BEGIN "
                      "CERTIFICATE blocks",
                      path);
        ok = false;
    }
    ok = ok && all_valid(path, all, sl_wall_ms(clock) / 1000, why);
    BIO_free(bio);
    ERR_clear_error();
    if (!ok) {
        sk_X509_pop_free(all, X509_free);
        return false;
    }
    *ret = all;
    return true;
}
