/* One broken property each, and the check that must name it: nothing else may fail. */
#include "lib_help.h"

#define LST "eNrbuRgAAhcBXQ"
#define LIST "\"status_list\":{\"bits\":1,\"lst\":\"" LST "\"}"
#define TIMES "\"iat\":1699999990,\"exp\":1700003590,\"ttl\":60"
#define SUB "\"sub\":\"" URI "\",\"iss\":\"https://example.com\""
#define CLAIMS "{" SUB "," TIMES "," LIST "}"
#define HEADER "{\"alg\":\"ES256\",\"typ\":\"statuslist+jwt\",\"kid\":\"12\"}"
#define WITH_LIST(list) "{" SUB "," TIMES ",\"status_list\":" list "}"
#define WITH_TIMES(times) "{" SUB "," times "," LIST "}"

static const struct {
    const char *failure; /* NULL: accepted */
    const char *warning; /* NULL: none */
    const char *header, *claims;
} jwts[] = {
    {NULL, NULL, HEADER, CLAIMS},
    {"typ", NULL, "{\"alg\":\"ES256\",\"kid\":\"1\"}", CLAIMS},
    {"typ", NULL, "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"1\"}", CLAIMS},
    {"typ", NULL, "{\"alg\":\"ES256\",\"typ\":\"StatusList+JWT\",\"kid\":\"1\"}", CLAIMS},
    {"typ", NULL, "{\"alg\":\"ES256\",\"typ\":7,\"kid\":\"1\"}", CLAIMS},
    {"alg", NULL, "{\"typ\":\"statuslist+jwt\",\"kid\":\"1\"}", CLAIMS},
    {"alg", NULL, "{\"alg\":\"none\",\"typ\":\"statuslist+jwt\",\"kid\":\"1\"}", CLAIMS},
    {"alg", NULL, "{\"alg\":\"HS256\",\"typ\":\"statuslist+jwt\",\"kid\":\"1\"}", CLAIMS},
    {"alg", NULL, "{\"alg\":\"es256\",\"typ\":\"statuslist+jwt\",\"kid\":\"1\"}", CLAIMS},
    {"key", NULL, "{\"alg\":\"ES384\",\"typ\":\"statuslist+jwt\",\"kid\":\"1\"}", CLAIMS},
    {"key", NULL, "{\"alg\":\"Ed25519\",\"typ\":\"statuslist+jwt\",\"kid\":\"1\"}", CLAIMS},
    {"alg", NULL, "{\"alg\":\"ESP256\",\"typ\":\"statuslist+jwt\",\"kid\":\"1\"}", CLAIMS}, /* COSE's */
    {"header", NULL, "{\"alg\":\"ES256\",\"typ\":\"statuslist+jwt\",\"kid\":\"1\",\"crit\":[\"x\"]}", CLAIMS},
    {"header", NULL, "{\"alg\":\"ES256\",\"alg\":\"ES256\",\"typ\":\"statuslist+jwt\",\"kid\":\"1\"}",
     CLAIMS},
    {"header", NULL, "[]", CLAIMS},
    {"header", NULL, "{\"alg\":\"ES256\"", CLAIMS},
    {"x5c", NULL, "{\"alg\":\"ES256\",\"typ\":\"statuslist+jwt\",\"x5c\":[]}", CLAIMS},
    {"x5c", NULL, "{\"alg\":\"ES256\",\"typ\":\"statuslist+jwt\",\"x5c\":\"AAAA\"}", CLAIMS},
    {"x5c", NULL, "{\"alg\":\"ES256\",\"typ\":\"statuslist+jwt\",\"x5c\":[\"A-AA\"]}", CLAIMS},
    {"x5c", NULL, "{\"alg\":\"ES256\",\"typ\":\"statuslist+jwt\",\"x5c\":[\"AA\"]}", CLAIMS},
    {NULL, "key-hint", "{\"alg\":\"ES256\",\"typ\":\"statuslist+jwt\"}", CLAIMS},
    {"claims", NULL, HEADER, "[" CLAIMS "]"},
    {"claims", NULL, HEADER, CLAIMS "x"},
    {"claims", NULL, HEADER, "{" SUB "," SUB "," TIMES "," LIST "}"},
    {"claims", NULL, HEADER, "{\"a\":\"\xff\"," SUB "," TIMES "," LIST "}"},
    {"sub", NULL, HEADER, "{\"iss\":\"i\"," TIMES "," LIST "}"},
    {"sub", NULL, HEADER, "{\"iss\":\"i\",\"sub\":1," TIMES "," LIST "}"},
    {"sub", NULL, HEADER, "{\"iss\":\"i\",\"sub\":\"" URI "/\"," TIMES "," LIST "}"},
    {"sub", NULL, HEADER, "{\"iss\":\"i\",\"sub\":\"HTTPS://example.com/statuslists/1\"," TIMES "," LIST "}"},
    {NULL, "iss", HEADER, "{\"sub\":\"" URI "\"," TIMES "," LIST "}"},
    {"iss", NULL, HEADER, "{\"iss\":[],\"sub\":\"" URI "\"," TIMES "," LIST "}"},
    {"iat", NULL, HEADER, WITH_TIMES("\"exp\":1700003590,\"ttl\":60")},
    {"iat", NULL, HEADER, WITH_TIMES("\"iat\":\"1699999990\",\"exp\":1700003590,\"ttl\":60")},
    {"iat", NULL, HEADER, WITH_TIMES("\"iat\":1700000006,\"exp\":1700003590,\"ttl\":60")},
    {NULL, NULL, HEADER, WITH_TIMES("\"iat\":1700000005,\"exp\":1700003590,\"ttl\":60")},
    {NULL, "iat", HEADER, WITH_TIMES("\"iat\":1699999990.5,\"exp\":1700003590,\"ttl\":60")},
    {"iat", NULL, HEADER, WITH_TIMES("\"iat\":-9223372036854775807,\"exp\":1700003590,\"ttl\":60")},
    {"exp", NULL, HEADER, WITH_TIMES("\"iat\":1699999990,\"exp\":9223372036854775807,\"ttl\":60")},
    {"iat", NULL, HEADER, WITH_TIMES("\"iat\":1e30,\"exp\":1700003590,\"ttl\":60")},
    {NULL, "exp", HEADER, WITH_TIMES("\"iat\":1699999990,\"ttl\":60")},
    {"exp", NULL, HEADER, WITH_TIMES("\"iat\":1699999990,\"exp\":1699999995,\"ttl\":60")},
    {NULL, NULL, HEADER, WITH_TIMES("\"iat\":1699999990,\"exp\":1699999996,\"ttl\":60")},
    {"exp", NULL, HEADER, WITH_TIMES("\"iat\":1699999990,\"exp\":null,\"ttl\":60")},
    {"nbf", NULL, HEADER, WITH_TIMES(TIMES ",\"nbf\":1700000100")},
    {NULL, "ttl", HEADER, WITH_TIMES("\"iat\":1699999990,\"exp\":1700003590")},
    {"ttl", NULL, HEADER, WITH_TIMES("\"iat\":1699999990,\"exp\":1700003590,\"ttl\":0")},
    {"ttl", NULL, HEADER, WITH_TIMES("\"iat\":1699999990,\"exp\":1700003590,\"ttl\":-60")},
    {"ttl", NULL, HEADER, WITH_TIMES("\"iat\":1699999990,\"exp\":1700003590,\"ttl\":\"60\"")},
    {"status_list", NULL, HEADER, "{" SUB "," TIMES "}"},
    {"status_list", NULL, HEADER, WITH_LIST("[]")},
    {"bits", NULL, HEADER, WITH_LIST("{\"lst\":\"" LST "\"}")},
    {"bits", NULL, HEADER, WITH_LIST("{\"bits\":3,\"lst\":\"" LST "\"}")},
    {"bits", NULL, HEADER, WITH_LIST("{\"bits\":0,\"lst\":\"" LST "\"}")},
    {"bits", NULL, HEADER, WITH_LIST("{\"bits\":-1,\"lst\":\"" LST "\"}")},
    {"bits", NULL, HEADER, WITH_LIST("{\"bits\":\"1\",\"lst\":\"" LST "\"}")},
    {"lst", NULL, HEADER, WITH_LIST("{\"bits\":1}")},
    {"lst", NULL, HEADER, WITH_LIST("{\"bits\":1,\"lst\":17}")},
    {"lst", NULL, HEADER, WITH_LIST("{\"bits\":1,\"lst\":\"" LST "==\"}")},
    {"lst", NULL, HEADER, WITH_LIST("{\"bits\":1,\"lst\":\"eNrb+RgAAhcBXQ\"}")},
    {"zlib", NULL, HEADER, WITH_LIST("{\"bits\":1,\"lst\":\"\"}")},
    {"zlib", NULL, HEADER, WITH_LIST("{\"bits\":1,\"lst\":\"eNrbuRgAAhcBXg\"}")},
    {"zlib", NULL, HEADER, WITH_LIST("{\"bits\":1,\"lst\":\"eNrbuRgAAhcBXQA\"}")},
    {"size", NULL, HEADER, WITH_LIST("{\"bits\":1,\"lst\":\"eNoDAAAAAAE\"}")},
    {"aggregation_uri", NULL, HEADER, WITH_LIST("{\"bits\":1,\"lst\":\"" LST "\",\"aggregation_uri\":5}")},
};

