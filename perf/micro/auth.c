/* Authentication: an API key among many, a bearer token that was verified before, and one that was not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "base/assert.h"
#include "base/base64url.h"
#include "http/keyring.h"
#include "http/verified.h"
#include "micro.h"

#define POOLS 1000
#define REMEMBERED 1000

struct callers {
    struct sl_hasher *hasher;
    struct sl_keyring *keyring;
    struct sl_verified *verified;
    char key[64], token[SL_BEARER_BYTES];
    size_t token_len;
};

static void find_api_key(void *arg, uint64_t n)
{
    struct callers *c = arg;
    uint8_t hash[SL_SHA256];
    for (uint64_t i = 0; i < n; i++) {
        sl_sha256(c->hasher, c->key, strlen(c->key), hash);
        if (sl_keyring_api_key(c->keyring, hash) == NULL)
            abort();
    }
}

static void find_remembered_token(void *arg, uint64_t n)
{
    struct callers *c = arg;
    uint8_t hash[SL_SHA256];
    for (uint64_t i = 0; i < n; i++) {
        sl_sha256(c->hasher, c->token, c->token_len, hash);
        if (sl_verified_find(c->verified, hash, 5) == NULL)
            abort();
    }
}

static void read_bearer_token(void *arg, uint64_t n)
{
    struct callers *c = arg;
    struct sl_bearer b;
    for (uint64_t i = 0; i < n; i++) {
        if (!sl_bearer_read(sl_span(c->token, c->token_len), &b))
            abort();
        sl_bearer_free(&b);
    }
}

static void verify_bearer_token(void *arg, uint64_t n)
{
    struct callers *c = arg;
    struct sl_bearer b;
    uint64_t pools[POOLS / 64 + 1] = {0};
    for (uint64_t i = 0; i < n; i++) {
        if (!sl_bearer_read(sl_span(c->token, c->token_len), &b) ||
            sl_keyring_bearer(c->keyring, &b, sl_span(c->token, c->token_len), pools) != SL_BEARER_GOOD)
            abort();
        sl_bearer_free(&b);
    }
}

static size_t sign_text(EVP_PKEY *key, enum sl_jwt_alg alg, const char *text, size_t n,
                        uint8_t out[static 512])
{
    uint8_t der[512];
    size_t len = sizeof der;
    unsigned mac_len;
    if (alg == SL_JWT_HS256)
        return HMAC(EVP_sha256(), "secret", 6, (const uint8_t *)text, n, out, &mac_len) != NULL ? mac_len : 0;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int ok = EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
             EVP_DigestSign(ctx, der, &len, (const uint8_t *)text, n) == 1;
    EVP_MD_CTX_free(ctx);
    sl_assert(ok);
    if (alg == SL_JWT_RS256) {
        memcpy(out, der, len);
        return len;
    }
    const uint8_t *at = der;
    ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &at, (long)len);
    sl_assert(s != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(s), out, 32) == 32 &&
              BN_bn2binpad(ECDSA_SIG_get0_s(s), out + 32, 32) == 32);
    ECDSA_SIG_free(s);
    return 64;
}

/* A token of some 700 bytes, as identity providers make them. */
static void make_token(struct callers *c, EVP_PKEY *key, enum sl_jwt_alg alg)
{
    char header[64], payload[600], more[301];
    uint8_t signature[512];
    memset(more, 'x', sizeof more - 1);
    more[300] = '\0';
    int h = snprintf(header, sizeof header, "{\"alg\":\"%s\",\"typ\":\"JWT\"}", sl_jwt_alg_name(alg));
    int p = snprintf(
        payload, sizeof payload,
        "{\"iss\":\"https://issuer.example\",\"aud\":\"us\",\"exp\":4000000000,\"scope\":\"%s\"}", more);
    size_t n = sl_base64url_encode(c->token, header, (size_t)h);
    c->token[n++] = '.';
    n += sl_base64url_encode(c->token + n, payload, (size_t)p);
    size_t s = sign_text(key, alg, c->token, n, signature);
    c->token[n++] = '.';
    c->token_len = n + sl_base64url_encode(c->token + n, signature, s);
}

static struct sl_jwt_rule new_rule(EVP_PKEY *key, enum sl_jwt_alg alg)
{
    struct sl_jwt_rule r = {
        .alg = alg, .issuer = sl_xstrdup("https://issuer.example"), .audience = sl_xstrdup("us")};
    if (key == NULL) {
        r.key = sl_xstrdup("secret");
        r.key_len = 6;
        return r;
    }
    char *text;
    BIO *out = BIO_new(BIO_s_mem());
    sl_assert(PEM_write_bio_PUBKEY(out, key) == 1);
    r.key_len = (size_t)BIO_get_mem_data(out, &text);
    r.key = sl_xcalloc(1, r.key_len);
    memcpy(r.key, text, r.key_len);
    BIO_free(out);
    return r;
}

static void measure_algorithm(EVP_PKEY *key, enum sl_jwt_alg alg)
{
    struct callers c = {.hasher = sl_hasher_new()};
    struct sl_credentials *all = sl_credentials_new(POOLS);
    char name[80];
    for (unsigned i = 0; i < POOLS; i++) {
        snprintf(c.key, sizeof c.key, "af05bedc-ec26-472a-af56-%u", i);
        all->pools[i]->hashes = sl_xcalloc(1, sizeof all->pools[i]->hashes[0]);
        all->pools[i]->hash_count = 1;
        sl_sha256(c.hasher, c.key, strlen(c.key), all->pools[i]->hashes[0]);
    }
    all->pools[0]->rules = sl_xcalloc(1, sizeof *all->pools[0]->rules);
    all->pools[0]->rules[0] = new_rule(key, alg);
    all->pools[0]->rule_count = 1;
    sl_credentials_seal(all, &sl_clock_system);
    c.keyring = all->keyring;
    make_token(&c, key, alg);
    if (alg == SL_JWT_HS256) {
        uint64_t pools[POOLS / 64 + 1] = {1};
        struct sl_verified_token v = {.from_ms = 0, .until_ms = 10, .pools = pools};
        uint8_t hash[SL_SHA256];
        c.verified = sl_verified_new(&sl_clock_system, REMEMBERED, sl_keyring_words(c.keyring));
        for (unsigned i = 0; i < REMEMBERED; i++) { /* the token, and others */
            sl_sha256(c.hasher, c.token, c.token_len, hash);
            hash[0] ^= (uint8_t)i;
            hash[1] ^= (uint8_t)(i >> 8);
            sl_verified_add(c.verified, hash, &v);
        }
        micro_rate("API key, one of 1000", find_api_key, &c, "keys/s");
        micro_rate("bearer token, remembered with 1000", find_remembered_token, &c, "tokens/s");
        micro_rate("bearer token, read only", read_bearer_token, &c, "tokens/s");
    }
    snprintf(name, sizeof name, "bearer token, %s verified by libjwt", sl_jwt_alg_name(alg));
    micro_rate(name, verify_bearer_token, &c, "tokens/s");
    sl_verified_free(c.verified);
    sl_credentials_free(all);
    sl_hasher_free(c.hasher);
}

void micro_auth(void)
{
    EVP_PKEY *ec = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"),
             *rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    measure_algorithm(NULL, SL_JWT_HS256);
    measure_algorithm(rsa, SL_JWT_RS256);
    measure_algorithm(ec, SL_JWT_ES256);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
}
