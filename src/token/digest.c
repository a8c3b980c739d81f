/* The low-level functions: EVP takes memory for each digest, which can fail and costs as much as the digest
 * of an API key. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "token/digest.h"

#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/assert.h"

struct sl_hasher {
    SHA256_CTX ctx;
};

struct sl_hasher *sl_hasher_new(void)
{
    return sl_xcalloc(1, sizeof(struct sl_hasher));
}

void sl_hasher_free(struct sl_hasher *h)
{
    free(h);
}

void sl_sha256(struct sl_hasher *h, const void *data, size_t n, uint8_t out[static SL_SHA256])
{
    int ok = SHA256_Init(&h->ctx) && SHA256_Update(&h->ctx, data, n) && SHA256_Final(out, &h->ctx);
    sl_assert(ok);
}

bool sl_equal_constant_time(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

void sl_wipe(void *p, size_t n)
{
    OPENSSL_cleanse(p, n);
}
