/* statuslist/status_list.h: the byte array, its zlib stream with a bound, and base64url. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/base64url.h"
#include "core/status_list.h"
#include "statuslist/status_list.h"

const char *statuslist_result_text(enum statuslist_result result)
{
    static const char *const texts[] = {
        [STATUSLIST_OK] = "well formed",
        [STATUSLIST_MALFORMED] = "not one complete, well-formed stream",
        [STATUSLIST_TRAILING] = "bytes follow the end of the stream",
        [STATUSLIST_TOO_LARGE] = "inflates to more than the limit",
        [STATUSLIST_NO_MEMORY] = "out of memory",
    };
    return (unsigned)result < sizeof texts / sizeof *texts ? texts[result] : "unknown";
}

const char *statuslist_status_name(unsigned value)
{
    switch (value) {
    case STATUSLIST_VALID:
        return "VALID";
    case STATUSLIST_INVALID:
        return "INVALID";
    case STATUSLIST_SUSPENDED:
        return "SUSPENDED";
    default:
        return value == 3 || (value >= 12 && value <= 15) ? "APPLICATION_SPECIFIC" : "RESERVED";
    }
}

bool statuslist_bits_valid(unsigned bits)
{
    return sl_status_bits_valid(bits);
}

/* Eight entries take `bits` bytes, so the bytes of a group are found without an overflow for any index. */
static bool inside(size_t len, unsigned bits, uint64_t index)
{
    return sl_status_bits_valid(bits) && index / 8 <= len / bits && index < (uint64_t)len * 8 / bits;
}

int statuslist_get(const uint8_t *list, size_t len, unsigned bits, uint64_t index)
{
    if (!inside(len, bits, index))
        return -1;
    size_t group = (size_t)(index / 8) * bits;
    return sl_status_get(list + group, len - group, bits, (uint32_t)(index % 8));
}

bool statuslist_set(uint8_t *list, size_t len, unsigned bits, uint64_t index, unsigned value)
{
    if (!inside(len, bits, index) || value > sl_status_max(bits))
        return false;
    sl_status_set(list + (size_t)(index / 8) * bits, bits, (uint32_t)(index % 8), (uint8_t)value);
    return true;
}

enum statuslist_result statuslist_compress(const uint8_t *list, size_t len, uint8_t **ret, size_t *ret_len)
{
    uLongf n = compressBound(len);
    uint8_t *out = malloc(n);
    if (out == NULL || compress2(out, &n, list, len, Z_BEST_COMPRESSION) != Z_OK) {
        free(out);
        return STATUSLIST_NO_MEMORY;
    }
    *ret = out;
    *ret_len = n;
    return STATUSLIST_OK;
}

struct growing {
    uint8_t *at;
    size_t len, room, limit;
};

/* Room for at least one byte more; one beyond the limit, so that a list of exactly the limit still ends. */
static bool make_room(struct growing *g)
{
    if (g->len < g->room)
        return true;
    size_t most = g->limit + 1;
    size_t room = g->room < most / 2 ? 2 * g->room : most;
    uint8_t *at = realloc(g->at, room);
    if (at == NULL)
        return false;
    g->at = at;
    g->room = room;
    return true;
}

static uInt part(size_t n)
{
    return n < UINT_MAX ? (uInt)n : UINT_MAX;
}

static enum statuslist_result inflate_all(z_stream *z, struct growing *g, const uint8_t *end)
{
    for (;;) {
        if (!make_room(g))
            return STATUSLIST_NO_MEMORY;
        uInt in = part((size_t)(end - z->next_in)), out = part(g->room - g->len);
        z->avail_in = in;
        z->next_out = g->at + g->len;
        z->avail_out = out;
        int code = inflate(z, Z_NO_FLUSH);
        g->len += out - z->avail_out;
        if (g->len > g->limit)
            return STATUSLIST_TOO_LARGE;
        if (code == Z_STREAM_END)
            return z->next_in == end ? STATUSLIST_OK : STATUSLIST_TRAILING;
        if (code == Z_MEM_ERROR)
            return STATUSLIST_NO_MEMORY;
        if (code != Z_OK || (z->avail_in == in && z->avail_out == out))
            return STATUSLIST_MALFORMED;
    }
}

enum statuslist_result statuslist_inflate(const void *zlib, size_t len, size_t limit, uint8_t **ret,
                                          size_t *ret_len)
{
    if (limit > SIZE_MAX / 4)
        limit = SIZE_MAX / 4;
    struct growing g = {.limit = limit, .room = limit < 4096 ? limit + 1 : 4096};
    z_stream z = {.next_in = (Bytef *)zlib};
    if (len == 0)
        return STATUSLIST_MALFORMED;
    if ((g.at = malloc(g.room)) == NULL)
        return STATUSLIST_NO_MEMORY;
    if (inflateInit(&z) != Z_OK) {
        free(g.at);
        return STATUSLIST_NO_MEMORY;
    }
    enum statuslist_result result = inflate_all(&z, &g, (const uint8_t *)zlib + len);
    inflateEnd(&z);
    if (result != STATUSLIST_OK) {
        free(g.at);
        return result;
    }
    *ret = g.at;
    *ret_len = g.len;
    return STATUSLIST_OK;
}

char *statuslist_base64url(const void *bytes, size_t len)
{
    char *text = len < SIZE_MAX / 2 ? malloc(sl_base64url_len(len) + 1) : NULL;
    if (text != NULL)
        text[sl_base64url_encode(text, bytes, len)] = '\0';
    return text;
}

enum statuslist_result statuslist_unbase64url(const char *text, size_t len, uint8_t **ret, size_t *ret_len)
{
    uint8_t *bytes = malloc(len / 4 * 3 + 3);
    if (bytes == NULL)
        return STATUSLIST_NO_MEMORY;
    if (!sl_base64url_decode(bytes, text, len, ret_len)) {
        free(bytes);
        return STATUSLIST_MALFORMED;
    }
    *ret = bytes;
    return STATUSLIST_OK;
}

void statuslist_free(void *p)
{
    free(p);
}
