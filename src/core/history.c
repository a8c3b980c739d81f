/* A line is short and sorted, so everything is a walk over an array. The lowest lineage falls out first: a
 * state that shares only that one with ours is the oldest anybody could bring, and what fell out is
 * remembered as `cut`, so nobody takes its absence for "never contained". */
#include "core/history.h"

#include <string.h>

#include "base/assert.h"
#include "base/hex.h"
#include "base/number.h"

#define MS_DIGITS 12
#define RANDOM_DIGITS 16
#define VERSION_MAX (UINT64_C(1) << 53) /* what a number of a script holds exactly */
/* Of the digest, as in store/lua/part/fence.lua: every product is below 2^53. */
#define PRIME UINT64_C(1099511627689)
#define FACTOR 4099
#define DIGEST_DIGITS 10

int sl_lineage_compare(struct sl_lineage left, struct sl_lineage right)
{
    if (left.ms != right.ms)
        return left.ms < right.ms ? -1 : 1;
    return (left.random > right.random) - (left.random < right.random);
}

static void print_hex(uint64_t value, char *out, unsigned digits)
{
    static const char hex[] = "0123456789abcdef";
    for (unsigned i = digits; i-- > 0; value >>= 4)
        out[i] = hex[value & 15];
}

static bool parse_hex(struct sl_span text, uint64_t *ret)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        int digit = sl_hex_lower(text.at[i]);
        if (digit < 0)
            return false;
        value = value << 4 | (uint64_t)digit;
    }
    *ret = value;
    return true;
}

size_t sl_lineage_print(struct sl_lineage l, char out[static SL_LINEAGE_TEXT])
{
    sl_assert(l.ms <= SL_LINEAGE_MS_MAX);
    if (sl_lineage_none(l)) {
        out[0] = '0';
        return 1;
    }
    print_hex(l.ms, out, MS_DIGITS);
    out[MS_DIGITS] = '-';
    print_hex(l.random, out + MS_DIGITS + 1, RANDOM_DIGITS);
    return SL_LINEAGE_TEXT;
}

bool sl_lineage_parse(struct sl_span text, struct sl_lineage *ret)
{
    struct sl_lineage l = {0};
    if (text.len == 1 && text.at[0] == '0') {
        *ret = l;
        return true;
    }
    if (text.len != SL_LINEAGE_TEXT || text.at[MS_DIGITS] != '-' ||
        !parse_hex(sl_span(text.at, MS_DIGITS), &l.ms) ||
        !parse_hex(sl_span(text.at + MS_DIGITS + 1, RANDOM_DIGITS), &l.random) || sl_lineage_none(l))
        return false;
    *ret = l;
    return true;
}

uint64_t sl_lineage_marks_ms(struct sl_lineage l)
{
    return (l.random & 15) == 1 ? SL_MARKS_FORK_MS : SL_MARKS_START_MS;
}

/* Where `l` is, or would have to stand. */
static unsigned place_of(const struct sl_line *line, struct sl_lineage l)
{
    unsigned i = 0;
    while (i < line->count && sl_lineage_compare(line->part[i].at, l) < 0)
        i++;
    return i;
}

static bool stands_at(const struct sl_line *line, unsigned i, struct sl_lineage l)
{
    return i < line->count && sl_lineage_equal(line->part[i].at, l);
}

uint64_t sl_line_version(const struct sl_line *line, struct sl_lineage l)
{
    unsigned i = place_of(line, l);
    return stands_at(line, i, l) ? line->part[i].version : 0;
}

static size_t print_head(struct sl_head head, char *out);

static void fold(struct sl_line *line, struct sl_head head)
{
    char text[SL_LINEAGE_TEXT + 18];
    if (line->below == SL_BELOW_UNKNOWN)
        return;
    for (size_t i = 0, n = print_head(head, text); i < n; i++)
        line->below = (line->below * FACTOR + (uint8_t)text[i]) % PRIME;
}

static void drop_lowest(struct sl_line *line, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        fold(line, line->part[i]);
    line->count -= n;
    memmove(line->part, line->part + n, line->count * sizeof line->part[0]);
}

void sl_line_cut(struct sl_line *line, struct sl_lineage cut)
{
    if (sl_lineage_compare(cut, line->cut) <= 0)
        return;
    unsigned n = 0;
    while (n < line->count && sl_lineage_compare(line->part[n].at, cut) <= 0)
        n++;
    drop_lowest(line, n);
    line->cut = cut;
}

