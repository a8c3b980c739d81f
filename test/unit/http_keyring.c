/* Which pools a key or a token opens. The tokens are signed here with HMAC. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/assert.h"
#include "base/base64url.h"
#include "http/keyring.h"

#define POOLS 130 /* three words */

static void add_hash(struct sl_credentials *c, size_t pool, unsigned key)
{
    struct sl_pool_credentials *p = c->pools[pool];
    p->hashes = sl_xrealloc(p->hashes, (p->hash_count + 1) * sizeof p->hashes[0]);
    memset(p->hashes[p->hash_count], 0, SL_SHA256);
    memcpy(p->hashes[p->hash_count++], &key, sizeof key);
}

static void add_rule(struct sl_credentials *c, size_t pool, enum sl_jwt_alg alg, const char *key,
                     const char *issuer, const char *audience)
{
    struct sl_pool_credentials *p = c->pools[pool];
    p->rules = sl_xrealloc(p->rules, (p->rule_count + 1) * sizeof *p->rules);
    p->rules[p->rule_count++] =
        (struct sl_jwt_rule){.alg = alg,
                             .key = sl_xstrdup(key),
                             .key_len = strlen(key),
                             .issuer = issuer != NULL ? sl_xstrdup(issuer) : NULL,
                             .audience = audience != NULL ? sl_xstrdup(audience) : NULL};
}

static struct sl_keyring *seal(struct sl_credentials *c)
{
    sl_credentials_seal(c, &sl_clock_system);
    return c->keyring;
}

/* HS256, with this header and the members of the payload after `exp`. */
static size_t make_with(char out[static 1024], const char *header, const char *key, const char *members)
{
    char payload[512];
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned mac_len;
    int n = snprintf(payload, sizeof payload, "{\"exp\":4000000000%s}", members);
    size_t len = sl_base64url_encode(out, header, strlen(header));
    out[len++] = '.';
    len += sl_base64url_encode(out + len, payload, (size_t)n);
    assert_non_null(HMAC(EVP_sha256(), key, (int)strlen(key), (uint8_t *)out, len, mac, &mac_len));
    out[len++] = '.';
    return len + sl_base64url_encode(out + len, mac, mac_len);
}

static size_t make_token(char out[static 1024], const char *key, const char *members)
{
    return make_with(out, "{\"alg\":\"HS256\"}", key, members);
}

/* The pools that it opens, as text: "0 2 129"; "unwanted" or "forged". */
static const char *token_opens(const struct sl_keyring *k, const char *token, size_t n)
{
    static char text[1024];
    uint64_t pools[3] = {0};
    struct sl_bearer b;
    size_t at = 0;
    assert_true(sl_bearer_read(sl_span(token, n), &b));
    enum sl_bearer_fate fate = sl_keyring_bearer(k, &b, sl_span(token, n), pools);
    sl_bearer_free(&b);
    text[0] = '\0';
    for (unsigned p = 0; p < POOLS; p++)
        if (sl_pool_in(pools, p))
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%u", at > 0 ? " " : "", p);
    if (fate != SL_BEARER_GOOD)
        assert_int_equal(at, 0);
    return fate == SL_BEARER_GOOD ? text : fate == SL_BEARER_FORGED ? "forged" : "unwanted";
}

static const char *opens(const struct sl_keyring *k, const char *key, const char *members)
{
    char token[1024];
    return token_opens(k, token, make_token(token, key, members));
}

static void test_api_keys(void **state)
{
    (void)state;
    struct sl_credentials *c = sl_credentials_new(POOLS);
    for (unsigned pool = 0; pool < POOLS; pool++) {
        add_hash(c, pool, pool + 1);
        add_hash(c, pool, 1000 + pool / 10);
        if (pool == 0 || pool == 64 || pool == 129)
            add_hash(c, pool, 5000);
    }
    struct sl_keyring *k = seal(c);
    assert_int_equal(sl_keyring_words(k), 3);
    assert_false(sl_keyring_takes_bearers(k));
    assert_int_equal(sl_keyring_tries(k), 0);
    for (unsigned key = 0; key < 6000; key++) {
        uint8_t hash[SL_SHA256] = {0};
        memcpy(hash, &key, sizeof key);
        const uint64_t *pools = sl_keyring_api_key(k, hash);
        bool known = (key > 0 && key <= POOLS) || (key >= 1000 && key < 1000 + POOLS / 10) || key == 5000;
        assert_true((pools != NULL) == known);
        for (unsigned p = 0; known && p < POOLS; p++)
            assert_int_equal(sl_pool_in(pools, p), p + 1 == key || 1000 + p / 10 == key ||
                                                       (key == 5000 && (p == 0 || p == 64 || p == 129)));
        hash[31] = 1;
        assert_null(sl_keyring_api_key(k, hash));
    }
    sl_credentials_free(c);
}

