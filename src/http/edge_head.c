#include "http/edge_head.h"

/* unreserved, sub-delims and the percent sign of RFC 3986; a colon only inside brackets. */
#define NAME 1
#define IN_BRACKETS 2
#define BOTH (NAME | IN_BRACKETS)
static const unsigned char host_chars[256] = {
    ['a' ... 'z'] = BOTH, ['A' ... 'Z'] = BOTH, ['0' ... '9'] = BOTH, ['-'] = BOTH, ['.'] = BOTH,
    ['_'] = BOTH,         ['~'] = BOTH,         ['%'] = BOTH,         ['!'] = BOTH, ['$'] = BOTH,
    ['&'] = BOTH,         ['\''] = BOTH,        ['('] = BOTH,         [')'] = BOTH, ['*'] = BOTH,
    ['+'] = BOTH,         [','] = BOTH,         [';'] = BOTH,         ['='] = BOTH, [':'] = IN_BRACKETS,
};

static size_t span_of(struct sl_span s, size_t from, unsigned char kind)
{
    while (from < s.len && (host_chars[(unsigned char)s.at[from]] & kind) != 0)
        from++;
    return from;
}

bool sl_is_host(struct sl_span s)
{
    size_t i;
    if (s.len > 0 && s.at[0] == '[') {
        i = span_of(s, 1, IN_BRACKETS);
        if (i == 1 || i == s.len || s.at[i++] != ']')
            return false;
    } else {
        i = span_of(s, 0, NAME);
    }
    if (i < s.len && s.at[i++] != ':')
        return false;
    while (i < s.len && s.at[i] >= '0' && s.at[i] <= '9')
        i++;
    return i == s.len;
}

/* What follows `name` and the colon in the line; false: it is another field. */
static bool value_of(struct sl_span line, struct sl_span name, struct sl_span *ret)
{
    if (line.len <= name.len || line.at[name.len] != ':' || memcmp(line.at, name.at, name.len) != 0)
        return false;
    const char *from = line.at + name.len + 1, *to = line.at + line.len;
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (from < to && (to[-1] == ' ' || to[-1] == '\t'))
        to--;
    *ret = sl_span(from, (size_t)(to - from));
    return true;
}

static void count_line(struct sl_request_head *h, struct sl_span line)
{
    struct sl_span value;
    switch (line.at[0]) {
    case 'h':
        if (value_of(line, SL_SPAN("host"), &value)) {
            h->hosts++;
            h->host = value;
        }
        break;
    case 'c':
        h->lengths += value_of(line, SL_SPAN("content-length"), &value);
        break;
    case 't':
        h->codings += value_of(line, SL_SPAN("transfer-encoding"), &value);
        break;
    }
}

/* The line at h->at, which is passed over, without its end. False: there is no whole one. */
static bool next_line(struct sl_request_head *h, struct sl_span *ret)
{
    size_t left = (size_t)(h->end - h->at);
    const char *end = left > 0 ? memchr(h->at, '\n', left) : NULL;
    if (end == NULL)
        return false;
    size_t n = (size_t)(end - h->at);
    *ret = sl_span(h->at, n > 0 && end[-1] == '\r' ? n - 1 : n);
    h->at = end + 1;
    return true;
}

struct sl_request_head sl_request_head_begin(struct sl_span bytes)
{
    struct sl_request_head h = {.at = bytes.at, .end = bytes.at + bytes.len};
    struct sl_span line;
    /* libh2o skips an empty line before the request line. */
    if (next_line(&h, &line) && line.len == 0)
        (void)next_line(&h, &line);
    return h;
}

void sl_request_head_read(struct sl_request_head *h, const char *value)
{
    struct sl_span line;
    const char *begin = h->at;
    while (next_line(h, &line) && h->at <= value) {
        if (line.len > 0)
            count_line(h, line);
        begin = h->at;
    }
    h->at = begin;
}

const char *sl_request_head_fault(struct sl_request_head *h, bool http_1_0)
{
    struct sl_span line;
    bool over = h->end - h->at >= 2 && h->at[0] == '\r' && h->at[1] == '\n'; /* the empty line, as usual */
    while (!over && next_line(h, &line) && line.len > 0)
        count_line(h, line);
    if (h->hosts > 1)
        return "Send one Host header: there are several";
    if (h->hosts == 0 && !http_1_0)
        return "Send a Host header: HTTP/1.1 requires one";
    if (!sl_is_host(h->host))
        return "Host must be a name or an address, and perhaps a colon and a port";
    if (h->folds > 0)
        return "Send each header in one line: one is folded";
    if (h->lengths > 1)
        return "Send one Content-Length header: there are several";
    if (h->codings > 1)
        return "Send one Transfer-Encoding header: there are several";
    if (h->codings > 0 && h->lengths > 0)
        return "Send Content-Length or Transfer-Encoding: there are both";
    if (h->codings > 0 && http_1_0)
        return "Send Content-Length: HTTP/1.0 has no Transfer-Encoding";
    return NULL;
}
