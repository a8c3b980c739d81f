/* Tokens in CWT format: the encoding against RFC 8949 and the draft, the signature against OpenSSL, and the
 * parts against the JWT made of the same list. */
#include "token_help.h"

#include <jansson.h>

#include "core/status_list.h"
#include "token/build.h"
#include "token/cbor.h"
#include "token/cwt.h"

/* --- a reader of CBOR that shares nothing with the writer; it insists on the shortest form --- */

struct reader {
    const unsigned char *at, *end;
};

static uint64_t head(struct reader *r, unsigned major)
{
    assert_true(r->at < r->end);
    assert_int_equal(*r->at >> 5, major);
    unsigned info = *r->at++ & 31;
    if (info < 24)
        return info;
    assert_true(info <= 27);
    unsigned n = 1u << (info - 24);
    uint64_t v = 0;
    assert_true((size_t)(r->end - r->at) >= n);
    while (n-- > 0)
        v = v << 8 | *r->at++;
    const uint64_t least[] = {24, 1u << 8, 1u << 16, 1ull << 32};
    assert_true(v >= least[info - 24]);
    return v;
}

static int64_t number(struct reader *r)
{
    return *r->at >> 5 == 1 ? -1 - (int64_t)head(r, 1) : (int64_t)head(r, 0);
}

static struct sl_span string(struct reader *r, unsigned major)
{
    uint64_t n = head(r, major);
    assert_true((uint64_t)(r->end - r->at) >= n);
    struct sl_span s = sl_span((const char *)r->at, n);
    r->at += n;
    return s;
}

static struct reader over(struct sl_span s)
{
    return (struct reader){(const unsigned char *)s.at, (const unsigned char *)s.at + s.len};
}

static void is_text(struct reader *r, const char *want)
{
    struct sl_span s = string(r, 3);
    assert_true(sl_span_eq(s, sl_span(want, strlen(want))));
}

/* --- helpers --- */

static size_t unhex(const char *text, unsigned char *out)
{
    size_t n = strlen(text) / 2;
    for (size_t i = 0; i < n; i++) {
        unsigned byte;
        assert_int_equal(sscanf(text + 2 * i, "%2x", &byte), 1);
        out[i] = (unsigned char)byte;
    }
    return n;
}

static void is_hex(struct sl_span bytes, const char *want)
{
    unsigned char out[8192];
    assert_true(strlen(want) / 2 <= sizeof out);
    assert_int_equal(bytes.len, unhex(want, out));
    assert_memory_equal(bytes.at, out, bytes.len);
}

static struct sl_token *build(const struct sl_token_spec *spec)
{
    struct sl_token_builder *b = sl_token_builder_new(&sl_clock_system);
    struct sl_token *t = NULL;
    struct sl_token_cost cost = {0};
    assert_int_equal(sl_token_build(b, spec, &t, &cost), SL_OK);
    assert_true(cost.sign_ns > 0);
    sl_token_builder_free(b);
    return t;
}

struct sign1 {
    struct sl_span header, payload, signature;
};

static struct sign1 parse_sign1(struct sl_span cwt)
{
    struct sign1 s;
    struct reader r = over(cwt);
    assert_int_equal(head(&r, 6), 18); /* COSE_Sign1, not CWT (61) */
    assert_int_equal(head(&r, 4), 4);
    s.header = string(&r, 2);
    assert_int_equal(head(&r, 5), 0); /* nothing unprotected */
    s.payload = string(&r, 2);
    s.signature = string(&r, 2);
    assert_ptr_equal(r.at, r.end);
    return s;
}

