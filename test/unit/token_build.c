/* Tokens: structure, claims, signature, the list inside (inflated by zlib), the gzip variant, entity tags,
 * shares. */
#include "token_help.h"

#include <ctype.h>
#include <locale.h>
#include <zlib.h>

#include "core/status_list.h"
#include "token/build.h"

struct fixture {
    char *dir;
    struct sl_key *key;
    struct sl_token_builder *b;
    EVP_PKEY *pub;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct sl_signer_options o = {.generate = true, .x5c = true, .kid = true};
    if (make_dir((void **)&f->dir) != 0)
        return 1;
    f->key = must_load(&o, f->dir, "pool");
    f->b = sl_token_builder_new(&sl_clock_system);
    struct sl_span h = sl_key_jose_header(f->key);
    char *header = strndup(h.at, h.len);
    f->pub = key_from_x5c(header);
    free(header);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sl_token_builder_free(f->b);
    sl_key_free(f->key);
    EVP_PKEY_free(f->pub);
    drop_dir((void **)&f->dir);
    free(f);
    return 0;
}

static struct sl_token_spec spec_of(const struct fixture *f, const uint8_t *list, size_t n, uint32_t size,
                                    unsigned bits)
{
    return (struct sl_token_spec){.key = f->key,
                                  .sub = SL_SPAN("https://example.com/statuslists/1"),
                                  .size = size,
                                  .bits = bits,
                                  .list = list,
                                  .list_len = n,
                                  .version = 7,
                                  .at = {12, 3},
                                  .line = {.part = {{{11, 0}, 5}, {{12, 3}, 7}}, .count = 2},
                                  .iat = 1686920170,
                                  .exp = 2291720170,
                                  .ttl = 43200,
                                  .level = 9};
}

static struct sl_token *build(const struct fixture *f, const struct sl_token_spec *spec)
{
    struct sl_token *t = NULL;
    struct sl_token_cost cost = {0};
    assert_int_equal(sl_token_build(f->b, spec, &t, &cost), SL_OK);
    assert_true(cost.compress_ns > 0 && cost.sign_ns > 0);
    return t;
}

/* Checks the signature; gives the payload's JSON. */
static char *payload_of(const struct fixture *f, struct sl_span jwt)
{
    struct sl_span part[3];
    split_jws(jwt, part);
    size_t n, sig_len;
    unsigned char *header = unbase64url(part[0], &n), *sig = unbase64url(part[2], &sig_len);
    assert_true(sl_span_eq(sl_span((char *)header, n), sl_key_jose_header(f->key)));
    assert_int_equal(sig_len, 64);
    struct sl_span input = sl_span(jwt.at, (size_t)(part[1].at + part[1].len - jwt.at));
    assert_true(verifies(f->pub, "ES256", input, sig, sig_len));
    free(header);
    free(sig);
    return (char *)unbase64url(part[1], &n);
}

