/* The keeper's life with the store: start, refilling, failures, and giving back at the end. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "keeper_refill.h"

static bool first_version_is_there(struct fixture *f, void *id)
{
    struct sl_list *l = sl_table_find(f->shared.table, id);
    return l != NULL && sl_list_token(l) != NULL && sl_list_token(l)->version == 1;
}

static bool authoritative(struct fixture *f, void *arg)
{
    (void)arg;
    return atomic_load(&f->shared.authoritative);
}

/* ---- start ---- */

static void start_opens_lists_precreates_and_refills_once(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fixture_start(f);
    fixture_for(f, 20);
    struct fake_redis *redis = f->redis;
    assert_int_equal(fake_count(redis, SL_OP_OPEN_POOL), 1);
    assert_int_equal(fake_count(redis, SL_OP_POOL_NAMES), 1);
    assert_int_equal(fake_count(redis, SL_OP_TAKE), 1);
    assert_int_equal(fake_list_count(redis, "pool0"), 2); /* one in use, one spare */
    assert_int_equal(fake_count(redis, SL_OP_LOAD), 2);
    assert_int_equal(fixture_metric(f, 0, SL_KM_SIGNINGS), 2);
    assert_true(atomic_load(&f->shared.authoritative));
    struct sl_buf why;
    char text[200];
    sl_buf_over(&why, text, sizeof text);
    assert_true(sl_keeper_ready(f->keeper, &(struct sl_ready_question){.issuer = true}, &why, NULL));
    fixture_end(f);
}

static void many_wishes_are_one_take(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.workers = 4});
    uint64_t slots[64];
    fixture_start(f);
    fake_hold(f->redis, SL_OP_TAKE);
    uint64_t before = fake_count(f->redis, SL_OP_TAKE);
    take_all(f, slots);
    for (unsigned i = 0; i < 1000; i++) {
        struct fixture_worker *w = &f->workers[i % 4];
        assert_false(sl_reserve_now(&w->pool, &f->shared.pools[0], 1, slots));
        if (i % 100 == 0)
            fixture_turn(f);
    }
    assert_int_equal(fake_count(f->redis, SL_OP_TAKE), before + 1);
    fake_release(f->redis);
    assert_true(fixture_until(f, ring_full, NULL, 5000));
    fixture_end(f);
}

static void existing_lists_are_known_after_a_start(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fixture_start(f);
    struct sl_uuid id;
    fake_list_id(f->redis, "pool0", 0, &id);
    fake_change(f->redis, &id, 3, 1);
    struct fixture_estate estate = fixture_die(f);
    f = fixture_new(&(struct fixture_setup){.estate = &estate, .seed = 9});
    fixture_start(f);
    struct sl_list *l = sl_table_find(f->shared.table, &id);
    assert_non_null(l);
    assert_true(sl_list_token(l)->version == 1);
    assert_int_equal(fake_list_count(f->redis, "pool0"), 2); /* none was made */
    fixture_end(f);
}

static void size_that_differs_is_fatal_at_start(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fake_pool(f->redis, "pool0")->size = 4096;
    fake_pool(f->redis, "pool0")->bits = 2;
    fixture_for(f, 20);
    assert_non_null(strstr(f->fatal, "4096"));
    assert_non_null(strstr(f->fatal, "512"));
    assert_false(atomic_load(&f->started));
    fixture_end(f);
}

static void retire(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->retired = true;
}

static void retired_pool_takes_nothing(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = retire});
    fixture_start(f);
    fixture_for(f, 20);
    assert_int_equal(fake_count(f->redis, SL_OP_TAKE) + fake_count(f->redis, SL_OP_PRECREATE), 0);
    fixture_end(f);
}

/* ---- failures ---- */

static void block_waits_for_its_lists_first_token(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fake_hold(f->redis, SL_OP_LOAD);
    assert_true(fixture_until(f, started, NULL, 2000));
    fixture_for(f, 30);
    assert_int_equal(fake_count(f->redis, SL_OP_TAKE), 1); /* taken */
    assert_int_equal(sl_ring_fill(ring_of(f)), 0);         /* and not handed on */
    fake_release(f->redis);
    fixture_start(f);
    fixture_end(f);
}