static void check(const struct statuslist_report *r, const char *failure, const char *warning,
                  const char *label)
{
    only_failure(r, failure, label);
    if (warning != NULL)
        assert_int_equal(outcome_of(r, warning), STATUSLIST_WARN);
    const struct statuslist_check *c;
    for (size_t i = 0; failure == NULL && (c = statuslist_report_check(r, i)) != NULL; i++)
        if (c->outcome != STATUSLIST_PASS && (warning == NULL || strcmp(c->name, warning) != 0))
            fail_msg("%s: %s: %s", label, c->name, c->detail);
}

static void test_jwt(void **state)
{
    (void)state;
    EVP_PKEY *key = new_key("P-256");
    struct statuslist_verifier *v = verifier_of(key);
    for (size_t i = 0; i < sizeof jwts / sizeof *jwts; i++) {
        char *token = make_jwt(key, jwts[i].header, jwts[i].claims), label[32];
        struct statuslist_report *r = statuslist_verify(v, token, strlen(token), URI, NULL, NOW_S);
        snprintf(label, sizeof label, "row %zu", i);
        check(r, jwts[i].failure, jwts[i].warning, label);
        statuslist_report_free(r);
        free(token);
    }
    statuslist_verifier_free(v);
    EVP_PKEY_free(key);
}