/* Inflates `in`; no byte of it may be left over. */
static uint8_t *inflated(const void *in, size_t n, int window_bits, size_t *ret_len)
{
    z_stream z = {.next_in = (Bytef *)in, .avail_in = (uInt)n};
    assert_int_equal(inflateInit2(&z, window_bits), Z_OK);
    size_t cap = 64;
    uint8_t *out = NULL;
    int rc;
    do {
        cap *= 2;
        out = realloc(out, cap);
        z.next_out = out + z.total_out;
        z.avail_out = (uInt)(cap - z.total_out);
        rc = inflate(&z, Z_NO_FLUSH);
    } while (rc == Z_OK || (rc == Z_BUF_ERROR && z.avail_out == 0));
    assert_int_equal(rc, Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    *ret_len = z.total_out;
    inflateEnd(&z);
    return out;
}

/* The list that the token's lst holds, which must be the stored bytes and zeros up to the full length. */
static void check_list(const struct fixture *f, const struct sl_token *t, const struct sl_token_spec *spec)
{
    char *json = payload_of(f, t->body[SL_VARIANT_JWT].bytes);
    size_t zn, n, full = sl_status_bytes(spec->size, spec->bits);
    unsigned char *z = unbase64url(json_text(json, "lst"), &zn);
    assert_int_equal(z[0] & 15, 8); /* zlib format (RFC 1950), not raw deflate and not gzip */
    uint8_t *list = inflated(z, zn, MAX_WBITS, &n);
    assert_int_equal(n, full);
    size_t stored = spec->list_len < full ? spec->list_len : full;
    if (stored > 0)
        assert_memory_equal(list, spec->list, stored);
    for (size_t i = stored; i < full; i++)
        assert_int_equal(list[i], 0);
    uint8_t *unpacked = malloc(full + 9);
    memset(unpacked, 0xee, full + 9);
    assert_true(sl_token_unpack(t, unpacked, full));
    assert_memory_equal(unpacked, list, full);
    assert_true(sl_token_unpack(t, unpacked, full + 8));
    assert_memory_equal(unpacked + full, "\0\0\0\0\0\0\0\0\xee", 9);
    assert_false(sl_token_unpack(t, unpacked, full - 1));
    free(unpacked);
    free(list);
    free(z);
    free(json);
}

static void check_bodies(const struct sl_token *t)
{
    const struct sl_token_body *jwt = &t->body[SL_VARIANT_JWT], *gz = &t->body[SL_VARIANT_JWT_GZIP];
    size_t n, inside = sizeof *t;
    uint8_t *plain = inflated(gz->bytes.at, gz->bytes.len, MAX_WBITS + 16, &n);
    assert_int_equal(n, jwt->bytes.len);
    assert_memory_equal(plain, jwt->bytes.at, n);
    free(plain);
    assert_true(sl_span_eq(jwt->content_encoding, SL_SPAN("")));
    assert_true(sl_span_eq(gz->content_encoding, SL_SPAN("gzip")));
    assert_false(sl_span_eq(jwt->etag, gz->etag));
    for (int v = 0; v < SL_VARIANT_COUNT; v++) {
        const struct sl_token_body *b = &t->body[v];
        unsigned char digest[32];
        char etag[24] = "\"";
        EVP_Digest(b->bytes.at, b->bytes.len, digest, NULL, EVP_sha256(), NULL);
        assert_int_equal(sl_base64url_encode(etag + 1, digest, 16), 22);
        etag[23] = '"';
        assert_true(sl_span_eq(b->etag, sl_span(etag, 24)));
        assert_true(sl_span_eq(b->content_type, v == SL_VARIANT_CWT ? SL_SPAN("application/statuslist+cwt")
                                                                    : SL_SPAN("application/statuslist+jwt")));
        assert_true(b->bytes.at >= t->storage && b->bytes.at + b->bytes.len <= (char *)t + t->memory);
        assert_true(b->etag.at >= t->storage && b->etag.at + b->etag.len <= (char *)t + t->memory);
        inside += b->bytes.len + b->etag.len;
    }
    assert_int_equal(t->memory, inside);
}

static void claims(void **state)
{
    struct fixture *f = *state;
    static const uint8_t list[] = {0xb9, 0xa3};
    struct sl_token_spec spec = spec_of(f, list, 2, 16, 1);
    struct sl_token *t = build(f, &spec);
    char *json = payload_of(f, t->body[SL_VARIANT_JWT].bytes);
    char want[1000];
    struct sl_span lst = json_text(json, "lst");
    snprintf(
        want, sizeof want,
        "{\"sub\":\"https://example.com/statuslists/1\",\"iat\":1686920170,\"exp\":2291720170,\"ttl\":43200,"
        "\"status_list\":{\"bits\":1,\"lst\":\"%.*s\"}}",
        (int)lst.len, lst.at);
    assert_string_equal(json, want);
    check_list(f, t, &spec);
    check_bodies(t);
    assert_int_equal(t->version, 7);
    assert_true(sl_head_equal(sl_token_head(t), (struct sl_head){{12, 3}, 7}));
    assert_true(sl_token_covers(t, (struct sl_head){{12, 3}, 7}) &&
                sl_token_covers(t, (struct sl_head){{11, 0}, 5}));
    assert_false(sl_token_covers(t, (struct sl_head){{12, 3}, 8}) ||
                 sl_token_covers(t, (struct sl_head){{10, 0}, 1}));
    assert_int_equal(t->ttl, 43200);
    assert_true(t->iat == 1686920170 && t->exp == 2291720170 && !t->iat_shared);
    free(json);
    sl_token_unref(t);
}

static void every_claim(void **state)
{
    struct fixture *f = *state;
    struct sl_token_spec spec = spec_of(f, NULL, 0, 8, 8);
    spec.sub = SL_SPAN("https://e.example/\"\\\x01/\xc3\xa9");
    spec.iss = SL_SPAN("https://issuer.example");
    spec.aggregation_uri = SL_SPAN("https://e.example/aggregation/pool");
    spec.ttl = 0;
    spec.iat = -1;
    spec.iat_shared = true;
    struct sl_token *t = build(f, &spec);
    char *json = payload_of(f, t->body[SL_VARIANT_JWT].bytes), want[1000];
    struct sl_span lst = json_text(json, "lst");
    snprintf(want, sizeof want,
             "{\"sub\":\"https://e.example/\\\"\\\\\\u0001/\xc3\xa9\",\"iss\":\"https://"
             "issuer.example\",\"iat\":-1,"
             "\"exp\":2291720170,\"status_list\":{\"bits\":8,\"lst\":\"%.*s\","
             "\"aggregation_uri\":\"https://e.example/aggregation/pool\"}}",
             (int)lst.len, lst.at);
    assert_string_equal(json, want);
    assert_true(t->iat_shared);
    check_list(f, t, &spec);
    free(json);
    sl_token_unref(t);
}

/* A text that JSON makes six times as long fits too. */
static void worst_case_escapes(void **state)
{
    struct fixture *f = *state;
    char sub[3000];
    memset(sub, 1, sizeof sub);
    struct sl_token_spec spec = spec_of(f, NULL, 0, 8, 1);
    spec.sub = spec.iss = spec.aggregation_uri = sl_span(sub, sizeof sub);
    spec.iat = spec.exp = INT64_MIN;
    spec.ttl = UINT32_MAX;
    struct sl_token *t = build(f, &spec);
    char *json = payload_of(f, t->body[SL_VARIANT_JWT].bytes);
    assert_true(strlen(json) > 3 * 6 * sizeof sub);
    free(json);
    sl_token_unref(t);
}

/* The vectors of the draft: our list from its statuses, and their lst, inflate to the same bytes. */
static void draft_vectors(void **state)
{
    struct fixture *f = *state;
    FILE *file = fopen(SL_TEST_DATA "/status_list_vectors.json", "r");
    assert_non_null(file);
    char line[65536], lst[65536];
    uint8_t *list = NULL;
    unsigned bits = 0, size = 0, index, value, seen = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, " \"bits\": %u", &bits) == 1 || sscanf(line, " \"size\": %u", &size) == 1) {
            continue;
        } else if (strstr(line, "\"statuses\"") != NULL) {
            list = calloc(1, sl_status_bytes(size, bits));
        } else if (sscanf(line, " \"%u\": %u", &index, &value) == 2) {
            list[(uint64_t)index * bits / 8] |= (uint8_t)(value << (index * bits % 8));
        } else if (sscanf(line, " \"lst\": \"%65535[^\"]", lst) == 1) {
            struct sl_token_spec spec = spec_of(f, list, sl_status_bytes(size, bits), size, bits);
            struct sl_token *t = build(f, &spec);
            check_list(f, t, &spec);
            check_bodies(t);
            size_t zn, n;
            unsigned char *z = unbase64url(sl_span(lst, strlen(lst)), &zn);
            uint8_t *theirs = inflated(z, zn, MAX_WBITS, &n);
            assert_int_equal(n, spec.list_len);
            assert_memory_equal(theirs, list, n);
            free(theirs);
            free(z);
            free(list);
            sl_token_unref(t);
            seen++;
        }
    }
    fclose(file);
    assert_true(seen >= 6);
}

