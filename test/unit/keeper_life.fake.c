/* Lists that end, as the keeper sees it: their last token, changes that it does not show, and who waits. */
#include "keeper_life.h"

static void slowly_shown(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    short_lived(o, redis);
    o->list_lifetime_ms = 600000;
    o->update_interval_ms = 100000;
}

/* The last token of a list that has ended: the same until it expires, and then none. */
static void shows_its_last_until_it_expires(struct house *h, uint32_t number)
{
    const struct sl_token *last = token_of(h, number);
    int64_t exp = last->exp;
    assert_non_null(last);
    for (; wall_s(h) + 5 < exp; live(h, SWEEP_MS))
        assert_ptr_equal(token_of(h, number), last);
    assert_ptr_equal(token_of(h, number), last);
    live(h, 8000);
    assert_null(token_of(h, number));
}

static void a_retired_list_is_shown_until_it_expires_and_then_unknown(void **state)
{
    (void)state;
    struct house *h = started(short_lived);
    use_up_first(h);
    live(h, AFTER_MS + AHEAD_MS / 2);
    assert_int_equal(fields_of(h, 0).state, SL_LIST_FULL); /* references of it were held until now */
    live_until_retired(h, 0, AHEAD_MS / SWEEP_MS + 1);
    assert_int_equal(fields_of(h, 0).state, SL_LIST_RETIRED);
    assert_int_equal(atomic_load(&h->shared.pools[0].ended), 1);
    assert_int_equal(house_metric(h, 0, SL_KM_RETIRED), 1);
    assert_int_equal(pool(h)->lists, sl_table_count(h->shared.table) - 1);
    assert_int_equal(ask(h, 0), SL_OK);
    shows_its_last_until_it_expires(h, 0);
    assert_int_equal(ask(h, 0), SL_ERR_NO_SUCH_LIST);
    size_t memory = 0;
    for (uint32_t i = 1; i < sl_table_count(h->shared.table); i++) {
        assert_true(token_of(h, i)->exp > wall_s(h)); /* others live on */
        memory += token_of(h, i)->memory;
    }
    assert_int_equal(pool(h)->token_bytes, memory);
    /* And its keys are dropped, which is learnt by looking. */
    assert_false(sl_keeper_list(h->keeper, 0)->dropped);
    live(h, 90000);
    assert_true(fields_of(h, 0).gone);
    assert_true(sl_keeper_list(h->keeper, 0)->dropped);
    assert_int_equal(house_metric(h, 0, SL_KM_RETIRED), 1); /* told once */
    assert_int_equal(ask(h, 0), SL_ERR_NO_SUCH_LIST);
    house_end(h);
}

static bool shows_change(struct house *h, void *arg)
{
    return token_of(h, 0)->version >= *(uint64_t *)arg;
}

static void a_change_that_no_token_shows_yet_is_published(void **state)
{
    (void)state;
    struct house *h = started(slowly_shown);
    uint64_t first = 1, second = 2;
    live(h, 110000);
    fake_change(h->redis, &list_at(h, 0)->id, 3, 1);
    assert_true(house_until(h, shows_change, &first, SOON));
    fake_change(h->redis, &list_at(h, 0)->id, 4, 1); /* shown in 100 s */
    end_elsewhere(h, 0, false);
    live(h, 10000);
    assert_true(is_retired(h, &(uint32_t){0}));
    assert_int_equal(token_of(h, 0)->version, 1);
    live(h, 100000);
    assert_true(shows_change(h, &second));
    shows_its_last_until_it_expires(h, 0);
    house_end(h);
}

static bool misses_list(struct house *h, void *arg)
{
    (void)arg;
    return sl_keeper_list(h->keeper, 0)->dropped;
}

static void drop_elsewhere(struct house *h, uint32_t number)
{
    lock_list(h, number)->now.gone = true;
    unlock(h);
}

/* Known to have ended, and then gone: the change cannot be shown any more. */
static void a_change_of_a_list_that_is_gone_is_given_up(void **state)
{
    (void)state;
    struct house *h = started(short_lived);
    end_elsewhere(h, 0, false);
    live_until_retired(h, 0, 2);
    drop_elsewhere(h, 0);
    sl_keeper_committed(sl_keeper_list(h->keeper, 0), 1, sl_mono_ns(&h->clock));
    assert_true(house_until(h, misses_list, NULL, SOON));
    shows_its_last_until_it_expires(h, 0);
    house_end(h);
}