static void failed_takes_are_tried_again(void **state)
{
    (void)state;
    static const enum sl_err errors[] = {SL_ERR_UNAVAILABLE, SL_ERR_OUTCOME_UNKNOWN};
    for (unsigned i = 0; i < 2; i++) {
        struct fixture *f = fixture_new(&(struct fixture_setup){.seed = i});
        fake_fail(f->redis, SL_OP_TAKE, 3, errors[i]);
        fixture_start(f);
        assert_int_equal(fixture_metric(f, 0, SL_KM_REFILL_FAILURES), 3);
        fixture_end(f);
    }
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fake_refuse(f->redis, SL_OP_TAKE, 2);
    fixture_start(f);
    fixture_end(f);
}

static void failed_opening_is_tried_again(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.pools = 2});
    fake_fail(f->redis, SL_OP_OPEN_POOL, 2, SL_ERR_UNAVAILABLE); /* Redis was loading or short of memory */
    fixture_start(f);
    fake_set_up(f->redis, false); /* and the connection's end is still understood by all pools */
    fixture_for(f, 5);
    assert_int_equal(f->keeper->pools[1].state.now, SL_POOL_CLOSED);
    fake_set_up(f->redis, true);
    fixture_for(f, 20);
    assert_int_equal(f->keeper->pools[0].state.now, SL_POOL_SYNCED);
    assert_int_equal(f->keeper->pools[1].state.now, SL_POOL_SYNCED);
    fixture_end(f);
}

static void failed_listing_is_tried_again(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fake_fail(f->redis, SL_OP_CHANGES, 1, SL_ERR_UNAVAILABLE);
    fixture_start(f);
    fixture_end(f);
}

static void store_that_comes_back_is_read_again(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.workers = 2});
    uint64_t slots[64];
    fixture_start(f);
    struct sl_uuid id;
    fake_list_id(f->redis, "pool0", 0, &id);
    fake_set_up(f->redis, false);
    fake_set_feed_up(f->redis, false);
    fixture_for(f, 10);
    assert_false(atomic_load(&f->shared.authoritative));
    fake_change(f->redis, &id, 7, 1); /* without a message to us */
    take_all(f, slots);
    ask_refill(f);
    fixture_for(f, 10);
    assert_int_equal(sl_ring_fill(ring_of(f)), 0);
    fake_set_up(f->redis, true);
    fake_set_feed_up(f->redis, true);
    fixture_start(f);
    assert_true(fixture_until(f, authoritative, NULL, 5000));
    assert_true(fixture_until(f, first_version_is_there, &id, 1000));
    fixture_end(f);
}

/* Lists that were made while it was down are in no message: only a reading shows them. */
static void a_feed_that_comes_back_is_trusted_after_a_reading(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fixture_start(f);
    assert_true(fixture_until(f, authoritative, NULL, 5000));
    fake_set_feed_up(f->redis, false);
    fixture_for(f, 10);
    fake_hold(f->redis, SL_OP_CHANGES);
    fake_set_feed_up(f->redis, true);
    fixture_for(f, 50);
    assert_false(atomic_load(&f->shared.authoritative));
    fake_release(f->redis);
    assert_true(fixture_until(f, authoritative, NULL, 5000));
    fixture_end(f);
}

/* ---- the end: first unready, then nothing new ---- */

static void who_leaves_is_unready_and_does_all_else(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    uint64_t slots[64];
    fixture_start(f);
    assert_true(fixture_until(f, ring_full, NULL, 5000));
    sl_keeper_leave(f->keeper);
    struct sl_buf why;
    char text[200];
    sl_buf_over(&why, text, sizeof text);
    assert_false(sl_keeper_ready(f->keeper, &(struct sl_ready_question){.issuer = false}, &why, NULL));
    for (unsigned i = 0; i < 3; i++) {
        take_all(f, slots);
        ask_refill(f);
        assert_true(fixture_until(f, ring_full, NULL, 5000));
    }
    assert_true(atomic_load(&f->shared.authoritative));
    fixture_end(f);
}

static void an_end_without_a_reading_makes_no_list_unknown(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fake_set_up(f->redis, false);
    fixture_for(f, 10);
    sl_keeper_leave(f->keeper);
    fixture_for(f, 10);
    assert_false(atomic_load(&f->shared.authoritative));
    sl_keeper_begin_drain(f->keeper);
    fixture_for(f, 10);
    assert_false(atomic_load(&f->shared.authoritative));
    fixture_end(f);
}

/* ---- precreation ---- */

static void three_spares(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->precreation_lists = 3;
    o->check_delay_ms = 20;
    o->size = 64;
}

