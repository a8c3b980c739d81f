/* A key and a self-signed certificate that the service makes itself: each file is written under a temporary
 * name, synced and renamed, so that a crash leaves a whole pair or a key alone, which is then completed. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "token/key_int.h"

enum { CERTIFICATE_DAYS = 3652, BACKDATE_S = 3600, COMMON_NAME_MAX = 64 };

/* Where asprintf fails it leaves its result undefined; this gives NULL. */
__attribute__((format(printf, 1, 2))) static char *format_text(const char *fmt, ...)
{
    char *s;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    return n < 0 ? NULL : s;
}

static bool explain_errno(struct sl_buf *why, const char *what, const char *path)
{
    sl_buf_printf(why, "cannot %s %s (%s): let this user write to the storage directory", what, path,
                  strerror(errno));
    return false;
}

/* The directory of the keys, for its owner only, as a descriptor; -1 with errno set. */
static int open_directory(const char *storage, const char *path)
{
    struct stat st;
    bool made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST)
        return -1;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    bool ok = fd >= 0 && fstat(fd, &st) == 0 && ((st.st_mode & 07777) == 0700 || fchmod(fd, 0700) == 0);
    if (ok && made) {
        int parent = open(storage, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ok = parent >= 0 && fsync(parent) == 0;
        if (parent >= 0)
            close(parent);
    }
    if (!ok && fd >= 0) {
        int cause = errno;
        close(fd);
        errno = cause;
        return -1;
    }
    return fd;
}

static bool write_bytes(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno != EINTR)
            return false;
        if (done > 0) {
            p += done;
            n -= (size_t)done;
        }
    }
    return fsync(fd) == 0;
}

/* Whole or not at all, also across a power cut. */
static bool write_file(int dir, const char *name, const char *bytes, size_t n)
{
    char *temporary = format_text("%s.new", name);
    if (temporary == NULL)
        return false;
    unlinkat(dir, temporary, 0); /* of a start that was cut short */
    int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool ok = fd >= 0 && fchmod(fd, 0600) == 0 && write_bytes(fd, bytes, n);
    if (fd >= 0)
        ok = close(fd) == 0 && ok;
    ok = ok && renameat(dir, temporary, dir, name) == 0 && fsync(dir) == 0;
    int cause = errno;
    if (!ok && fd >= 0)
        unlinkat(dir, temporary, 0);
    free(temporary);
    errno = cause;
    return ok;
}

/* Writes what is in the memory BIO, whose memory OpenSSL overwrites when it is freed. */
static bool write_bio(int dir, const char *name, const char *path, BIO *bio, struct sl_buf *why)
{
    char *bytes;
    long n = BIO_get_mem_data(bio, &bytes);
    return write_file(dir, name, bytes, (size_t)n) || explain_errno(why, "write", path);
}

static bool make_key(int dir, const char *name, const char *path, struct sl_buf *why)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok =
        pkey != NULL && bio != NULL && PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1;
    if (!ok)
        sl_buf_puts(why, "OpenSSL cannot generate a P-256 key: give signer.pem.key instead");
    else
        ok = write_bio(dir, name, path, bio, why);
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    return ok;
}

static bool add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = extension != NULL && X509_add_ext(x, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static bool set_names(X509 *x, const char *pool)
{
    char cn[COMMON_NAME_MAX + 1];
    snprintf(cn, sizeof cn, "statuslistd %s", pool); /* cut off where X.520 ends a common name */
    X509_NAME *name = X509_get_subject_name(x);
    return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (unsigned char *)cn, -1, -1, 0) ==
               1 &&
           X509_set_issuer_name(x, name) == 1;
}

static bool set_serial(X509 *x, const struct sl_clock *clock)
{
    unsigned char bytes[16];
    sl_random(clock, bytes, sizeof bytes);
    bytes[0] = (unsigned char)((bytes[0] & 0x3f) | 0x40); /* positive, and of one length */
    BIGNUM *bn = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool ok = bn != NULL && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) != NULL;
    BN_free(bn);
    return ok;
}

