/* The ring's contract for one thread: all or nothing, room, order, layout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/ring.c" /* the layout is private */

static void test_all_or_nothing(void **state)
{
    (void)state;
    struct sl_ring *r = sl_ring_new(5); /* rounded up to 8 */
    uint64_t in[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, out[9] = {0}, left = 77;
    assert_non_null(r);
    assert_false(sl_ring_pop(r, 1, out, &left));
    assert_false(sl_ring_push(r, in, 9));
    assert_int_equal(sl_ring_fill(r), 0);
    assert_true(sl_ring_push(r, in, 6));
    assert_false(sl_ring_push(r, in, 3));
    assert_true(sl_ring_push(r, in + 6, 2));
    assert_int_equal(sl_ring_fill(r), 8);
    assert_false(sl_ring_pop(r, 9, out, &left));
    assert_false(sl_ring_pop(r, UINT32_MAX, out, &left));
    assert_int_equal(left, 77);
    assert_true(sl_ring_pop(r, 5, out, &left));
    assert_int_equal(left, 3);
    assert_memory_equal(out, in, 5 * sizeof *in);
    left = 77;
    assert_false(sl_ring_pop(r, 4, out, &left));
    assert_int_equal(left, 77);
    assert_true(sl_ring_push(r, in, 0));
    assert_true(sl_ring_push(r, in, 5));
    assert_true(sl_ring_pop(r, 8, out, &left));
    assert_int_equal(left, 0);
    assert_memory_equal(out, in + 5, 3 * sizeof *in);
    assert_memory_equal(out + 3, in, 5 * sizeof *in);
    sl_ring_free(r);
    sl_ring_free(NULL);
}

static void test_layout(void **state)
{
    (void)state;
    assert_true(offsetof(struct sl_ring, tail) - offsetof(struct sl_ring, head) >= CACHE_LINE);
    assert_true(offsetof(struct sl_ring, mask) - offsetof(struct sl_ring, tail) >= CACHE_LINE);
    struct sl_ring *r = sl_ring_new(100000);
    assert_non_null(r);
    assert_int_equal((uintptr_t)r % CACHE_LINE, 0);
    assert_int_equal((uintptr_t)r->slots % CACHE_LINE, 0);
    assert_int_equal(r->mask, 131071);
    sl_ring_free(r);
    uint64_t slot = sl_ring_slot(0xdeadbeef, 0xfffffffe);
    assert_int_equal(sl_ring_slot_list(slot), 0xdeadbeef);
    assert_int_equal(sl_ring_slot_index(slot), 0xfffffffe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_or_nothing),
        cmocka_unit_test(test_layout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
