/* Long lists go to Redis in pieces, and begin again where something came between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keeper/keeper_int.h"
#include "fixture.h"

static struct fixture *f;

static struct sl_klist *first(void)
{
    return sl_keeper_list(f->keeper, 0);
}

static uint64_t shown(void)
{
    return sl_list_token(&first()->list)->version;
}

static bool shows(struct fixture *fixture, void *arg)
{
    (void)fixture;
    return shown() == *(uint64_t *)arg;
}

static void wait_version(uint64_t version)
{
    assert_true(fixture_until(f, shows, &version, 5000));
}

/* Redis goes away and comes back with the data that were saved; the keeper knows later versions. */
static void go_back(void)
{
    fixture_for(f, 2100); /* a sweep has read the change numbers */
    fake_set_up(f->redis, false);
    fixture_for(f, 5);
    fake_restore(f->redis);
    fake_set_up(f->redis, true);
}

static void change(uint32_t index, uint8_t value)
{
    fake_change(f->redis, &first()->list.id, index, value);
}

static bool mended_as(struct fixture *fixture, void *arg)
{
    return fixture_metric_label(fixture, 0, SL_KM_MENDED, *(enum sl_mended *)arg) > 0;
}

static void wait_mended(enum sl_mended what)
{
    assert_true(fixture_until(f, mended_as, &what, 5000));
}

static uint8_t status(uint32_t index)
{
    return fake_status(f->redis, &first()->list.id, index);
}

static bool can_write(struct fixture *fixture, void *arg)
{
    struct sl_fence fence;
    (void)arg;
    return sl_may_write(&fixture->workers[0].pool, &fixture->shared.pools[0], &fence) == SL_MAY_WRITE;
}

static void long_lists(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->size = 1200000; /* three pieces */
}

/* A long list has lost two changes. */
static void begin_long(void **state)
{
    *state = f = fixture_new(&(struct fixture_setup){.configure = long_lists});
    fixture_start(f);
    change(1, 1);
    wait_version(1);
    fake_save(f->redis);
    change(2, 1);
    change(1100000, 1);
    wait_version(3);
}

static void expect_joined(unsigned pieces, unsigned ends)
{
    wait_mended(SL_MENDED_RAISED);
    wait_version(4);
    assert_true(status(1) == 1 && status(2) == 1 && status(1100000) == 1);
    /* A machine that is busy may have opened the pool once more. */
    assert_true(fake_count(f->redis, SL_OP_JOIN_PIECE) >= pieces);
    assert_true(fake_count(f->redis, SL_OP_JOIN_END) >= ends);
    assert_true(fixture_until(f, can_write, NULL, 3000));
    assert_int_equal(f->keeper->pools[0].mending.flight.lists, 0);
}

static void a_long_list_is_joined_in_pieces(void **state)
{
    begin_long(state);
    go_back();
    expect_joined(3, 1);
}

static void a_list_that_changes_meanwhile_is_joined_again(void **state)
{
    begin_long(state);
    f->redis->joins.again = f->redis->joins.misfits = 1;
    go_back();
    expect_joined(1 + 3 + 3, 2);
    assert_int_equal(fixture_metric_label(f, 0, SL_KM_HISTORIES, SL_DRAWN_LIST - 1), 0);
}

/* As where the marks have ended, and others go on setting. */
static void a_join_that_begins_too_often_gets_another_lineage(void **state)
{
    begin_long(state);
    f->redis->joins.again = 5;
    go_back();
    expect_joined(6 * 3, 6);
    assert_int_equal(fixture_metric_label(f, 0, SL_KM_HISTORIES, SL_DRAWN_LIST - 1), 1);
}

/* Each time in a lineage in which nothing is marked yet; and then it is done all the same. */
static void a_join_beside_many_changes_ends(void **state)
{
    begin_long(state);
    f->redis->joins.crowded = 100;
    go_back();
    expect_joined(4 * 3, 4);
    assert_int_equal(fixture_metric_label(f, 0, SL_KM_HISTORIES, SL_DRAWN_LIST - 1), 3);
    assert_int_equal(f->redis->joins.crowded, 97);
}

static bool sends_pieces(struct fixture *fixture, void *arg)
{
    (void)arg;
    return fake_count(fixture->redis, SL_OP_JOIN_PIECE) > 0;
}

static void pieces_end_with_their_connection(void **state)
{
    begin_long(state);
    fake_hold(f->redis, SL_OP_JOIN_PIECE);
    go_back();
    assert_true(fixture_until(f, sends_pieces, NULL, 5000));
    fake_set_up(f->redis, false);
    fixture_for(f, 5);
    fake_release(f->redis);
    fake_set_up(f->redis, true);
    expect_joined(1 + 3, 1);
}

static void a_piece_that_fails_is_tried_again_with_all_of_them(void **state)
{
    begin_long(state);
    fake_fail(f->redis, SL_OP_JOIN_PIECE, 1, SL_ERR_OUTCOME_UNKNOWN);
    fake_refuse(f->redis, SL_OP_JOIN_END, 1);
    go_back();
    expect_joined(1 + 3 + 3, 1);
}

static void a_piece_of_another_history_opens_the_pool_anew(void **state)
{
    begin_long(state);
    fake_fail(f->redis, SL_OP_JOIN_PIECE, 1, SL_ERR_HISTORY);
    go_back();
    expect_joined(1 + 3, 1);
    assert_int_equal(fixture_metric_label(f, 0, SL_KM_HISTORIES, SL_DRAWN_LIST - 1), 1);
}

#define T(test) cmocka_unit_test_teardown(test, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_long_list_is_joined_in_pieces),
        T(a_list_that_changes_meanwhile_is_joined_again),
        T(a_join_that_begins_too_often_gets_another_lineage),
        T(a_join_beside_many_changes_ends),
        T(pieces_end_with_their_connection),
        T(a_piece_that_fails_is_tried_again_with_all_of_them),
        T(a_piece_of_another_history_opens_the_pool_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
