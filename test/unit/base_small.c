/* The smallest helpers: texts that may be absent, and arrays that grow with the lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/by_number.h"
#include "base/text.h"

static void test_absent_texts_are_equal_to_each_other_only(void **state)
{
    (void)state;
    char a[] = "same", b[] = "same";
    assert_true(sl_same_text(NULL, NULL));
    assert_true(sl_same_text(a, b));
    assert_false(sl_same_text(a, "other"));
    assert_false(sl_same_text(a, NULL));
    assert_false(sl_same_text(NULL, ""));
}

static void test_an_array_reaches_the_number_and_what_is_new_is_zero(void **state)
{
    (void)state;
    uint32_t *array = NULL, cap = 0;
    static const uint32_t numbers[] = {0, 63, 64, 65, 1000, 999, 100000};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        array = sl_by_number(array, &cap, numbers[i], sizeof *array);
        assert_true(cap > numbers[i]);
        assert_int_equal(array[numbers[i]], 0);
        assert_int_equal(array[cap - 1], 0);
        array[numbers[i]] = numbers[i] + 1;
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_int_equal(array[numbers[i]], numbers[i] + 1);
    assert_ptr_equal(sl_by_number(array, &cap, cap - 1, sizeof *array), array);
    free(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent_texts_are_equal_to_each_other_only),
        cmocka_unit_test(test_an_array_reaches_the_number_and_what_is_new_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
