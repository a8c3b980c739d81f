#include "http/conditional.h"

#include <limits.h>

#include "base/clock.h"
#include "base/number.h"

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* entity-tag of RFC 9110 section 8.8.3 at the front of `text`: how long it is, quotes included, or 0. */
static size_t tag_len(const char *text, size_t n)
{
    if (n == 0 || text[0] != '"')
        return 0;
    for (size_t i = 1; i < n; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte == '"')
            return i + 1;
        if (byte <= 0x20 || byte == 0x7f)
            return 0;
    }
    return 0;
}

static size_t skip_weak(struct sl_span tag)
{
    return tag.len >= 2 && tag.at[0] == 'W' && tag.at[1] == '/' ? 2 : 0;
}

/* Walks one line. *members counts the members that are not empty, well-formed or not. A weak tag never
 * matches strongly. */
static bool line_matches(struct sl_span line, struct sl_span opaque, bool strongly, size_t *members)
{
    size_t i = 0;
    while (i < line.len) {
        if (is_space(line.at[i]) || line.at[i] == ',') {
            i++;
            continue;
        }
        ++*members;
        i += strongly ? 0 : skip_weak(sl_span(line.at + i, line.len - i));
        size_t begin = i, n = tag_len(line.at + i, line.len - i);
        i += n;
        while (i < line.len && is_space(line.at[i]))
            i++;
        if (n > 0 && (i == line.len || line.at[i] == ',') && sl_span_eq(sl_span(line.at + begin, n), opaque))
            return true;
        while (i < line.len && line.at[i] != ',')
            i++;
    }
    return false;
}

static bool is_star(struct sl_span line)
{
    bool seen = false;
    for (size_t i = 0; i < line.len; i++) {
        if (line.at[i] == '*' && !seen)
            seen = true;
        else if (!is_space(line.at[i]) && line.at[i] != ',')
            return false;
    }
    return seen;
}

static bool any_matches(const struct sl_span *fields, size_t n, struct sl_span tag, bool strongly)
{
    size_t members = 0;
    bool star = false;
    for (size_t i = 0; i < n; i++) {
        if (line_matches(fields[i], tag, strongly, &members))
            return true;
        star = star || is_star(fields[i]);
    }
    return star && members == 1;
}

bool sl_etag_matches(const struct sl_span *fields, size_t n, struct sl_span etag)
{
    size_t weak = skip_weak(etag);
    return any_matches(fields, n, sl_span(etag.at + weak, etag.len - weak), false);
}

bool sl_etag_matches_strongly(const struct sl_span *fields, size_t n, struct sl_span etag)
{
    return any_matches(fields, n, etag, true);
}

/* A date is taken apart from left to right; the first thing that is not there makes it bad, for good. */
struct reader {
    struct sl_span rest;
    bool bad;
};

static void expect_text(struct reader *r, struct sl_span text)
{
    if (r->bad || r->rest.len < text.len || memcmp(r->rest.at, text.at, text.len) != 0) {
        r->bad = true;
        return;
    }
    r->rest = sl_span(r->rest.at + text.len, r->rest.len - text.len);
}

/* Exactly that many digits. */
static int read_digits(struct reader *r, size_t digits)
{
    uint64_t v = 0;
    if (r->bad || r->rest.len < digits || !sl_number_parse(sl_span(r->rest.at, digits), INT_MAX, &v)) {
        r->bad = true;
        return 0;
    }
    r->rest = sl_span(r->rest.at + digits, r->rest.len - digits);
    return (int)v;
}

/* Which of `names` comes next; -1 and bad when none. */
static int one_of(struct reader *r, const char *const *names, size_t count)
{
    for (size_t i = 0; !r->bad && i < count; i++) {
        size_t n = strlen(names[i]);
        if (r->rest.len >= n && memcmp(r->rest.at, names[i], n) == 0) {
            r->rest = sl_span(r->rest.at + n, r->rest.len - n);
            return (int)i;
        }
    }
    r->bad = true;
    return -1;
}

static int month_name(struct reader *r)
{
    static const char *const names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    return one_of(r, names, 12) + 1;
}

struct moment {
    int year, month, day, second; /* second of the day, 86400 in a leap second */
};

