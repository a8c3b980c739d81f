#include "lib/cbor_in.h"

#include <jansson.h>
#include <math.h>

enum { DEPTH_MAX = 16 };

struct sl_cbor_in sl_cbor_over(struct sl_span bytes)
{
    const uint8_t *at = (const uint8_t *)bytes.at;
    return (struct sl_cbor_in){.at = at, .end = at != NULL ? at + bytes.len : NULL};
}

static bool wrong(struct sl_cbor_in *in, const char *why)
{
    if (in->why == NULL)
        in->why = why;
    in->at = in->end;
    return false;
}

/* Whether `s` is UTF-8 without a NUL; jansson knows. */
static bool is_utf8(struct sl_span s)
{
    json_t *j = s.len > 0 ? json_stringn(s.at, s.len) : NULL;
    bool ok = s.len == 0 || (j != NULL && memchr(s.at, '\0', s.len) == NULL);
    json_decref(j);
    return ok;
}

static double half(uint64_t bits)
{
    int exponent = (int)(bits >> 10 & 31);
    double mantissa = (double)(bits & 1023);
    double v = exponent == 0    ? ldexp(mantissa, -24)
               : exponent == 31 ? (double)INFINITY
                                : ldexp(mantissa + 1024, exponent - 25);
    return bits & 0x8000 ? -v : v;
}

static double real(unsigned info, uint64_t bits)
{
    double d;
    float f;
    uint32_t word = (uint32_t)bits;
    if (info == 25)
        return half(bits);
    if (info == 26) {
        memcpy(&f, &word, sizeof f);
        return (double)f;
    }
    memcpy(&d, &bits, sizeof d);
    return d;
}

static bool argument(struct sl_cbor_in *in, unsigned info, struct sl_cbor_item *item)
{
    static const uint64_t least[] = {24, 1u << 8, 1u << 16, 1ull << 32};
    if (info < 24) {
        item->n = info;
        return true;
    }
    if (info > 27)
        return wrong(in, "a head that RFC 8949 does not define");
    size_t more = (size_t)1 << (info - 24);
    if ((size_t)(in->end - in->at) < more)
        return wrong(in, "it ends in the middle of an item");
    for (size_t i = 0; i < more; i++)
        item->n = item->n << 8 | *in->at++;
    if (item->type != SL_IN_OTHER && item->n < least[info - 24])
        in->loose = true;
    return true;
}

static bool string_content(struct sl_cbor_in *in, struct sl_cbor_item *item)
{
    if (item->n > (uint64_t)(in->end - in->at))
        return wrong(in, "it ends in the middle of a string");
    item->text = sl_span((const char *)in->at, (size_t)item->n);
    in->at += item->n;
    return item->type == SL_IN_BYTES || is_utf8(item->text) || wrong(in, "a text is not UTF-8, or has a NUL");
}

static bool other(struct sl_cbor_in *in, unsigned info, struct sl_cbor_item *item)
{
    if (info == 24 && item->n < 32)
        return wrong(in, "a simple value in a form that RFC 8949 forbids");
    if (info >= 25) {
        item->value = real(info, item->n);
        item->real = isfinite(item->value) != 0;
    }
    return true;
}

static bool content(struct sl_cbor_in *in, unsigned info, struct sl_cbor_item *item)
{
    if (item->type == SL_IN_BYTES || item->type == SL_IN_TEXT)
        return string_content(in, item);
    return item->type != SL_IN_OTHER || other(in, info, item);
}

bool sl_cbor_value(struct sl_cbor_in *in, struct sl_cbor_item *ret)
{
    if (in->why != NULL || in->at == in->end)
        return wrong(in, "it ends before it is complete");
    struct sl_cbor_item item = {.type = (enum sl_cbor_type)(*in->at >> 5)};
    unsigned info = *in->at++ & 31;
    if (info == 31 && item.type == SL_IN_OTHER) {
        item.end = true;
    } else if (info == 31 && item.type >= SL_IN_BYTES && item.type <= SL_IN_MAP) {
        item.indefinite = in->loose = true;
    } else if (!argument(in, info, &item) || !content(in, info, &item)) {
        return false;
    }
    *ret = item;
    return true;
}

