#include "http/jose.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "base/assert.h"
#include "base/base64url.h"
#include "lib/alg.h"

struct sl_jose_key {
    EVP_PKEY *pkey;        /* NULL: a secret */
    struct sl_span secret; /* the rule's */
};

static const EVP_MD *mac_of(enum sl_jwt_alg alg)
{
    return alg == SL_JWT_HS256   ? EVP_sha256()
           : alg == SL_JWT_HS384 ? EVP_sha384()
           : alg == SL_JWT_HS512 ? EVP_sha512()
                                 : NULL;
}

struct sl_jose_key *sl_jose_key_new(enum sl_jwt_alg alg, bool access_token, struct sl_span key)
{
    if (sl_jwt_is_libjwts(alg, access_token))
        return NULL;
    struct sl_jose_key *k = sl_xcalloc(1, sizeof *k);
    if (mac_of(alg) != NULL) {
        sl_assert(key.len > 0);
        k->secret = key;
    } else {
        BIO *in = BIO_new_mem_buf(key.at, (int)key.len);
        k->pkey = in != NULL ? PEM_read_bio_PUBKEY(in, NULL, NULL, NULL) : NULL;
        sl_assert(k->pkey != NULL); /* token/public_key.h wrote this text */
        BIO_free(in);
    }
    return k;
}

void sl_jose_key_free(struct sl_jose_key *k)
{
    if (k != NULL)
        EVP_PKEY_free(k->pkey);
    free(k);
}

static bool mac_is_right(const EVP_MD *md, struct sl_span secret, struct sl_span bytes, struct sl_span mac)
{
    unsigned char right[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    bool ok =
        HMAC(md, secret.at, (int)secret.len, (const unsigned char *)bytes.at, bytes.len, right, &n) != NULL &&
        mac.len == n && CRYPTO_memcmp(mac.at, right, n) == 0;
    OPENSSL_cleanse(right, sizeof right);
    return ok;
}

bool sl_jose_verify(struct sl_span token, enum sl_jwt_alg alg, bool access_token, const struct sl_jose_key *k)
{
    uint8_t raw[SL_BEARER_BYTES];
    size_t n;
    const char *dot = memrchr(token.at, '.', token.len);
    if (sl_jwt_is_libjwts(alg, access_token) || dot == NULL)
        return false;
    struct sl_span bytes = sl_span(token.at, (size_t)(dot - token.at));
    sl_assert(token.len <= SL_BEARER_BYTES);
    if (!sl_base64url_decode(raw, dot + 1, token.len - bytes.len - 1, &n))
        return false;
    struct sl_span signature = sl_span((const char *)raw, n);
    const EVP_MD *md = mac_of(alg);
    bool ok = md != NULL ? k->pkey == NULL && mac_is_right(md, k->secret, bytes, signature)
              : k->pkey != NULL
                  ? sl_alg_verifies(sl_alg_of_jose(sl_jwt_alg_name(alg)), k->pkey, bytes, signature)
                  : false;
    ERR_clear_error(); /* TLS on this thread would take what is left there for an error of its own */
    return ok;
}
