/* The order of publication, and who may run beside whom. No keeper runs: lists of any size cost nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "keeper/keeper_int.h"
#include "fixture.h"

#define LISTS 6
#define MIB (1024 * 1024)

struct world {
    struct sl_keeper keeper;
    struct sl_kpool pool;
    struct sl_klist *lists[LISTS];
};

static struct world *world_new(const uint32_t bytes[static LISTS])
{
    struct world *w = calloc(1, sizeof *w);
    w->keeper.setup.publisher_count = 2;
    w->pool.keeper = &w->keeper;
    for (unsigned i = 0; i < LISTS; i++) {
        w->lists[i] = calloc(1, sizeof(struct sl_klist));
        w->lists[i]->pool = &w->pool;
        w->lists[i]->list.size = bytes[i];
        w->lists[i]->list.bits = 8;
        sl_queue_count_list(w->lists[i]);
    }
    return w;
}

static void world_end(struct world *w)
{
    for (unsigned i = 0; i < LISTS; i++)
        free(w->lists[i]);
    free(w);
}

static const uint32_t small[LISTS] = {1, 1, 1, 1, 1, 1};

static void expect_order(struct world *w, const unsigned *numbers, unsigned n)
{
    struct sl_klist *t = NULL;
    for (unsigned i = 0; i < n; i++) {
        t = sl_queue_next(&w->keeper, t);
        assert_ptr_equal(t, w->lists[numbers[i]]);
    }
    assert_null(sl_queue_next(&w->keeper, t));
    assert_int_equal(w->keeper.queue.queued, n);
}

static void the_oldest_change_is_published_first(void **state)
{
    (void)state;
    struct world *w = world_new(small);
    static const uint64_t since[LISTS] = {30, 10, 20, 0, 40, 0};
    for (unsigned i = 0; i < LISTS; i++)
        sl_queue_add(w->lists[i], since[i]);
    /* For 3 and 5 a request waits. */
    expect_order(w, (const unsigned[]){5, 3, 1, 2, 0, 4}, 6);
    sl_queue_remove(w->lists[5]);
    sl_queue_remove(w->lists[4]);
    sl_queue_remove(w->lists[2]);
    expect_order(w, (const unsigned[]){3, 1, 0}, 3);
    sl_queue_add(w->lists[2], 30); /* behind the one that came before at the same time */
    sl_queue_add(w->lists[4], 29);
    expect_order(w, (const unsigned[]){3, 1, 4, 0, 2}, 5);
    for (unsigned i = 0; i < 5; i++)
        sl_queue_remove(sl_queue_next(&w->keeper, NULL));
    expect_order(w, NULL, 0);
    world_end(w);
}

static void a_very_large_list_runs_beside_all_others(void **state)
{
    (void)state;
    static const uint32_t bytes[LISTS] = {100u * MIB, 100u * MIB, 40u * MIB, 30u * MIB, 24u * MIB, 100};
    struct world *w = world_new(bytes);
    for (unsigned i = 2; i < LISTS; i++)
        assert_true(sl_queue_has_room(&w->keeper, w->lists[i]));
    sl_queue_begin(w->lists[2]);
    sl_queue_begin(w->lists[5]);
    assert_true(sl_queue_has_room(&w->keeper, w->lists[0])); /* the others do not keep it out */
    sl_queue_begin(w->lists[0]);
    assert_false(sl_queue_has_room(&w->keeper, w->lists[1]));
    assert_false(sl_queue_has_room(&w->keeper, w->lists[3])); /* 70 MiB of large ones */
    assert_true(sl_queue_has_room(&w->keeper, w->lists[4]));  /* and it not them */
    assert_true(sl_queue_has_room(&w->keeper, w->lists[5]));
    sl_queue_end(w->lists[0]);
    assert_true(sl_queue_has_room(&w->keeper, w->lists[1]));
    sl_queue_end(w->lists[2]);
    sl_queue_end(w->lists[5]);
    assert_true(sl_queue_has_room(&w->keeper, w->lists[3]));
    assert_int_equal(sl_queue_unfinished(&w->keeper), 0);
    world_end(w);
}

static void small_lists_are_bounded_by_their_number(void **state)
{
    (void)state;
    struct world *w = world_new(small);
    unsigned n = 0;
    while (sl_queue_has_room(&w->keeper, w->lists[0]) && n++ < 1000)
        sl_queue_begin(w->lists[0]);
    assert_int_equal(n, 4 * 2 + 16);
    world_end(w);
}

/* What is owed, and as much as may be under way. */
static void bytes_ahead(void **state)
{
    (void)state;
    static const uint32_t bytes[LISTS] = {MIB, MIB, MIB, 2 * MIB, 100u * MIB, 100};
    struct world *w = world_new(bytes);
    assert_int_equal(sl_queue_bytes_ahead(&w->keeper), 5 * MIB);
    sl_queue_note_work(w->lists[0], true);
    sl_queue_note_work(w->lists[0], true);
    sl_queue_note_work(w->lists[3], true);
    sl_queue_note_work(w->lists[4], true);
    sl_queue_note_work(w->lists[5], true);
    assert_int_equal(w->keeper.queue.work_lists, 4);
    assert_int_equal(sl_queue_bytes_ahead(&w->keeper), 8 * MIB);
    sl_queue_note_work(w->lists[3], false);
    assert_int_equal(sl_queue_bytes_ahead(&w->keeper), 6 * MIB);
    w->keeper.setup.publisher_count = 1; /* nothing passes the very large one */
    assert_int_equal(sl_queue_bytes_ahead(&w->keeper), 106 * MIB);
    world_end(w);
}

static void no_more_than_may_be_under_way_is_ahead(void **state)
{
    (void)state;
    static const uint32_t bytes[LISTS] = {30u * MIB, 30u * MIB, 30u * MIB, 30u * MIB, 30u * MIB, 30u * MIB};
    struct world *w = world_new(bytes);
    assert_int_equal(sl_queue_bytes_ahead(&w->keeper), 64 * MIB);
    for (unsigned i = 0; i < 40; i++)
        sl_queue_count_list(w->lists[0]);
    assert_int_equal(sl_queue_bytes_ahead(&w->keeper), 64 * MIB);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_change_is_published_first),
        cmocka_unit_test(a_very_large_list_runs_beside_all_others),
        cmocka_unit_test(small_lists_are_bounded_by_their_number),
        cmocka_unit_test(bytes_ahead),
        cmocka_unit_test(no_more_than_may_be_under_way_is_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