/* Over the Sig_structure, written here by hand. */
static bool sign1_verifies(EVP_PKEY *pub, const char *alg, const struct sign1 *s)
{
    struct sl_buf b;
    sl_buf_init(&b, SIZE_MAX);
    sl_buf_put(&b, "\x84\x6aSignature1", 12);
    const struct sl_span parts[] = {s->header, {NULL, 0}, s->payload};
    for (int i = 0; i < 3; i++) {
        size_t n = parts[i].len;
        assert_true(n < 65536);
        if (n < 24) {
            sl_buf_putc(&b, (char)(0x40 | n));
        } else if (n < 256) {
            sl_buf_putc(&b, 0x58);
            sl_buf_putc(&b, (char)n);
        } else {
            sl_buf_putc(&b, 0x59);
            sl_buf_putc(&b, (char)(n >> 8));
            sl_buf_putc(&b, (char)n);
        }
        sl_buf_put(&b, parts[i].at, n);
    }
    assert_false(b.failed);
    bool ok =
        verifies(pub, alg, sl_span(b.data, b.len), (const unsigned char *)s->signature.at, s->signature.len);
    sl_buf_free(&b);
    return ok;
}

/* --- the encoding --- */

static void numbers(void **state)
{
    (void)state;
    static const struct {
        int64_t v;
        const char *hex;
    } rows[] = {
        /* RFC 8949 appendix A */
        {0, "00"},
        {1, "01"},
        {10, "0a"},
        {23, "17"},
        {24, "1818"},
        {25, "1819"},
        {100, "1864"},
        {1000, "1903e8"},
        {1000000, "1a000f4240"},
        {1000000000000, "1b000000e8d4a51000"},
        {-1, "20"},
        {-10, "29"},
        {-100, "3863"},
        {-1000, "3903e7"},
        /* the edges between forms */
        {255, "18ff"},
        {256, "190100"},
        {65535, "19ffff"},
        {65536, "1a00010000"},
        {4294967295, "1affffffff"},
        {4294967296, "1b0000000100000000"},
        {-24, "37"},
        {-25, "3818"},
        {-256, "38ff"},
        {-257, "390100"},
        {-65536, "39ffff"},
        {-65537, "3a00010000"},
        {-4294967296, "3affffffff"},
        {-4294967297, "3b0000000100000000"},
        {INT64_MAX, "1b7fffffffffffffff"},
        {INT64_MIN, "3b7fffffffffffffff"},
    };
    char mem[64];
    struct sl_buf b;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        sl_buf_over(&b, mem, sizeof mem);
        sl_cbor_int(&b, rows[i].v);
        is_hex(sl_span(b.data, b.len), rows[i].hex);
    }
    sl_buf_over(&b, mem, sizeof mem);
    sl_cbor_head(&b, SL_CBOR_UINT, UINT64_MAX);
    is_hex(sl_span(b.data, b.len), "1bffffffffffffffff");
}

static void strings_and_containers(void **state)
{
    (void)state;
    char mem[512], long_text[300];
    struct sl_buf b;
    sl_buf_over(&b, mem, sizeof mem);
    sl_cbor_bytes(&b, SL_SPAN(""));
    sl_cbor_bytes(&b, SL_SPAN("\x01\x02\x03\x04"));
    sl_cbor_text(&b, SL_SPAN(""));
    sl_cbor_text(&b, SL_SPAN("IETF"));
    sl_cbor_text(&b, SL_SPAN("\xe6\xb0\xb4"));
    sl_cbor_head(&b, SL_CBOR_ARRAY, 25);
    sl_cbor_head(&b, SL_CBOR_MAP, 2);
    sl_cbor_head(&b, SL_CBOR_TAG, 32);
    is_hex(sl_span(b.data, b.len), "40440102030460644945544663e6b0b49819a2d820");
    memset(long_text, 'x', sizeof long_text);
    sl_buf_over(&b, mem, sizeof mem);
    sl_cbor_text(&b, sl_span(long_text, sizeof long_text));
    assert_int_equal(b.len, 303);
    assert_memory_equal(mem, "\x79\x01\x2cx", 4);
    sl_buf_over(&b, mem, 302); /* the error sticks, nothing is written beyond */
    sl_cbor_text(&b, sl_span(long_text, sizeof long_text));
    assert_true(b.failed && b.len <= 302);
}

