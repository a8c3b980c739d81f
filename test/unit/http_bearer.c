#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/base64url.h"
#include "http/bearer.h"

#define NOW 1700000000

/* A token of a header, a payload and a signature of `signature` bytes; the caller frees it. */
static char *make_bytes(const char *header, const char *payload, size_t payload_len, size_t signature)
{
    size_t h = strlen(header);
    char *text = malloc(4 * (h + payload_len + signature) + 16), *at = text, bytes[8192];
    assert_non_null(text);
    memset(bytes, 0x5a, sizeof bytes);
    at += sl_base64url_encode(at, header, h);
    *at++ = '.';
    at += sl_base64url_encode(at, payload, payload_len);
    *at++ = '.';
    at += sl_base64url_encode(at, bytes, signature);
    *at = '\0';
    return text;
}

static char *make(const char *header, const char *payload, size_t signature)
{
    return make_bytes(header, payload, strlen(payload), signature);
}

static bool reads(const char *token, struct sl_bearer *ret)
{
    /* Of the exact size, so that a sanitizer sees a read beyond it. */
    size_t n = strlen(token);
    char *copy = malloc(n > 0 ? n : 1);
    assert_non_null(copy);
    memcpy(copy, token, n);
    struct sl_bearer b;
    bool ok = sl_bearer_read(sl_span(copy, n), &b);
    free(copy);
    if (ok && ret != NULL)
        *ret = b;
    else if (ok)
        sl_bearer_free(&b);
    return ok;
}

#define ES256 "{\"alg\":\"ES256\",\"typ\":\"JWT\"}"
#define EXP "{\"exp\":1700000600}"

static void test_algorithms(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t signature; /* 0: any length but 0 */
    } algs[SL_JWT_ALG_COUNT] = {{"RS256", 0},   {"RS384", 0},  {"RS512", 0},  {"ES256", 64}, {"ES384", 96},
                                {"ES512", 132}, {"HS256", 32}, {"HS384", 48}, {"HS512", 64}, {"PS256", 0},
                                {"PS384", 0},   {"PS512", 0},  {"EdDSA", 64}};
    for (int i = 0; i < SL_JWT_ALG_COUNT; i++) {
        char header[64];
        struct sl_bearer b;
        snprintf(header, sizeof header, "{\"alg\":\"%s\"}", algs[i].name);
        assert_string_equal(sl_jwt_alg_name((enum sl_jwt_alg)i), algs[i].name);
        size_t right = algs[i].signature > 0 ? algs[i].signature : 256;
        const size_t lengths[] = {right, 0, right - 1, right + 1, 2 * right, 72};
        for (size_t n = 0; n < sizeof lengths / sizeof *lengths; n++) {
            char *token = make(header, EXP, lengths[n]);
            bool good = lengths[n] == right || (algs[i].signature == 0 && lengths[n] > 0);
            assert_int_equal(reads(token, &b), good);
            if (good) {
                assert_int_equal(b.alg, i);
                sl_bearer_free(&b);
            }
            free(token);
        }
    }
}