bool sl_cbor_next(struct sl_cbor_in *in, struct sl_cbor_item *ret)
{
    struct sl_cbor_item item = {0};
    if (!sl_cbor_value(in, &item))
        return false;
    if (item.indefinite && item.type <= SL_IN_TEXT)
        return wrong(in, "a string of indefinite length");
    *ret = item;
    return true;
}

bool sl_cbor_chunk(struct sl_cbor_in *in, const struct sl_cbor_item *head, struct sl_span *ret)
{
    struct sl_cbor_item item;
    if (!sl_cbor_next(in, &item) || item.end)
        return false;
    if (item.type != head->type)
        return wrong(in, "a chunk of a string is of another type than the string");
    *ret = item.text;
    return true;
}

struct sl_cbor_count sl_cbor_count(const struct sl_cbor_item *head)
{
    return (struct sl_cbor_count){head->n, head->indefinite};
}

bool sl_cbor_each(struct sl_cbor_in *in, struct sl_cbor_count *count, struct sl_cbor_item *ret)
{
    if (!count->indefinite && count->left == 0)
        return false;
    if (!sl_cbor_value(in, ret))
        return false;
    if (ret->end)
        return count->indefinite ? false : wrong(in, "an end without a beginning");
    count->left--;
    return true;
}

static void skip(struct sl_cbor_in *in, const struct sl_cbor_item *head, unsigned depth)
{
    struct sl_cbor_item item = {.end = false};
    struct sl_span chunk;
    if (depth > DEPTH_MAX) {
        wrong(in, "nested too deeply");
    } else if (head->end) {
        wrong(in, "an end without a beginning");
    } else if (head->type == SL_IN_TAG) {
        if (sl_cbor_value(in, &item))
            skip(in, &item, depth + 1);
    } else if (head->indefinite && head->type <= SL_IN_TEXT) {
        while (sl_cbor_chunk(in, head, &chunk)) {
        }
    } else if (head->type == SL_IN_ARRAY || head->type == SL_IN_MAP) {
        struct sl_cbor_count count = sl_cbor_count(head);
        while (sl_cbor_each(in, &count, &item)) {
            skip(in, &item, depth + 1);
            if (head->type == SL_IN_MAP && sl_cbor_value(in, &item))
                skip(in, &item, depth + 1);
        }
    }
}

void sl_cbor_skip(struct sl_cbor_in *in, const struct sl_cbor_item *head)
{
    skip(in, head, 0);
}

bool sl_cbor_number(const struct sl_cbor_item *item, int64_t *ret)
{
    if (item->type > SL_IN_NEGATIVE || item->n > INT64_MAX)
        return false;
    *ret = item->type == SL_IN_UINT ? (int64_t)item->n : -1 - (int64_t)item->n;
    return true;
}

bool sl_cbor_same_key(const struct sl_cbor_item *one, const struct sl_cbor_item *other)
{
    return one->type == other->type && one->n == other->n && sl_span_eq(one->text, other->text);
}

bool sl_cbor_key(struct sl_cbor_in *in, struct sl_cbor_count *count, struct sl_cbor_keys *keys,
                 struct sl_cbor_item *ret)
{
    struct sl_cbor_item item;
    if (!sl_cbor_each(in, count, &item))
        return false;
    if (item.type > SL_IN_NEGATIVE && (item.type != SL_IN_TEXT || item.indefinite))
        return wrong(in, "a key of a map is neither a number nor a text of definite length");
    for (unsigned i = 0; i < keys->count; i++)
        if (sl_cbor_same_key(&keys->seen[i], &item))
            return wrong(in, "a key appears twice in one map");
    if (keys->count == SL_CBOR_KEYS)
        return wrong(in, "a map has too many keys");
    keys->seen[keys->count++] = item;
    *ret = item;
    return true;
}