static void test_jwt_around(void **state)
{
    (void)state;
    EVP_PKEY *key = new_key("P-256");
    struct statuslist_verifier *v = verifier_of(key);
    char *token = make_jwt(key, HEADER, CLAIMS), *broken;
    static const char *const around[][2] = {{"", "\n"}, {" ", ""}, {"", "."}, {"", "="}, {".", ""}};
    for (int i = 0; i < 5; i++) {
        assert_true(asprintf(&broken, "%s%s%s", around[i][0], token, around[i][1]) > 0);
        struct statuslist_report *r = statuslist_verify(v, broken, strlen(broken), URI, NULL, NOW_S);
        only_failure(r, "encoding", "around");
        statuslist_report_free(r);
        free(broken);
    }
    statuslist_verifier_set_format(v, STATUSLIST_CWT);
    struct statuslist_report *r = statuslist_verify(v, token, strlen(token), URI, NULL, NOW_S);
    only_failure(r, "encoding", "the other format");
    statuslist_report_free(r);
    free(token);
    statuslist_verifier_free(v);
    EVP_PKEY_free(key);
}

/* What is wrong has a name where it is a known mistake. */
static void test_mistakes_have_names(void **state)
{
    (void)state;
    EVP_PKEY *key = new_key("P-256");
    struct statuslist_verifier *v = verifier_of(key);
    char *gzip = make_jwt(key, HEADER, WITH_LIST("{\"bits\":1,\"lst\":\"H4sIAAAAAAAA_wMAAAAAAAAAAAA\"}")),
         *late = make_jwt(key, HEADER, WITH_TIMES("\"iat\":1700000007,\"exp\":1700003590,\"ttl\":60")), *sd;
    assert_true(asprintf(&sd, "%s~", gzip) > 0);
    const struct {
        const char *token, *check, *word;
    } rows[] = {{gzip, "zlib", "gzip"},
                {sd, "encoding", "SD-JWT"},
                {"\x1f\x8b\x08\x01", "encoding", "gzip"},
                {late, "iat", "lies 7 s in the future; clocks may differ by 5 s"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct statuslist_report *r =
            statuslist_verify(v, rows[i].token, strlen(rows[i].token), URI, NULL, NOW_S);
        only_failure(r, rows[i].check, rows[i].word);
        assert_non_null(strstr(statuslist_report_find(r, rows[i].check)->detail, rows[i].word));
        statuslist_report_free(r);
    }
    free(gzip), free(late), free(sd);
    statuslist_verifier_free(v);
    EVP_PKEY_free(key);
}

static void test_rules(void **state)
{
    (void)state;
    EVP_PKEY *key = new_key("P-256");
    struct statuslist_verifier *v = verifier_of(key);
    char *token = make_jwt(key, HEADER, CLAIMS);
    static const struct {
        unsigned skew;
        size_t limit;
        uint64_t index;
        int64_t now;
        const char *failure;
    } rows[] = {
        {0, 2, 15, NOW_S, NULL},        {0, 1, 15, NOW_S, "inflate-limit"},
        {0, 2, 16, NOW_S, "index"},     {0, 2, UINT64_MAX, NOW_S, "index"},
        {0, 2, 0, NOW_S - 20, "iat"},   {10, 2, 0, NOW_S - 20, NULL},
        {0, 2, 0, NOW_S + 3590, "exp"}, {1, 2, 0, NOW_S + 3590, NULL},
        {0, 2, 0, NOW_S + 3589, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        statuslist_verifier_set_skew(v, rows[i].skew);
        statuslist_verifier_set_inflate_limit(v, rows[i].limit);
        struct statuslist_report *r =
            statuslist_verify(v, token, strlen(token), URI, &rows[i].index, rows[i].now);
        only_failure(r, rows[i].failure, "rules");
        assert_int_equal(statuslist_report_status(r), rows[i].failure == NULL ? 1 : -1);
        statuslist_report_free(r);
    }
    free(token);
    statuslist_verifier_free(v);
    EVP_PKEY_free(key);
}

/* --- CWT: the pairs of the draft's example, one of them replaced --- */

static const char *const protected_pairs[] = {
    "0126", "10781a6170706c69636174696f6e2f7374617475736c6973742b637774", "04413a"};
static const char *const claim_pairs[] = {
    "02782168747470733a2f2f6578616d706c652e636f6d2f7374617475736c697374732f31", /* sub */
    "061a648c5bea",                                                             /* iat */
    "041a8898dfea",                                                             /* exp */
    "19fffe19a8c0",                                                             /* ttl */
    "19fffda2646269747301636c73744a78dadbb918000217015d",                       /* status list */
    "016378797a"};                                                              /* iss */

enum where { PROTECTED, CLAIMS_MAP, UNPROTECTED, TAGS };

static const struct {
    const char *failure, *warning;
    enum where where;
    int pair;        /* replaced; -1: one more */
    const char *hex; /* NULL: taken out */
} cwts[] = {
    {NULL, NULL, PROTECTED, -1, NULL},
    {"tag", NULL, TAGS, 0, ""},
    {"tag", NULL, TAGS, 0, "d83dd2"},
    {"tag", NULL, TAGS, 0, "d1"},
    {"tag", NULL, TAGS, 0, "c1d2"},
    {"typ", NULL, PROTECTED, 1, NULL},
    {"typ", NULL, PROTECTED, 1, "106e7374617475736c6973742b637774"},
    {NULL, NULL, PROTECTED, 1, "10190117"}, /* 279, the registered number */
    {"typ", NULL, PROTECTED, 1, "10190118"},
    {"typ", NULL, PROTECTED, 1, "1020"},
    {"typ", NULL, PROTECTED, 1, "1063323739"}, /* "279" */
    {"typ", NULL, PROTECTED, 1, "10fa438b8000"},
    {"typ", NULL, PROTECTED, 1, "1081190117"},
    {"header", NULL, PROTECTED, -1, "10190117"}, /* both */
    {"header", NULL, UNPROTECTED, -1, "10190117"},
    {"header", NULL, UNPROTECTED, -1, "04413a"},
    {"header", NULL, UNPROTECTED, -1, "0126"},
    {NULL, NULL, UNPROTECTED, -1, "05413a"},
    {"alg", NULL, PROTECTED, 0, NULL},
    {"alg", NULL, PROTECTED, 0, "0105"},
    {"alg", NULL, PROTECTED, 0, "01654553323536"},
    {"key", NULL, PROTECTED, 0, "013822"},
    {NULL, NULL, PROTECTED, 0, "0128"}, /* ESP256, ESP384, ESP512, Ed25519 */
    {"key", NULL, PROTECTED, 0, "013832"},
    {"key", NULL, PROTECTED, 0, "013833"},
    {"key", NULL, PROTECTED, 0, "0132"},
    {"alg", NULL, PROTECTED, 0, "0129"},
    {"header", NULL, PROTECTED, -1, "028118ff"},
    {"header", NULL, PROTECTED, -1, "0126"},
    {"header", NULL, PROTECTED, -1, "180126"},
    {"x5chain", NULL, PROTECTED, -1, "182101"},
    {"x5chain", NULL, PROTECTED, -1, "182180"},
    {"header", NULL, PROTECTED, -1, "18215f4100ff"},
    {"x5chain", NULL, PROTECTED, -1, "1821815f4100ff"},
    {NULL, "x5chain", PROTECTED, -1, "1821814100"},
    {NULL, "x5chain", UNPROTECTED, -1, "18214100"},
    {NULL, "key-hint", PROTECTED, 2, NULL},
    {"sub", NULL, CLAIMS_MAP, 0, NULL},
    {"sub", NULL, CLAIMS_MAP, 0, "024161"},
    {"sub", NULL, CLAIMS_MAP, 0, "026161"},
    {"claims", NULL, CLAIMS_MAP, 0, "0262ff61"},
    {"iat", NULL, CLAIMS_MAP, 1, NULL},
    {"iat", NULL, CLAIMS_MAP, 1, "06c11a648c5bea"}, /* a NumericDate has no tag */
    {"iat", NULL, CLAIMS_MAP, 1, "061a8898df00"},
    {NULL, "iat", CLAIMS_MAP, 1, "06fb41d92316fa800000"},
    {NULL, "exp", CLAIMS_MAP, 2, NULL},
    {"exp", NULL, CLAIMS_MAP, 2, "041a648c5bea"},
    {"exp", NULL, CLAIMS_MAP, 2, "0420"},
    {NULL, "ttl", CLAIMS_MAP, 3, NULL},
    {"ttl", NULL, CLAIMS_MAP, 3, "19fffe00"},
    {"ttl", NULL, CLAIMS_MAP, 3, "19fffe20"},
    {"ttl", NULL, CLAIMS_MAP, 3, "19fffe1bffffffffffffffff"},
    {NULL, "integers", CLAIMS_MAP, 3, "19fffe1a0000a8c0"},
    {NULL, "integers", CLAIMS_MAP, 4, "19fffdbf646269747301636c73744a78dadbb918000217015dff"},
    {"claims", NULL, CLAIMS_MAP, 5, "0278"},
    {"claims", NULL, CLAIMS_MAP, 5, "026161"},
    {"claims", NULL, CLAIMS_MAP, 5, "f661"},
    {"status_list", NULL, CLAIMS_MAP, 4, NULL},
    {"status_list", NULL, CLAIMS_MAP, 4, "19fffd80"},
    {"bits", NULL, CLAIMS_MAP, 4, "19fffda1636c73744a78dadbb918000217015d"},
    {"bits", NULL, CLAIMS_MAP, 4, "19fffda2646269747303636c73744a78dadbb918000217015d"},
    {"lst", NULL, CLAIMS_MAP, 4, "19fffda1646269747301"},
    {"lst", NULL, CLAIMS_MAP, 4, "19fffda2646269747301636c73746e654e7262755267414168634258 51"},
    {"zlib", NULL, CLAIMS_MAP, 4, "19fffda2646269747301636c73744a78dadbb918000217015e"},
    {"zlib", NULL, CLAIMS_MAP, 4, "19fffda2646269747301636c73744b78dadbb918000217015d00"},
    {"claims", NULL, CLAIMS_MAP, 4, "19fffda3646269747301646269747301636c73744a78dadbb918000217015d"},
    {NULL, "integers", CLAIMS_MAP, 4, "19fffda2646269747301636c73745f4478dadbb94046 18000217015dff"},
    {"zlib", NULL, CLAIMS_MAP, 4, "19fffda2646269747301636c73745fff"},
    {"claims", NULL, CLAIMS_MAP, 4, "19fffda2646269747301636c73745f5f4478dadbb9ff4618000217015dff"},
    {"claims", NULL, CLAIMS_MAP, 4, "19fffda2646269747301636c73745f4478dadbb96161ff"},
    {"claims", NULL, CLAIMS_MAP, 4, "19fffda2646269747301636c73745f4478dadbb901ff"},
    {"claims", NULL, CLAIMS_MAP, 4, "19fffda2646269747301636c73745f4478dadbb9"},
    {"claims", NULL, CLAIMS_MAP, 4, "19fffda2646269747301636c73745f5affffffff78ff"},
    {"claims", NULL, CLAIMS_MAP, 0, "027f6161ff"},
    {NULL, "integers", CLAIMS_MAP, -1, "18647f61616162ff"}, /* a claim that nobody reads */
    {"claims", NULL, CLAIMS_MAP, -1, "18647f614161ff"},
    {"claims", NULL, CLAIMS_MAP, -1, "7f6161ff01"},
    {"aggregation_uri", NULL, CLAIMS_MAP, 4,
     "19fffda3646269747301636c73744a78dadbb918000217015d6f6167677265676174696f6e5f75726901"},
};

static void put_hex(struct sl_buf *b, const char *hex)
{
    for (; *hex != '\0'; hex += 2) {
        unsigned byte;
        hex += *hex == ' ';
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        sl_buf_putc(b, (char)byte);
    }
}

static void put_map(struct sl_buf *b, const char *const *pairs, size_t n, bool changed, int pair,
                    const char *hex)
{
    size_t count = n + (changed && pair < 0 && hex != NULL) - (changed && pair >= 0 && hex == NULL);
    sl_cbor_head(b, SL_CBOR_MAP, count);
    for (size_t i = 0; i < n; i++) {
        const char *text = changed && pair == (int)i ? hex : pairs[i];
        put_hex(b, text != NULL ? text : "");
    }
    if (changed && pair < 0 && hex != NULL)
        put_hex(b, hex);
}

/* *ret is fixed memory of the caller's. */
static void make_cwt(EVP_PKEY *key, size_t row, struct sl_buf *ret)
{
    char head_bytes[512], claim_bytes[1024], input_bytes[2048];
    struct sl_buf head, claims, input;
    enum where where = cwts[row].where;
    sl_buf_over(&head, head_bytes, sizeof head_bytes);
    sl_buf_over(&claims, claim_bytes, sizeof claim_bytes);
    sl_buf_over(&input, input_bytes, sizeof input_bytes);
    put_map(&head, protected_pairs, 3, where == PROTECTED, cwts[row].pair, cwts[row].hex);
    put_map(&claims, claim_pairs, 6, where == CLAIMS_MAP, cwts[row].pair, cwts[row].hex);
    sl_buf_puts(&input, "\x84\x6aSignature1");
    sl_cbor_bytes(&input, sl_span(head.data, head.len));
    sl_cbor_bytes(&input, sl_span(NULL, 0));
    sl_cbor_bytes(&input, sl_span(claims.data, claims.len));
    struct sl_span sig = sign_with(key, "SHA256", 32, sl_span(input.data, input.len));
    put_hex(ret, where == TAGS ? cwts[row].hex : "d2");
    sl_cbor_head(ret, SL_CBOR_ARRAY, 4);
    sl_cbor_bytes(ret, sl_span(head.data, head.len));
    put_map(ret, NULL, 0, where == UNPROTECTED, -1, cwts[row].hex);
    sl_cbor_bytes(ret, sl_span(claims.data, claims.len));
    sl_cbor_bytes(ret, sig);
    assert_false(ret->failed || head.failed || claims.failed || input.failed);
    free((char *)sig.at);
}

static void test_cwt(void **state)
{
    (void)state;
    EVP_PKEY *key = new_key("P-256");
    struct statuslist_verifier *v = verifier_of(key);
    for (size_t i = 0; i < sizeof cwts / sizeof *cwts; i++) {
        char bytes[4096], label[32];
        struct sl_buf token;
        sl_buf_over(&token, bytes, sizeof bytes);
        make_cwt(key, i, &token);
        struct statuslist_report *r = statuslist_verify(v, token.data, token.len, URI, NULL, NOW_S);
        snprintf(label, sizeof label, "row %zu", i);
        check(r, cwts[i].failure, cwts[i].warning, label);
        statuslist_report_free(r);
        if (i == 0) {
            token.data[token.len++] = 0;
            r = statuslist_verify(v, token.data, token.len, URI, NULL, NOW_S);
            only_failure(r, "encoding", "a byte more");
            statuslist_report_free(r);
        }
    }
    statuslist_verifier_free(v);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jwt),
        cmocka_unit_test(test_jwt_around),
        cmocka_unit_test(test_mistakes_have_names),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_cwt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
