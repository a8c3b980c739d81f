#include "http/edge_query.h"

#include "base/hex.h"

/* The byte that the escape at in[at] stands for; -1 for a bad escape. */
static int escaped_byte(struct sl_span in, size_t at)
{
    if (in.len - at < 3)
        return -1;
    int high = sl_hex_digit(in.at[at + 1]), low = sl_hex_digit(in.at[at + 2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Likewise for the byte at in[*at], whether it is escaped or not, and *at moved behind it. */
static inline int next_byte(struct sl_span in, size_t *at)
{
    if (in.at[*at] != '%')
        return (unsigned char)in.at[(*at)++];
    int c = escaped_byte(in, *at);
    *at += 3;
    return c;
}

bool sl_percent_decode(struct sl_span in, char *out, size_t *ret_len)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        int c = next_byte(in, &i);
        if (c < 0x20 || c == 0x7f)
            return false;
        out[n++] = (char)c;
    }
    *ret_len = n;
    return true;
}

static bool name_is(struct sl_span encoded, const char *name)
{
    size_t at = 0, n = strlen(name);
    for (size_t i = 0; i < encoded.len;) {
        int c = next_byte(encoded, &i);
        if (c < 0 || at == n || c != (unsigned char)name[at])
            return false;
        at++;
    }
    return at == n;
}

enum sl_err sl_query_get(struct sl_span query, const char *name, struct sl_span *ret)
{
    struct sl_span found = {NULL, 0};
    bool any = false;
    for (size_t begin = 0; begin < query.len;) {
        const char *at = query.at + begin, *amp = memchr(at, '&', query.len - begin);
        size_t len = amp != NULL ? (size_t)(amp - at) : query.len - begin;
        begin += len + 1;
        if (len == 0)
            continue;
        const char *equals = memchr(at, '=', len);
        size_t name_len = equals != NULL ? (size_t)(equals - at) : len;
        if (!name_is(sl_span(at, name_len), name))
            continue;
        if (any)
            return SL_ERR_MALFORMED_REQUEST;
        any = true;
        found = equals != NULL ? sl_span(equals + 1, len - name_len - 1) : sl_span(at + len, 0);
    }
    if (!any)
        return SL_ERR_NOT_FOUND;
    *ret = found;
    return SL_OK;
}
