#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "token/digest.h"
#include "token/key_int.h"

enum { KEY_FILE_MAX = 64 << 10, CHAIN_FILE_MAX = 1 << 20 };

static const char no_memory[] = "there is too little memory to load the signing key: give the process more";

/* A whole file in one piece of memory, so that no realloc leaves a copy of a key behind. */
struct content {
    char *at;
    size_t len, cap;
};

static void content_free(struct content *c)
{
    if (c->at != NULL)
        sl_wipe(c->at, c->cap);
    free(c->at);
}

static bool read_all(int fd, size_t max, struct content *c)
{
    c->cap = max + 1;
    c->at = malloc(c->cap);
    if (c->at == NULL)
        return false;
    while (c->len < c->cap) {
        ssize_t n = read(fd, c->at + c->len, c->cap - c->len);
        if (n == 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            c->len += (size_t)n;
    }
    errno = EFBIG;
    return false;
}

static bool read_file(const char *what, const char *path, size_t max, mode_t refused, struct sl_buf *why,
                      struct content *c)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        sl_buf_printf(why, "the %s %s cannot be opened (%s): name a PEM file that this user may read", what,
                      path, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        sl_buf_printf(why, "the %s %s is not a regular file: name a PEM file", what, path);
    } else if ((st.st_mode & refused) != 0) {
        sl_buf_printf(why, "the %s %s is open to other users (mode %04o): chmod 600 it", what, path,
                      (unsigned)(st.st_mode & 07777));
    } else if (!read_all(fd, max, c)) {
        sl_buf_printf(why, "the %s %s cannot be read (%s): name a PEM file of at most %zu bytes", what, path,
                      strerror(errno), max);
    } else {
        close(fd);
        return true;
    }
    if (fd >= 0)
        close(fd);
    return false;
}

/* Stands where OpenSSL would otherwise ask on the terminal. */
static int refuse_password(char *buf, int size, int writing, void *asked)
{
    (void)buf, (void)size, (void)writing;
    *(bool *)asked = true;
    return -1;
}

bool sl_key_read_private(const char *path, struct sl_buf *why, EVP_PKEY **ret)
{
    struct content c = {0};
    bool asked = false;
    EVP_PKEY *pkey = NULL;
    if (read_file("key file", path, KEY_FILE_MAX, 077, why, &c)) {
        BIO *bio = BIO_new_mem_buf(c.at, (int)c.len);
        if (bio != NULL)
            pkey = PEM_read_bio_PrivateKey(bio, NULL, refuse_password, &asked);
        if (bio == NULL)
            sl_buf_puts(why, no_memory);
        else if (pkey == NULL && asked)
            sl_buf_printf(
                why,
                "the key in %s is encrypted: store it without a passphrase (openssl pkey -in ... -out ...)",
                path);
        else if (pkey == NULL)
            sl_buf_printf(
                why,
                "the key file %s holds no private key in PEM form: it must have a BEGIN PRIVATE KEY line",
                path);
        BIO_free(bio);
    }
    content_free(&c);
    if (pkey == NULL)
        return false;
    *ret = pkey;
    return true;
}

/* Every certificate of the file; false when there is none or one is broken. */
static bool parse_chain(const struct content *c, STACK_OF(X509) * chain)
{
    bool asked = false, ok = true;
    BIO *bio = BIO_new_mem_buf(c->at, (int)c->len);
    X509 *x = NULL;
    ERR_clear_error();
    while (bio != NULL && ok && (x = PEM_read_bio_X509(bio, NULL, refuse_password, &asked)) != NULL) {
        ok = sk_X509_push(chain, x) > 0;
        if (!ok)
            X509_free(x);
    }
    unsigned long e = ERR_peek_last_error(); /* the end of the file says: no more start lines */
    ok = ok && bio != NULL && ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
    BIO_free(bio);
    return ok && sk_X509_num(chain) > 0;
}

static int64_t seconds_of(const ASN1_TIME *t)
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

static void put_date(struct sl_buf *why, int64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm;
    if (gmtime_r(&t, &tm) != NULL)
        sl_buf_printf(why, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                      tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static bool chain_valid(const char *path, STACK_OF(X509) * chain, int64_t now, struct sl_buf *why,
                        int64_t *ret_not_after)
{
    int64_t end = INT64_MAX;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        int64_t from = seconds_of(X509_get0_notBefore(sk_X509_value(chain, i)));
        int64_t to = seconds_of(X509_get0_notAfter(sk_X509_value(chain, i)));
        if (now > to || now < from) {
            sl_buf_printf(why, "certificate %d in %s %s ", i + 1, path,
                          now > to ? "has expired on" : "is not valid before");
            put_date(why, now > to ? to : from);
            sl_buf_puts(why, ": provide one that is valid now, or set the clock");
            return false;
        }
        if (to < end)
            end = to;
    }
    *ret_not_after = end;
    return true;
}

static bool check_chain(const char *path, EVP_PKEY *pkey, int64_t now, const struct content *c,
                        STACK_OF(X509) * chain, struct sl_buf *why, int64_t *ret_not_after)
{
    if (!parse_chain(c, chain)) {
        sl_buf_printf(
            why,
            "the certificate file %s does not hold certificates in PEM form only: it must have intact "
            "BEGIN CERTIFICATE blocks",
            path);
        return false;
    }
    EVP_PKEY *leaf = X509_get0_pubkey(sk_X509_value(chain, 0));
    if (leaf == NULL || EVP_PKEY_eq(leaf, pkey) != 1) {
        sl_buf_printf(why,
                      "the first certificate in %s does not belong to the signing key: "
                      "put the certificate issued for this key first",
                      path);
        return false;
    }
    if (!chain_linked(chain)) {
        sl_buf_printf(
            why, "the certificates in %s do not form a chain: order them so that each is signed by the next",
            path);
        return false;
    }
    drop_anchor(chain);
    return chain_valid(path, chain, now, why, ret_not_after);
}

bool sl_key_read_chain(const char *path, EVP_PKEY *pkey, int64_t now, struct sl_buf *why,
                       STACK_OF(X509) * *ret, int64_t *ret_not_after)
{
    struct content c = {0};
    STACK_OF(X509) *chain = NULL;
    bool ok = read_file("certificate file", path, CHAIN_FILE_MAX, 0, why, &c);
    if (ok) {
        chain = sk_X509_new_null();
        ok = chain != NULL;
        if (!ok)
            sl_buf_puts(why, no_memory);
    }
    ok = ok && check_chain(path, pkey, now, &c, chain, why, ret_not_after);
    content_free(&c);
    if (!ok) {
        sk_X509_pop_free(chain, X509_free);
        return false;
    }
    *ret = chain;
    return true;
}
