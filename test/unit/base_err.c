/* The error table, row by row: what callers out there rely on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"

static const struct {
    enum sl_err err;
    int status;
    const char *code;
} rows[] = {
    {SL_OK, 200, "OK"},
    {SL_ERR_MALFORMED_REQUEST, 400, "MALFORMED_REQUEST"},
    {SL_ERR_VALUE_OUT_OF_RANGE, 400, "VALUE_OUT_OF_RANGE"},
    {SL_ERR_INDEX_OUT_OF_BOUNDS, 400, "INDEX_OUT_OF_BOUNDS"},
    {SL_ERR_AMOUNT_OUT_OF_RANGE, 400, "AMOUNT_OUT_OF_RANGE"},
    {SL_ERR_NO_SUCH_REFERENCE, 400, "NO_SUCH_LIST"},
    {SL_ERR_UNAUTHORIZED, 401, "UNAUTHORIZED"},
    {SL_ERR_FORBIDDEN, 403, "FORBIDDEN"},
    {SL_ERR_NO_SUCH_POOL, 404, "NO_SUCH_POOL"},
    {SL_ERR_NO_SUCH_LIST, 404, "NO_SUCH_LIST"},
    {SL_ERR_NOT_FOUND, 404, "NOT_FOUND"},
    {SL_ERR_METHOD_NOT_ALLOWED, 405, "METHOD_NOT_ALLOWED"},
    {SL_ERR_NOT_ACCEPTABLE, 406, "NOT_ACCEPTABLE"},
    {SL_ERR_POOL_RETIRED, 409, "POOL_RETIRED"},
    {SL_ERR_LIST_RETIRED, 409, "LIST_RETIRED"},
    {SL_ERR_REQUEST_IN_PROGRESS, 409, "REQUEST_IN_PROGRESS"},
    {SL_ERR_PRECONDITION_FAILED, 412, "PRECONDITION_FAILED"},
    {SL_ERR_CONTENT_TOO_LARGE, 413, "CONTENT_TOO_LARGE"},
    {SL_ERR_URI_TOO_LONG, 414, "URI_TOO_LONG"},
    {SL_ERR_UNSUPPORTED_MEDIA_TYPE, 415, "UNSUPPORTED_MEDIA_TYPE"},
    {SL_ERR_EXPECTATION_FAILED, 417, "EXPECTATION_FAILED"},
    {SL_ERR_IDEMPOTENCY_KEY_REUSED, 422, "IDEMPOTENCY_KEY_REUSED"},
    {SL_ERR_RATE_LIMIT_REACHED, 429, "RATE_LIMIT_REACHED"},
    {SL_ERR_TOO_MANY_REQUESTS, 429, "TOO_MANY_REQUESTS"},
    {SL_ERR_HEADERS_TOO_LARGE, 431, "HEADERS_TOO_LARGE"},
    {SL_ERR_INTERNAL, 500, "INTERNAL"},
    {SL_ERR_NOT_IMPLEMENTED, 501, "NOT_IMPLEMENTED"},
    {SL_ERR_HISTORY, 503, "UNAVAILABLE"},
    {SL_ERR_UNAVAILABLE, 503, "UNAVAILABLE"},
    {SL_ERR_OUTCOME_UNKNOWN, 503, "OUTCOME_UNKNOWN"},
};

static void test_rows(void **state)
{
    (void)state;
    assert_int_equal(sizeof rows / sizeof *rows, SL_ERR_COUNT); /* a new error wants a row here */
    for (unsigned i = 0; i < SL_ERR_COUNT; i++) {
        assert_int_equal(rows[i].err, i);
        assert_int_equal(sl_err_status(rows[i].err), rows[i].status);
        assert_string_equal(sl_err_code(rows[i].err), rows[i].code);
    }
}

static void test_one_title_a_code(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SL_ERR_COUNT; i++) {
        const char *title = sl_err_title(i);
        assert_true(strlen(title) > 0);
        assert_null(strpbrk(title, "\"\\\n")); /* goes into JSON as it is */
        for (unsigned j = 0; j < SL_ERR_COUNT; j++)
            assert_int_equal(strcmp(sl_err_code(i), sl_err_code(j)) == 0,
                             strcmp(title, sl_err_title(j)) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_one_title_a_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
