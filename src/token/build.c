#include "token/build.h"

#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

#include "base/assert.h"
#include "base/base64url.h"
#include "base/clock.h"
#include "base/http_date.h"
#include "core/status_list.h"
#include "token/cwt.h"
#include "token/digest.h"

/* The gzip variant wins what base64url spends, which entropy coding alone does: no level above this one
 * gains. */
enum { LEVELS = 4, GZIP_LEVEL = 1, ETAG_BYTES = 16, ETAG_LEN = 24 };

struct scratch {
    char *at;
    size_t cap;
};
#define SCRATCHES 6
#define KEEP_MAX (64u << 20) /* bytes of a scratch that is kept for the next token */

struct sl_token_builder {
    const struct sl_clock *clock;
    struct sl_hasher *hasher;
    struct sl_signer *signer;
    struct libdeflate_compressor *compressor[LEVELS]; /* as sl_compress_levels; made when first needed */
    struct scratch list, zlib, payload, jwt, gzip, cwt;
};

struct sl_token_builder *sl_token_builder_new(const struct sl_clock *clock)
{
    struct sl_token_builder *b = sl_xcalloc(1, sizeof *b);
    b->clock = clock;
    b->hasher = sl_hasher_new();
    b->signer = sl_signer_new();
    return b;
}

/* Those that are larger. */
static void drop_scratches(struct sl_token_builder *b, size_t than)
{
    struct scratch *const all[SCRATCHES] = {&b->list, &b->zlib, &b->payload, &b->jwt, &b->gzip, &b->cwt};
    for (unsigned i = 0; i < SCRATCHES; i++) {
        if (all[i]->cap <= than)
            continue;
        free(all[i]->at);
        *all[i] = (struct scratch){0};
    }
}

void sl_token_builder_free(struct sl_token_builder *b)
{
    if (b == NULL)
        return;
    for (unsigned i = 0; i < LEVELS; i++)
        if (b->compressor[i] != NULL)
            libdeflate_free_compressor(b->compressor[i]);
    sl_hasher_free(b->hasher);
    sl_signer_free(b->signer);
    drop_scratches(b, 0);
    free(b);
}

/* Room for n bytes; the old content is gone, so nothing is copied. */
static bool reserve_bytes(struct scratch *s, size_t n)
{
    if (n <= s->cap && s->at != NULL)
        return true;
    free(s->at);
    s->at = malloc(n);
    s->cap = s->at != NULL ? n : 0;
    return s->at != NULL;
}

static struct libdeflate_compressor *compressor(struct sl_token_builder *b, int level)
{
    unsigned i = 0;
    while (i < LEVELS && sl_compress_levels[i] != level)
        i++;
    sl_assert(i < LEVELS);
    if (b->compressor[i] == NULL)
        b->compressor[i] = libdeflate_alloc_compressor(level);
    return b->compressor[i];
}

/* The zlib stream of the whole list into b->zlib; 0 when memory is short. */
static size_t compress_list(struct sl_token_builder *b, const struct sl_token_spec *spec)
{
    size_t full = sl_status_bytes(spec->size, spec->bits);
    const void *bytes = spec->list;
    if (spec->list_len < full) {
        if (!reserve_bytes(&b->list, full))
            return 0;
        if (spec->list_len > 0)
            memcpy(b->list.at, spec->list, spec->list_len);
        memset(b->list.at + spec->list_len, 0, full - spec->list_len);
        bytes = b->list.at;
    }
    struct libdeflate_compressor *c = compressor(b, spec->level);
    if (c == NULL)
        return 0;
    size_t bound = libdeflate_zlib_compress_bound(c, full);
    if (!reserve_bytes(&b->zlib, bound))
        return 0;
    return libdeflate_zlib_compress(c, bytes, full, b->zlib.at, bound);
}

static void put_claims(struct sl_buf *json, const struct sl_token_spec *spec)
{
    sl_buf_puts(json, "{\"sub\":");
    sl_buf_json(json, spec->sub);
    if (spec->iss.len > 0) {
        sl_buf_puts(json, ",\"iss\":");
        sl_buf_json(json, spec->iss);
    }
    sl_buf_puts(json, ",\"iat\":");
    sl_buf_i64(json, spec->iat);
    sl_buf_puts(json, ",\"exp\":");
    sl_buf_i64(json, spec->exp);
    if (spec->ttl > 0) {
        sl_buf_puts(json, ",\"ttl\":");
        sl_buf_u64(json, spec->ttl);
    }
    sl_buf_puts(json, ",\"status_list\":{\"bits\":");
    sl_buf_u64(json, spec->bits);
    sl_buf_puts(json, ",\"lst\":\"");
}

