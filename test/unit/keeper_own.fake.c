/* Lists and their owner: positions that lead whatever Redis has, the birth of a list, and what the next
 * process takes over. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keeper_refill.h"

/* A keeper of which all that was ready has been handed out: `slots`, *ret_n of them (NULL: not asked for). */
static struct fixture *used(struct fixture_setup setup, uint64_t *slots, uint32_t *ret_n)
{
    struct fixture *f = fixture_new(&setup);
    fixture_start(f);
    uint32_t n = take_all(f, slots);
    if (ret_n != NULL)
        *ret_n = n;
    return f;
}

/* ---- positions ---- */

static void a_restart_of_redis_costs_nothing(void **state)
{
    (void)state;
    uint64_t old[64], slots[64];
    uint32_t n;
    struct fixture *f = used((struct fixture_setup){0}, old, &n);
    ask_refill(f);
    assert_true(fixture_until(f, ring_full, NULL, 3000));
    fake_set_up(f->redis, false);
    fake_new_epoch(f->redis);
    fixture_for(f, 5);
    assert_int_equal(sl_ring_fill(ring_of(f)), f->options[0].capacity); /* those that were ready stay */
    fake_set_up(f->redis, true);
    fixture_for(f, 20);
    assert_int_equal(take_all(f, slots), n);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(sl_ring_slot_list(slots[i]), sl_ring_slot_list(old[i]));
    ask_refill(f);
    assert_true(fixture_until(f, ring_full, NULL, 3000));
    take_all(f, slots);
    assert_int_equal(sl_ring_slot_list(slots[0]), sl_ring_slot_list(old[0])); /* and the list goes on */
    assert_int_equal(fake_list_count(f->redis, "pool0"), 2);
    fixture_end(f);
}

/* Redis' cursor goes back with a backup, or with a replica that lagged; what was taken stays taken. */
static void a_redis_that_went_back_gives_no_index_twice(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    uint64_t all[512];
    uint32_t n = 0;
    fixture_start(f);
    fake_save(f->redis);
    for (unsigned round = 0; round < 6; round++) {
        n += take_all(f, all + n);
        if (round % 2 == 1) {
            fake_set_up(f->redis, false);
            fake_restore(f->redis);
            fixture_for(f, 5);
            fake_set_up(f->redis, true);
        }
        ask_refill(f);
        assert_true(fixture_until(f, ring_full, NULL, 3000));
    }
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < i; j++)
            assert_true(all[i] != all[j]);
    assert_int_equal(sl_ring_slot_list(all[n - 1]), sl_ring_slot_list(all[0])); /* no list was given up */
    fixture_end(f);
}

static void a_list_that_is_not_ours_any_more_is_left(void **state)
{
    (void)state;
    uint64_t slots[64];
    struct fixture *f = used((struct fixture_setup){0}, slots, NULL);
    struct sl_uuid id = list_of(f, slots[0])->id;
    struct fake_fields *list = &fake_find(f->redis, &id)->now;
    uint32_t cursor = list->cursor;
    snprintf(list->owner, sizeof list->owner, "another");
    ask_refill(f);
    assert_true(fixture_until(f, ring_full, NULL, 3000));
    take_all(f, slots);
    assert_memory_not_equal(&list_of(f, slots[0])->id, &id, sizeof id);
    assert_int_equal(list->cursor, cursor);
    fixture_end(f);
}

static void indices_that_redis_gives_twice_are_not_used(void **state)
{
    (void)state;
    uint64_t slots[64];
    struct fixture *f = used((struct fixture_setup){0}, slots, NULL);
    struct sl_klist *t = sl_klist_of(list_of(f, slots[0]));
    uint32_t position = sl_keeper_position(t).position;
    assert_false(sl_keeper_note_taken(t, position - 1, 2));
    assert_int_equal(sl_keeper_position(t).position, position);
    assert_true(sl_keeper_note_taken(t, position + 1, 2)); /* a reply was lost in between */
    assert_int_equal(sl_keeper_position(t).position, position + 3);
    fixture_end(f);
}

/* ---- the birth of a list ---- */

/* Under everysec a list is not used for two seconds after its creation. */
static void everysec(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)o;
    redis->persistence = SL_PERSIST_EVERYSEC;
}

static void young_lists_wait_under_everysec(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = everysec});
    assert_true(fixture_until(f, started, NULL, 2000));
    fixture_pass(f, 1000);
    fixture_for(f, 20);
    assert_int_equal(sl_ring_fill(ring_of(f)), 0);
    assert_int_equal(fake_list_count(f->redis, "pool0"), 2); /* waiting makes no more of them */
    fixture_pass(f, 1000);
    fixture_start(f);
    assert_int_equal(fake_list_count(f->redis, "pool0"), 2);
    fixture_end(f);
}

