#include "ctl/inspect_text.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "ctl/args.h"

static bool begins(struct sl_span s, const char *with)
{
    return s.len >= 2 && memcmp(s.at, with, 2) == 0;
}

/* The levels that zlib writes into the second byte (RFC 1950 section 2.2). */
static bool is_zlib(struct sl_span s)
{
    return begins(s, "\x78\x01") || begins(s, "\x78\x5e") || begins(s, "\x78\x9c") || begins(s, "\x78\xda");
}

static bool is_gzip(struct sl_span s)
{
    return begins(s, "\x1f\x8b");
}

static bool is_cbor(struct sl_span s)
{
    return s.len > 0 && ((unsigned char)s.at[0] & 0x80) != 0;
}

/* How a CWT begins, with the right tag or a wrong one: many a word is base64 of some CBOR. */
static bool is_cwt(struct sl_span s)
{
    return s.len > 1 && memchr("\xd2\x84\x9f\xd8\xd1", s.at[0], 5) != NULL;
}

/* Whether these are bytes that we can show: then *ret has them. */
static bool take_bytes(struct sl_span s, bool is_token, struct sl_inspected *ret)
{
    if (!is_token && !is_zlib(s) && !is_gzip(s))
        return false;
    ret->bytes = malloc(s.len);
    if (ret->bytes == NULL)
        abort();
    memcpy(ret->bytes, s.at, s.len);
    ret->len = s.len;
    ret->is_list = !is_token;
    return true;
}

static bool take_raw(const uint8_t *raw, size_t n, struct sl_inspected *ret)
{
    struct sl_span s = sl_span((const char *)raw, n);
    return take_bytes(s, is_cwt(s), ret);
}

/* In place: without white space; of base64 the letters of base64url, without padding. */
static size_t pack_text(char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
        if (!isspace((unsigned char)c))
            text[n++] = c;
    }
    while (n > 0 && text[n - 1] == '=')
        n--;
    return n;
}

/* Hex goes first: what is hex by its letters and a token or list by its bytes is nothing else. */
static bool decode_text(struct sl_span text, struct sl_inspected *ret)
{
    uint8_t *raw = NULL;
    size_t n = 0;
    struct sl_span hex = begins(text, "0x") ? sl_span(text.at + 2, text.len - 2) : text;
    if (hex.len > 0 && hex.len % 2 == 0) {
        raw = malloc(hex.len / 2);
        if (raw != NULL && sl_hex_decode(hex, raw, hex.len / 2))
            n = hex.len / 2;
    }
    bool ok = n > 0 && take_raw(raw, n, ret);
    free(raw);
    if (ok || statuslist_unbase64url(text.at, text.len, &raw, &n) != STATUSLIST_OK)
        return ok;
    ok = take_raw(raw, n, ret);
    statuslist_free(raw);
    return ok;
}

/* {"bits": …, "lst": …}, alone or as the member status_list. */
static int read_json(const char *name, const char *text, size_t len, struct sl_inspected *ret)
{
    json_error_t error;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    const json_t *list = json_object_get(root, "status_list");
    list = list != NULL ? list : root;
    const json_t *bits = json_object_get(list, "bits"), *lst = json_object_get(list, "lst");
    json_int_t n = json_integer_value(bits);
    bool ok = false;
    if (root == NULL)
        sl_complain("%.60s: not valid JSON at byte %d", name, error.position);
    else if (!json_is_string(lst))
        sl_complain("%.60s: JSON without a list; expected {\"bits\": 1, \"lst\": \"...\"}", name);
    else if (bits != NULL &&
             (!json_is_integer(bits) || n < 1 || n > 8 || !statuslist_bits_valid((unsigned)n)))
        sl_complain("%.60s: bits is not valid; expected 1, 2, 4 or 8", name);
    else if (!decode_text(sl_span(json_string_value(lst), json_string_length(lst)), ret) || !ret->is_list)
        sl_complain("%.60s: lst is not valid; expected a zlib stream in base64url", name);
    else
        ok = true;
    ret->bits = bits != NULL ? (unsigned)n : 0;
    json_decref(root);
    return ok ? SL_EXIT_OK : SL_EXIT_REFUSED_TOKEN;
}

static int read_text(const char *name, char *bytes, size_t len, struct sl_inspected *ret)
{
    struct sl_span text = sl_span(bytes, len);
    while (text.len > 0 && isspace((unsigned char)text.at[text.len - 1]))
        text.len--;
    while (text.len > 0 && isspace((unsigned char)*text.at)) {
        text.at++;
        text.len--;
    }
    if (text.len > 0 && *text.at == '{')
        return read_json(name, text.at, text.len, ret);
    if (text.len > 0 && (memchr(text.at, '.', text.len) != NULL || memchr(text.at, '~', text.len) != NULL)) {
        *ret = (struct sl_inspected){.bytes = strndup(text.at, text.len), .len = text.len};
        return ret->bytes != NULL ? SL_EXIT_OK : SL_EXIT_USAGE; /* a JWT, or what its checks will name */
    }
    text.len = pack_text(bytes, len);
    text.at = bytes;
    if (decode_text(text, ret))
        return SL_EXIT_OK;
    sl_complain("\"%.60s\" is not valid; expected a token, a list, a file or a URL", name);
    return SL_EXIT_USAGE;
}

int sl_inspect_text(const char *name, char *bytes, size_t len, struct sl_inspected *ret)
{
    struct sl_span s = sl_span(bytes, len);
    *ret = (struct sl_inspected){.bytes = NULL};
    int code = SL_EXIT_OK;
    if (!take_bytes(s, is_cbor(s), ret))
        code = read_text(name, bytes, len, ret);
    free(bytes);
    if (code == SL_EXIT_OK && is_gzip(sl_span(ret->bytes, ret->len))) {
        sl_complain("%.60s: gzip (RFC 1952); expected a token, or a list as a zlib stream (RFC 1950)", name);
        code = SL_EXIT_REFUSED_TOKEN;
    }
    if (code != SL_EXIT_OK) {
        free(ret->bytes);
        ret->bytes = NULL;
    }
    return code;
}