/* The claims as JSON in b->payload; 0 when memory is short. */
static size_t write_payload(struct sl_token_builder *b, const struct sl_token_spec *spec, size_t zlib_len)
{
    size_t lst_len = sl_base64url_len(zlib_len);
    /* JSON makes six characters of a byte at most; the names and numbers stay under 256. */
    size_t cap = 6 * (spec->sub.len + spec->iss.len + spec->aggregation_uri.len) + lst_len + 256;
    if (!reserve_bytes(&b->payload, cap))
        return 0;
    struct sl_buf json;
    sl_buf_over(&json, b->payload.at, b->payload.cap);
    put_claims(&json, spec);
    sl_assert(!json.failed && json.len + lst_len <= json.cap);
    json.len += sl_base64url_encode(json.data + json.len, b->zlib.at, zlib_len);
    sl_buf_putc(&json, '"');
    if (spec->aggregation_uri.len > 0) {
        sl_buf_puts(&json, ",\"aggregation_uri\":");
        sl_buf_json(&json, spec->aggregation_uri);
    }
    sl_buf_puts(&json, "}}");
    sl_assert(!json.failed);
    return json.len;
}

/* The compact serialization (RFC 7515 section 7.1) in b->jwt; 0: no memory, or the key cannot sign. */
static size_t write_jwt(struct sl_token_builder *b, const struct sl_key *key, size_t payload_len,
                        uint64_t *ret_sign_ns)
{
    struct sl_span header = sl_key_jose_header(key);
    size_t cap =
        sl_base64url_len(header.len) + sl_base64url_len(payload_len) + sl_base64url_len(SL_SIGNATURE_MAX) + 2;
    if (!reserve_bytes(&b->jwt, cap))
        return 0;
    char *at = b->jwt.at;
    at += sl_base64url_encode(at, header.at, header.len);
    *at++ = '.';
    at += sl_base64url_encode(at, b->payload.at, payload_len);

    unsigned char signature[SL_SIGNATURE_MAX];
    unsigned signature_len;
    uint64_t start = sl_mono_ns(b->clock);
    struct sl_span input = sl_span(b->jwt.at, (size_t)(at - b->jwt.at));
    if (sl_key_sign(key, b->signer, input, signature, &signature_len) != SL_OK)
        return 0;
    *ret_sign_ns = sl_mono_ns(b->clock) - start;
    *at++ = '.';
    at += sl_base64url_encode(at, signature, signature_len);
    return (size_t)(at - b->jwt.at);
}

static size_t write_gzip(struct sl_token_builder *b, size_t jwt_len)
{
    struct libdeflate_compressor *c = compressor(b, GZIP_LEVEL);
    if (c == NULL)
        return 0;
    size_t bound = libdeflate_gzip_compress_bound(c, jwt_len);
    if (!reserve_bytes(&b->gzip, bound))
        return 0;
    return libdeflate_gzip_compress(c, b->jwt.at, jwt_len, b->gzip.at, bound);
}

/* The token in CWT format, in b->cwt; empty when memory is short or the key cannot sign. Its claims take the
 * place of the JWT's in b->payload. */
static struct sl_span write_cwt(struct sl_token_builder *b, const struct sl_token_spec *spec, size_t zlib_len,
                                uint64_t *ret_sign_ns)
{
    struct sl_span cwt = {NULL, 0};
    struct sl_buf claims;
    if (!reserve_bytes(&b->payload, sl_cwt_claims_max(spec, zlib_len)))
        return cwt;
    sl_buf_over(&claims, b->payload.at, b->payload.cap);
    sl_cwt_claims(&claims, spec, sl_span(b->zlib.at, zlib_len));
    sl_assert(!claims.failed);
    if (!reserve_bytes(&b->cwt, sl_cwt_max(spec->key, claims.len)))
        return cwt;
    uint64_t start = sl_mono_ns(b->clock);
    struct sl_span payload = sl_span(claims.data, claims.len);
    if (sl_cwt_sign(spec->key, b->signer, payload, b->cwt.at, &cwt) == SL_OK)
        *ret_sign_ns = sl_mono_ns(b->clock) - start;
    return cwt;
}

static struct sl_span write_etag(struct sl_hasher *h, struct sl_span body, char at[static ETAG_LEN])
{
    uint8_t digest[SL_SHA256];
    sl_sha256(h, body.at, body.len, digest);
    at[0] = '"';
    sl_base64url_encode(at + 1, digest, ETAG_BYTES);
    at[ETAG_LEN - 1] = '"';
    return sl_span(at, ETAG_LEN);
}

