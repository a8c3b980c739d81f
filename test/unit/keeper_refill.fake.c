/* The keeper's life with the store: start, refilling, epochs, marks, failures, and giving back at the end. */
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

#include "keeper/keeper_int.h"
#include "pool_house.h"

static struct sl_ring *ring_of(struct house *h)
{
    return h->shared.pools[0].ring;
}

static uint32_t take_all(struct house *h, uint64_t *slots)
{
    uint64_t left, n = sl_ring_fill(ring_of(h));
    assert_true(n == 0 || sl_ring_pop(ring_of(h), (uint32_t)n, slots, &left));
    return (uint32_t)n;
}

static struct sl_list *list_of(struct house *h, uint64_t slot)
{
    return sl_table_at(h->shared.table, sl_ring_slot_list(slot));
}

static bool started(struct house *h, void *arg)
{
    (void)arg;
    return atomic_load(&h->started);
}

static bool ring_full(struct house *h, void *arg)
{
    (void)arg;
    return sl_ring_fill(ring_of(h)) == h->options[0].capacity;
}

static bool first_version_is_there(struct house *h, void *id)
{
    struct sl_list *l = sl_table_find(h->shared.table, id);
    return l != NULL && sl_list_token(l) != NULL && sl_list_token(l)->version == 1;
}

static bool authoritative(struct house *h, void *arg)
{
    (void)arg;
    return atomic_load(&h->shared.authoritative);
}

static void ask_refill(struct house *h)
{
    struct sl_pool *p = &h->shared.pools[0];
    uint64_t slot;
    if (sl_reserve_now(&h->workers[0].pool, p, sl_pool_options(p)->threshold, &slot))
        assert_true(false); /* the ring has to be empty */
}

/* ---- start -----------------------------------------------------------------------------------------------
 */

static void start_opens_lists_precreates_and_refills_once(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    house_start(h);
    house_for(h, 20);
    struct fake_redis *f = h->redis;
    assert_int_equal(fake_count(f, SL_OP_OPEN_POOL), 1);
    assert_int_equal(fake_count(f, SL_OP_POOL_NAMES), 1);
    assert_int_equal(fake_count(f, SL_OP_TAKE), 1);
    assert_int_equal(fake_list_count(f, "pool0"), 2); /* one in use, one spare */
    assert_int_equal(fake_count(f, SL_OP_LOAD), 2);
    assert_int_equal(house_metric(h, 0, SL_KM_SIGNINGS), 2);
    assert_true(atomic_load(&h->shared.authoritative));
    struct sl_buf why;
    char text[200];
    sl_buf_over(&why, text, sizeof text);
    assert_true(sl_keeper_ready_issuer(h->keeper, &why));
    house_end(h);
}

static void many_wishes_are_one_take(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){.workers = 4});
    uint64_t slots[64];
    house_start(h);
    fake_hold(h->redis, SL_OP_TAKE);
    uint64_t before = fake_count(h->redis, SL_OP_TAKE);
    take_all(h, slots);
    for (unsigned i = 0; i < 1000; i++) {
        struct house_worker *w = &h->workers[i % 4];
        assert_false(sl_reserve_now(&w->pool, &h->shared.pools[0], 1, slots));
        if (i % 100 == 0)
            house_turn(h);
    }
    assert_int_equal(fake_count(h->redis, SL_OP_TAKE), before + 1);
    fake_release(h->redis);
    assert_true(house_until(h, ring_full, NULL, 1000));
    house_end(h);
}

static void existing_lists_are_known_after_a_start(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    house_start(h);
    struct sl_uuid id;
    fake_list_id(h->redis, "pool0", 0, &id);
    fake_change(h->redis, &id, 3, 1);
    struct house_estate estate = house_die(h);
    h = house_new(&(struct house_setup){.estate = &estate, .seed = 9});
    house_start(h);
    struct sl_list *l = sl_table_find(h->shared.table, &id);
    assert_non_null(l);
    assert_true(sl_list_token(l)->version == 1);
    assert_int_equal(fake_list_count(h->redis, "pool0"), 2); /* none was made */
    house_end(h);
}

