/* The compact serialization (RFC 7515 section 7.1) of a Status List Token. */
#include <jansson.h>
#include <stdint.h>

#include "base/base64url.h"
#include "lib/parts.h"

/* One part, decoded; NULL: not base64url. */
static bool decode_part(struct statuslist_report *r, struct sl_span text, struct sl_span *ret)
{
    size_t n;
    uint8_t *bytes = sl_verify_report_alloc(r, text.len / 4 * 3 + 3);
    if (bytes == NULL || !sl_base64url_decode(bytes, text.at, text.len, &n))
        return false;
    *ret = sl_span((const char *)bytes, n);
    return true;
}

static bool split_parts(struct statuslist_report *r, struct sl_span token, struct sl_parts *p,
                        struct sl_span *ret_header, struct sl_span *ret_payload)
{
    const char *end = token.at + token.len;
    const char *first = memchr(token.at, '.', token.len);
    const char *second = first != NULL ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    const char *wrong = NULL;
    if (token.len >= 2 && memcmp(token.at, "\x1f\x8b", 2) == 0)
        wrong = "gzip (RFC 1952): undo its Content-Encoding first";
    else if (memchr(token.at, '~', token.len) != NULL)
        wrong = "a ~, as in an SD-JWT: a Status List Token is a JWT without one";
    else if (second == NULL || memchr(second + 1, '.', (size_t)(end - second - 1)) != NULL)
        wrong = "not three parts between two dots (RFC 7515 section 7.1)";
    if (wrong != NULL) {
        sl_verify_report_add(r, "encoding", STATUSLIST_FAIL, SL_SECTION_JWT, "%s", wrong);
        return false;
    }
    p->signed_bytes = sl_span(token.at, (size_t)(second - token.at));
    if (!decode_part(r, sl_span(token.at, (size_t)(first - token.at)), ret_header) ||
        !decode_part(r, sl_span(first + 1, (size_t)(second - first - 1)), ret_payload) ||
        !decode_part(r, sl_span(second + 1, (size_t)(end - second - 1)), &p->signature)) {
        sl_verify_report_add(r, "encoding", STATUSLIST_FAIL, SL_SECTION_JWT,
                             "a part is not base64url without padding and white space (RFC 7515 section 2)");
        return false;
    }
    sl_verify_report_add(r, "encoding", STATUSLIST_PASS, SL_SECTION_JWT,
                         "a compact serialization of %zu bytes", token.len);
    return true;
}

static json_t *parse_object(struct statuslist_report *r, const char *check, struct sl_span json)
{
    json_error_t e;
    json_t *root = json_loadb(json.at, json.len, JSON_REJECT_DUPLICATES, &e);
    if (root != NULL && json_is_object(root))
        return root;
    if (root != NULL)
        sl_verify_report_add(r, check, STATUSLIST_FAIL, SL_SECTION_JWT, "not a JSON object");
    else if (json_error_code(&e) == json_error_duplicate_key)
        sl_verify_report_add(r, check, STATUSLIST_FAIL, SL_SECTION_JWT,
                             "a member appears twice in one object");
    else
        sl_verify_report_add(r, check, STATUSLIST_FAIL, SL_SECTION_JWT, "not valid JSON at byte %d",
                             e.position);
    json_decref(root);
    return NULL;
}

static struct sl_string member_string(struct statuslist_report *r, const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    struct sl_string s = {.kind = v == NULL ? SL_NO_STRING : SL_STRING_WRONG};
    if (json_is_string(v)) {
        s.kind = SL_STRING;
        s.at = sl_verify_report_keep(r, sl_span(json_string_value(v), json_string_length(v)));
    }
    return s;
}

static struct sl_number member_number(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    if (json_is_integer(v))
        return (struct sl_number){SL_WHOLE, json_integer_value(v)};
    if (json_is_real(v))
        return sl_number_of_real(json_real_value(v));
    return (struct sl_number){.kind = v == NULL ? SL_NO_NUMBER : SL_NUMBER_WRONG};
}

/* Standard base64 with padding (RFC 7515 section 4.1.6). */
static bool decode_certificate(struct statuslist_report *r, const json_t *v, struct sl_span *ret)
{
    size_t n = json_is_string(v) ? json_string_length(v) : 0;
    if (n == 0 || n % 4 != 0)
        return false;
    const char *text = json_string_value(v);
    char *copy = sl_verify_report_keep(r, sl_span(text, n));
    n -= text[n - 1] == '=';
    n -= text[n - 1] == '=';
    for (size_t i = 0; copy != NULL && i < n; i++) {
        if (copy[i] == '-' || copy[i] == '_')
            return false;
        copy[i] = copy[i] == '+' ? '-' : copy[i] == '/' ? '_' : copy[i];
    }
    return copy != NULL && decode_part(r, sl_span(copy, n), ret);
}

