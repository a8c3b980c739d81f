/* What all decoders are made of: each takes one part of a reply, of one type and within limits, or nothing.
 * Internal to the store layer's decoders. */
#pragma once
#include <hiredis/hiredis.h>

#include "base/assert.h"
#include "store/decode_int.h"

#define LARGEST 9007199254740992 /* 2^53: what a number of a script holds exactly */

/* A letter as a result, whichever script says it. */
bool sl_decode_letter_of(char letter, enum sl_result *ret);
bool sl_decode_letter(const struct redisReply *reply, enum sl_result *ret);

static inline bool is_array(const struct redisReply *reply, size_t n)
{
    return reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == n;
}

static inline bool decode_text(const struct redisReply *reply, size_t min, size_t max, struct sl_span *ret)
{
    if (reply == NULL || reply->type != REDIS_REPLY_STRING || reply->len < min || reply->len > max)
        return false;
    *ret = sl_span(reply->str, reply->len);
    return true;
}

static inline bool decode_count(const struct redisReply *reply, uint64_t max, uint64_t *ret)
{
    if (reply == NULL || reply->type != REDIS_REPLY_INTEGER || reply->integer < 0 ||
        (uint64_t)reply->integer > max)
        return false;
    *ret = (uint64_t)reply->integer;
    return true;
}

static inline bool decode_count32(const struct redisReply *reply, uint32_t *ret)
{
    uint64_t value;
    if (!decode_count(reply, UINT32_MAX, &value))
        return false;
    *ret = (uint32_t)value;
    return true;
}

/* A lineage; the empty text is {0, 0} too. */
static inline bool decode_lineage(const struct redisReply *reply, struct sl_lineage *ret)
{
    struct sl_span text;
    if (!decode_text(reply, 0, SL_LINEAGE_TEXT, &text))
        return false;
    if (text.len == 0)
        *ret = (struct sl_lineage){0};
    return text.len == 0 || sl_lineage_parse(text, ret);
}

/* n + 1, so that an empty array has memory too. */
static inline void *make_items(struct sl_decoded *d, size_t n, size_t size)
{
    return d->items = sl_xcalloc(n + 1, size);
}

/* The lineage of a version; the caller's own is not spelt out. */
static inline bool decode_at(const struct redisReply *reply, struct sl_lineage own, struct sl_lineage *ret)
{
    struct sl_span text;
    if (!decode_text(reply, 0, SL_LINEAGE_TEXT, &text))
        return false;
    if (text.len == 0)
        *ret = own;
    return text.len == 0 || sl_lineage_parse(text, ret);
}
