/* The head of a request as libh2o leaves it: which are refused, and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "http/edge_head.h"
#include "http/edge_header.h"
#include "http/field.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static bool is_hidden(const char *name, size_t n)
{
    static const char *const hidden[] = {"host", "content-length", "transfer-encoding", "expect", "upgrade"};
    for (size_t i = 0; i < COUNT(hidden); i++)
        if (n == strlen(hidden[i]) && memcmp(name, hidden[i], n) == 0)
            return true;
    return false;
}

/* As libh2o shows the fields of a request without a body: the values where they are. */
static void show_fields(struct sl_request_head *h, const char *text, size_t n)
{
    const char *at = text, *end = text + n, *line_end;
    for (unsigned line = 0; (line_end = memchr(at, '\n', (size_t)(end - at))) != NULL; line++) {
        const char *stop = line_end > at && line_end[-1] == '\r' ? line_end - 1 : line_end;
        if (stop == at && line == 0) {
            line--; /* before the request line */
        } else if (stop == at) {
            return;
        } else if (line > 0 && (*at == ' ' || *at == '\t')) {
            sl_request_head_field(h, 0, sl_span(at, (size_t)(stop - at)));
        } else if (line > 0) {
            const char *colon = memchr(at, ':', (size_t)(stop - at)), *value = colon + 1;
            while (value < stop && (*value == ' ' || *value == '\t'))
                value++;
            if (!is_hidden(at, (size_t)(colon - at)))
                sl_request_head_field(h, (size_t)(colon - at), sl_span(value, (size_t)(stop - value)));
        }
        at = line_end + 1;
    }
}

/* Of a request whose fields are shown, and of one whose fields were copied. The exact size, so that the
 * sanitizer sees a read beyond its end. */
static const char *fault_of(const char *text, bool http_1_0)
{
    size_t n = strlen(text);
    char *copy = malloc(n + (n == 0));
    memcpy(copy, text, n);
    struct sl_request_head all = sl_request_head_begin(sl_span(copy, n)), shown = all;
    const char *fault = sl_request_head_fault(&all, http_1_0);
    show_fields(&shown, copy, n);
    const char *other = sl_request_head_fault(&shown, http_1_0);
    if (other == NULL ||
        strncmp(other, "Send each", 9) != 0) /* libh2o shows what is folded as fields without a name */
        assert_ptr_equal(fault, other);
    free(copy);
    return other;
}

static void heads(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        bool http_1_0;
        const char *fault; /* its beginning; NULL: none */
    } rows[] = {
        {"GET / HTTP/1.1\r\nhost: x\r\n\r\n", false, NULL},
        {"GET / HTTP/1.1\nhost: x\n\n", false, NULL},
        {"\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n", false, NULL},
        {"GET / HTTP/1.1\r\naccept: a\r\nhost:x:80\t\r\n\r\n", false, NULL},
        {"GET / HTTP/1.1\r\nhost:\r\n\r\n", false, NULL},
        {"GET / HTTP/1.0\r\n\r\n", true, NULL},
        {"GET / HTTP/1.0\r\nhost: x\r\n\r\n", true, NULL},
        {"PATCH / HTTP/1.1\r\ncontent-length: 5\r\nhost: x\r\n\r\nhost:", false, NULL},
        {"PATCH / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhost: y\r\n", false, NULL},
        {"PATCH / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", false, NULL},
        {"GET / HTTP/1.1\r\nhosts: x\r\nx-host: y\r\nhost: z\r\n\r\n", false, NULL},
        {"GET / HTTP/1.1\r\na:\r\nb: \t  \r\nhost: x\r\nc:   y\r\nd:z\r\n\r\n", false, NULL},
        {"GET / HTTP/1.1\r\na: b\r\nhost: x\r\nc: d\r\nhost: x\r\ne: f\r\n\r\n", false, "Send one Host"},
        {"GET / HTTP/1.1\nhost: x\na:\nhost: x\n\n", false, "Send one Host"},
        {"GET / HTTP/1.1\r\nhost: x\r\na: b\r\nhost: x\r\n\r\n", false, "Send one Host"},
        {"GET / HTTP/1.1\r\nx-long: y\r\nhost:\r\nhost:\r\nx: y\r\n\r\n", false, "Send one Host"},
        {"GET / HTTP/1.1\r\n\r\n", false, "Send a Host"},
        {"GET / HTTP/1.1\r\nhos: x\r\n\r\n", false, "Send a Host"},
        {"GET / HTTP/1.1\r\nx: host: y\r\n\r\n", false, "Send a Host"},
        {"GET host: HTTP/1.1\r\n\r\n", false, "Send a Host"},
        {"GET / HTTP/1.1\r\nhost: x\r\nhost: x\r\n\r\n", false, "Send one Host"},
        {"GET / HTTP/1.0\r\nhost: x\r\nhost: y\r\n\r\n", true, "Send one Host"},
        {"GET / HTTP/1.1\r\nhost: a b\r\n\r\n", false, "Host must be"},
        {"GET / HTTP/1.0\r\nhost: a/b\r\n\r\n", true, "Host must be"},
        {"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n", false,
         "Send one Content-L"},
        {"GET / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nx: y\r\ntransfer-encoding: "
         "chunked\r\n\r\n",
         false, "Send one Transfer"},
        {"GET / HTTP/1.1\r\ncontent-length: 1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n", false,
         "Send Content-Length or"},
        {"GET / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n", true, "Send Content-Length:"},
        {"GET / HTTP/1.1\r\nhost: x\r\nx: y\r\n content-length: 5\r\n\r\n", false, "Send each header"},
        {"GET / HTTP/1.1\r\nhost: x\r\nx: y\r\n\thost: z\r\n\r\n", false, "Send each header"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *fault = fault_of(rows[i].head, rows[i].http_1_0), *wanted = rows[i].fault;
        if ((fault == NULL) != (wanted == NULL) ||
            (fault != NULL && strncmp(fault, wanted, strlen(wanted)) != 0))
            fail_msg("row %zu: %s", i, fault != NULL ? fault : "no fault");
    }
}

