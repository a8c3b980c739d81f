/* Which instance still holds references of a list, how long, and how often it tells Redis: keeper/lease.c,
 * with the reload that switches it on and off. */
#include "keeper_life.h"

#define YEAR_MS (366ull * 86400 * 1000)

static void without_spares(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    short_lived(o, redis);
    o->precreation_lists = 0;
}

/* ---- references that are held */

static void what_is_ready_is_told(void **state)
{
    (void)state;
    struct fixture *f = started(short_lived);
    live(f, 10000);
    int64_t ahead = fields_of(f, 0).reserved_ms - sl_wall_ms(&f->clock);
    assert_true(ahead > LEASE_MS && ahead <= AHEAD_MS);
    assert_int_equal(fields_of(f, 1).reserved_ms, 0); /* a spare one */
    use_up_first(f);
    live(f, 8000);
    int64_t last = fields_of(f, 0).reserved_ms;
    assert_true(fields_of(f, 1).reserved_ms > 0);
    live(f, 20000);
    assert_int_equal(fields_of(f, 0).reserved_ms, last); /* held no more */
    assert_true(fields_of(f, 1).reserved_ms > last);
    fixture_end(f);
}

static void slow_redis(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    short_lived(o, redis);
    redis->command_timeout_ms = 600000;
}

/* A reference that a worker is binding to a key is in no ring: its list counts until Redis must have
 * answered. */
static void what_is_being_bound_counts_as_long_as_redis_may_take(void **state)
{
    (void)state;
    struct fixture *f = started(slow_redis);
    live(f, 10000);
    int64_t ahead = fields_of(f, 0).reserved_ms - sl_wall_ms(&f->clock);
    assert_true(ahead > LEASE_MS + 2 * 600000);
    fixture_end(f);
}

static bool is_stocked(struct fixture *f, void *arg)
{
    (void)arg;
    return pool(f)->stock.first != NULL && pool(f)->stock.first->list != NULL &&
           pool(f)->stock.first->list->list.number == 1;
}

static void what_is_in_stock_is_told(void **state)
{
    (void)state;
    struct fixture *f = started(without_spares);
    assert_int_equal(sl_table_count(f->shared.table), 1);
    fake_hold(f->redis, SL_OP_LOAD);
    hand_out(f, SIZE);
    assert_true(fixture_until(f, is_stocked, NULL, SOON)); /* its list has no token yet */
    for (unsigned i = 0; i < 4; i++)
        sweep(f);
    assert_true(fields_of(f, 1).reserved_ms > 0);
    assert_int_equal(sl_ring_fill(f->shared.pools[0].ring), 0);
    fake_release(f->redis);
    fixture_end(f);
}

/* ---- the lease */

static uint64_t drops(struct fixture *f)
{
    return atomic_load(&f->shared.pools[0].forgotten);
}

static void references_are_dropped_when_redis_is_away_for_the_lease(void **state)
{
    (void)state;
    struct fixture *f = started(short_lived);
    uint32_t all = f->options[0].capacity;
    live(f, 10000);
    fake_set_up(f->redis, false);
    live(f, 10000);
    assert_int_equal(sl_ring_fill(f->shared.pools[0].ring), all);
    assert_int_equal(drops(f), 0);
    live(f, LEASE_MS - 8000);
    assert_int_equal(sl_ring_fill(f->shared.pools[0].ring), 0);
    assert_int_equal(drops(f), 1);
    live(f, 3 * LEASE_MS); /* nothing is left to drop */
    assert_int_equal(drops(f), 1);
    fake_set_up(f->redis, true);
    assert_true(fixture_until(f, has_ready, &all, SOON));
    live(f, 2 * LEASE_MS); /* these are new */
    assert_int_equal(drops(f), 1);
    fixture_end(f);
}

/* The machine slept: before the keeper has found that out, no worker hands out what was ready. */
static void who_wakes_hands_out_nothing(void **state)
{
    (void)state;
    struct fixture *f = started(short_lived);
    uint64_t slot;
    live(f, 10000);
    assert_true(sl_reserve_now(&f->workers[0].pool, &f->shared.pools[0], 1, &slot));
    fixture_pass(f, LEASE_MS + SWEEP_MS);
    assert_true(sl_ring_fill(f->shared.pools[0].ring) > 0);
    assert_false(sl_reserve_now(&f->workers[0].pool, &f->shared.pools[0], 1, &slot));
    sl_keeper_distribute(pool(f));
    assert_int_equal(drops(f), 0);
    live(f, SWEEP_MS);
    assert_int_equal(drops(f), 1);
    live(f, 2 * SWEEP_MS);
    hand_out(f, 4); /* new ones */
    fixture_end(f);
}