/* The StatusList maps of the draft, given the zlib streams of the draft. */
static void vectors(void **state)
{
    (void)state;
    json_error_t error;
    json_t *rows = json_load_file(SL_TEST_DATA "/status_list_vectors.json", 0, &error), *row;
    assert_non_null(rows);
    assert_true(json_array_size(rows) >= 6);
    size_t i;
    json_array_foreach(rows, i, row)
    {
        const char *lst = json_string_value(json_object_get(row, "lst"));
        size_t n;
        unsigned char *zlib = unbase64url(sl_span(lst, strlen(lst)), &n);
        struct sl_buf b;
        sl_buf_init(&b, SIZE_MAX);
        sl_cwt_status_list(&b, (unsigned)json_integer_value(json_object_get(row, "bits")),
                           sl_span((char *)zlib, n), sl_span(NULL, 0));
        is_hex(sl_span(b.data, b.len), json_string_value(json_object_get(row, "cbor_hex")));
        sl_buf_free(&b);
        free(zlib);
    }
    json_decref(rows);
}

static const char example_header[] = "a2012610781a6170706c69636174696f6e2f7374617475736c6973742b637774";
static const char example_payload[] = "a502782168747470733a2f2f6578616d706c652e636f6d2f7374617475736c69737473"
                                      "2f31061a648c5bea041a8898dfea19fffe19a8c0"
                                      "19fffda2646269747301636c73744a78dadbb918000217015d";

static struct sl_token_spec example_spec(const struct sl_key *key)
{
    static const uint8_t list[] = {0xb9, 0xa3};
    return (struct sl_token_spec){.key = key,
                                  .sub = SL_SPAN("https://example.com/statuslists/1"),
                                  .size = 16,
                                  .bits = 1,
                                  .list = list,
                                  .list_len = 2,
                                  .iat = 1686920170,
                                  .exp = 2291720170,
                                  .ttl = 43200,
                                  .level = 9};
}

/* The example token of the draft, byte for byte but for its signature. */
static void example(void **state)
{
    struct sl_signer_options o = {.key_file = path_of(*state, "k.pem"), .x5c = true};
    EVP_PKEY *pkey = new_key("P-256");
    write_key(o.key_file, pkey);
    struct sl_key *key = must_load(&o, *state, "pool");
    struct sl_token_spec spec = example_spec(key);
    char mem[256];
    struct sl_buf b;
    sl_buf_over(&b, mem, sizeof mem);
    sl_cwt_claims(&b, &spec, SL_SPAN("\x78\xda\xdb\xb9\x18\x00\x02\x17\x01\x5d"));
    is_hex(sl_span(b.data, b.len), example_payload);
    assert_true(b.len <= sl_cwt_claims_max(&spec, 10));
    is_hex(sl_key_cose_header(key), example_header);

    struct sl_signer *signer = sl_signer_new();
    char *room = malloc(sl_cwt_max(key, b.len));
    struct sl_span cwt;
    assert_int_equal(sl_cwt_sign(key, signer, sl_span(b.data, b.len), room, &cwt), SL_OK);
    assert_true(cwt.at >= room && cwt.at + cwt.len <= room + sl_cwt_max(key, b.len));
    struct sign1 s = parse_sign1(cwt);
    is_hex(s.header, example_header);
    is_hex(s.payload, example_payload);
    assert_int_equal(s.signature.len, 64);
    assert_true(sign1_verifies(pkey, "ES256", &s));
    assert_memory_equal(cwt.at, "\xd2\x84\x58\x20", 4);

    for (size_t i = 0; i < cwt.len; i++) { /* not a byte of it can change */
        size_t at = (size_t)(cwt.at - room) + i;
        bool covered = (s.header.at <= &room[at] && &room[at] < s.header.at + s.header.len) ||
                       (s.payload.at <= &room[at] && &room[at] < s.payload.at + s.payload.len) ||
                       (s.signature.at <= &room[at]);
        if (!covered)
            continue;
        room[at] ^= 1;
        assert_false(sign1_verifies(pkey, "ES256", &s));
        room[at] ^= 1;
    }
    assert_true(sign1_verifies(pkey, "ES256", &s));
    free(room);
    sl_signer_free(signer);
    sl_key_free(key);
    EVP_PKEY_free(pkey);
    free(o.key_file);
}