/* The wall clock of Redis, and ours, go back by an hour: nobody asks them. */
static void clocks_that_go_back_stop_no_reservation(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = everysec});
    uint64_t slots[64];
    assert_true(fixture_until(f, started, NULL, 2000));
    atomic_store(&f->wall_step_ms, -3600000);
    fixture_pass(f, 2100);
    fixture_start(f);
    for (unsigned round = 0; round < 20; round++) { /* into the next list, which is made with that clock */
        take_all(f, slots);
        ask_refill(f);
        fixture_for(f, 5);
        fixture_pass(f, 200);
        assert_true(fixture_until(f, ring_full, NULL, 1000));
    }
    fixture_end(f);
}

/* Replicas have not confirmed: the same lists are asked for again, so none is left behind. */
static void lists_that_are_not_confirmed_are_asked_for_again(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fake_fail(f->redis, SL_OP_PRECREATE, 5, SL_ERR_OUTCOME_UNKNOWN);
    fixture_start(f);
    assert_int_equal(fake_count(f->redis, SL_OP_PRECREATE), 6);
    assert_int_equal(fake_list_count(f->redis, "pool0"), 2);
    fixture_end(f);
}

/* ---- the next process ---- */

static struct fixture *successor(const struct fixture_estate *estate, uint64_t seed)
{
    struct fixture *f = fixture_new(&(struct fixture_setup){.estate = estate, .seed = seed});
    fixture_start(f);
    return f;
}

/* Whatever the two hand out, none twice, and from one list. */
static void expect_one_after_the_other(struct fixture *f, const struct sl_uuid *list, const uint64_t *before,
                                       uint32_t n)
{
    uint64_t slots[64];
    uint32_t m = take_all(f, slots);
    assert_int_equal(m, f->options[0].capacity);
    for (uint32_t i = 0; i < m; i++) {
        assert_memory_equal(&list_of(f, slots[i])->id, list, sizeof *list);
        for (uint32_t j = 0; j < n; j++)
            assert_int_not_equal(sl_ring_slot_index(slots[i]), sl_ring_slot_index(before[j]));
    }
}

static void a_list_is_handed_over_with_its_position(void **state)
{
    (void)state;
    uint64_t slots[128];
    uint32_t n;
    struct fixture *f = used((struct fixture_setup){0}, slots, &n);
    struct sl_uuid id = list_of(f, slots[0])->id;
    fake_save(f->redis);
    ask_refill(f);
    assert_true(fixture_until(f, ring_full, NULL, 1000));
    n += take_all(f, slots + n);
    struct fixture_estate estate = fixture_die(f);
    fake_restore(estate.redis); /* Redis has forgotten the second take, the file has not */
    f = successor(&estate, 7);
    assert_int_equal(fixture_metric(f, 0, SL_KM_INHERITED), 2);
    assert_int_equal(fake_list_count(f->redis, "pool0"), 2);
    expect_one_after_the_other(f, &id, slots, n);
    fixture_end(f);
}

static void what_comes_back_is_handed_out_first(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    uint64_t ready[64], slots[64];
    fixture_start(f);
    for (uint64_t i = 0; i < f->options[0].capacity; i++)
        assert_true(sl_ring_peek(ring_of(f), i, &ready[i]));
    struct fixture_estate estate = fixture_die(f);
    f = successor(&estate, 8);
    assert_int_equal(fake_count(f->redis, SL_OP_INHERIT), 1);
    assert_int_equal(take_all(f, slots), f->options[0].capacity);
    for (uint64_t i = 0; i < f->options[0].capacity; i++) {
        bool found = false;
        for (uint64_t j = 0; j < f->options[0].capacity; j++)
            found = found || sl_ring_slot_index(slots[j]) == sl_ring_slot_index(ready[i]);
        assert_true(found);
    }
    fixture_end(f);
}

/* The question fails, or its answer is lost: it is asked again, before any list is made. */
static void inheriting_is_tried_again(void **state)
{
    (void)state;
    static const enum sl_err errors[] = {SL_ERR_UNAVAILABLE, SL_ERR_OUTCOME_UNKNOWN};
    for (unsigned i = 0; i < 3; i++) {
        uint64_t slots[64];
        uint32_t n;
        struct fixture *f = used((struct fixture_setup){.seed = i}, slots, &n);
        struct sl_uuid id = list_of(f, slots[0])->id;
        struct fixture_estate estate = fixture_die(f);
        if (i < 2)
            fake_fail(estate.redis, SL_OP_INHERIT, 3, errors[i]);
        else
            fake_refuse(estate.redis, SL_OP_INHERIT, 2);
        f = successor(&estate, i + 7);
        assert_int_equal(fake_list_count(f->redis, "pool0"), 2);
        expect_one_after_the_other(f, &id, slots, n);
        fixture_end(f);
    }
}

