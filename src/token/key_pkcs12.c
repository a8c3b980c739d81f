/* PKCS#12 keystores (RFC 7292): a key, its certificate, and further certificates. */
#include <openssl/err.h>
#include <openssl/pkcs12.h>

#include "token/key_int.h"

enum { KEYSTORE_MAX = 1 << 20, CHAIN_MAX = 16 };

/* What OpenSSL's queue says of a keystore that was not opened. */
static const char *keystore_error(bool password)
{
    for (unsigned long e; (e = ERR_get_error()) != 0;) {
        if (ERR_GET_LIB(e) == ERR_LIB_PKCS12 && ERR_GET_REASON(e) == PKCS12_R_MAC_VERIFY_FAILURE)
            return password ? "cannot be opened with the password in its password file: check both"
                            : "is encrypted: name a file with its password (signer.pkcs12.password-file)";
        if (ERR_GET_REASON(e) == ERR_R_UNSUPPORTED || ERR_GET_REASON(e) == EVP_R_UNSUPPORTED_ALGORITHM)
            return "is encrypted in a way that OpenSSL no longer offers (RC2, for instance): export it anew, "
                   "with AES";
    }
    return "is damaged, or has another password: export it again";
}

/* Moves the certificate of `all` that fits to the end of `chain`. `issued`: the one that it must have signed,
 * or NULL where it must be `pkey`'s own. */
static bool take_certificate(STACK_OF(X509) * all, EVP_PKEY *pkey, X509 *issued, STACK_OF(X509) * chain)
{
    for (int i = 0; i < sk_X509_num(all); i++) {
        X509 *x = sk_X509_value(all, i);
        EVP_PKEY *key = X509_get0_pubkey(x);
        bool fits = key != NULL && (issued == NULL ? EVP_PKEY_eq(key, pkey) == 1
                                                   : X509_NAME_cmp(X509_get_issuer_name(issued),
                                                                   X509_get_subject_name(x)) == 0 &&
                                                         X509_verify(issued, key) == 1);
        if (fits && sk_X509_push(chain, x) > 0) {
            sk_X509_delete(all, i);
            return true;
        }
    }
    ERR_clear_error(); /* of those that did not fit */
    return false;
}

/* A keystore has its certificates in any order, and may have others: the chain is what leads on from the
 * key's own. */
static void order_chain(STACK_OF(X509) * all, EVP_PKEY *pkey, STACK_OF(X509) * chain)
{
    bool more = take_certificate(all, pkey, NULL, chain);
    while (more && sk_X509_num(chain) < CHAIN_MAX) {
        X509 *last = sk_X509_value(chain, sk_X509_num(chain) - 1);
        bool anchor = X509_NAME_cmp(X509_get_subject_name(last), X509_get_issuer_name(last)) == 0;
        more = !anchor && take_certificate(all, pkey, last, chain);
    }
}

static bool parse_keystore(const char *path, const struct sl_key_file *file, const char *password,
                           struct sl_buf *why, struct sl_key_material *m)
{
    const unsigned char *at = (const unsigned char *)file->at;
    PKCS12 *p12 = d2i_PKCS12(NULL, &at, (long)file->len);
    X509 *own = NULL;
    STACK_OF(X509) *all = NULL;
    bool ok = false;
    if (p12 == NULL)
        sl_buf_printf(why, "the keystore %s is not a PKCS#12 file: export the key with its chain as one",
                      path);
    else if (PKCS12_parse(p12, password, &m->pkey, &own, &all) != 1)
        sl_buf_printf(why, "the keystore %s %s", path, keystore_error(password != NULL));
    else if (m->pkey == NULL)
        sl_buf_printf(why, "the keystore %s holds no private key: export the key with its chain", path);
    else
        ok = true;
    PKCS12_free(p12);
    if (ok && all == NULL)
        all = sk_X509_new_null();
    if (ok && own != NULL && sk_X509_unshift(all, own) > 0)
        own = NULL;
    m->chain = ok ? sk_X509_new_null() : NULL;
    if (ok && m->chain != NULL)
        order_chain(all, m->pkey, m->chain);
    if (ok && sk_X509_num(m->chain) <= 0) {
        sl_buf_printf(why,
                      "the keystore %s holds no certificate that belongs to its key: export the key with its "
                      "chain",
                      path);
        ok = false;
    }
    X509_free(own);
    sk_X509_pop_free(all, X509_free);
    return ok;
}

bool sl_key_read_keystore(const char *path, const char *password_path, struct sl_buf *why,
                          struct sl_key_material *ret)
{
    static const struct sl_key_file_kind kind = {"keystore", "PKCS#12 file", KEYSTORE_MAX, true};
    struct sl_key_file file = {0}, password = {0};
    struct sl_key_material m = {0};
    ERR_clear_error();
    bool ok = (password_path == NULL || sl_key_password_read(password_path, why, &password)) &&
              sl_key_file_read(&kind, path, why, &file) && parse_keystore(path, &file, password.at, why, &m);
    sl_key_file_free(&file);
    sl_key_file_free(&password);
    if (ok)
        *ret = m;
    else
        sl_key_material_free(&m);
    return ok;
}