/* --- whole tokens --- */

/* What the header says; the certificates' public key, or NULL. */
static EVP_PKEY *check_header(struct sl_span header, int alg, const char *kid, int certificates)
{
    struct reader r = over(header);
    EVP_PKEY *pub = NULL;
    assert_int_equal(head(&r, 5), 2 + (kid != NULL) + (certificates > 0));
    assert_int_equal(number(&r), 1);
    assert_int_equal(number(&r), alg);
    assert_int_equal(number(&r), 16);
    is_text(&r, "application/statuslist+cwt");
    if (kid != NULL) {
        assert_int_equal(number(&r), 4);
        struct sl_span s = string(&r, 2);
        assert_true(sl_span_eq(s, sl_span(kid, strlen(kid))));
    }
    if (certificates > 0)
        assert_int_equal(number(&r), 33);
    if (certificates > 1) /* one alone stands without an array */
        assert_int_equal(head(&r, 4), certificates);
    for (int i = 0; i < certificates; i++) {
        struct sl_span der = string(&r, 2);
        const unsigned char *p = (const unsigned char *)der.at;
        X509 *x = d2i_X509(NULL, &p, (long)der.len);
        assert_non_null(x);
        assert_ptr_equal(p, der.at + der.len);
        if (i == 0)
            pub = X509_get_pubkey(x);
        X509_free(x);
    }
    assert_ptr_equal(r.at, r.end);
    return pub;
}

/* Every key type, 0 to 2 certificates, each with x5c and kid asked for and not. */
static void headers_and_signatures(void **state)
{
    static const struct {
        const char *name, *alg;
        int cose, signature;
    } types[] = {{"P-256", "ES256", -7, 64},
                 {"P-384", "ES384", -35, 96},
                 {"P-521", "ES512", -36, 132},
                 {"ED25519", "EdDSA", -8, 64}};
    for (unsigned i = 0; i < 4 * 12; i++) {
        unsigned type = i / 12, certificates = i / 4 % 3;
        struct sl_signer_options o = {
            .key_file = path_of(*state, "k.pem"), .x5c = i & 1, .kid = (i & 2) != 0};
        EVP_PKEY *leaf = new_key(types[type].name), *mid = new_key("P-256"), *root = new_key("P-256");
        write_key(o.key_file, leaf);
        if (certificates > 0) {
            o.certificate_file = path_of(*state, "c.pem");
            write_chain(o.certificate_file, new_certificate("leaf", leaf, "mid", mid, -10, 1000),
                        certificates > 1 ? new_certificate("mid", mid, "root", root, -10, 1000) : NULL,
                        certificates > 1 ? new_certificate("root", root, "root", root, -10, 1000) : NULL);
        }
        struct sl_key *key = must_load(&o, *state, "pool");
        struct sl_token_spec spec = example_spec(key);
        struct sl_token *t = build(&spec);
        struct sign1 s = parse_sign1(t->body[SL_VARIANT_CWT].bytes);

        struct sl_span jose = sl_key_jose_header(key);
        char *json = strndup(jose.at, jose.len);
        struct sl_span kid = json_text(json, "kid");
        char *kid_text = o.kid ? strndup(kid.at, kid.len) : NULL;
        assert_true(kid_text == NULL || strlen(kid_text) == 43);
        EVP_PKEY *pub = check_header(s.header, types[type].cose, kid_text, (int)certificates);
        assert_true(certificates == 0 || EVP_PKEY_eq(pub, leaf) == 1);
        assert_int_equal(s.signature.len, types[type].signature);
        assert_true(sign1_verifies(leaf, types[type].alg, &s));
        assert_true(sl_span_eq(s.header, sl_key_cose_header(key)));

        sl_token_unref(t);
        sl_key_free(key);
        free(json);
        free(kid_text);
        free(o.key_file);
        free(o.certificate_file);
        EVP_PKEY *all[] = {pub, leaf, mid, root};
        for (int k = 0; k < 4; k++)
            EVP_PKEY_free(all[k]);
    }
}