/* The lease begins with the first reference, not with the first sweep. */
static void who_sleeps_right_after_the_start_hands_out_nothing(void **state)
{
    (void)state;
    struct fixture *f = started(short_lived);
    uint64_t slot;
    assert_true(sl_ring_fill(f->shared.pools[0].ring) > 0);
    fixture_pass(f, LEASE_MS + SWEEP_MS);
    assert_false(sl_reserve_now(&f->workers[0].pool, &f->shared.pools[0], 1, &slot));
    fixture_end(f);
}

static uint32_t taken_of_all(struct fixture *f)
{
    uint32_t taken = 0;
    for (uint32_t i = 0; i < sl_table_count(f->shared.table); i++)
        taken += fields_of(f, i).cursor;
    return taken;
}

/* It slept after it had asked Redis: what the answer brings is as old as what was ready. */
static void what_was_asked_for_before_the_sleep_is_dropped(void **state)
{
    (void)state;
    struct fixture *f = started(short_lived);
    uint32_t all = f->options[0].capacity;
    uint64_t slots[4];
    fake_hold(f->redis, SL_OP_TAKE);
    for (unsigned i = 0; i < 2; i++)
        assert_true(sl_reserve_now(&f->workers[0].pool, &f->shared.pools[0], 3, slots));
    fixture_for(f, 20);
    assert_true(sl_keeper_is_taking(pool(f)));
    fixture_pass(f, LEASE_MS);
    sweep(f);
    assert_int_equal(drops(f), 1);
    uint32_t before = taken_of_all(f);
    fake_release(f->redis);
    assert_true(fixture_until(f, has_ready, &all, SOON));
    assert_true(taken_of_all(f) - before >= all);
    fixture_end(f);
}

static uint32_t ready_of(struct fixture *f, uint32_t number)
{
    uint32_t count = 0;
    uint64_t slot;
    for (uint64_t n = 0; sl_ring_peek(f->shared.pools[0].ring, n, &slot); n++)
        count += sl_ring_slot_list(slot) == number;
    for (const struct sl_segment *s = sl_keeper_stock(pool(f)); s != NULL; s = s->next)
        for (uint32_t i = s->at; i < s->count; i++)
            count += sl_ring_slot_list(s->slots[i]) == number;
    return count;
}

struct waiter {
    bool done;
    enum sl_err err;
    uint32_t number, of_it;
};

static void on_reserved(void *arg, enum sl_err err, const uint64_t *slots, uint32_t n)
{
    struct waiter *w = arg;
    w->done = true;
    w->err = err;
    for (uint32_t i = 0; i < n; i++)
        w->of_it += sl_ring_slot_list(slots[i]) == w->number;
}

static bool waiter_done(struct fixture *f, void *arg)
{
    (void)f;
    return ((struct waiter *)arg)->done;
}

static uint32_t oldest_list(struct fixture *f)
{
    uint64_t slot = 0;
    assert_true(sl_ring_peek(f->shared.pools[0].ring, sl_ring_fill(f->shared.pools[0].ring) - 1, &slot));
    return sl_ring_slot_list(slot);
}

/* Another instance, which counted on no report of ours any more, has retired a list: its references are
 * forgotten wherever they are. Those of other lists stay. */
static void a_retired_list_is_forgotten(void **state)
{
    (void)state;
    struct fixture *f = started(short_lived);
    struct waiter w = {.number = oldest_list(f)};
    uint32_t of_it = ready_of(f, w.number);
    assert_true(of_it > 0);
    fake_hold(f->redis, SL_OP_TAKE);
    sl_reserve_wait(&f->workers[0].pool, &f->shared.pools[0], 12, on_reserved, &w); /* more than are here */
    fixture_for(f, 20);
    uint64_t all = sl_ring_fill(f->shared.pools[0].ring) + sl_keeper_stock_count(pool(f));
    end_elsewhere(f, w.number, false);
    sweep(f);
    assert_true(fixture_until(f, is_retired, &w.number, SOON));
    assert_int_equal(ready_of(f, w.number), 0);
    assert_true(sl_ring_fill(f->shared.pools[0].ring) + sl_keeper_stock_count(pool(f)) >= all - of_it);
    assert_false(w.done);
    fake_release(f->redis);
    assert_true(fixture_until(f, waiter_done, &w, SOON));
    assert_int_equal(w.err, SL_OK);
    assert_int_equal(w.of_it, 0);
    hand_out(f, 4);
    assert_int_equal(ready_of(f, w.number), 0);
    fixture_end(f);
}

