/* The ring without memory: NULL and nothing left behind, whichever of its requests fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "core/ring.h"
#include "short.h"

static void ring_is_there_or_not(void **state)
{
    (void)state;
    unsigned nth = 0;
    struct sl_ring *r = NULL;
    uint64_t slot = sl_ring_slot(3, 4), out = 0, left = 1;
    while (r == NULL) {
        short_of_memory(++nth);
        r = sl_ring_new(100);
        assert_true(short_was_met() == (r == NULL));
    }
    assert_int_equal(nth, 3); /* it asks twice */
    short_of_memory(1);       /* and never again */
    assert_true(sl_ring_push(r, &slot, 1));
    assert_true(sl_ring_pop(r, 1, &out, &left));
    assert_int_equal(out, slot);
    assert_int_equal(left, 0);
    assert_false(short_was_met());
    short_of_memory(0);
    sl_ring_free(r);
    sl_ring_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ring_is_there_or_not)};
    return cmocka_run_group_tests_name("core memory", tests, NULL, NULL);
}
