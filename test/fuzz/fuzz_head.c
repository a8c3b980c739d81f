/* A request's head: '0' or '1' for the minor version, then the bytes as libh2o leaves them. */
#include "fuzz_help.h"
#include "http/edge_head.h"
#include "http/edge_header.h"
#include "http/field.h"

/* Lines that begin with `name` and a colon, up to the first empty one. */
static int lines_of(struct sl_span s, const char *name)
{
    int found = 0, line = 0;
    bool skipped = false;
    size_t n = strlen(name);
    for (; s.len > 0; line++) {
        const char *end = memchr(s.at, '\n', s.len);
        if (end == NULL)
            break;
        size_t len = (size_t)(end - s.at), bare = len > 0 && end[-1] == '\r' ? len - 1 : len;
        bool is_field = line > 1 || (line == 1 && !skipped);
        if (line == 0)
            skipped = bare == 0; /* an empty line before the request line */
        if (is_field && bare == 0)
            break;
        if (is_field && bare > n && memcmp(s.at, name, n) == 0 && s.at[n] == ':')
            found++;
        s = sl_span(end + 1, s.len - len - 1);
    }
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    bool http_1_0 = data[0] == '0';
    struct sl_span head = {(const char *)data + 1, size - 1};
    struct sl_request_head h = sl_request_head_begin(head);
    const char *fault = sl_request_head_fault(&h, http_1_0);
    int hosts = lines_of(head, "host"), lengths = lines_of(head, "content-length"),
        codings = lines_of(head, "transfer-encoding");
    if (fault == NULL)
        sl_assert(hosts <= 1 && (hosts == 1 || http_1_0) && lengths + codings <= 1 &&
                  !(http_1_0 && codings > 0));
    else
        sl_assert(strlen(fault) > 10 && strlen(fault) < 120);
    struct sl_span value = sl_field_trim(head);
    sl_assert(value.len == 0 || fuzz_inside(value, head));
    sl_assert(value.len == 0 ||
              (strchr(" \t", value.at[0]) == NULL && strchr(" \t", value.at[value.len - 1]) == NULL) ||
              value.at[0] == '\0' || value.at[value.len - 1] == '\0');
    if (sl_is_request_id(head))
        sl_assert(head.len >= 1 && head.len <= SL_REQUEST_ID && memchr(head.at, '\n', head.len) == NULL &&
                  memchr(head.at, '"', head.len) == NULL);
    if (sl_is_host(head))
        sl_assert(memchr(head.at, ' ', head.len) == NULL && memchr(head.at, '/', head.len) == NULL);
    return 0;
}