/* A reservation that waits gives back what it has got, and one whose answer is on its way is refused. */
static void what_waits_or_is_on_its_way_is_dropped(void **state)
{
    (void)state;
    struct fixture *f = started(short_lived);
    struct waiter w = {.number = oldest_list(f)};
    fake_hold(f->redis, SL_OP_TAKE);
    sl_reserve_wait(&f->workers[0].pool, &f->shared.pools[0], 12, on_reserved, &w); /* more than are here */
    fixture_for(f, 20);
    assert_true(pool(f)->stock.waiters->have == 0 && sl_keeper_stock_count(pool(f)) == 0);
    for (unsigned half = 0; half < 3; half++) {
        struct sl_segment *segment = sl_segment_new(NULL, 6);
        for (uint32_t i = 0; i < segment->count; i++)
            segment->slots[i] = sl_ring_slot(w.number, i);
        sl_keeper_stock_append(pool(f), segment);
        sl_keeper_distribute(pool(f));
        if (half == 0) {
            assert_int_equal(pool(f)->stock.waiters->have, 6);
            sl_keeper_drop_references(pool(f));
            assert_int_equal(pool(f)->stock.waiters->have, 0);
            assert_int_equal(sl_keeper_lacking(pool(f)), 12);
        }
    }
    assert_null(pool(f)->stock.waiters);
    assert_false(w.done);
    sl_keeper_drop_references(pool(f));
    assert_true(fixture_until(f, waiter_done, &w, SOON));
    assert_int_equal(w.err, SL_ERR_UNAVAILABLE);
    fake_release(f->redis);
    fixture_end(f);
}

/* What comes back unused of a list that was retired meanwhile is not handed out again. */
static void what_comes_back_of_a_retired_list_is_dropped(void **state)
{
    (void)state;
    struct fixture *f = started(short_lived);
    uint64_t slots[2];
    uint32_t number = oldest_list(f);
    assert_true(sl_reserve_now(&f->workers[0].pool, &f->shared.pools[0], 2, slots));
    end_elsewhere(f, number, false);
    sweep(f);
    assert_true(fixture_until(f, is_retired, &number, SOON));
    struct sl_reservation *back = calloc(1, sizeof *back + sizeof slots);
    assert_non_null(back);
    back->pool = &f->shared.pools[0];
    back->have = 2;
    memcpy(back->slots, slots, sizeof slots);
    sl_keeper_returned(pool(f), back);
    assert_int_equal(ready_of(f, number), 0);
    fixture_end(f);
}

static void an_error_of_the_look_asks_again(void **state)
{
    (void)state;
    struct fixture *f = started(short_lived);
    live(f, 10000);
    for (unsigned refused = 0; refused < 2; refused++) {
        uint64_t before = looks(f), sent = refused ? 0 : 3;
        if (refused)
            fake_refuse(f->redis, SL_OP_RETIRE, 3);
        else
            fake_fail(f->redis, SL_OP_RETIRE, 3, SL_ERR_UNAVAILABLE);
        for (unsigned i = 0; i < 7 && looks(f) < before + sent + 1; i++) /* a round, and then every sweep */
            live(f, SWEEP_MS);
        assert_int_equal(looks(f), before + sent + 1);
        assert_int_equal(pool(f)->lease.next_number, sl_table_count(f->shared.table));
    }
    fake_fail(f->redis, SL_OP_RETIRE, 1000, SL_ERR_UNAVAILABLE);
    live(f, LEASE_MS + 2 * SWEEP_MS); /* Redis is there, but does not know which references are held */
    assert_true(drops(f) >= 1);
    fake_fail(f->redis, SL_OP_RETIRE, 0, SL_OK);
    fixture_end(f);
}

static void a_look_under_way_is_not_repeated(void **state)
{
    (void)state;
    struct fixture *f = started(short_lived);
    fake_hold(f->redis, SL_OP_RETIRE);
    for (unsigned i = 0; i < 6; i++)
        sweep(f);
    assert_int_equal(looks(f), 1);
    fake_release(f->redis);
    live(f, 10000);
    assert_true(looks(f) > 1);
    fixture_end(f);
}

/* ---- rounds */

static void a_round_has_pages(void **state)
{
    (void)state;
    struct fixture *f = started(many_lists);
    uint32_t n;
    do
        live(f, SWEEP_MS);
    while (pool(f)->lease.next_number < (n = sl_table_count(f->shared.table)));
    assert_true(n > 200 && n <= 300);
    uint64_t before = looks(f);
    end_elsewhere(f, n - 1, true);
    end_elsewhere(f, 120, true);
    live_until_retired(f, 120, 6);
    assert_false(is_retired(f, &(uint32_t){n - 1}));
    live_until_retired(f, n - 1, 1);
    assert_int_equal(looks(f), before + 3);
    assert_int_equal(fixture_metric(f, 0, SL_KM_RETIRED), 2);
    fixture_end(f);
}

