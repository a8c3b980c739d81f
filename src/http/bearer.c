#include "http/bearer.h"

#include <jansson.h>
#include <string.h>

#include "base/base64url.h"
#include "http/field.h"

#define SECONDS_MAX 253402300799 /* the last second of the year 9999 */

const char *sl_jwt_alg_name(enum sl_jwt_alg alg)
{
    static const char *const names[] = {
#define X(name) #name,
        SL_JWT_ALGS(X)
#undef X
    };
    return names[alg];
}

bool sl_bearer_field(struct sl_span field, struct sl_span *ret)
{
    struct sl_span scheme;
    if (!sl_field_token(&field, &scheme) || !sl_field_is(scheme, SL_SPAN("bearer")) ||
        (field.len > 0 && field.at[0] != ' '))
        return false;
    while (sl_field_char(&field, ' ')) {
    }
    while (field.len > 0 && field.at[field.len - 1] == ' ')
        field.len--;
    *ret = field;
    return true;
}

/* ---- JSON */

/* An object whose members have different names; NULL: the part is something else. jansson bounds the nesting.
 */
static json_t *read_object(struct sl_span part)
{
    uint8_t text[SL_BEARER_BYTES];
    size_t n;
    if (!sl_base64url_decode(text, part.at, part.len, &n))
        return NULL;
    json_t *object = json_loadb((char *)text, n, JSON_REJECT_DUPLICATES, NULL);
    if (object != NULL && !json_is_object(object)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* ---- the header */

/* Parameters that bring a key of the sender's own, change what is signed, or must be understood. */
#define PARAMETERS(X)                                                                                        \
    X(crit) X(b64) X(jwk) X(jku) X(x5c) X(x5u) X(enc) X(zip) X(epk) X(apu) X(apv) X(p2s) X(p2c) X(iv) X(tag)
static const struct {
    const char *name, *fault;
} refused_parameters[] = {
#define X(name) {#name, "its header has the member " #name ", which is not accepted"},
    PARAMETERS(X)
#undef X
};

static bool find_alg(const json_t *value, enum sl_jwt_alg *ret)
{
    const char *text = json_string_value(value);
    for (int i = 0; text != NULL && i < SL_JWT_ALG_COUNT; i++) {
        if (strcmp(text, sl_jwt_alg_name((enum sl_jwt_alg)i)) == 0) {
            *ret = (enum sl_jwt_alg)i;
            return true;
        }
    }
    *ret = SL_JWT_EdDSA;
    return text != NULL && strcmp(text, "Ed25519") == 0;
}

/* RFC 7519 section 5.1 and RFC 9068 section 2.1, which allows the whole media type, too. */
static bool read_typ(const json_t *typ, bool *ret_access_token)
{
    const char *text = json_string_value(typ);
    struct sl_span type = text != NULL ? sl_span(text, strlen(text)) : sl_span(NULL, 0);
    *ret_access_token =
        sl_field_is(type, SL_SPAN("at+jwt")) || sl_field_is(type, SL_SPAN("application/at+jwt"));
    return typ == NULL || *ret_access_token || sl_field_is(type, SL_SPAN("jwt"));
}

static const char *header_fault(const json_t *header, enum sl_jwt_alg *ret, bool *ret_access_token)
{
    if (!read_typ(json_object_get(header, "typ"), ret_access_token))
        return "its typ is neither JWT nor at+jwt";
    for (size_t i = 0; i < sizeof refused_parameters / sizeof *refused_parameters; i++)
        if (json_object_get(header, refused_parameters[i].name) != NULL)
            return refused_parameters[i].fault;
    return find_alg(json_object_get(header, "alg"), ret) ? NULL
                                                         : "its alg is missing or not one of those supported";
}

static const char *read_header(struct sl_span part, enum sl_jwt_alg *ret, bool *ret_access_token)
{
    json_t *header = read_object(part);
    if (header == NULL)
        return "its header is not a JSON object in base64url without padding";
    const char *fault = header_fault(header, ret, ret_access_token);
    json_decref(header);
    return fault;
}

/* ---- the claims */

/* A NumericDate (RFC 7519 section 2) in milliseconds. An absent one is fine and leaves *ret. */
static bool read_date(const json_t *value, int64_t *ret)
{
    if (json_is_integer(value)) {
        json_int_t seconds = json_integer_value(value);
        if (seconds < 0 || seconds > SECONDS_MAX)
            return false;
        *ret = (int64_t)seconds * 1000;
    } else if (json_is_real(value)) {
        double seconds = json_real_value(value);
        if (!(seconds >= 0 && seconds <= SECONDS_MAX))
            return false;
        *ret = (int64_t)(seconds * 1000);
    } else if (value != NULL) {
        return false;
    }
    return true;
}

static bool is_audience(const json_t *value)
{
    if (value == NULL || json_is_string(value))
        return true;
    if (!json_is_array(value))
        return false;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_string(json_array_get(value, i)))
            return false;
    return true;
}

static const char *read_claims(struct sl_bearer *b)
{
    int64_t exp = -1, nbf = 0, iat = 0;
    const json_t *iss = json_object_get(b->claims, "iss"), *sub = json_object_get(b->claims, "sub");
    b->issuer = json_string_value(iss);
    b->subject = json_string_value(sub);
    b->audience = json_object_get(b->claims, "aud");
    if ((iss != NULL && b->issuer == NULL) || (sub != NULL && b->subject == NULL))
        return "its iss or sub is not a text";
    if (!is_audience(b->audience))
        return "its aud is neither a text nor a list of texts";
    if (!read_date(json_object_get(b->claims, "exp"), &exp) ||
        !read_date(json_object_get(b->claims, "nbf"), &nbf) ||
        !read_date(json_object_get(b->claims, "iat"), &iat))
        return "its exp, nbf or iat is not a number of seconds";
    if (exp < 0)
        return "it has no exp";
    b->from_ms = (nbf > iat ? nbf : iat) - SL_BEARER_LEEWAY_MS;
    b->until_ms = exp + SL_BEARER_LEEWAY_MS;
    return NULL;
}

/* ---- tokens */

static bool cut_part(struct sl_span *rest, struct sl_span *ret)
{
    const char *dot = rest->len > 0 ? memchr(rest->at, '.', rest->len) : NULL;
    if (dot == NULL)
        return false;
    *ret = sl_span(rest->at, (size_t)(dot - rest->at));
    *rest = sl_span(dot + 1, rest->len - ret->len - 1);
    return true;
}

/* An RSA signature is as long as the key; the others have one length (RFC 7518 sections 3.2 and 3.4). */
static bool is_signature(enum sl_jwt_alg alg, struct sl_span part)
{
    static const size_t lengths[SL_JWT_ALG_COUNT] = {
        [SL_JWT_ES256] = 64, [SL_JWT_ES384] = 96, [SL_JWT_ES512] = 132, [SL_JWT_HS256] = 32,
        [SL_JWT_HS384] = 48, [SL_JWT_HS512] = 64, [SL_JWT_EdDSA] = 64,
    };
    uint8_t bytes[SL_BEARER_BYTES];
    size_t n;
    return sl_base64url_decode(bytes, part.at, part.len, &n) && n > 0 &&
           (lengths[alg] == 0 || n == lengths[alg]);
}

const char *sl_bearer_fault(struct sl_span token, struct sl_bearer *ret)
{
    struct sl_span header, payload;
    struct sl_bearer b = {.claims = NULL};
    if (token.len > SL_BEARER_BYTES)
        return "it is longer than 4096 bytes";
    if (!cut_part(&token, &header) || !cut_part(&token, &payload))
        return "it does not have three parts";
    const char *fault = read_header(header, &b.alg, &b.access_token);
    if (fault != NULL)
        return fault;
    if (!is_signature(b.alg, token))
        return "its signature is not base64url of the length that its alg has";
    b.claims = read_object(payload);
    if (b.claims == NULL)
        return "its payload is not a JSON object in base64url without padding";
    fault = read_claims(&b);
    if (fault != NULL)
        json_decref(b.claims);
    else
        *ret = b;
    return fault;
}

void sl_bearer_free(struct sl_bearer *b)
{
    json_decref(b->claims);
    *b = (struct sl_bearer){.claims = NULL};
}

bool sl_bearer_is_for(const struct sl_bearer *b, const char *audience)
{
    if (b->audience == NULL || audience == NULL)
        return b->audience == NULL && audience == NULL;
    if (json_is_string(b->audience))
        return strcmp(json_string_value(b->audience), audience) == 0;
    for (size_t i = 0; i < json_array_size(b->audience); i++)
        if (strcmp(json_string_value(json_array_get(b->audience, i)), audience) == 0)
            return true;
    return false;
}