/* One builder, lists of all widths, lengths, densities and levels in random order, so that scratch is reused
 * both ways. */
static void random_lists(void **state)
{
    struct fixture *f = *state;
    srand(1);
    for (unsigned round = 0; round < 300; round++) {
        unsigned bits = 1u << (rand() % 4);
        uint32_t size = 8u * (uint32_t)(1 + rand() % (rand() % 4 ? 100 : 5000));
        size_t full = sl_status_bytes(size, bits), n = rand() % 2 ? full : (size_t)rand() % (full + 1);
        if (rand() % 20 == 0)
            n = full + 5; /* longer than the list: what is beyond does not show */
        uint8_t *list = calloc(1, n + 1);
        for (size_t i = 0; i < n; i++)
            list[i] = (uint8_t)(rand() % (1 + rand() % 20) == 0 ? rand() : 0);
        struct sl_token_spec spec = spec_of(f, list, n, size, bits);
        spec.level = sl_compress_levels[rand() % 4];
        struct sl_token *t = build(f, &spec);
        check_list(f, t, &spec);
        check_bodies(t);
        sl_token_unref(t);
        free(list);
    }
}

static void hundred_thousand(void **state)
{
    struct fixture *f = *state;
    uint8_t list[12500] = {0};
    srand(2);
    for (unsigned i = 0; i < 1000; i++)
        sl_status_set(list, 1, (uint32_t)rand() % 100000, 1);
    size_t last = SIZE_MAX;
    for (unsigned i = 0; sl_compress_levels[i] != 0; i++) {
        struct sl_token_spec spec = spec_of(f, list, sizeof list, 100000, 1);
        spec.level = sl_compress_levels[i];
        struct sl_token *t = build(f, &spec);
        check_list(f, t, &spec);
        check_bodies(t);
        size_t len = t->body[SL_VARIANT_JWT].bytes.len;
        assert_true(len < last); /* more effort, smaller token */
        assert_true(t->body[SL_VARIANT_JWT_GZIP].bytes.len < len * 9 / 10);
        last = len;
        sl_token_unref(t);
    }
}