static bool spares_are_three(struct fixture *f, void *arg)
{
    (void)arg;
    return fake_spares(f->redis, fake_pool(f->redis, "pool0")) == 3;
}

static void spares_are_made_before_they_are_needed(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = three_spares});
    fixture_start(f);
    assert_true(fixture_until(f, spares_are_three, NULL, 5000));
    for (unsigned i = 0; i < 8; i++) {
        uint64_t slots[64];
        take_all(f, slots);
        ask_refill(f);
        assert_true(fixture_until(f, ring_full, NULL, 5000));
        assert_true(fixture_until(f, spares_are_three, NULL, 5000));
    }
    fake_fail(f->redis, SL_OP_PRECREATE, 1, SL_ERR_UNAVAILABLE); /* the next check tries again */
    uint64_t slots[64];
    for (unsigned i = 0; i < 2; i++) {
        take_all(f, slots);
        ask_refill(f);
        assert_true(fixture_until(f, ring_full, NULL, 5000));
    }
    assert_true(fixture_until(f, spares_are_three, NULL, 5000));
    fixture_end(f);
}

/* ---- the end ---- */

static void small_lists(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->size = 24; /* the ring spans several lists */
}

static void what_nobody_got_goes_back_list_by_list(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = small_lists});
    uint64_t slots[64];
    uint32_t held[64] = {0};
    struct sl_uuid ids[64];
    fixture_start(f);
    for (unsigned round = 0; round < 5; round++) {
        assert_true(sl_reserve_now(&f->workers[0].pool, &f->shared.pools[0], 7, slots));
        for (unsigned i = 0; i < 7; i++)
            held[list_of(f, slots[i])->number]++;
        fixture_for(f, 10);
    }
    uint32_t lists = sl_table_count(f->shared.table);
    for (uint32_t i = 0; i < lists; i++)
        ids[i] = sl_table_at(f->shared.table, i)->id;
    fake_set_delay(f->redis, 2 * SL_NS_PER_MS);
    struct fixture_estate estate = fixture_die(f);
    for (uint32_t i = 0; i < lists; i++)
        assert_int_equal(fake_outstanding(estate.redis, &ids[i]), held[i]);
    f = fixture_new(&(struct fixture_setup){.estate = &estate, .seed = 3, .configure = small_lists});
    fixture_start(f); /* what came back is handed out again, by the successor */
    fixture_end(f);
}

static void end_waits_for_a_take_that_is_under_way(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    uint64_t slots[64];
    fixture_start(f);
    uint32_t held = take_all(f, slots);
    struct sl_uuid id = list_of(f, slots[0])->id;
    fake_set_delay(f->redis, 50 * SL_NS_PER_MS);
    ask_refill(f);
    fixture_for(f, 3);
    assert_int_equal(fake_outstanding(f->redis, &id), 2 * held);
    struct fixture_estate estate = fixture_die(f);
    assert_int_equal(fake_outstanding(estate.redis, &id), held);
    f = fixture_new(&(struct fixture_setup){.estate = &estate});
    fixture_end(f);
}

static void nothing_is_given_back_to_a_store_that_is_down(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fixture_start(f);
    fake_set_up(f->redis, false);
    fixture_for(f, 5);
    fixture_end(f); /* ends all the same */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_opens_lists_precreates_and_refills_once),
        cmocka_unit_test(many_wishes_are_one_take),
        cmocka_unit_test(existing_lists_are_known_after_a_start),
        cmocka_unit_test(size_that_differs_is_fatal_at_start),
        cmocka_unit_test(retired_pool_takes_nothing),
        cmocka_unit_test(block_waits_for_its_lists_first_token),
        cmocka_unit_test(failed_takes_are_tried_again),
        cmocka_unit_test(failed_opening_is_tried_again),
        cmocka_unit_test(failed_listing_is_tried_again),
        cmocka_unit_test(store_that_comes_back_is_read_again),
        cmocka_unit_test(a_feed_that_comes_back_is_trusted_after_a_reading),
        cmocka_unit_test(who_leaves_is_unready_and_does_all_else),
        cmocka_unit_test(an_end_without_a_reading_makes_no_list_unknown),
        cmocka_unit_test(spares_are_made_before_they_are_needed),
        cmocka_unit_test(what_nobody_got_goes_back_list_by_list),
        cmocka_unit_test(end_waits_for_a_take_that_is_under_way),
        cmocka_unit_test(nothing_is_given_back_to_a_store_that_is_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