static void test_without_any(void **state)
{
    (void)state;
    struct sl_credentials *c = sl_credentials_new(1);
    uint8_t hash[SL_SHA256] = {0};
    struct sl_keyring *k = seal(c);
    assert_null(sl_keyring_api_key(k, hash));
    assert_string_equal(opens(k, "k", ""), "unwanted");
    sl_credentials_free(c);
}

static void test_bearers(void **state)
{
    (void)state;
    struct sl_credentials *c = sl_credentials_new(POOLS);
    add_rule(c, 0, SL_JWT_HS256, "one", "i", "us");
    add_rule(c, 1, SL_JWT_HS256, "one", "i", "us");
    add_rule(c, 2, SL_JWT_HS256, "one", "i", "them");
    add_rule(c, 3, SL_JWT_HS256, "one", NULL, "us");
    add_rule(c, 4, SL_JWT_HS256, "one", "i", NULL);
    add_rule(c, 5, SL_JWT_HS256, "one", "j", "us");
    add_rule(c, 6, SL_JWT_HS256, "two", "i", "us");
    add_rule(c, 129, SL_JWT_HS256, "one", "i", "us");
    add_rule(c, 7, SL_JWT_HS256, "three", NULL, NULL);
    add_rule(c, 8, SL_JWT_HS512, "three", NULL, NULL);
    add_rule(c, 9, SL_JWT_HS512, "five", "h", NULL);
    add_rule(c, 10, SL_JWT_RS256, "six", "h", NULL);
    struct sl_keyring *k = seal(c);
    assert_true(sl_keyring_takes_bearers(k));
    static const struct {
        const char *key, *members, *opens;
    } rows[] = {
        {"one", ",\"iss\":\"i\",\"aud\":\"us\"", "0 1 3 129"},
        {"one", ",\"iss\":\"i\",\"aud\":[\"them\",\"us\"]", "0 1 2 3 129"},
        {"one", ",\"iss\":\"i\",\"aud\":\"them\"", "2"},
        {"one", ",\"iss\":\"i\"", "4"},
        {"one", ",\"iss\":\"j\",\"aud\":\"us\"", "3 5"},
        {"one", ",\"iss\":\"x\",\"aud\":\"us\"", "3"},
        {"one", ",\"aud\":\"us\"", "3"}, /* a rule with this issuer */
        {"one", ",\"aud\":\"nobody\"", "unwanted"},
        {"one", "", "forged"}, /* three's pool would take it */
        {"two", ",\"iss\":\"i\",\"aud\":\"us\"", "6"},
        {"two", ",\"iss\":\"j\",\"aud\":\"us\"", "forged"},
        {"three", "", "7"},
        {"three", ",\"iss\":\"whoever\"", "7"},
        {"three", ",\"aud\":\"us\"", "forged"},
        {"five", ",\"iss\":\"h\"", "forged"}, /* the right secret for another algorithm */
        {"six", ",\"iss\":\"h\"", "forged"},
        {"four", ",\"iss\":\"i\",\"aud\":\"us\"", "forged"},
        {"on", ",\"iss\":\"i\",\"aud\":\"us\"", "forged"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(opens(k, rows[i].key, rows[i].members), rows[i].opens);
    sl_credentials_free(c);
}

/* A rule for access tokens takes nothing else, and the others take no access token, with the same key. */
static void test_access_tokens(void **state)
{
    (void)state;
    static const char plain[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}",
                      access[] = "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}";
    struct sl_credentials *c = sl_credentials_new(POOLS), *same = sl_credentials_new(POOLS);
    add_rule(c, 0, SL_JWT_HS256, "one", NULL, NULL);
    add_rule(c, 1, SL_JWT_HS256, "one", NULL, NULL);
    add_rule(same, 1, SL_JWT_HS256, "one", NULL, NULL);
    add_rule(c, 2, SL_JWT_HS256, "two", NULL, NULL);
    c->pools[1]->rules[0].access_token = c->pools[2]->rules[0].access_token = true;
    assert_false(sl_pool_credentials_same(c->pools[1], same->pools[1]));
    assert_true(sl_pool_credentials_same(c->pools[0], same->pools[1]));
    struct sl_keyring *k = seal(c);
    char token[1024];
    assert_string_equal(token_opens(k, token, make_with(token, plain, "one", "")), "0");
    assert_string_equal(token_opens(k, token, make_with(token, access, "one", "")), "1");
    assert_string_equal(token_opens(k, token, make_with(token, access, "two", "")), "2");
    assert_string_equal(token_opens(k, token, make_with(token, plain, "two", "")), "forged");
    assert_int_equal(sl_keyring_tries(k), 2); /* of the access tokens */
    sl_credentials_free(c);
    sl_credentials_free(same);
}

static void test_one_bit_off_is_forged(void **state)
{
    (void)state;
    struct sl_credentials *c = sl_credentials_new(1);
    add_rule(c, 0, SL_JWT_HS256, "a secret of thirty-two characters", NULL, NULL);
    struct sl_keyring *k = seal(c);
    char token[1024];
    size_t n = make_token(token, "a secret of thirty-two characters", "");
    size_t good = 0, forged = 0;
    for (size_t i = 0; i <= n; i++) {
        for (unsigned bit = 1; bit < 128; bit *= 2) {
            struct sl_bearer b;
            uint64_t pools = 0;
            if (i < n)
                token[i] = (char)(token[i] ^ bit);
            if (sl_bearer_read(sl_span(token, n), &b)) {
                enum sl_bearer_fate fate = sl_keyring_bearer(k, &b, sl_span(token, n), &pools);
                good += fate == SL_BEARER_GOOD;
                forged += fate == SL_BEARER_FORGED;
                assert_int_equal(fate == SL_BEARER_GOOD, pools);
                sl_bearer_free(&b);
            }
            if (i < n)
                token[i] = (char)(token[i] ^ bit);
        }
    }
    assert_int_equal(good, 7); /* the ones that were left as they were */
    assert_true(forged > 100);
    sl_credentials_free(c);
}

static void test_tries(void **state)
{
    (void)state;
    static const struct {
        struct {
            enum sl_jwt_alg alg;
            const char *key, *issuer;
        } rules[8];
        size_t tries;
    } rows[] = {
        {{{SL_JWT_HS256, "a", "i"}}, 1},
        {{{SL_JWT_HS256, "a", NULL}}, 1},
        {{{SL_JWT_HS256, "a", "i"}, {SL_JWT_HS256, "a", "i"}, {SL_JWT_HS256, "a", "j"}}, 1},
        {{{SL_JWT_HS256, "a", "i"}, {SL_JWT_HS256, "b", "j"}, {SL_JWT_HS256, "c", "k"}}, 1},
        {{{SL_JWT_HS256, "a", "i"}, {SL_JWT_HS256, "b", "i"}, {SL_JWT_HS256, "c", "k"}}, 2},
        {{{SL_JWT_HS256, "a", "i"}, {SL_JWT_HS512, "b", "i"}, {SL_JWT_ES256, "c", "i"}}, 1},
        {{{SL_JWT_HS256, "a", NULL},
          {SL_JWT_HS256, "b", NULL},
          {SL_JWT_HS256, "c", "i"},
          {SL_JWT_HS256, "d", "i"},
          {SL_JWT_HS256, "e", "j"}},
         4},
        {{{SL_JWT_HS256, "a", NULL},
          {SL_JWT_HS256, "b", NULL},
          {SL_JWT_RS256, "c", "i"},
          {SL_JWT_RS256, "d", "i"},
          {SL_JWT_RS256, "e", "i"}},
         3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sl_credentials *c = sl_credentials_new(8);
        for (size_t r = 0; r < 8 && rows[i].rules[r].key != NULL; r++)
            add_rule(c, r, rows[i].rules[r].alg, rows[i].rules[r].key, rows[i].rules[r].issuer, NULL);
        assert_int_equal(sl_keyring_tries(seal(c)), rows[i].tries);
        sl_credentials_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_api_keys),
        cmocka_unit_test(test_without_any),
        cmocka_unit_test(test_bearers),
        cmocka_unit_test(test_access_tokens),
        cmocka_unit_test(test_one_bit_off_is_forged),
        cmocka_unit_test(test_tries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
