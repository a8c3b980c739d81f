#include "token/public_key.h"

#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 16384 /* OpenSSL verifies no longer ones */

#define WANTED "; expected a PEM file with one public key, as openssl pkey -in KEY -pubout writes it"

static bool refuse_public_key(struct sl_buf *why, const char *what)
{
    sl_buf_puts(why, what);
    return false;
}

/* The block's key. A block of another kind is refused with the command that makes the right one of it. */
static bool parse_block(const char *name, const uint8_t *der, long len, struct sl_buf *why, EVP_PKEY **ret)
{
    const uint8_t *end = der;
    EVP_PKEY *key = NULL;
    if (strstr(name, "PRIVATE KEY") != NULL)
        return refuse_public_key(why,
                                 "it is a private key, which only its owner may have; give the public key: "
                                 "openssl pkey -in KEY -pubout");
    if (strstr(name, "CERTIFICATE") != NULL)
        return refuse_public_key(
            why, "it is a certificate; give its public key: openssl x509 -in CERTIFICATE -pubkey -noout");
    if (strcmp(name, PEM_STRING_PUBLIC) == 0)
        key = d2i_PUBKEY(NULL, &end, len);
    else if (strcmp(name, PEM_STRING_RSA_PUBLIC) == 0)
        key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &end, len);
    else
        return refuse_public_key(why, "it is PEM, but not a public key" WANTED);
    if (key == NULL || end != der + len) {
        EVP_PKEY_free(key);
        return refuse_public_key(why, "it contains a key that OpenSSL cannot read" WANTED);
    }
    *ret = key;
    return true;
}

/* The one block of the text. */
static bool parse_pem(struct sl_span text, struct sl_buf *why, EVP_PKEY **ret)
{
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long len = 0;
    BIO *in = text.len <= INT_MAX ? BIO_new_mem_buf(text.at, (int)text.len) : NULL;
    EVP_PKEY *key = NULL;
    bool ok = in != NULL && PEM_read_bio(in, &name, &header, &der, &len) == 1;
    if (!ok)
        refuse_public_key(why, "it contains no PEM" WANTED);
    else
        ok = parse_block(name, der, len, why, &key);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(der);
    if (ok && PEM_read_bio(in, &name, &header, &der, &len) == 1) {
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(der);
        EVP_PKEY_free(key);
        ok = refuse_public_key(why, "it contains more than one key; expected a file for each");
    }
    BIO_free(in);
    if (ok)
        *ret = key;
    return ok;
}

static bool rsa_kind(const EVP_PKEY *key, struct sl_buf *why, enum sl_public_kind *ret)
{
    int bits = EVP_PKEY_get_bits(key);
    if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX) {
        sl_buf_printf(why, "it is an RSA key of %d bits; expected %d to %d", bits, RSA_BITS_MIN,
                      RSA_BITS_MAX);
        return false;
    }
    *ret = SL_PUBLIC_RSA;
    return true;
}

static bool kind_of(const EVP_PKEY *key, struct sl_buf *why, enum sl_public_kind *ret)
{
    static const char *const groups[] = {[SL_PUBLIC_P256] = SN_X9_62_prime256v1,
                                         [SL_PUBLIC_P384] = SN_secp384r1,
                                         [SL_PUBLIC_P521] = SN_secp521r1};
    char group[80] = "of a curve without a name";
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
        return rsa_kind(key, why, ret);
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
        (void)EVP_PKEY_get_group_name(key, group, sizeof group, NULL);
        for (int kind = SL_PUBLIC_P256; kind <= SL_PUBLIC_P521; kind++) {
            if (strcmp(group, groups[kind]) == 0) {
                *ret = (enum sl_public_kind)kind;
                return true;
            }
        }
    }
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) {
        *ret = SL_PUBLIC_ED25519;
        return true;
    }
    const char *type = EVP_PKEY_get0_type_name(key);
    sl_buf_printf(why,
                  "it is a key of the type %s%s%s; expected RSA, EC on P-256, P-384 or P-521, or Ed25519",
                  type != NULL ? type : "unknown", EVP_PKEY_get_base_id(key) == EVP_PKEY_EC ? " " : "",
                  EVP_PKEY_get_base_id(key) == EVP_PKEY_EC ? group : "");
    return false;
}

static bool is_sound(EVP_PKEY *key)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool ok = ctx != NULL && EVP_PKEY_public_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static bool write_pem(EVP_PKEY *key, struct sl_buf *pem)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *text = NULL;
    bool ok = out != NULL && PEM_write_bio_PUBKEY(out, key) == 1;
    long n = ok ? BIO_get_mem_data(out, &text) : 0;
    sl_buf_put(pem, text, (size_t)n);
    BIO_free(out);
    return ok && !pem->failed;
}

bool sl_public_key_read(struct sl_span text, struct sl_buf *pem, struct sl_buf *why,
                        enum sl_public_kind *ret_kind)
{
    EVP_PKEY *key = NULL;
    enum sl_public_kind kind;
    bool ok = parse_pem(text, why, &key);
    if (ok && (ok = kind_of(key, why, &kind)) && !(ok = is_sound(key)))
        refuse_public_key(why, "its numbers do not form a valid key" WANTED);
    if (ok && !(ok = write_pem(key, pem)))
        refuse_public_key(why, "there is not enough memory to read it; expected more");
    if (ok)
        *ret_kind = kind;
    EVP_PKEY_free(key);
    ERR_clear_error();
    return ok;
}
