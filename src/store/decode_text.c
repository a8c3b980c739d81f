/* Texts of the server, which are no replies of our scripts: INFO, the list of clients, messages. Each is read
 * line by line and word by word, and nothing is taken that does not fit. */
#include <stdio.h>

#include "base/number.h"
#include "store/decode_int.h"

/* Cuts the next line (without its end) off `rest`. */
static bool next_line(struct sl_span *rest, struct sl_span *line)
{
    if (rest->len == 0)
        return false;
    const char *end = memchr(rest->at, '\n', rest->len);
    size_t n = end != NULL ? (size_t)(end - rest->at) : rest->len;
    *line = sl_span(rest->at, n > 0 && rest->at[n - 1] == '\r' ? n - 1 : n);
    n += end != NULL;
    *rest = sl_span(rest->at + n, rest->len - n);
    return true;
}

static bool strip_prefix(struct sl_span text, const char *prefix, struct sl_span *ret)
{
    size_t n = strlen(prefix);
    if (text.len < n || memcmp(text.at, prefix, n) != 0)
        return false;
    *ret = sl_span(text.at + n, text.len - n);
    return true;
}

bool sl_decode_info(struct sl_span info, const char *name, struct sl_span *ret)
{
    struct sl_span line, value;
    while (next_line(&info, &line)) {
        if (strip_prefix(line, name, &value) && value.len > 0 && value.at[0] == ':') {
            *ret = sl_span(value.at + 1, value.len - 1);
            return true;
        }
    }
    return false;
}

/* The value of `key` ("name=") among the space-separated words of a line. */
static bool word_after(struct sl_span line, const char *key, struct sl_span *ret)
{
    while (line.len > 0) {
        const char *space = memchr(line.at, ' ', line.len);
        size_t n = space != NULL ? (size_t)(space - line.at) : line.len;
        if (strip_prefix(sl_span(line.at, n), key, ret))
            return true;
        n += space != NULL;
        line = sl_span(line.at + n, line.len - n);
    }
    return false;
}

static bool ends_with(struct sl_span text, const char *end)
{
    size_t n = strlen(end);
    return text.len >= n && memcmp(text.at + text.len - n, end, n) == 0;
}

static bool is_predecessor(struct sl_span name, const struct sl_store_identity *me, const char *role)
{
    struct sl_span rest, mine;
    if (!strip_prefix(name, "statuslistd:", &rest) || !strip_prefix(rest, me->instance, &rest) ||
        !strip_prefix(rest, ":", &rest))
        return false;
    if (!strip_prefix(rest, me->run, &mine) || !strip_prefix(mine, ":", &mine))
        return true; /* of another run */
    return sl_span_eq(mine, sl_span(role, strlen(role)));
}

void sl_decode_predecessors(struct sl_span client_list, const struct sl_store_identity *me, const char *role,
                            int64_t self, sl_predecessor_cb *found, void *arg)
{
    struct sl_span line, name, text;
    uint64_t id;
    while (next_line(&client_list, &line))
        if (word_after(line, "name=", &name) && is_predecessor(name, me, role) &&
            word_after(line, "id=", &text) && sl_number_parse(text, INT64_MAX, &id) && (int64_t)id != self)
            found(arg, (int64_t)id);
}

/* Sentinels name their connections sentinel-<part of their id>-cmd and -pubsub. */
bool sl_decode_watched(struct sl_span client_list)
{
    struct sl_span line, name, rest;
    while (next_line(&client_list, &line))
        if (word_after(line, "name=", &name) && strip_prefix(name, "sentinel-", &rest) &&
            (ends_with(rest, "-cmd") || ends_with(rest, "-pubsub")))
            return true;
    return false;
}

bool sl_decode_news(struct sl_span payload, struct sl_uuid *ret_list, uint64_t *ret_version)
{
    struct sl_uuid id;
    if (payload.len < SL_UUID_TEXT + 2 || payload.at[SL_UUID_TEXT] != ' ' ||
        !sl_uuid_parse(sl_span(payload.at, SL_UUID_TEXT), &id) ||
        !sl_number_parse(sl_span(payload.at + SL_UUID_TEXT + 1, payload.len - SL_UUID_TEXT - 1), INT64_MAX,
                         ret_version))
        return false;
    *ret_list = id;
    return true;
}

/* Redis' own min-replicas-max-lag has this default. */
#define LAG_MAX_S 10

/* slave0:ip=10.0.0.2,port=6379,state=online,offset=1234,lag=1; Valkey writes more behind it. */
uint32_t sl_decode_replicas(struct sl_span info)
{
    char name[16];
    struct sl_span value;
    uint32_t good = 0;
    for (unsigned i = 0; snprintf(name, sizeof name, "slave%u", i), sl_decode_info(info, name, &value); i++) {
        const char *lag = memmem(value.at, value.len, ",lag=", 5);
        size_t at = lag != NULL ? (size_t)(lag - value.at) + 5 : value.len;
        struct sl_span rest = sl_span(value.at + at, value.len - at);
        uint64_t seconds;
        good += memmem(value.at, value.len, ",state=online,", 14) != NULL &&
                sl_number_parse(sl_span(rest.at, sl_digits(rest).count), LAG_MAX_S, &seconds);
    }
    return good;
}