static void test_headers(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{\"alg\":\"ES256\"}",
        " {\"typ\" : \"jwt\", \"alg\":\"ES256\" } ",
        "{\"alg\":\"ES256\",\"typ\":\"Jwt\",\"kid\":\"../../../etc/passwd\",\"x5t\":\"a\",\"cty\":\"x\"}",
        "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}",
        "{\"alg\":\"ES256\",\"typ\":\"Application/AT+JWT\"}",
        "{\"alg\":\"ES256\",\"kid\":{\"a\":[1,2,{\"alg\":\"none\"}]},\"nonce\":null}",
        "{\"\\u0061lg\":\"ES\\u0032\\u0035\\u0036\"}", /* the same object, spelled differently */
    };
    static const char *const bad[] = {
        /* algorithms */
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"NONE\"}",
        "{\"alg\":\"nOnE\"}",
        "{\"alg\":\"\"}",
        "{\"alg\":null}",
        "{\"alg\":0}",
        "{\"alg\":true}",
        "{\"alg\":[\"ES256\"]}",
        "{\"alg\":{\"ES256\":1}}",
        "{}",
        "{\"alg\":\"es256\"}",
        "{\"alg\":\"ES256 \"}",
        "{\"alg\":\" ES256\"}",
        "{\"alg\":\"ES256\\n\"}",
        "{\"alg\":\"ES256K\"}",
        "{\"alg\":\"ps256\"}",
        "{\"alg\":\"Ed448\"}",
        "{\"alg\":\"ed25519\"}",
        "{\"alg\":\"ESP256\"}",
        "{\"alg\":\"RS1\"}",
        "{\"alg\":\"HS256/64\"}",
        "{\"alg\":\"dir\"}",
        "{\"alg\":\"ES256\\u0000\"}",
        "{\"ALG\":\"ES256\"}",
        /* a member twice, also spelled differently */
        "{\"alg\":\"ES256\",\"alg\":\"ES256\"}",
        "{\"alg\":\"none\",\"alg\":\"ES256\"}",
        "{\"alg\":\"ES256\",\"\\u0061lg\":\"none\"}",
        "{\"alg\":\"ES256\",\"kid\":\"a\",\"kid\":\"b\"}",
        "{\"alg\":\"ES256\",\"x\":{\"a\":1,\"a\":2}}",
        /* typ */
        "{\"alg\":\"ES256\",\"typ\":\"at+jwt \"}",
        "{\"alg\":\"ES256\",\"typ\":\"application/application/at+jwt\"}",
        "{\"alg\":\"ES256\",\"typ\":[\"at+jwt\"]}",
        "{\"alg\":\"ES256\",\"typ\":\"at+jwt\\u0000\"}",
        "{\"alg\":\"ES256\",\"typ\":\"application/jwt\"}",
        "{\"alg\":\"ES256\",\"typ\":\"\"}",
        "{\"alg\":\"ES256\",\"typ\":null}",
        "{\"alg\":\"ES256\",\"typ\":[\"JWT\"]}",
        "{\"alg\":\"ES256\",\"typ\":1}",
        "{\"alg\":\"ES256\",\"typ\":\"statuslist+jwt\"}",
        "{\"alg\":\"ES256\",\"typ\":\"JWS\"}",
        /* parameters that bring a key, change what is signed, or must be understood */
        "{\"alg\":\"ES256\",\"crit\":[]}",
        "{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}",
        "{\"alg\":\"ES256\",\"crit\":[\"exp\"],\"exp\":1}",
        "{\"alg\":\"ES256\",\"b64\":true}",
        "{\"alg\":\"ES256\",\"jwk\":{\"kty\":\"EC\"}}",
        "{\"alg\":\"ES256\",\"jwk\":null}",
        "{\"alg\":\"ES256\",\"jku\":\"https://evil.example/keys\"}",
        "{\"alg\":\"ES256\",\"x5c\":[\"MIIB\"]}",
        "{\"alg\":\"ES256\",\"x5u\":\"https://evil.example/chain\"}",
        "{\"alg\":\"ES256\",\"enc\":\"A128GCM\"}",
        "{\"alg\":\"ES256\",\"zip\":\"DEF\"}",
        "{\"alg\":\"ES256\",\"epk\":{}}",
        "{\"alg\":\"ES256\",\"p2c\":1000000000}",
        /* not an object */
        "",
        "null",
        "[]",
        "\"ES256\"",
        "1",
        "[{\"alg\":\"ES256\"}]",
        "{\"alg\":\"ES256\"",
        "{\"alg\":\"ES256\"}x",
        "{\"alg\":\"ES256\"}{}",
        "{'alg':'ES256'}",
        "{alg:\"ES256\"}",
        "{\"alg\":\"ES256\",}",
        "\xef\xbb\xbf{\"alg\":\"ES256\"}",
        "{\"alg\":\"ES256\",\"a\":\"\xff\"}",
        "{\"alg\":\"ES256\",\"a\":\"\xc0\x80\"}",
        "{\"alg\":\"ES256\",\"a\":1e999}",
        "{\"alg\":\"ES256\" /* */}",
        "{\"alg\":\"ES256\",\"a\":NaN}",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char *token = make(good[i], EXP, 64);
        if (!reads(token, NULL))
            fail_msg("refused: %s", good[i]);
        free(token);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (size_t signature = 0; signature <= 64; signature += 32) {
            char *token = make(bad[i], EXP, signature);
            if (reads(token, NULL))
                fail_msg("accepted: %s", bad[i]);
            free(token);
        }
    }
}