static void size_that_differs_is_fatal_at_start(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    fake_pool(h->redis, "pool0")->size = 4096;
    fake_pool(h->redis, "pool0")->bits = 2;
    house_for(h, 20);
    assert_non_null(strstr(h->fatal, "4096"));
    assert_non_null(strstr(h->fatal, "512"));
    assert_false(atomic_load(&h->started));
    house_end(h);
}

static void retire(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->retired = true;
}

static void retired_pool_takes_nothing(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){.configure = retire});
    house_start(h);
    house_for(h, 20);
    assert_int_equal(fake_count(h->redis, SL_OP_TAKE) + fake_count(h->redis, SL_OP_PRECREATE), 0);
    house_end(h);
}

/* ---- failures --------------------------------------------------------------------------------------------
 */

static void block_waits_for_its_lists_first_token(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    fake_hold(h->redis, SL_OP_LOAD);
    assert_true(house_until(h, started, NULL, 2000));
    house_for(h, 30);
    assert_int_equal(fake_count(h->redis, SL_OP_TAKE), 1); /* taken */
    assert_int_equal(sl_ring_fill(ring_of(h)), 0);         /* and not handed on */
    fake_release(h->redis);
    house_start(h);
    house_end(h);
}

static void failed_takes_are_tried_again(void **state)
{
    (void)state;
    static const enum sl_err errors[] = {SL_ERR_UNAVAILABLE, SL_ERR_OUTCOME_UNKNOWN};
    for (unsigned i = 0; i < 2; i++) {
        struct house *h = house_new(&(struct house_setup){.seed = i});
        fake_fail(h->redis, SL_OP_TAKE, 3, errors[i]);
        house_start(h);
        assert_int_equal(house_metric(h, 0, SL_KM_REFILL_FAILURES), 3);
        house_end(h);
    }
    struct house *h = house_new(&(struct house_setup){0});
    fake_refuse(h->redis, SL_OP_TAKE, 2);
    house_start(h);
    house_end(h);
}

static void failed_opening_is_tried_again(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){.pools = 2});
    fake_fail(h->redis, SL_OP_OPEN_POOL, 2, SL_ERR_UNAVAILABLE); /* Redis was loading or short of memory */
    house_start(h);
    fake_set_up(h->redis, false); /* and the connection's end is still understood by all pools */
    house_for(h, 5);
    assert_int_equal(h->keeper->pools[1].state, POOL_CLOSED);
    fake_set_up(h->redis, true);
    house_for(h, 20);
    assert_int_equal(h->keeper->pools[0].state, POOL_SYNCED);
    assert_int_equal(h->keeper->pools[1].state, POOL_SYNCED);
    house_end(h);
}

static void failed_listing_is_tried_again(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    fake_fail(h->redis, SL_OP_CHANGES, 1, SL_ERR_UNAVAILABLE);
    house_start(h);
    house_end(h);
}

static void store_that_comes_back_is_read_again(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){.workers = 2});
    uint64_t slots[64];
    house_start(h);
    struct sl_uuid id;
    fake_list_id(h->redis, "pool0", 0, &id);
    fake_set_up(h->redis, false);
    fake_set_feed_up(h->redis, false);
    house_for(h, 10);
    assert_false(atomic_load(&h->shared.authoritative));
    fake_change(h->redis, &id, 7, 1); /* nobody tells us */
    take_all(h, slots);
    ask_refill(h);
    house_for(h, 10);
    assert_int_equal(sl_ring_fill(ring_of(h)), 0);
    fake_set_up(h->redis, true);
    fake_set_feed_up(h->redis, true);
    house_start(h);
    assert_true(house_until(h, authoritative, NULL, 1000));
    assert_true(house_until(h, first_version_is_there, &id, 1000));
    house_end(h);
}

/* ---- epochs ----------------------------------------------------------------------------------------------
 */