/* Reads the claims and compares them with `spec`; gives the zlib stream. */
static struct sl_span check_claims(struct sl_span payload, const struct sl_token_spec *spec)
{
    struct reader r = over(payload);
    assert_int_equal(head(&r, 5), 4 + (spec->iss.len > 0) + (spec->ttl > 0));
    if (spec->iss.len > 0) {
        assert_int_equal(number(&r), 1);
        assert_true(sl_span_eq(string(&r, 3), spec->iss));
    }
    assert_int_equal(number(&r), 2);
    assert_true(sl_span_eq(string(&r, 3), spec->sub));
    assert_int_equal(number(&r), 6);
    assert_true(number(&r) == spec->iat);
    assert_int_equal(number(&r), 4);
    assert_true(number(&r) == spec->exp);
    if (spec->ttl > 0) {
        assert_int_equal(number(&r), 65534);
        assert_true(number(&r) == spec->ttl);
    }
    assert_int_equal(number(&r), 65533);
    assert_int_equal(head(&r, 5), 2 + (spec->aggregation_uri.len > 0));
    is_text(&r, "bits");
    assert_true(number(&r) == spec->bits);
    is_text(&r, "lst");
    struct sl_span zlib = string(&r, 2);
    if (spec->aggregation_uri.len > 0) {
        is_text(&r, "aggregation_uri");
        assert_true(sl_span_eq(string(&r, 3), spec->aggregation_uri));
    }
    assert_ptr_equal(r.at, r.end);
    return zlib;
}

/* Optional claims in every combination, lists of many sizes: the claims are what was asked for, and the list
 * is the very zlib stream that the JWT carries. */
static void claims(void **state)
{
    struct sl_signer_options o = {.generate = true, .x5c = true, .kid = true};
    struct sl_key *key = must_load(&o, *state, "pool");
    char long_text[2048];
    memset(long_text, 'u', sizeof long_text);
    srand(1);
    for (unsigned i = 0; i < 160; i++) {
        struct sl_token_spec spec = example_spec(key);
        uint8_t list[5000];
        spec.bits = 1u << (rand() % 4);
        spec.size = 8u * (uint32_t)(1 + rand() % 500);
        spec.list = list;
        spec.list_len = sl_status_bytes(spec.size, spec.bits);
        for (size_t k = 0; k < spec.list_len; k++)
            list[k] = (uint8_t)(i % 3 == 0 ? rand() : 0);
        if (i & 1)
            spec.iss = i & 8 ? sl_span(long_text, sizeof long_text) : SL_SPAN("https://issuer.example");
        if (i & 2)
            spec.aggregation_uri = SL_SPAN("https://example.com/aggregation/pool");
        if (i & 4)
            spec.ttl = i & 8 ? UINT32_MAX : 0;
        if (i & 16)
            spec.iat = spec.exp = INT64_MIN;
        if (i & 32)
            spec.sub = sl_span(long_text, sizeof long_text);
        struct sl_token *t = build(&spec);
        struct sl_span part[3],
            zlib = check_claims(parse_sign1(t->body[SL_VARIANT_CWT].bytes).payload, &spec);
        split_jws(t->body[SL_VARIANT_JWT].bytes, part);
        size_t n, lst_len;
        char *json = (char *)unbase64url(part[1], &n);
        unsigned char *lst = unbase64url(json_text(json, "lst"), &lst_len);
        assert_true(sl_span_eq(zlib, sl_span((char *)lst, lst_len)));
        assert_true(sl_span_eq(t->body[SL_VARIANT_CWT].content_type, SL_SPAN("application/statuslist+cwt")));
        assert_int_equal(t->body[SL_VARIANT_CWT].content_encoding.len, 0);
        free(lst);
        free(json);
        sl_token_unref(t);
    }
    sl_key_free(key);
}

#define IN_DIR(name) cmocka_unit_test_setup_teardown(name, make_dir, drop_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers), cmocka_unit_test(strings_and_containers), cmocka_unit_test(vectors),
        IN_DIR(example),           IN_DIR(headers_and_signatures),           IN_DIR(claims),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