/* Who slept through the whole end of a list finds it missing, and asks, whatever its options are. */
static void a_list_that_is_gone_was_retired(void **state)
{
    (void)state;
    struct house *h = started(endless);
    live(h, 10000);
    assert_int_equal(looks(h), 0);
    end_elsewhere(h, 0, true);
    drop_elsewhere(h, 0);
    sl_keeper_committed(sl_keeper_list(h->keeper, 0), 1, sl_mono_ns(&h->clock)); /* an old message */
    live_until_retired(h, 0, 5);
    assert_true(misses_list(h, NULL));
    live(h, 4000); /* it was missed twice, perhaps */
    uint64_t before = looks(h);
    assert_true(before > 0);
    live(h, 10000);
    assert_int_equal(looks(h), before);
    shows_its_last_until_it_expires(h, 0);
    house_end(h);
}

/* Redis has gone back, and a list is missing: it would be made again, had it not ended. */
static void a_list_that_has_ended_is_not_mended(void **state)
{
    (void)state;
    struct house *h = started(short_lived);
    fake_save(h->redis);
    fake_change(h->redis, &list_at(h, 1)->id, 3, 1);
    live(h, 4000);
    fake_set_up(h->redis, false);
    sweep(h);
    fake_restore(h->redis);
    end_elsewhere(h, 0, true);
    drop_elsewhere(h, 0);
    fake_set_up(h->redis, true);
    assert_true(house_until(h, is_retired, &(uint32_t){0}, SOON));
    assert_int_equal(house_metric_label(h, 0, SL_KM_MENDED, SL_MENDED_RETIRED), 1);
    assert_true(fields_of(h, 0).gone);
    shows_its_last_until_it_expires(h, 0);
    house_end(h);
}

static void who_starts_later_does_not_know_it(void **state)
{
    (void)state;
    struct house *h = started(short_lived);
    end_elsewhere(h, 0, false);
    struct house_estate estate = house_die(h);
    h = house_new(&(struct house_setup){.configure = short_lived, .estate = &estate, .seed = 1});
    house_start(h);
    settle(h);
    uint32_t number = 0;
    while (!is_retired(h, &number))
        number++;
    assert_null(token_of(h, number));
    assert_int_equal(ask(h, number), SL_ERR_NO_SUCH_LIST);
    assert_int_equal(pool(h)->unpublished, 0);
    assert_int_equal(pool(h)->lists, sl_table_count(h->shared.table) - 1);
    house_end(h);
}

static bool is_urgent(struct house *h, void *arg)
{
    (void)h;
    return ((const struct sl_klist *)arg)->urgent;
}

/* More lists than are loaded together: the last of them ends while it waits for that. */
static void who_waits_for_a_list_that_ends_is_told(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){.configure = many_lists});
    unsigned answers[3] = {0};
    uint32_t all = 250;
    fake_hold(h->redis, SL_OP_LOAD);
    assert_true(house_until(h, lists_known, &all, SOON));
    struct sl_klist *t = sl_keeper_list(h->keeper, all - 1);
    sl_wait_token(&h->workers[0].pool, &t->list, count_answer, answers);
    assert_true(house_until(h, is_urgent, t, SOON));
    end_elsewhere(h, all - 1, false);
    sweep(h);
    assert_true(house_until(h, is_retired, &(uint32_t){all - 1}, SOON));
    assert_int_equal(t->state, PUBLISH_QUEUED);
    assert_false(answered(h, answers));
    fake_release(h->redis);
    assert_true(house_until(h, answered, answers, SOON));
    assert_int_equal(answers[1], 1);
    assert_null(sl_list_token(&t->list));
    house_end(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_retired_list_is_shown_until_it_expires_and_then_unknown),
        cmocka_unit_test(a_change_that_no_token_shows_yet_is_published),
        cmocka_unit_test(a_change_of_a_list_that_is_gone_is_given_up),
        cmocka_unit_test(a_list_that_is_gone_was_retired),
        cmocka_unit_test(a_list_that_has_ended_is_not_mended),
        cmocka_unit_test(who_starts_later_does_not_know_it),
        cmocka_unit_test(who_waits_for_a_list_that_ends_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