static void a_round_begins_after_a_quarter_of_the_lease(void **state)
{
    (void)state;
    struct fixture *f = started(short_lived);
    live(f, 10000);
    uint64_t before = looks(f);
    live(f, 60000);
    assert_true(looks(f) >= before + 8 && looks(f) <= before + 12); /* one look each, every 5 s or 6 */
    assert_int_equal(drops(f), 0);
    fixture_end(f);
}

/* ---- reload and end */

static void reload(struct fixture *f, struct sl_pool_options *now, uint64_t after_ms)
{
    *now = *sl_pool_options(&f->shared.pools[0]);
    now->retire_after_ms = after_ms;
    atomic_store(&f->shared.pools[0].options, now);
    sl_keeper_reload(f->keeper, &f->shared.pools[0].key);
}

static void a_reload_switches_it_on_and_off(void **state)
{
    (void)state;
    struct fixture *f = started(endless);
    struct sl_pool_options sets[4];
    use_up_first(f);
    live(f, 100000);
    assert_int_equal(looks(f), 0);
    reload(f, &sets[0], AFTER_MS); /* on: from now on */
    live(f, AFTER_MS + AHEAD_MS / 2);
    assert_int_equal(fields_of(f, 0).state, SL_LIST_FULL);
    live_until_retired(f, 0, AHEAD_MS / SWEEP_MS + 1);
    reload(f, &sets[1], 0); /* off */
    uint64_t before = looks(f);
    fake_set_up(f->redis, false);
    live(f, 3 * LEASE_MS);
    fake_set_up(f->redis, true);
    live(f, 10000);
    assert_int_equal(looks(f), before);
    assert_int_equal(drops(f), 0); /* no lease */
    reload(f, &sets[2], YEAR_MS);
    live(f, SWEEP_MS);
    assert_int_equal(looks(f), before + 1); /* the next round would come in ten minutes */
    live(f, 60000);
    assert_int_equal(looks(f), before + 1);
    reload(f, &sets[3], 0);
    live(f, SWEEP_MS);
    reload(f, &sets[0], AFTER_MS);
    live(f, 3 * LEASE_MS);
    assert_true(looks(f) > before + 5); /* that one is not waited for */
    assert_int_equal(drops(f), 0);
    fixture_end(f);
}

static void nobody_looks_while_it_drains(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = short_lived});
    uint32_t two = 2;
    fake_hold(f->redis, SL_OP_LOAD);
    assert_true(fixture_until(f, lists_known, &two, SOON));
    end_elsewhere(f, 1, false);
    sweep(f);
    assert_true(fixture_until(f, is_retired, &(uint32_t){1}, SOON));
    uint64_t before = looks(f);
    sl_keeper_begin_drain(f->keeper);
    for (unsigned i = 0; i < 6; i++)
        sweep(f);
    assert_int_equal(looks(f), before);
    assert_int_equal(ask(f, 0), SL_ERR_UNAVAILABLE); /* known, and without a token */
    assert_int_equal(ask(f, 1), SL_ERR_NO_SUCH_LIST);
    fake_release(f->redis);
    fixture_end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_ready_is_told),
        cmocka_unit_test(what_is_being_bound_counts_as_long_as_redis_may_take),
        cmocka_unit_test(what_is_in_stock_is_told),
        cmocka_unit_test(references_are_dropped_when_redis_is_away_for_the_lease),
        cmocka_unit_test(who_wakes_hands_out_nothing),
        cmocka_unit_test(who_sleeps_right_after_the_start_hands_out_nothing),
        cmocka_unit_test(what_was_asked_for_before_the_sleep_is_dropped),
        cmocka_unit_test(what_waits_or_is_on_its_way_is_dropped),
        cmocka_unit_test(a_retired_list_is_forgotten),
        cmocka_unit_test(what_comes_back_of_a_retired_list_is_dropped),
        cmocka_unit_test(an_error_of_the_look_asks_again),
        cmocka_unit_test(a_look_under_way_is_not_repeated),
        cmocka_unit_test(a_round_has_pages),
        cmocka_unit_test(a_round_begins_after_a_quarter_of_the_lease),
        cmocka_unit_test(a_reload_switches_it_on_and_off),
        cmocka_unit_test(nobody_looks_while_it_drains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
