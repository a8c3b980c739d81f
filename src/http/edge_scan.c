#include "http/edge_scan.h"

#include <string.h>

#include "base/number.h"

#define SHORTEST_ENTRY 56 /* {"uri":"/<36>","index":0} and a comma, rounded down */

struct scan {
    const char *at, *end;
};

static void skip_space(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

static bool take_char(struct scan *s, char c)
{
    skip_space(s);
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

/* A string without escapes, of characters that are one byte in UTF-8. */
static bool take_string(struct scan *s, struct sl_span *ret)
{
    if (!take_char(s, '"'))
        return false;
    const char *begin = s->at;
    while (s->at < s->end && *s->at >= ' ' && *s->at <= '~' && *s->at != '"' && *s->at != '\\')
        s->at++;
    if (s->at == s->end || *s->at != '"')
        return false;
    *ret = sl_span(begin, (size_t)(s->at++ - begin));
    return true;
}

static bool take_number(struct scan *s, uint64_t most, uint32_t *ret)
{
    skip_space(s);
    struct sl_digits d = sl_digits(sl_span(s->at, (size_t)(s->end - s->at)));
    if (d.count == 0 || (*s->at == '0' && d.count > 1) || d.value > most)
        return false;
    s->at += d.count;
    *ret = (uint32_t)d.value;
    return true;
}

enum { URI = 1, INDEX = 2, VALUE = 4 };

static bool take_uri(struct scan *s, struct sl_update_entry *e)
{
    if (!take_string(s, &e->uri) || e->uri.len <= SL_UUID_TEXT)
        return false;
    size_t slash = e->uri.len - SL_UUID_TEXT - 1;
    return e->uri.at[slash] == '/' && sl_uuid_parse(sl_span(e->uri.at + slash + 1, SL_UUID_TEXT), &e->list);
}

/* One member; *seen collects which ones there were. */
static bool take_member(struct scan *s, struct sl_update_entry *e, unsigned *seen)
{
    struct sl_span name;
    if (!take_string(s, &name) || !take_char(s, ':'))
        return false;
    unsigned which = sl_span_eq(name, SL_SPAN("uri"))     ? URI
                     : sl_span_eq(name, SL_SPAN("index")) ? INDEX
                     : sl_span_eq(name, SL_SPAN("value")) ? VALUE
                                                          : 0;
    if (which == 0 || (*seen & which) != 0)
        return false;
    *seen |= which;
    if (which == URI)
        return take_uri(s, e);
    return which == INDEX ? take_number(s, UINT32_MAX, &e->index) : take_number(s, UINT8_MAX, &e->value);
}

static bool take_entry(struct scan *s, struct sl_update_entry *e, unsigned *ret_seen)
{
    unsigned seen = 0;
    if (!take_char(s, '{'))
        return false;
    do {
        if (!take_member(s, e, &seen))
            return false;
    } while (take_char(s, ','));
    *ret_seen = seen;
    return take_char(s, '}') && (seen & (URI | INDEX)) == (URI | INDEX);
}

static bool at_end(struct scan *s)
{
    skip_space(s);
    return s->at == s->end;
}

bool sl_scan_update(struct sl_span json, struct sl_update_entry *ret)
{
    struct scan s = {json.at, json.at + json.len};
    struct sl_update_entry e;
    unsigned seen;
    if (!take_entry(&s, &e, &seen) || (seen & VALUE) == 0 || !at_end(&s))
        return false;
    *ret = e;
    return true;
}

size_t sl_scan_batch_room(size_t bytes)
{
    return bytes / SHORTEST_ENTRY + 1;
}

struct batch {
    struct sl_update_entry *entries;
    size_t count, max;
    bool all_have_value, has_outer;
    uint32_t outer;
};

static bool take_entries(struct scan *s, struct batch *b)
{
    if (!take_char(s, '['))
        return false;
    if (take_char(s, ']'))
        return true;
    do {
        unsigned seen;
        if (b->count == b->max || !take_entry(s, &b->entries[b->count], &seen))
            return false;
        if ((seen & VALUE) == 0) {
            b->entries[b->count].value = UINT32_MAX; /* the outer one, which may follow the entries */
            b->all_have_value = false;
        }
        b->count++;
    } while (take_char(s, ','));
    return take_char(s, ']');
}

static bool take_batch_member(struct scan *s, struct batch *b, bool *seen_entries)
{
    struct sl_span name;
    if (!take_string(s, &name) || !take_char(s, ':'))
        return false;
    if (sl_span_eq(name, SL_SPAN("statusListReferences")) && !*seen_entries) {
        *seen_entries = true;
        return take_entries(s, b);
    }
    if (!sl_span_eq(name, SL_SPAN("value")) || b->has_outer)
        return false;
    b->has_outer = true;
    return take_number(s, UINT8_MAX, &b->outer);
}

bool sl_scan_batch(struct sl_span json, size_t max, struct sl_update_entry *ret, size_t *ret_count)
{
    struct scan s = {json.at, json.at + json.len};
    struct batch b = {.entries = ret, .max = max, .all_have_value = true};
    bool seen_entries = false;
    if (!take_char(&s, '{'))
        return false;
    do {
        if (!take_batch_member(&s, &b, &seen_entries))
            return false;
    } while (take_char(&s, ','));
    if (!take_char(&s, '}') || !at_end(&s) || !seen_entries || !(b.all_have_value || b.has_outer))
        return false;
    for (size_t i = 0; i < b.count; i++)
        if (b.entries[i].value == UINT32_MAX)
            b.entries[i].value = b.outer;
    *ret_count = b.count;
    return true;
}
