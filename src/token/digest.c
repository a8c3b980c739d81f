#include "token/digest.h"

#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/assert.h"

struct sl_hasher {
    EVP_MD_CTX *ctx;
    EVP_MD *md;
};

struct sl_hasher *sl_hasher_new(void)
{
    struct sl_hasher *h = sl_xcalloc(1, sizeof *h);
    h->ctx = EVP_MD_CTX_new();
    h->md = EVP_MD_fetch(NULL, "SHA256", NULL);
    sl_assert(h->ctx != NULL && h->md != NULL);
    /* From here on the context holds the block that the next digest frees and takes again. */
    uint8_t out[SL_SHA256];
    sl_sha256(h, "", 0, out);
    return h;
}

void sl_hasher_free(struct sl_hasher *h)
{
    if (h == NULL)
        return;
    EVP_MD_CTX_free(h->ctx);
    EVP_MD_free(h->md);
    free(h);
}

void sl_sha256(struct sl_hasher *h, const void *data, size_t n, uint8_t out[static SL_SHA256])
{
    unsigned len = 0;
    int ok = EVP_DigestInit_ex2(h->ctx, h->md, NULL) && EVP_DigestUpdate(h->ctx, data, n) &&
             EVP_DigestFinal_ex(h->ctx, out, &len);
    sl_assert(ok && len == SL_SHA256);
}

bool sl_equal_constant_time(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

void sl_wipe(void *p, size_t n)
{
    OPENSSL_cleanse(p, n);
}