static const struct {
    struct sl_span type, encoding;
} forms[SL_VARIANT_COUNT] = {
    [SL_VARIANT_JWT] = {SL_SPAN("application/statuslist+jwt"), SL_SPAN("")},
    [SL_VARIANT_JWT_GZIP] = {SL_SPAN("application/statuslist+jwt"), SL_SPAN("gzip")},
    [SL_VARIANT_CWT] = {SL_SPAN("application/statuslist+cwt"), SL_SPAN("")},
};

/* Where `part` stands in `whole`. By its first bytes: whole searches for something long prepare for long. */
static struct sl_span find_part(struct sl_span whole, struct sl_span part)
{
    size_t first = part.len < 32 ? part.len : 32;
    const char *at = whole.at, *end = whole.at + whole.len;
    while ((at = memmem(at, (size_t)(end - at), part.at, first)) != NULL) {
        if ((size_t)(end - at) >= part.len && memcmp(at, part.at, part.len) == 0)
            break;
        at++;
    }
    sl_assert(at != NULL);
    return sl_span(at, part.len);
}

static struct sl_token *assemble(struct sl_token_builder *b, const struct sl_token_spec *spec,
                                 const struct sl_span variants[static SL_VARIANT_COUNT], struct sl_span zlib)
{
    size_t storage = 0;
    for (unsigned v = 0; v < SL_VARIANT_COUNT; v++)
        storage += variants[v].len + ETAG_LEN;
    struct sl_token *t = malloc(sizeof *t + storage);
    if (t == NULL)
        return NULL;
    atomic_init(&t->refs, 1);
    t->ttl = spec->ttl;
    t->version = spec->version;
    t->at = spec->at;
    t->line = spec->line;
    t->iat = spec->iat;
    t->exp = spec->exp;
    t->iat_shared = spec->iat_shared;
    t->memory = sizeof *t + storage;
    sl_format_http_date(spec->iat, t->last_modified);

    char *at = t->storage;
    for (unsigned v = 0; v < SL_VARIANT_COUNT; v++) {
        struct sl_token_body *body = &t->body[v];
        body->content_type = forms[v].type;
        body->content_encoding = forms[v].encoding;
        body->bytes = sl_span(memcpy(at, variants[v].at, variants[v].len), variants[v].len);
        at += body->bytes.len;
        body->etag = write_etag(b->hasher, body->bytes, at);
        at += body->etag.len;
    }
    t->zlib = find_part(t->body[SL_VARIANT_CWT].bytes, zlib);
    return t;
}

static enum sl_err build_token(struct sl_token_builder *b, const struct sl_token_spec *spec,
                               struct sl_token **ret_token, struct sl_token_cost *ret_cost)
{
    struct sl_token_cost cost;
    uint64_t start = sl_mono_ns(b->clock);
    size_t zlib_len = compress_list(b, spec);
    if (zlib_len == 0)
        return SL_ERR_INTERNAL;
    cost.compress_ns = sl_mono_ns(b->clock) - start;

    uint64_t cwt_sign_ns = 0;
    size_t payload_len = write_payload(b, spec, zlib_len);
    size_t jwt_len = payload_len > 0 ? write_jwt(b, spec->key, payload_len, &cost.sign_ns) : 0;
    size_t gzip_len = jwt_len > 0 ? write_gzip(b, jwt_len) : 0;
    struct sl_span cwt = gzip_len > 0 ? write_cwt(b, spec, zlib_len, &cwt_sign_ns) : sl_span(NULL, 0);
    const struct sl_span variants[SL_VARIANT_COUNT] = {
        [SL_VARIANT_JWT] = sl_span(b->jwt.at, jwt_len),
        [SL_VARIANT_JWT_GZIP] = sl_span(b->gzip.at, gzip_len),
        [SL_VARIANT_CWT] = cwt,
    };
    struct sl_token *t = cwt.len > 0 ? assemble(b, spec, variants, sl_span(b->zlib.at, zlib_len)) : NULL;
    if (t == NULL)
        return SL_ERR_INTERNAL;
    cost.sign_ns += cwt_sign_ns;
    *ret_token = t;
    *ret_cost = cost;
    return SL_OK;
}

/* One very large list would leave its memory with this thread for good. */
enum sl_err sl_token_build(struct sl_token_builder *b, const struct sl_token_spec *spec,
                           struct sl_token **ret_token, struct sl_token_cost *ret_cost)
{
    enum sl_err err = build_token(b, spec, ret_token, ret_cost);
    drop_scratches(b, KEEP_MAX);
    return err;
}
