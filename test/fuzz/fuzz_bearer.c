/* A bearer token: once the input as it is, as a field and as a token; once as the lines header, payload and
 * signature, which are encoded here, so that the code behind the decoder is reached too. */
#include <jansson.h>
#include <stdlib.h>

#include "base/base64url.h"
#include "fuzz_help.h"
#include "http/bearer.h"

/* A lax reader must see the same in this part of the token as the strict one. */
static json_t *loosely(struct sl_span token, unsigned part)
{
    uint8_t text[SL_BEARER_BYTES];
    size_t n;
    while (part-- > 0) {
        const char *dot = memchr(token.at, '.', token.len);
        token = sl_span(dot + 1, token.len - (size_t)(dot + 1 - token.at));
    }
    const char *end = memchr(token.at, '.', token.len);
    sl_assert(end != NULL && sl_base64url_decode(text, token.at, (size_t)(end - token.at), &n));
    json_t *object = json_loadb((char *)text, n, 0, NULL);
    sl_assert(json_is_object(object));
    return object;
}

static void accepted(struct sl_span token, struct sl_bearer *b)
{
    json_t *header = loosely(token, 0), *claims = loosely(token, 1);
    const char *alg = json_string_value(json_object_get(header, "alg"));
    sl_assert(strcmp(alg, sl_jwt_alg_name(b->alg)) == 0 ||
              (b->alg == SL_JWT_EdDSA && strcmp(alg, "Ed25519") == 0));
    const char *typ = json_string_value(json_object_get(header, "typ"));
    sl_assert(b->access_token == (typ != NULL && strlen(typ) >= 6 && strlen(typ) != strlen("JWT")));
    sl_assert(json_object_get(header, "crit") == NULL && json_object_get(header, "jwk") == NULL);
    sl_assert(json_equal(claims, b->claims));
    sl_assert(json_number_value(json_object_get(claims, "exp")) * 1000 + SL_BEARER_LEEWAY_MS >=
              (double)b->until_ms);
    sl_assert(b->until_ms >= SL_BEARER_LEEWAY_MS && b->from_ms >= -SL_BEARER_LEEWAY_MS);
    sl_assert(sl_bearer_is_for(b, NULL) == (json_object_get(claims, "aud") == NULL));
    sl_assert(!sl_bearer_is_for(b, "us") || json_object_get(claims, "aud") != NULL);
    json_decref(header);
    json_decref(claims);
    /* The same with one character more, or one less that leaves fewer bits, is another token. */
    char *other = malloc(token.len + 1);
    sl_assert(other != NULL);
    memcpy(other, token.at, token.len);
    for (const char *c = "=.+ \n"; *c != '\0'; c++) {
        struct sl_bearer again;
        other[token.len] = *c;
        sl_assert(!sl_bearer_read(sl_span(other, token.len + 1), &again));
    }
    free(other);
}

static void read_token(struct sl_span token)
{
    struct sl_bearer b;
    if (!sl_bearer_read(token, &b))
        return;
    sl_assert(token.len <= SL_BEARER_BYTES);
    accepted(token, &b);
    sl_bearer_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_span rest = {(const char *)data, size}, token;
    if (sl_bearer_field(rest, &token)) {
        sl_assert(fuzz_inside(token, rest));
        read_token(token);
    }
    read_token(rest);
    char *text = malloc(2 * size + 8), *at = text;
    sl_assert(text != NULL);
    for (int i = 0; i < 3; i++) {
        struct sl_span part = i < 2 ? fuzz_part(&rest) : rest;
        if (i > 0)
            *at++ = '.';
        at += sl_base64url_encode(at, part.at, part.len);
    }
    read_token(sl_span(text, (size_t)(at - text)));
    free(text);
    return 0;
}
