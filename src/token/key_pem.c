/* PEM files: the private key, encrypted or not, and certificates. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "token/key_int.h"

enum { KEY_FILE_MAX = 64 << 10, CHAIN_FILE_MAX = 1 << 20 };

struct prompt {
    const struct sl_key_file *password; /* NULL: none */
    bool asked;
};

/* Stands where OpenSSL would otherwise ask on the terminal. */
static int answer(char *buf, int size, int writing, void *arg)
{
    struct prompt *p = arg;
    (void)writing;
    p->asked = true;
    if (p->password == NULL || p->password->len > (size_t)size)
        return -1;
    memcpy(buf, p->password->at, p->password->len);
    return (int)p->password->len;
}

static bool unsupported(void)
{
    for (unsigned long e; (e = ERR_get_error()) != 0;)
        if (ERR_GET_REASON(e) == ERR_R_UNSUPPORTED || ERR_GET_REASON(e) == PEM_R_UNSUPPORTED_ENCRYPTION ||
            ERR_GET_REASON(e) == PEM_R_UNSUPPORTED_CIPHER)
            return true;
    return false;
}

static void refuse_key(const char *path, const struct prompt *p, struct sl_buf *why)
{
    if (p->asked && p->password == NULL)
        sl_buf_printf(
            why,
            "the key in %s is encrypted: store it without a password, or, in the configuration, name a "
            "file with it in password-file",
            path);
    else if (p->password != NULL && unsupported())
        sl_buf_printf(
            why,
            "the key in %s is encrypted in a way that OpenSSL no longer offers: encrypt it anew, with "
            "AES",
            path);
    else if (p->asked)
        sl_buf_printf(
            why, "the key in %s cannot be opened with the password in its password file: check both", path);
    else
        sl_buf_printf(
            why, "the key file %s holds no private key in PEM form: it must have a BEGIN PRIVATE KEY line",
            path);
}

bool sl_key_read_private(const char *path, const char *password_path, struct sl_buf *why, EVP_PKEY **ret)
{
    static const struct sl_key_file_kind kind = {"key file", "PEM file", KEY_FILE_MAX, true};
    struct sl_key_file file = {0}, password = {0};
    struct prompt prompt = {.password = password_path != NULL ? &password : NULL};
    EVP_PKEY *pkey = NULL;
    if ((password_path == NULL || sl_key_password_read(password_path, why, &password)) &&
        sl_key_file_read(&kind, path, why, &file)) {
        BIO *bio = BIO_new_mem_buf(file.at, (int)file.len);
        ERR_clear_error();
        if (bio != NULL)
            pkey = PEM_read_bio_PrivateKey(bio, NULL, answer, &prompt);
        if (bio == NULL)
            sl_buf_puts(why, sl_key_no_memory);
        else if (pkey == NULL)
            refuse_key(path, &prompt, why);
        BIO_free(bio);
    }
    sl_key_file_free(&file);
    sl_key_file_free(&password);
    if (pkey == NULL)
        return false;
    *ret = pkey;
    return true;
}

/* Every certificate of the file; false when there is none or one is broken. */
static bool parse_chain(const struct sl_key_file *f, STACK_OF(X509) * chain)
{
    struct prompt none = {0};
    bool ok = true;
    BIO *bio = BIO_new_mem_buf(f->at, (int)f->len);
    X509 *x = NULL;
    ERR_clear_error();
    while (bio != NULL && ok && (x = PEM_read_bio_X509(bio, NULL, answer, &none)) != NULL) {
        ok = sk_X509_push(chain, x) > 0;
        if (!ok)
            X509_free(x);
    }
    unsigned long e = ERR_peek_last_error(); /* the end of the file says: no more start lines */
    ok = ok && bio != NULL && ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
    BIO_free(bio);
    return ok && sk_X509_num(chain) > 0;
}

bool sl_key_read_certificates(const char *path, struct sl_buf *why, STACK_OF(X509) * *ret)
{
    static const struct sl_key_file_kind kind = {"certificate file", "PEM file", CHAIN_FILE_MAX, false};
    struct sl_key_file file = {0};
    if (!sl_key_file_read(&kind, path, why, &file))
        return false;
    STACK_OF(X509) *chain = sk_X509_new_null();
    bool ok = chain != NULL && parse_chain(&file, chain);
    if (chain == NULL)
        sl_buf_puts(why, sl_key_no_memory);
    else if (!ok)
        sl_buf_printf(
            why,
            "the certificate file %s does not hold certificates in PEM form only: it must have intact "
            "BEGIN CERTIFICATE blocks",
            path);
    sl_key_file_free(&file);
    if (ok)
        *ret = chain;
    else
        sk_X509_pop_free(chain, X509_free);
    return ok;
}