/* Redis never answered: the process after the next takes over what the first has left. */
static void what_was_not_inherited_is_handed_on(void **state)
{
    (void)state;
    uint64_t slots[64];
    uint32_t n;
    struct fixture *f = used((struct fixture_setup){0}, slots, &n);
    struct sl_uuid id = list_of(f, slots[0])->id;
    fake_set_up(f->redis, false);
    fixture_for(f, 5);
    struct fixture_estate estate = fixture_die(f);
    f = fixture_new(&(struct fixture_setup){.estate = &estate, .seed = 5});
    fixture_for(f, 20);
    estate = fixture_die(f);
    fake_set_up(estate.redis, true);
    f = successor(&estate, 6);
    expect_one_after_the_other(f, &id, slots, n);
    fixture_end(f);
}

static void a_list_of_somebody_else_is_not_inherited(void **state)
{
    (void)state;
    uint64_t slots[64];
    struct fixture *f = used((struct fixture_setup){0}, slots, NULL);
    struct sl_uuid id = list_of(f, slots[0])->id;
    struct fixture_estate estate = fixture_die(f);
    struct fake_fields *list = &fake_find(estate.redis, &id)->now;
    snprintf(list->owner, sizeof list->owner, "another");
    f = successor(&estate, 5);
    assert_int_equal(fixture_metric(f, 0, SL_KM_INHERITED), 1); /* the spare one */
    take_all(f, slots);
    assert_memory_not_equal(&list_of(f, slots[0])->id, &id, sizeof id);
    fixture_end(f);
}

static void without_a_file_each_process_begins_lists(void **state)
{
    (void)state;
    uint64_t slots[64];
    struct fixture *f = used((struct fixture_setup){.no_runtime = true}, slots, NULL);
    struct sl_uuid id = list_of(f, slots[0])->id;
    struct fixture_estate estate = fixture_die(f);
    f = fixture_new(&(struct fixture_setup){.estate = &estate, .seed = 3, .no_runtime = true});
    fixture_start(f);
    assert_int_equal(fake_list_count(f->redis, "pool0"), 4);
    take_all(f, slots);
    assert_memory_not_equal(&list_of(f, slots[0])->id, &id, sizeof id);
    fixture_end(f);
}

/* A pool that is not configured any more, or another program's file of the same form. */
static void lists_of_pools_that_are_not_configured_are_left(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.pools = 2});
    fixture_start(f);
    struct fixture_estate estate = fixture_die(f);
    f = successor(&estate, 3);
    assert_int_equal(fixture_metric(f, 0, SL_KM_INHERITED), 2);
    assert_int_equal(fake_list_count(f->redis, "pool1"), 2);
    fixture_end(f);
}

/* Made in Redis and of no use here, as where the table is full: tries that fill Redis with such lists are far
 * between. */
static void lists_that_cannot_be_kept_are_seldom_made(void **state)
{
    (void)state;
    struct fixture *f = used((struct fixture_setup){0}, (uint64_t[64]){0}, NULL);
    const uint32_t size = f->options[0].size;
    f->options[0].size = 2 * size; /* so no record of Redis fits any more */
    f->options[0].precreation_lists += 3;
    uint64_t before = fake_count(f->redis, SL_OP_PRECREATE);
    uint32_t lists = fake_list_count(f->redis, "pool0");
    for (unsigned i = 0; i < 90; i++) { /* nine seconds, in which a refill is tried again and again */
        ask_refill(f);
        fixture_pass(f, 100);
        fixture_for(f, 2);
    }
    assert_in_range(fake_count(f->redis, SL_OP_PRECREATE) - before, 1, 2);
    assert_in_range(fake_list_count(f->redis, "pool0") - lists, 1, 10);
    f->options[0].size = size;
    fixture_end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restart_of_redis_costs_nothing),
        cmocka_unit_test(a_redis_that_went_back_gives_no_index_twice),
        cmocka_unit_test(a_list_that_is_not_ours_any_more_is_left),
        cmocka_unit_test(indices_that_redis_gives_twice_are_not_used),
        cmocka_unit_test(young_lists_wait_under_everysec),
        cmocka_unit_test(clocks_that_go_back_stop_no_reservation),
        cmocka_unit_test(lists_that_are_not_confirmed_are_asked_for_again),
        cmocka_unit_test(a_list_is_handed_over_with_its_position),
        cmocka_unit_test(what_comes_back_is_handed_out_first),
        cmocka_unit_test(inheriting_is_tried_again),
        cmocka_unit_test(what_was_not_inherited_is_handed_on),
        cmocka_unit_test(a_list_of_somebody_else_is_not_inherited),
        cmocka_unit_test(without_a_file_each_process_begins_lists),
        cmocka_unit_test(lists_of_pools_that_are_not_configured_are_left),
        cmocka_unit_test(lists_that_cannot_be_kept_are_seldom_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