static void test_payloads(void **state)
{
    (void)state;
    static const struct {
        const char *payload;
        bool good;
        int64_t from, until; /* seconds, leeway not included */
    } rows[] = {
        {EXP, true, 0, NOW + 600},
        {"{\"exp\":1700000600.999}", true, 0, NOW + 600}, /* NumericDate may have a fraction */
        {"{\"exp\":17e8}", true, 0, 1700000000},
        {"{\"exp\":0}", true, 0, 0},
        {"{\"exp\":253402300799}", true, 0, 253402300799},
        {"{\"exp\":1700000600,\"nbf\":1700000000,\"iat\":1699999999}", true, NOW, NOW + 600},
        {"{\"exp\":1700000600,\"nbf\":1,\"iat\":1700000001}", true, NOW + 1, NOW + 600},
        {"{\"exp\":1700000600,\"a\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}", true, 0, NOW + 600},
        {"{\"exp\":1700000600,\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[\"}", true, 0,
         NOW + 600},
        {"{\"exp\":1700000600,\"aud\":[]}", true, 0, NOW + 600},
        {"{\"exp\":1700000600,\"iss\":\"\",\"aud\":\"\"}", true, 0, NOW + 600},
        /* exp */
        {"{}", false, 0, 0},
        {"{\"exp\":null}", false, 0, 0},
        {"{\"exp\":\"1700000600\"}", false, 0, 0},
        {"{\"exp\":[1700000600]}", false, 0, 0},
        {"{\"exp\":true}", false, 0, 0},
        {"{\"exp\":-1}", false, 0, 0},
        {"{\"exp\":-0.5}", false, 0, 0},
        {"{\"exp\":-1e300}", false, 0, 0},
        {"{\"exp\":253402300800}", false, 0, 0},
        {"{\"exp\":9223372036854775807}", false, 0, 0},
        {"{\"exp\":9223372036854775808}", false, 0, 0},
        {"{\"exp\":18446744073709551616}", false, 0, 0},
        {"{\"exp\":99999999999999999999999999999999}", false, 0, 0},
        {"{\"exp\":1e300}", false, 0, 0},
        {"{\"exp\":1e400}", false, 0, 0},
        {"{\"exp\":Infinity}", false, 0, 0},
        {"{\"exp\":0x65}", false, 0, 0},
        {"{\"exp\":1700000600,\"exp\":9700000600}", false, 0, 0},
        {"{\"exp\":1,\"\\u0065xp\":1700000600}", false, 0, 0},
        {"{\"EXP\":1700000600}", false, 0, 0},
        /* nbf and iat */
        {"{\"exp\":1700000600,\"nbf\":\"1\"}", false, 0, 0},
        {"{\"exp\":1700000600,\"nbf\":null}", false, 0, 0},
        {"{\"exp\":1700000600,\"nbf\":-1}", false, 0, 0},
        {"{\"exp\":1700000600,\"iat\":[]}", false, 0, 0},
        {"{\"exp\":1700000600,\"iat\":1e300}", false, 0, 0},
        /* iss and aud */
        {"{\"exp\":1700000600,\"iss\":null}", false, 0, 0},
        {"{\"exp\":1700000600,\"iss\":[\"a\"]}", false, 0, 0},
        {"{\"exp\":1700000600,\"iss\":1}", false, 0, 0},
        {"{\"exp\":1700000600,\"iss\":\"a\\u0000b\"}", false, 0, 0},
        {"{\"exp\":1700000600,\"iss\":\"a\",\"iss\":\"b\"}", false, 0, 0},
        {"{\"exp\":1700000600,\"sub\":\"s\"}", true, 0, NOW + 600},
        {"{\"exp\":1700000600,\"sub\":null}", false, 0, 0},
        {"{\"exp\":1700000600,\"sub\":7}", false, 0, 0},
        {"{\"exp\":1700000600,\"sub\":\"s\"}", true, 0, NOW + 600},
        {"{\"exp\":1700000600,\"sub\":null}", false, 0, 0},
        {"{\"exp\":1700000600,\"sub\":7}", false, 0, 0},
        {"{\"exp\":1700000600,\"aud\":null}", false, 0, 0},
        {"{\"exp\":1700000600,\"aud\":1}", false, 0, 0},
        {"{\"exp\":1700000600,\"aud\":{\"a\":1}}", false, 0, 0},
        {"{\"exp\":1700000600,\"aud\":[\"a\",1]}", false, 0, 0},
        {"{\"exp\":1700000600,\"aud\":[[\"a\"]]}", false, 0, 0},
        {"{\"exp\":1700000600,\"aud\":[null]}", false, 0, 0},
        /* not an object */
        {"", false, 0, 0},
        {"[]", false, 0, 0},
        {"1700000600", false, 0, 0},
        {"{\"exp\":1700000600}}", false, 0, 0},
        {"{\"exp\":1700000600,\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}", true, 0, NOW + 600},
        {"{\"exp\":1700000600,\"a\":1,\"b\":{\"a\":1,\"a\":1}}", false, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *token = make(ES256, rows[i].payload, 64);
        struct sl_bearer b;
        bool good = reads(token, &b);
        if (good != rows[i].good)
            fail_msg("%s: %s", good ? "accepted" : "refused", rows[i].payload);
        if (good) {
            assert_int_equal(b.from_ms, rows[i].from * 1000 - SL_BEARER_LEEWAY_MS);
            assert_in_range(b.until_ms - rows[i].until * 1000 - SL_BEARER_LEEWAY_MS, 0, 999);
            sl_bearer_free(&b);
        }
        free(token);
    }
}

static void test_audiences(void **state)
{
    (void)state;
    static const struct {
        const char *aud; /* NULL: none */
        bool none, us;   /* whether it is for us without a name, and with the name "us" */
    } rows[] = {
        {NULL, true, false},
        {"\"us\"", false, true},
        {"\"US\"", false, false},
        {"\"us \"", false, false},
        {"\"\"", false, false},
        {"\"them\"", false, false},
        {"[]", false, false},
        {"[\"us\"]", false, true},
        {"[\"them\",\"us\",\"others\"]", false, true},
        {"[\"them us\"]", false, false},
        {"[\"\"]", false, false},
        {"[\"us/\",\"uss\",\"u\"]", false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char payload[200];
        struct sl_bearer b;
        snprintf(payload, sizeof payload, "{\"exp\":1700000600,\"iss\":\"i\"%s%s}",
                 rows[i].aud ? ",\"aud\":" : "", rows[i].aud ? rows[i].aud : "");
        char *token = make(ES256, payload, 64);
        assert_true(reads(token, &b));
        assert_string_equal(b.issuer, "i");
        assert_int_equal(sl_bearer_is_for(&b, NULL), rows[i].none);
        assert_int_equal(sl_bearer_is_for(&b, "us"), rows[i].us);
        sl_bearer_free(&b);
        free(token);
    }
}

static void test_forms(void **state)
{
    (void)state;
    char *good = make(ES256, EXP, 64), text[SL_BEARER_BYTES * 2];
    assert_true(reads(good, NULL));
    const char *dot = strchr(good, '.'), *last = strrchr(good, '.');
    size_t n = strlen(good), head = (size_t)(dot - good), body = (size_t)(last - good);
#define REFUSED(...)                                                                                         \
    do {                                                                                                     \
        snprintf(text, sizeof text, __VA_ARGS__);                                                            \
        if (reads(text, NULL))                                                                               \
            fail_msg("accepted: %s", text);                                                                  \
    } while (0)
    /* parts */
    REFUSED("%s", "");
    REFUSED("%s", ".");
    REFUSED("%s", "..");
    REFUSED("%s", "...");
    REFUSED("%s.", good);
    REFUSED(".%s", good);
    REFUSED("%s.AAAA", good);
    REFUSED("%s.AAAA.AAAA", good);
    REFUSED("%.*s", (int)body, good);
    REFUSED("%.*s.", (int)body, good);
    REFUSED("%.*s..%s", (int)head, good, last + 1);
    REFUSED("%s%s", dot, "");
    REFUSED("%.*s.%.*s%s", (int)(body - head - 1), dot + 1, (int)head, good, last);
    /* not strict base64url: padding, another alphabet, white space, an additional byte */
    REFUSED("%s=", good);
    REFUSED("%s==", good);
    REFUSED("%.*s=%s", (int)head, good, dot);
    REFUSED("%.*s%%3D%s", (int)head, good, dot);
    REFUSED("%s ", good);
    REFUSED(" %s", good);
    REFUSED("%s\n", good);
    REFUSED("%s\t", good);
    REFUSED("%.*s\r\n%s", (int)head, good, dot);
    REFUSED("%sA", good);
    REFUSED("%s+", good);
    REFUSED("%s/", good);
    REFUSED("%s,%s", good, good);
    /* 64 bytes end in a character with four unused bits: they have to be zero */
    for (const char *c = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"; *c != '\0';
         c++) {
        snprintf(text, sizeof text, "%.*s%c", (int)n - 1, good, *c);
        assert_int_equal(reads(text, NULL), *c == 'A' || *c == 'Q' || *c == 'g' || *c == 'w');
    }
    free(good);
}

static void test_sizes(void **state)
{
    (void)state;
    /* A payload that makes the token just as long as it may be, one that makes it longer, and one of many
     * brackets. */
    for (size_t more = 0; more < 200; more++) {
        char payload[4096];
        size_t room = 2850 + more;
        memset(payload, ' ', room);
        memcpy(payload, EXP, sizeof EXP - 1);
        char *token = make_bytes(ES256, payload, room, 64);
        assert_int_equal(reads(token, NULL), strlen(token) <= SL_BEARER_BYTES);
        free(token);
    }
    char deep[2800];
    memset(deep, '[', sizeof deep);
    char *token = make_bytes(ES256, deep, sizeof deep, 64);
    assert_false(reads(token, NULL));
    free(token);
    token = make_bytes(ES256, "{\"exp\":1700000600,\"a\":\"\0\"}", 26, 64);
    assert_false(reads(token, NULL));
    free(token);
}

static void test_fields(void **state)
{
    (void)state;
    static const struct {
        const char *field, *token; /* NULL: another scheme */
    } rows[] = {
        {"Bearer abc", "abc"},
        {"bearer abc", "abc"},
        {"BEARER   abc  ", "abc"},
        {"Bearer a b", "a b"},
        {"Bearer", ""},
        {"Bearer ", ""},
        {"Bearer\tabc", NULL},
        {"Bearerabc", NULL},
        {"Bearer,abc", NULL},
        {"Bearer=abc", NULL},
        {"Basic abc", NULL},
        {"", NULL},
        {" Bearer abc", NULL},
        {"\"Bearer\" abc", NULL},
        {"BearerX abc", NULL},
        {"Bearer Bearer abc", "Bearer abc"},
        {"DPoP abc", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sl_span token;
        bool is = sl_bearer_field(sl_span(rows[i].field, strlen(rows[i].field)), &token);
        if (is != (rows[i].token != NULL) ||
            (is && !sl_span_eq(token, sl_span(rows[i].token, strlen(rows[i].token)))))
            fail_msg("%s", rows[i].field);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_algorithms), cmocka_unit_test(test_headers), cmocka_unit_test(test_payloads),
        cmocka_unit_test(test_audiences),  cmocka_unit_test(test_forms),   cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
