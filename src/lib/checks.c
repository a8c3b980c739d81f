/* What the claims must say, the list, and the entry that is asked for. */
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "lib/parts.h"

#define RULES SL_SECTION_RULES

/* Whole numbers that every reader of JSON keeps (RFC 8259 section 6); also far from any overflow. */
#define NUMBER_MAX ((int64_t)1 << 53)

/* Some clients refuse more than this, inflated. */
enum { SIZE_COMMON = 1 << 20 };

static const char *time_text(int64_t t, char out[static 32])
{
    struct tm tm;
    time_t seconds = (time_t)t;
    if (t < 0 || t > 253402300799 || gmtime_r(&seconds, &tm) == NULL ||
        strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        snprintf(out, 32, "%" PRId64, t);
    return out;
}

static const char *token_section(const struct sl_parts *p)
{
    return p->format == STATUSLIST_CWT ? SL_SECTION_CWT : SL_SECTION_JWT;
}

static const char *list_section(const struct sl_parts *p)
{
    return p->format == STATUSLIST_CWT ? SL_SECTION_CBOR : SL_SECTION_JSON;
}

static void check_sub(struct statuslist_report *r, const struct sl_parts *p, const char *uri)
{
    r->claims.sub = p->sub.at;
    if (p->sub.kind == SL_NO_STRING)
        sl_verify_report_add(r, "sub", STATUSLIST_FAIL, token_section(p), "missing");
    else if (p->sub.at == NULL)
        sl_verify_report_add(r, "sub", STATUSLIST_FAIL, token_section(p), "not a string");
    else if (uri == NULL)
        sl_verify_report_add(r, "sub", STATUSLIST_PASS, RULES,
                             "\"%.200s\", which was not compared with a URI", p->sub.at);
    else if (strcmp(p->sub.at, uri) != 0)
        sl_verify_report_add(r, "sub", STATUSLIST_FAIL, RULES, "\"%.150s\" is not the URI \"%.150s\"",
                             p->sub.at, uri);
    else
        sl_verify_report_add(r, "sub", STATUSLIST_PASS, RULES, "the URI, byte for byte");
}

static void check_iss(struct statuslist_report *r, const struct sl_parts *p)
{
    r->claims.iss = p->iss.at;
    if (p->iss.kind == SL_STRING)
        sl_verify_report_add(r, "iss", STATUSLIST_PASS, token_section(p), "\"%.200s\"", p->iss.at);
    else if (p->iss.kind == SL_STRING_WRONG)
        sl_verify_report_add(r, "iss", STATUSLIST_FAIL, token_section(p), "not a string");
    else
        sl_verify_report_add(r, "iss", STATUSLIST_WARN, token_section(p),
                             "missing: allowed, but some readers cannot parse a token without it");
}

/* Missing or of another type; says so and is false. */
static bool check_number(struct statuslist_report *r, const struct sl_parts *p, const char *name,
                         const struct sl_number *n, enum statuslist_outcome missing)
{
    bool in_range = n->value >= -NUMBER_MAX && n->value <= NUMBER_MAX;
    if ((n->kind == SL_WHOLE || n->kind == SL_FRACTION) && in_range)
        return true;
    if (n->kind == SL_NO_NUMBER)
        sl_verify_report_add(r, name, missing, token_section(p),
                             missing == STATUSLIST_FAIL ? "missing" : "missing: recommended");
    else
        sl_verify_report_add(r, name, STATUSLIST_FAIL, token_section(p), "not a number in range");
    return false;
}

/* A time that is still to come: by how much, so that a wrong clock can be told from a wrong token. */
static void refuse_future(struct statuslist_report *r, const char *name, const char *section, int64_t at,
                          const struct sl_expected *e)
{
    char text[32];
    sl_verify_report_add(r, name, STATUSLIST_FAIL, section,
                         "%s lies %" PRId64 " s in the future; clocks may differ by %u s (the skew)",
                         time_text(at, text), at - e->now, e->skew);
}

/* The last word on a number that is right but for its form. */
static void pass_number(struct statuslist_report *r, const char *name, const struct sl_number *n,
                        const char *detail)
{
    if (n->kind == SL_FRACTION)
        sl_verify_report_add(r, name, STATUSLIST_WARN, RULES, "%s, not written as a whole number", detail);
    else
        sl_verify_report_add(r, name, STATUSLIST_PASS, RULES, "%s", detail);
}

static void check_iat(struct statuslist_report *r, const struct sl_parts *p, const struct sl_expected *e)
{
    char text[32];
    if (p->nbf.kind != SL_NO_NUMBER && check_number(r, p, "nbf", &p->nbf, STATUSLIST_FAIL)) {
        if (p->nbf.value > e->now + e->skew)
            refuse_future(r, "nbf", "RFC 7519 section 4.1.5", p->nbf.value, e);
        else
            sl_verify_report_add(r, "nbf", STATUSLIST_PASS, "RFC 7519 section 4.1.5", "%s",
                                 time_text(p->nbf.value, text));
    }
    if (!check_number(r, p, "iat", &p->iat, STATUSLIST_FAIL))
        return;
    r->claims.has_iat = true;
    r->claims.iat = p->iat.value;
    if (p->iat.value > e->now + e->skew)
        refuse_future(r, "iat", token_section(p), p->iat.value, e);
    else
        pass_number(r, "iat", &p->iat, time_text(p->iat.value, text));
}

static void check_exp(struct statuslist_report *r, const struct sl_parts *p, const struct sl_expected *e)
{
    char text[32];
    if (!check_number(r, p, "exp", &p->exp, STATUSLIST_WARN))
        return;
    r->claims.has_exp = true;
    r->claims.exp = p->exp.value;
    if (p->exp.value <= e->now - e->skew)
        sl_verify_report_add(r, "exp", STATUSLIST_FAIL, RULES,
                             "expired at %s, %" PRId64 " s ago; clocks may differ by %u s (the skew)",
                             time_text(p->exp.value, text), e->now - p->exp.value, e->skew);
    else if (r->claims.has_iat && p->exp.value <= r->claims.iat)
        sl_verify_report_add(r, "exp", STATUSLIST_FAIL, token_section(p), "%s is not after iat",
                             time_text(p->exp.value, text));
    else
        pass_number(r, "exp", &p->exp, time_text(p->exp.value, text));
}

static void check_ttl(struct statuslist_report *r, const struct sl_parts *p)
{
    char text[48];
    if (!check_number(r, p, "ttl", &p->ttl, STATUSLIST_WARN))
        return;
    snprintf(text, sizeof text, "%" PRId64 " s", p->ttl.value);
    if (p->ttl.value <= 0 && !(p->ttl.kind == SL_FRACTION && p->ttl.value == 0)) {
        sl_verify_report_add(r, "ttl", STATUSLIST_FAIL, token_section(p), "%s is not a positive number",
                             text);
        return;
    }
    r->claims.has_ttl = true;
    r->claims.ttl = p->ttl.value;
    pass_number(r, "ttl", &p->ttl, text);
}

static bool check_bits(struct statuslist_report *r, const struct sl_parts *p)
{
    if (p->bits.kind == SL_WHOLE && p->bits.value > 0 && p->bits.value <= 8 &&
        statuslist_bits_valid((unsigned)p->bits.value)) {
        r->claims.bits = (unsigned)p->bits.value;
        sl_verify_report_add(r, "bits", STATUSLIST_PASS, list_section(p), "%u", r->claims.bits);
        return true;
    }
    sl_verify_report_add(r, "bits", STATUSLIST_FAIL, list_section(p),
                         p->bits.kind == SL_NO_NUMBER ? "missing" : "not one of 1, 2, 4 and 8");
    return false;
}

/* What a stream that is no zlib stream is, where its first bytes tell. */
static const char *stream_kind(struct sl_span lst)
{
    if (lst.len >= 2 && memcmp(lst.at, "\x1f\x8b", 2) == 0)
        return "gzip (RFC 1952), and not ";
    return "";
}

static void inflate_list(struct statuslist_report *r, const struct sl_parts *p, size_t limit)
{
    uint8_t *list;
    size_t n;
    enum statuslist_result result = statuslist_inflate(p->lst.at, p->lst.len, limit, &list, &n);
    r->claims.compressed = p->lst.len;
    if (result == STATUSLIST_NO_MEMORY) {
        r->no_memory = true;
    } else if (result == STATUSLIST_TOO_LARGE) {
        sl_verify_report_add(r, "inflate-limit", STATUSLIST_FAIL, SL_SECTION_BYTES,
                             "inflates to more than %zu bytes", limit);
    } else if (result != STATUSLIST_OK) {
        sl_verify_report_add(r, "zlib", STATUSLIST_FAIL, SL_SECTION_BYTES, "lst: %s%s (zlib, RFC 1950)",
                             stream_kind(p->lst), statuslist_result_text(result));
    } else {
        sl_verify_report_own(r, list);
        r->claims.list = list;
        r->claims.list_len = n;
        sl_verify_report_add(r, "zlib", STATUSLIST_PASS, SL_SECTION_BYTES, "one stream of %zu bytes",
                             p->lst.len);
    }
}

static void check_size(struct statuslist_report *r)
{
    struct statuslist_claims *c = &r->claims;
    c->size = (uint64_t)c->list_len * 8 / c->bits;
    if (c->size == 0)
        sl_verify_report_add(r, "size", STATUSLIST_FAIL, SL_SECTION_BYTES, "the list has no entry");
    else if (c->list_len > SIZE_COMMON)
        sl_verify_report_add(r, "size", STATUSLIST_WARN, SL_SECTION_SIZE,
                             "%zu bytes inflated: some clients refuse more than %d", c->list_len,
                             SIZE_COMMON);
    else
        sl_verify_report_add(r, "size", STATUSLIST_PASS, SL_SECTION_BYTES, "%" PRIu64 " entries", c->size);
}

static void check_list(struct statuslist_report *r, const struct sl_parts *p, size_t limit)
{
    if (!p->has_status_list) {
        sl_verify_report_add(r, "status_list", STATUSLIST_FAIL, token_section(p), "missing, or not a map");
        return;
    }
    sl_verify_report_add(r, "status_list", STATUSLIST_PASS, token_section(p), "a map");
    bool bits = check_bits(r, p);
    if (p->lst_kind != SL_LST) {
        sl_verify_report_add(r, "lst", STATUSLIST_FAIL, list_section(p),
                             p->lst_kind == SL_NO_LST      ? "missing"
                             : p->format == STATUSLIST_CWT ? "not a byte string"
                                                           : "not a string of base64url without padding");
    } else {
        sl_verify_report_add(r, "lst", STATUSLIST_PASS, list_section(p), "%zu bytes", p->lst.len);
        inflate_list(r, p, limit);
    }
    if (bits && r->claims.list != NULL)
        check_size(r);
    r->claims.aggregation_uri = p->aggregation_uri.at;
    if (p->aggregation_uri.kind == SL_STRING_WRONG)
        sl_verify_report_add(r, "aggregation_uri", STATUSLIST_FAIL, list_section(p), "not a string");
    else if (p->aggregation_uri.kind == SL_STRING)
        sl_verify_report_add(r, "aggregation_uri", STATUSLIST_PASS, list_section(p), "\"%.200s\"",
                             p->aggregation_uri.at);
}

static void check_index(struct statuslist_report *r, uint64_t index)
{
    const struct statuslist_claims *c = &r->claims;
    r->index_missing = true;
    if (c->list == NULL || c->bits == 0) {
        sl_verify_report_add(r, "index", STATUSLIST_SKIP, RULES, "the token has no list");
        return;
    }
    int value = statuslist_get(c->list, c->list_len, c->bits, index);
    if (value < 0) {
        sl_verify_report_add(r, "index", STATUSLIST_FAIL, RULES,
                             "%" PRIu64 " is outside the list of %" PRIu64, index, c->size);
        return;
    }
    r->index_missing = false;
    r->status = value;
    sl_verify_report_add(r, "index", STATUSLIST_PASS, RULES, "%" PRIu64 " of %" PRIu64, index, c->size);
    sl_verify_report_add(r, "status", STATUSLIST_PASS, SL_SECTION_TYPES, "0x%02x %s", (unsigned)value,
                         statuslist_status_name((unsigned)value));
}

void sl_check_claims(struct statuslist_report *r, const struct sl_parts *p, const struct sl_expected *e)
{
    if (p->header_read && p->chain_len == 0 && !p->chain_wrong && r->claims.kid == NULL)
        sl_verify_report_add(r, "key-hint", STATUSLIST_WARN, token_section(p),
                             "neither a kid nor a certificate: a reader has to know the key from elsewhere");
    if (p->claims_read) {
        check_sub(r, p, e->uri);
        check_iss(r, p);
        check_iat(r, p, e);
        check_exp(r, p, e);
        check_ttl(r, p);
        check_list(r, p, e->inflate_limit);
    }
    if (e->index != NULL)
        check_index(r, *e->index);
}