static void read_jwt_chain(struct statuslist_report *r, const json_t *x5c, struct sl_parts *p)
{
    size_t n = json_array_size(x5c);
    if (x5c == NULL)
        return;
    p->chain_wrong = n == 0 || n > SL_CHAIN_MAX;
    for (size_t i = 0; i < n && !p->chain_wrong; i++)
        p->chain_wrong = !decode_certificate(r, json_array_get(x5c, i), &p->chain[i]);
    if (!p->chain_wrong)
        p->chain_len = (unsigned)n;
    else
        sl_verify_report_add(r, "x5c", STATUSLIST_FAIL, SL_SECTION_JWT,
                             "not a list of 1 to %d certificates in base64 (RFC 7515 section 4.1.6)",
                             SL_CHAIN_MAX);
}

static void read_jwt_jwk(struct statuslist_report *r, const json_t *o, struct sl_parts *p)
{
    char why[STATUSLIST_WHY];
    const json_t *v = json_object_get(o, "jwk");
    if (v != NULL && (p->jwk = sl_jwk_read(v, &p->jwk_alg, why)) == NULL)
        sl_verify_report_add(r, "jwk", STATUSLIST_FAIL, SL_SECTION_JWT, "%s", why);
}

static void read_jwt_header(struct statuslist_report *r, const json_t *o, struct sl_parts *p)
{
    p->header_read = true;
    if (json_object_get(o, "crit") != NULL)
        sl_verify_report_add(
            r, "header", STATUSLIST_FAIL, SL_SECTION_JWT,
            "\"crit\" names extensions that a reader must understand; this reader knows none");
    else
        sl_verify_report_add(r, "header", STATUSLIST_PASS, SL_SECTION_JWT, "a JSON object");
    struct sl_string typ = member_string(r, o, "typ"), alg = member_string(r, o, "alg"),
                     kid = member_string(r, o, "kid");
    r->claims.typ = typ.at;
    r->claims.alg = alg.at;
    r->claims.kid = kid.at;
    if (typ.at != NULL && strcmp(typ.at, "statuslist+jwt") == 0)
        sl_verify_report_add(r, "typ", STATUSLIST_PASS, SL_SECTION_JWT, "\"%s\"", typ.at);
    else
        sl_verify_report_add(r, "typ", STATUSLIST_FAIL, SL_SECTION_JWT, "\"%s\" is not \"statuslist+jwt\"",
                             typ.at != NULL ? typ.at : "");
    p->alg = alg.at != NULL ? sl_alg_of_jose(alg.at) : NULL;
    if (p->alg != NULL)
        sl_verify_report_add(r, "alg", STATUSLIST_PASS, SL_SECTION_JWT, "%s", p->alg->name);
    else
        sl_alg_refuse(r, SL_SECTION_JWT, alg.at != NULL ? alg.at : "");
    read_jwt_chain(r, json_object_get(o, "x5c"), p);
    read_jwt_jwk(r, o, p);
}

static void read_jwt_lst(struct statuslist_report *r, const json_t *list, struct sl_parts *p)
{
    const json_t *v = json_object_get(list, "lst");
    p->lst_kind = v == NULL ? SL_NO_LST : SL_LST_WRONG;
    if (json_is_string(v) && decode_part(r, sl_span(json_string_value(v), json_string_length(v)), &p->lst))
        p->lst_kind = SL_LST;
}

static void read_jwt_claims(struct statuslist_report *r, const json_t *o, struct sl_parts *p)
{
    p->claims_read = true;
    sl_verify_report_add(r, "claims", STATUSLIST_PASS, SL_SECTION_JWT, "a JSON object");
    p->sub = member_string(r, o, "sub");
    p->iss = member_string(r, o, "iss");
    p->iat = member_number(o, "iat");
    p->exp = member_number(o, "exp");
    p->nbf = member_number(o, "nbf");
    p->ttl = member_number(o, "ttl");
    const json_t *list = json_object_get(o, "status_list");
    if (!json_is_object(list))
        return;
    p->has_status_list = true;
    p->bits = member_number(list, "bits");
    p->aggregation_uri = member_string(r, list, "aggregation_uri");
    read_jwt_lst(r, list, p);
}

void sl_jwt_parse(struct statuslist_report *r, struct sl_span token, struct sl_parts *p)
{
    struct sl_span head, payload;
    if (!split_parts(r, token, p, &head, &payload))
        return;
    json_t *o = parse_object(r, "header", head);
    if (o != NULL)
        read_jwt_header(r, o, p);
    json_decref(o);
    o = parse_object(r, "claims", payload);
    if (o != NULL)
        read_jwt_claims(r, o, p);
    json_decref(o);
}