static void another_epoch_seals_the_open_lists(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    uint64_t old[64], slots[64];
    house_start(h);
    uint32_t n = take_all(h, old);
    fake_set_up(h->redis, false);
    fake_new_epoch(h->redis);
    house_for(h, 5);
    fake_set_up(h->redis, true);
    ask_refill(h);
    assert_true(house_until(h, ring_full, NULL, 3000));
    assert_int_equal(house_metric(h, 0, SL_KM_SEALED), 2); /* the spare one too */
    uint32_t m = take_all(h, slots);
    for (uint32_t i = 0; i < m; i++)
        for (uint32_t j = 0; j < n; j++)
            assert_int_not_equal(sl_ring_slot_list(slots[i]), sl_ring_slot_list(old[j]));
    house_end(h);
}

static void embedded(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)o;
    redis->mode = SL_REDIS_EMBEDDED;
}

static uint64_t mark_of(const char *storage)
{
    char path[128];
    unsigned long long mark = 0;
    snprintf(path, sizeof path, "%s/mark-pool0", storage);
    FILE *f = fopen(path, "r");
    if (f != NULL) {
        assert_int_equal(fscanf(f, "%llu", &mark), 1);
        fclose(f);
    }
    return mark;
}

static void embedded_redis_that_has_lost_nothing_is_adopted(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){.configure = embedded});
    house_start(h);
    assert_int_equal(mark_of(h->storage), h->options[0].capacity);
    struct house_estate estate = house_die(h);
    fake_new_epoch(estate.redis);
    h = house_new(&(struct house_setup){.estate = &estate, .seed = 4, .configure = embedded});
    house_start(h);
    assert_int_equal(house_metric(h, 0, SL_KM_ADOPTED), 2);
    assert_int_equal(house_metric(h, 0, SL_KM_SEALED), 0);
    assert_int_equal(fake_list_count(h->redis, "pool0"), 2);
    house_end(h);
}

static void embedded_redis_behind_its_mark_is_not_adopted(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){.configure = embedded});
    uint64_t slots[64];
    house_start(h);
    fake_save(h->redis);
    take_all(h, slots);
    ask_refill(h);
    assert_true(house_until(h, ring_full, NULL, 1000));
    assert_int_equal(mark_of(h->storage), 2 * h->options[0].capacity);
    struct house_estate estate = house_die(h);
    fake_restore(estate.redis);
    h = house_new(&(struct house_setup){.estate = &estate, .seed = 4, .configure = embedded});
    house_start(h);
    assert_int_equal(house_metric(h, 0, SL_KM_ADOPTED), 0);
    assert_int_equal(house_metric(h, 0, SL_KM_SEALED), 2);
    house_end(h);
}

static void indices_whose_mark_was_not_written_are_dropped(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){.configure = embedded});
    char path[128];
    snprintf(path, sizeof path, "%s/marks-fail", h->storage);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    house_for(h, 250);
    assert_int_equal(sl_ring_fill(ring_of(h)), 0);
    assert_true(house_metric(h, 0, SL_KM_REFILL_FAILURES) >= 2);
    unlink(path);
    house_start(h);
    assert_true(mark_of(h->storage) >= 3 * h->options[0].capacity); /* those before are gone for ever */
    house_end(h);
}

/* Under everysec a list opens two seconds after its creation. */
static void everysec(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)o;
    redis->persistence = SL_PERSIST_EVERYSEC;
}

static void young_lists_wait_under_everysec(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){.configure = everysec});
    assert_true(house_until(h, started, NULL, 2000));
    house_for(h, 150);
    assert_int_equal(sl_ring_fill(ring_of(h)), 0);
    uint32_t lists = fake_list_count(h->redis, "pool0");
    assert_true(lists <= 2); /* waiting makes no more of them */
    atomic_store(&h->wall_step_ms, 2100);
    house_start(h);
    house_end(h);
}

/* ---- precreation -----------------------------------------------------------------------------------------
 */