static int time_of_day(struct reader *r)
{
    int hour = read_digits(r, 2);
    expect_text(r, SL_SPAN(":"));
    int minute = read_digits(r, 2);
    expect_text(r, SL_SPAN(":"));
    int second = read_digits(r, 2);
    bool leap = hour == 23 && minute == 59 && second == 60;
    if (hour > 23 || minute > 59 || (second > 59 && !leap))
        r->bad = true;
    return hour * 3600 + minute * 60 + second;
}

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool day_exists(const struct moment *m)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return m->day >= 1 && m->day <= days[m->month - 1] + (m->month == 2 && is_leap(m->year));
}

/* Seconds since 1970 of the proleptic Gregorian calendar. With years from March the leap
 * day is the last. */
static int64_t to_seconds(const struct moment *m)
{
    int64_t year = m->month > 2 ? m->year : m->year - 1;
    int64_t month = m->month > 2 ? m->month - 3 : m->month + 9;
    int64_t cycle = year >= 0 ? year / 400 : (year - 399) / 400;
    int64_t of_cycle = year - cycle * 400;
    int64_t day = of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + (153 * month + 2) / 5 + m->day - 1;
    return (cycle * 146097 + day - 719468) * 86400 + m->second;
}

/* RFC 9110 section 5.6.7: never more than 50 years ahead. A year of 365.2425 days is near enough for that. */
static int full_year(struct moment m, int two_digits, int64_t now)
{
    const int64_t year = 31556952;
    m.year = (int)((now + 50 * year) / year) + 1970 + 1;
    while (m.year % 100 != two_digits)
        m.year--;
    return to_seconds(&m) > now + 50 * year ? m.year - 100 : m.year;
}

static struct moment imf_fixdate(struct reader *r)
{
    struct moment m;
    expect_text(r, SL_SPAN(", "));
    m.day = read_digits(r, 2);
    expect_text(r, SL_SPAN(" "));
    m.month = month_name(r);
    expect_text(r, SL_SPAN(" "));
    m.year = read_digits(r, 4);
    expect_text(r, SL_SPAN(" "));
    m.second = time_of_day(r);
    expect_text(r, SL_SPAN(" GMT"));
    return m;
}

static struct moment rfc850_date(struct reader *r, int64_t now)
{
    struct moment m = {.year = 0};
    expect_text(r, SL_SPAN(", "));
    m.day = read_digits(r, 2);
    expect_text(r, SL_SPAN("-"));
    m.month = month_name(r);
    expect_text(r, SL_SPAN("-"));
    int two_digits = read_digits(r, 2);
    expect_text(r, SL_SPAN(" "));
    m.second = time_of_day(r);
    expect_text(r, SL_SPAN(" GMT"));
    if (!r->bad)
        m.year = full_year(m, two_digits, now);
    return m;
}

static struct moment asctime_date(struct reader *r)
{
    struct moment m;
    expect_text(r, SL_SPAN(" "));
    m.month = month_name(r);
    expect_text(r, SL_SPAN(" "));
    if (r->rest.len > 0 && r->rest.at[0] == ' ') {
        expect_text(r, SL_SPAN(" "));
        m.day = read_digits(r, 1);
    } else {
        m.day = read_digits(r, 2);
    }
    expect_text(r, SL_SPAN(" "));
    m.second = time_of_day(r);
    expect_text(r, SL_SPAN(" "));
    m.year = read_digits(r, 4);
    return m;
}

bool sl_http_date_at(struct sl_span text, int64_t now, int64_t *ret)
{
    /* The long names come first: each begins with a short one. */
    static const char *const days[] = {"Monday",   "Tuesday", "Wednesday", "Thursday", "Friday",
                                       "Saturday", "Sunday",  "Mon",       "Tue",      "Wed",
                                       "Thu",      "Fri",     "Sat",       "Sun"};
    struct reader r = {.rest = text, .bad = false};
    struct moment m;
    int name = one_of(&r, days, sizeof days / sizeof *days);
    if (name < 0)
        return false;
    if (name < 7)
        m = rfc850_date(&r, now);
    else if (r.rest.len > 0 && r.rest.at[0] == ',')
        m = imf_fixdate(&r);
    else
        m = asctime_date(&r);
    if (r.bad || r.rest.len > 0 || !day_exists(&m))
        return false;
    *ret = to_seconds(&m);
    return true;
}

bool sl_http_date(struct sl_span text, int64_t *ret)
{
    return sl_http_date_at(text, sl_wall_ms(&sl_clock_system) / 1000, ret);
}