static void hosts(void **state)
{
    (void)state;
    static const char *const good[] = {
        "",       "x",       "a.example", "127.0.0.1",   "[::1]",    "[::1]:443",         "x:",
        "x:8080", "a_b-c~d", "x%20y",     "!$&'()*+,;=", "[v1.a:b]", "[fe80::1%25eth0]:1"};
    static const char *const bad[] = {"a b",    "a/b",   "x:80a",    "x:1:2", "[]",  "[::1",
                                      "[::1]x", "[a/b]", "a@b",      "::1",   "a?b", "a#b",
                                      "\"x\"",  "x\x7f", "\xc3\xa9", "a\\b",  "<x>"};
    for (size_t i = 0; i < COUNT(good); i++)
        if (!sl_is_host(sl_span(good[i], strlen(good[i]))))
            fail_msg("%s is refused", good[i]);
    for (size_t i = 0; i < COUNT(bad); i++)
        if (sl_is_host(sl_span(bad[i], strlen(bad[i]))))
            fail_msg("%s is taken", bad[i]);
    assert_false(sl_is_host(sl_span("a\0b", 3)));
}

static void request_ids(void **state)
{
    (void)state;
    char longest[SL_REQUEST_ID + 2];
    memset(longest, 'a', sizeof longest);
    assert_true(sl_is_request_id(SL_SPAN("a")));
    assert_true(sl_is_request_id(SL_SPAN("Az09._-")));
    assert_true(sl_is_request_id(sl_span(longest, SL_REQUEST_ID)));
    assert_false(sl_is_request_id(sl_span(longest, SL_REQUEST_ID + 1)));
    static const char *const bad[] = {"", "a b", "a\"b", "a\nb", "a=b", "a:b", "a/b", "\xc3\xa9", "a,b"};
    for (size_t i = 0; i < COUNT(bad); i++)
        if (sl_is_request_id(sl_span(bad[i], strlen(bad[i]))))
            fail_msg("%s is taken", bad[i]);
    assert_false(sl_is_request_id(sl_span("a\0b", 3)));
}

static void white_space_is_no_part_of_a_value(void **state)
{
    (void)state;
    static const char *const rows[] = {"x y", " x y", "x y ", "\t x y \t ", "x y\t"};
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_true(sl_span_eq(sl_field_trim(sl_span(rows[i], strlen(rows[i]))), SL_SPAN("x y")));
    assert_int_equal(sl_field_trim(SL_SPAN(" \t ")).len, 0);
    assert_int_equal(sl_field_trim(sl_span(NULL, 0)).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads),
        cmocka_unit_test(hosts),
        cmocka_unit_test(request_ids),
        cmocka_unit_test(white_space_is_no_part_of_a_value),
    };
    return cmocka_run_group_tests_name("http head", tests, NULL, NULL);
}