/* Two tokens of one list differ (ECDSA draws a number), and so do their tags. */
static void etags_follow_the_bytes(void **state)
{
    struct fixture *f = *state;
    struct sl_token_spec spec = spec_of(f, NULL, 0, 8, 1);
    struct sl_token *a = build(f, &spec), *b = build(f, &spec);
    for (int v = 0; v < SL_VARIANT_COUNT; v++) {
        assert_false(sl_span_eq(a->body[v].bytes, b->body[v].bytes));
        assert_false(sl_span_eq(a->body[v].etag, b->body[v].etag));
    }
    sl_token_unref(a);
    sl_token_unref(b);
}

static void shares(void **state)
{
    struct fixture *f = *state;
    struct sl_token_spec spec = spec_of(f, NULL, 0, 8, 1);
    struct sl_token *t = build(f, &spec);
    assert_int_equal(atomic_load(&t->refs), 1);
    assert_ptr_equal(sl_token_ref(t), t);
    assert_int_equal(atomic_load(&t->refs), 2);
    sl_token_unref(t);
    assert_int_equal(atomic_load(&t->refs), 1);
    check_bodies(t); /* alive */
    sl_token_unref(t);
    sl_token_unref(NULL);
}

/* IMF-fixdate; the names do not follow the locale. */
static void last_modified(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int64_t iat;
        const char *text;
    } rows[] = {
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},  {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {1709210096, "Thu, 29 Feb 2024 12:34:56 GMT"}, {1735689599, "Tue, 31 Dec 2024 23:59:59 GMT"},
        {4102444800, "Fri, 01 Jan 2100 00:00:00 GMT"}, {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"}};
    setlocale(LC_ALL, "de_DE.UTF-8");
    setenv("TZ", "America/New_York", 1);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sl_token_spec spec = spec_of(f, NULL, 0, 8, 1);
        spec.iat = rows[i].iat;
        struct sl_token *t = build(f, &spec);
        assert_memory_equal(t->last_modified, rows[i].text, 29);
        sl_token_unref(t);
    }
    for (unsigned day = 0; day < 800; day += 13) { /* against strftime, in the C locale */
        setlocale(LC_ALL, "C");
        struct sl_token_spec spec = spec_of(f, NULL, 0, 8, 1);
        spec.iat = 1700000000 + (int64_t)day * 86400 + day * 61;
        struct sl_token *t = build(f, &spec);
        time_t at = (time_t)spec.iat;
        char want[40];
        assert_int_equal(strftime(want, sizeof want, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&at)), 29);
        assert_memory_equal(t->last_modified, want, 29);
        sl_token_unref(t);
    }
    unsetenv("TZ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(claims),        TEST(every_claim),   TEST(worst_case_escapes),
        TEST(draft_vectors), TEST(random_lists),  TEST(hundred_thousand),
        TEST(shares),        TEST(last_modified), TEST(etags_follow_the_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
