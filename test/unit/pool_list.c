/* What all threads read of lists and pools: the JSON of a reference, and pools by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pool/list.h"
#include "pool/pool.h"

static void the_uri_is_found_again_in_the_json_of_a_reference(void **state)
{
    (void)state;
    char memory[200];
    struct sl_buf prefix;
    struct sl_list list = {.uri = SL_SPAN("https://status.example/a\"b")};
    sl_buf_over(&prefix, memory, sizeof memory);
    sl_json_reference(&prefix, list.uri);
    list.json_prefix = sl_span(prefix.data, prefix.len);
    assert_true(
        sl_span_eq(list.json_prefix, SL_SPAN("{\"uri\":\"https://status.example/a\\\"b\",\"index\":")));
    assert_true(sl_span_eq(sl_list_json_uri(&list), SL_SPAN("\"https://status.example/a\\\"b\"")));
}

static void a_pool_is_found_by_its_whole_name_only(void **state)
{
    (void)state;
    struct sl_pool pools[] = {{.name = "staff"}, {.name = "staff-2"}};
    struct sl_shared shared = {.pools = pools, .pool_count = 2};
    assert_ptr_equal(sl_pool_named(&shared, SL_SPAN("staff")), &pools[0]);
    assert_ptr_equal(sl_pool_named(&shared, SL_SPAN("staff-2")), &pools[1]);
    assert_null(sl_pool_named(&shared, SL_SPAN("staff-")));
    assert_null(sl_pool_named(&shared, SL_SPAN("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_uri_is_found_again_in_the_json_of_a_reference),
        cmocka_unit_test(a_pool_is_found_by_its_whole_name_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