void sl_line_add(struct sl_line *line, struct sl_head head)
{
    bool gone = !sl_lineage_none(line->cut) && sl_lineage_compare(head.at, line->cut) <= 0;
    if (head.version == 0 || gone)
        return;
    unsigned i = place_of(line, head.at);
    if (stands_at(line, i, head.at)) {
        if (line->part[i].version < head.version)
            line->part[i].version = head.version;
        return;
    }
    if (line->count == SL_LINE_MAX) {
        /* {0, 0} as `cut` says that nothing fell out, so the lowest lineage leaves the next one. */
        struct sl_lineage lowest = i == 0 ? head.at : line->part[0].at;
        if (i == 0)
            fold(line, head);
        sl_line_cut(line, sl_lineage_none(lowest) ? (struct sl_lineage){0, 1} : lowest);
        if (i == 0)
            return;
        i--;
    }
    memmove(line->part + i + 1, line->part + i, (line->count - i) * sizeof line->part[0]);
    line->part[i] = head;
    line->count++;
}

bool sl_line_equal(const struct sl_line *left, const struct sl_line *right)
{
    if (left->count != right->count || !sl_lineage_equal(left->cut, right->cut) ||
        left->below != right->below)
        return false;
    for (unsigned i = 0; i < left->count; i++)
        if (!sl_head_equal(left->part[i], right->part[i]))
            return false;
    return true;
}

static size_t print_version(uint64_t version, char *out)
{
    char digits[20];
    size_t n = 0;
    for (; version > 0; version /= 10)
        digits[n++] = (char)('0' + version % 10);
    for (size_t i = 0; i < n; i++)
        out[i] = digits[n - 1 - i];
    return n;
}

static size_t print_head(struct sl_head head, char *out)
{
    sl_assert(head.version > 0 && head.version <= VERSION_MAX);
    size_t n = sl_lineage_print(head.at, out);
    out[n++] = ':';
    return n + print_version(head.version, out + n);
}

size_t sl_line_print(const struct sl_line *line, char out[static SL_LINE_TEXT])
{
    size_t n = 0;
    for (unsigned i = 0; i < line->count; i++) {
        if (i > 0)
            out[n++] = ' ';
        n += print_head(line->part[i], out + n);
    }
    return n;
}

size_t sl_cut_print(const struct sl_line *line, char out[static SL_CUT_TEXT])
{
    if (sl_lineage_none(line->cut))
        return 0;
    size_t n = sl_lineage_print(line->cut, out);
    if (line->below == SL_BELOW_UNKNOWN)
        return n;
    out[n++] = ':';
    print_hex(line->below, out + n, DIGEST_DIGITS);
    return n + DIGEST_DIGITS;
}

bool sl_cut_parse(struct sl_span text, struct sl_line *ret)
{
    struct sl_lineage cut = {0};
    uint64_t below = 0;
    if (text.len == SL_LINEAGE_TEXT && sl_lineage_parse(text, &cut)) {
        ret->cut = cut;
        ret->below = SL_BELOW_UNKNOWN;
        return true;
    }
    bool nothing = text.len == 0 || (text.len == 1 && text.at[0] == '0');
    if (!nothing &&
        (text.len != SL_CUT_TEXT || text.at[SL_LINEAGE_TEXT] != ':' ||
         !sl_lineage_parse(sl_span(text.at, SL_LINEAGE_TEXT), &cut) ||
         !parse_hex(sl_span(text.at + SL_LINEAGE_TEXT + 1, DIGEST_DIGITS), &below) || below >= PRIME))
        return false;
    ret->cut = cut;
    ret->below = below;
    return true;
}

static bool parse_part(struct sl_span text, struct sl_head *ret)
{
    const char *colon = memchr(text.at, ':', text.len);
    struct sl_head head = {0};
    if (colon == NULL)
        return false;
    size_t n = (size_t)(colon - text.at);
    if (!sl_lineage_parse(sl_span(text.at, n), &head.at) ||
        !sl_number_parse_strict(sl_span(colon + 1, text.len - n - 1), VERSION_MAX, &head.version) ||
        head.version == 0)
        return false;
    *ret = head;
    return true;
}

bool sl_line_parse(struct sl_span text, struct sl_line *ret)
{
    struct sl_line line = {0};
    bool more = text.len > 0;
    while (more) {
        const char *space = memchr(text.at, ' ', text.len);
        size_t n = space != NULL ? (size_t)(space - text.at) : text.len;
        struct sl_head head;
        if (line.count == SL_LINE_MAX || !parse_part(sl_span(text.at, n), &head) ||
            (line.count > 0 && sl_lineage_compare(line.part[line.count - 1].at, head.at) >= 0))
            return false;
        line.part[line.count++] = head;
        more = space != NULL;
        n += more;
        text = sl_span(text.at + n, text.len - n);
    }
    *ret = line;
    return true;
}
