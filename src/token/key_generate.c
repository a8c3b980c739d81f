/* A key and a certificate that the service makes itself, issued by a CA that exists for this one certificate:
 * its own certificate, the anchor, stays for verifiers, and its key is forgotten, so that nobody can ever
 * issue another one below it. Each file is written under a temporary name, synced and renamed, the anchor
 * before the certificate, so that a crash leaves all of them or a key alone, which is then completed. */
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

static bool add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = extension != NULL && X509_add_ext(x, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

/* What a common name is cut off at (X.520) is the end of the pool's name, so the two stay different. */
static bool set_name(X509_NAME *name, bool authority, const char *pool)
{
    char cn[COMMON_NAME_MAX + 1];
    snprintf(cn, sizeof cn, authority ? "CA of statuslistd %s" : "statuslistd %s", pool);
    return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (unsigned char *)cn, -1, -1, 0) ==
           1;
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

/* What a certificate of the authority and the signer's have in common. */
static bool fill_certificate(X509 *x, EVP_PKEY *pkey, bool authority, const char *pool,
                             const struct sl_clock *clock)
{
    time_t from = (time_t)(sl_wall_ms(clock) / 1000) - BACKDATE_S; /* readers' clocks may be behind ours */
    return X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x, clock) &&
           set_name(X509_get_subject_name(x), authority, pool) &&
           set_name(X509_get_issuer_name(x), true, pool) &&
           ASN1_TIME_set(X509_getm_notBefore(x), from) != NULL &&
           ASN1_TIME_adj(X509_getm_notAfter(x), from, CERTIFICATE_DAYS, 0) != NULL &&
           X509_set_pubkey(x, pkey) == 1 && add_extension(x, x, NID_subject_key_identifier, "hash");
}

static bool sign_authority(X509 *x, EVP_PKEY *own)
{
    return add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           add_extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           X509_sign(x, own, EVP_sha256()) > 0;
}

static bool sign_leaf(X509 *x, X509 *authority, EVP_PKEY *by)
{
    return add_extension(x, authority, NID_authority_key_identifier, "keyid") &&
           add_extension(x, authority, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x, authority, NID_key_usage, "critical,digitalSignature") &&
           X509_sign(x, by, EVP_sha256()) > 0;
}

/* The files of one pool; the names are the ends of the paths. */
struct files {
    char *key, *certificate, *anchor;
};

static const char *name_of(const char *path)
{
    return strrchr(path, '/') + 1;
}

static bool write_certificate(int dir, const char *path, X509 *x, struct sl_buf *why)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = bio != NULL && PEM_write_bio_X509(bio, x) == 1;
    if (!ok)
        sl_buf_puts(why, sl_key_no_memory);
    else
        ok = write_bio(dir, name_of(path), path, bio, why);
    BIO_free(bio);
    return ok;
}

static bool make_certificates(int dir, const struct files *f, const char *pool, const struct sl_clock *clock,
                              struct sl_buf *why)
{
    EVP_PKEY *pkey = NULL;
    if (!sl_key_read_private(f->key, NULL, why, &pkey))
        return false;
    EVP_PKEY *authority_key = EVP_EC_gen("P-256");
    X509 *authority = X509_new(), *leaf = X509_new();
    bool ok = authority_key != NULL && authority != NULL && leaf != NULL &&
              fill_certificate(authority, authority_key, true, pool, clock) &&
              sign_authority(authority, authority_key) && fill_certificate(leaf, pkey, false, pool, clock) &&
              sign_leaf(leaf, authority, authority_key);
    if (!ok)
        sl_buf_printf(
            why, "OpenSSL cannot make a certificate for the key in %s: give signer.pem.certificate instead",
            f->key);
    ok = ok && write_certificate(dir, f->anchor, authority, why) &&
         write_certificate(dir, f->certificate, leaf, why);
    X509_free(authority);
    X509_free(leaf);
    EVP_PKEY_free(authority_key);
    EVP_PKEY_free(pkey);
    return ok;
}

/* *ret: whether there is a file. */
static bool look_at(int dir, const char *path, struct sl_buf *why, bool *ret)
{
    struct stat st;
    *ret = fstatat(dir, name_of(path), &st, AT_SYMLINK_NOFOLLOW) == 0;
    return *ret || errno == ENOENT || explain_errno(why, "look at", path);
}

static bool make_missing(int dir, const struct files *f, const char *pool, const struct sl_clock *clock,
                         struct sl_buf *why)
{
    bool key, certificate;
    if (!look_at(dir, f->key, why, &key) || !look_at(dir, f->certificate, why, &certificate))
        return false;
    if (!key && certificate) {
        sl_buf_printf(
            why,
            "the key %s of the certificate beside it is gone: restore it, or remove %s to get a new pair",
            f->key, f->certificate);
        return false;
    }
    if (!key && !make_key(dir, name_of(f->key), f->key, why))
        return false;
    /* Alone after a crash between the files: the key is kept. */
    return certificate || make_certificates(dir, f, pool, clock, why);
}

bool sl_key_generate(const char *storage, const char *pool, const struct sl_clock *clock, struct sl_buf *why,
                     char **ret_key_path, char **ret_certificate_path)
{
    char *directory = format_text("%s/keys", storage);
    struct files f = {format_text("%s/keys/%s.key.pem", storage, pool),
                      format_text("%s/keys/%s.crt.pem", storage, pool), sl_key_anchor_path(storage, pool)};
    bool ok = false;
    if (directory == NULL || f.key == NULL || f.certificate == NULL || f.anchor == NULL) {
        sl_buf_puts(why, sl_key_no_memory);
    } else {
        int dir = open_directory(storage, directory);
        ok = dir >= 0 ? make_missing(dir, &f, pool, clock, why) : explain_errno(why, "use", directory);
        if (dir >= 0)
            close(dir);
    }
    free(directory);
    free(f.anchor);
    if (!ok) {
        free(f.key);
        free(f.certificate);
        return false;
    }
    *ret_key_path = f.key;
    *ret_certificate_path = f.certificate;
    return true;
}

char *sl_key_anchor_path(const char *storage, const char *pool)
{
    return format_text("%s/keys/%s.ca.pem", storage, pool);
}