static bool fill_certificate(X509 *x, EVP_PKEY *pkey, const char *pool, const struct sl_clock *clock)
{
    time_t from = (time_t)(sl_wall_ms(clock) / 1000) - BACKDATE_S; /* readers' clocks may be behind ours */
    const EVP_MD *md = EVP_PKEY_is_a(pkey, "ED25519") ? NULL : EVP_sha256();
    return X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x, clock) && set_names(x, pool) &&
           ASN1_TIME_set(X509_getm_notBefore(x), from) != NULL &&
           ASN1_TIME_adj(X509_getm_notAfter(x), from, CERTIFICATE_DAYS, 0) != NULL &&
           X509_set_pubkey(x, pkey) == 1 && add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x, NID_key_usage, "critical,digitalSignature") &&
           add_extension(x, NID_subject_key_identifier, "hash") && X509_sign(x, pkey, md) > 0;
}

static bool make_certificate(int dir, const char *name, const char *path, const char *key_path,
                             const char *pool, const struct sl_clock *clock, struct sl_buf *why)
{
    EVP_PKEY *pkey = NULL;
    if (!sl_key_read_private(key_path, NULL, why, &pkey))
        return false;
    X509 *x = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok =
        x != NULL && bio != NULL && fill_certificate(x, pkey, pool, clock) && PEM_write_bio_X509(bio, x) == 1;
    if (!ok)
        sl_buf_printf(
            why, "OpenSSL cannot make a certificate for the key in %s: give signer.pem.certificate instead",
            key_path);
    else
        ok = write_bio(dir, name, path, bio, why);
    BIO_free(bio);
    X509_free(x);
    EVP_PKEY_free(pkey);
    return ok;
}

static bool make_missing(int dir, const char *key_path, const char *certificate_path, const char *pool,
                         const struct sl_clock *clock, struct sl_buf *why)
{
    const char *key_name = strrchr(key_path, '/') + 1, *certificate_name = strrchr(certificate_path, '/') + 1;
    struct stat st;
    bool no_key = fstatat(dir, key_name, &st, AT_SYMLINK_NOFOLLOW) != 0;
    if (no_key && errno != ENOENT)
        return explain_errno(why, "look at", key_path);
    bool no_certificate = fstatat(dir, certificate_name, &st, AT_SYMLINK_NOFOLLOW) != 0;
    if (no_certificate && errno != ENOENT)
        return explain_errno(why, "look at", certificate_path);
    if (no_key && !no_certificate) {
        sl_buf_printf(
            why,
            "the key %s of the certificate beside it is gone: restore it, or remove %s to get a new pair",
            key_path, certificate_path);
        return false;
    }
    if (no_key && !make_key(dir, key_name, key_path, why))
        return false;
    /* Alone after a crash between the two files: the key is kept. */
    return !no_certificate ||
           make_certificate(dir, certificate_name, certificate_path, key_path, pool, clock, why);
}

bool sl_key_generate(const char *storage, const char *pool, const struct sl_clock *clock, struct sl_buf *why,
                     char **ret_key_path, char **ret_certificate_path)
{
    char *directory = format_text("%s/keys", storage);
    char *key = format_text("%s/keys/%s.key.pem", storage, pool);
    char *certificate = format_text("%s/keys/%s.crt.pem", storage, pool);
    bool ok = false;
    if (directory == NULL || key == NULL || certificate == NULL) {
        sl_buf_puts(why, sl_key_no_memory);
    } else {
        int dir = open_directory(storage, directory);
        ok = dir >= 0 ? make_missing(dir, key, certificate, pool, clock, why)
                      : explain_errno(why, "use", directory);
        if (dir >= 0)
            close(dir);
    }
    free(directory);
    if (!ok) {
        free(key);
        free(certificate);
        return false;
    }
    *ret_key_path = key;
    *ret_certificate_path = certificate;
    return true;
}