static void three_spares(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->precreation_lists = 3;
    o->check_delay_ms = 20;
    o->size = 64;
}

static bool spares_are_three(struct house *h, void *arg)
{
    (void)arg;
    return fake_spares(h->redis, fake_pool(h->redis, "pool0")) == 3;
}

static void spares_are_made_before_they_are_needed(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){.configure = three_spares});
    house_start(h);
    assert_true(house_until(h, spares_are_three, NULL, 1000));
    for (unsigned i = 0; i < 8; i++) {
        uint64_t slots[64];
        take_all(h, slots);
        ask_refill(h);
        assert_true(house_until(h, ring_full, NULL, 1000));
        assert_true(house_until(h, spares_are_three, NULL, 1000));
    }
    fake_fail(h->redis, SL_OP_PRECREATE, 1, SL_ERR_UNAVAILABLE); /* the next check tries again */
    uint64_t slots[64];
    for (unsigned i = 0; i < 2; i++) {
        take_all(h, slots);
        ask_refill(h);
        assert_true(house_until(h, ring_full, NULL, 1000));
    }
    assert_true(house_until(h, spares_are_three, NULL, 1000));
    house_end(h);
}

/* ---- the end ---------------------------------------------------------------------------------------------
 */

static void small_lists(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->size = 24; /* the ring spans several lists */
}

static void what_nobody_got_goes_back_list_by_list(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){.configure = small_lists});
    uint64_t slots[64];
    uint32_t held[64] = {0};
    struct sl_uuid ids[64];
    house_start(h);
    for (unsigned round = 0; round < 5; round++) {
        assert_true(sl_reserve_now(&h->workers[0].pool, &h->shared.pools[0], 7, slots));
        for (unsigned i = 0; i < 7; i++)
            held[list_of(h, slots[i])->number]++;
        house_for(h, 10);
    }
    uint32_t lists = sl_table_count(h->shared.table);
    for (uint32_t i = 0; i < lists; i++)
        ids[i] = sl_table_at(h->shared.table, i)->id;
    fake_set_delay(h->redis, 2 * SL_NS_PER_MS);
    struct house_estate estate = house_die(h);
    for (uint32_t i = 0; i < lists; i++)
        assert_int_equal(fake_outstanding(estate.redis, &ids[i]), held[i]);
    h = house_new(&(struct house_setup){.estate = &estate, .seed = 3, .configure = small_lists});
    house_start(h); /* what came back is handed out again, by the successor */
    house_end(h);
}

static void end_waits_for_a_take_that_is_under_way(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    uint64_t slots[64];
    house_start(h);
    uint32_t held = take_all(h, slots);
    struct sl_uuid id = list_of(h, slots[0])->id;
    fake_set_delay(h->redis, 50 * SL_NS_PER_MS);
    ask_refill(h);
    house_for(h, 3);
    assert_int_equal(fake_outstanding(h->redis, &id), 2 * held);
    struct house_estate estate = house_die(h);
    assert_int_equal(fake_outstanding(estate.redis, &id), held);
    h = house_new(&(struct house_setup){.estate = &estate});
    house_end(h);
}

static void nothing_is_given_back_to_a_store_that_is_down(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    house_start(h);
    fake_set_up(h->redis, false);
    house_for(h, 5);
    house_end(h); /* ends all the same */
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
        cmocka_unit_test(another_epoch_seals_the_open_lists),
        cmocka_unit_test(embedded_redis_that_has_lost_nothing_is_adopted),
        cmocka_unit_test(embedded_redis_behind_its_mark_is_not_adopted),
        cmocka_unit_test(indices_whose_mark_was_not_written_are_dropped),
        cmocka_unit_test(young_lists_wait_under_everysec),
        cmocka_unit_test(spares_are_made_before_they_are_needed),
        cmocka_unit_test(what_nobody_got_goes_back_list_by_list),
        cmocka_unit_test(end_waits_for_a_take_that_is_under_way),
        cmocka_unit_test(nothing_is_given_back_to_a_store_that_is_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
