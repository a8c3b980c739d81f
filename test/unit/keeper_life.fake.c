/* Lists that end, as the keeper sees it: their last token, changes that it does not show, and requests that
 * wait. */
#include "keeper_life.h"

static void slowly_shown(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    short_lived(o, redis);
    o->list_lifetime_ms = 600000;
    o->update_interval_ms = 100000;
}

/* The last token of a list that has ended: the same until it expires, and then none. */
static void shows_its_last_until_it_expires(struct fixture *f, uint32_t number)
{
    const struct sl_token *last = token_of(f, number);
    int64_t exp = last->exp;
    assert_non_null(last);
    for (; wall_s(f) + 5 < exp; live(f, SWEEP_MS))
        assert_ptr_equal(token_of(f, number), last);
    assert_ptr_equal(token_of(f, number), last);
    live(f, 8000);
    assert_null(token_of(f, number));
}

static void a_retired_list_is_shown_until_it_expires_and_then_unknown(void **state)
{
    (void)state;
    struct fixture *f = started(short_lived);
    use_up_first(f);
    live(f, AFTER_MS + AHEAD_MS / 2);
    assert_int_equal(fields_of(f, 0).state, SL_LIST_FULL); /* references of it were held until now */
    live_until_retired(f, 0, AHEAD_MS / SWEEP_MS + 1);
    assert_int_equal(fields_of(f, 0).state, SL_LIST_RETIRED);
    assert_int_equal(atomic_load(&f->shared.pools[0].ended), 1);
    assert_int_equal(fixture_metric(f, 0, SL_KM_RETIRED), 1);
    assert_int_equal(pool(f)->publications.lists, sl_table_count(f->shared.table) - 1);
    assert_int_equal(ask(f, 0), SL_OK);
    shows_its_last_until_it_expires(f, 0);
    assert_int_equal(ask(f, 0), SL_ERR_NO_SUCH_LIST);
    size_t memory = 0;
    for (uint32_t i = 1; i < sl_table_count(f->shared.table); i++) {
        assert_true(token_of(f, i)->exp > wall_s(f)); /* others live on */
        memory += token_of(f, i)->memory;
    }
    assert_int_equal(pool(f)->publications.token_bytes, memory);
    /* And its keys are dropped, which is learnt by looking. */
    assert_false(sl_keeper_list(f->keeper, 0)->publication.dropped);
    live(f, 90000);
    assert_true(fields_of(f, 0).gone);
    assert_true(sl_keeper_list(f->keeper, 0)->publication.dropped);
    assert_int_equal(fixture_metric(f, 0, SL_KM_RETIRED), 1); /* told once */
    assert_int_equal(ask(f, 0), SL_ERR_NO_SUCH_LIST);
    fixture_end(f);
}

static bool shows_change(struct fixture *f, void *arg)
{
    return token_of(f, 0)->version >= *(uint64_t *)arg;
}

static void a_change_that_no_token_shows_yet_is_published(void **state)
{
    (void)state;
    struct fixture *f = started(slowly_shown);
    uint64_t first = 1, second = 2;
    live(f, 110000);
    fake_change(f->redis, &list_at(f, 0)->id, 3, 1);
    assert_true(fixture_until(f, shows_change, &first, SOON));
    fake_change(f->redis, &list_at(f, 0)->id, 4, 1); /* shown in 100 s */
    end_elsewhere(f, 0, false);
    live(f, 10000);
    assert_true(is_retired(f, &(uint32_t){0}));
    assert_int_equal(token_of(f, 0)->version, 1);
    live(f, 100000);
    assert_true(shows_change(f, &second));
    shows_its_last_until_it_expires(f, 0);
    fixture_end(f);
}

static bool misses_list(struct fixture *f, void *arg)
{
    (void)arg;
    return sl_keeper_list(f->keeper, 0)->publication.dropped;
}

static void drop_elsewhere(struct fixture *f, uint32_t number)
{
    lock_list(f, number)->now.gone = true;
    unlock(f);
}

/* Known to have ended, and then gone: the change cannot be shown any more. */
static void a_change_of_a_list_that_is_gone_is_given_up(void **state)
{
    (void)state;
    struct fixture *f = started(short_lived);
    end_elsewhere(f, 0, false);
    live_until_retired(f, 0, 2);
    drop_elsewhere(f, 0);
    sl_keeper_committed(sl_keeper_list(f->keeper, 0), 1, sl_mono_ns(&f->clock));
    assert_true(fixture_until(f, misses_list, NULL, SOON));
    shows_its_last_until_it_expires(f, 0);
    fixture_end(f);
}

/* Who slept through the whole end of a list finds it missing, and asks, whatever its options are. */
static void a_list_that_is_gone_was_retired(void **state)
{
    (void)state;
    struct fixture *f = started(endless);
    live(f, 10000);
    assert_int_equal(looks(f), 0);
    end_elsewhere(f, 0, true);
    drop_elsewhere(f, 0);
    sl_keeper_committed(sl_keeper_list(f->keeper, 0), 1, sl_mono_ns(&f->clock)); /* an old message */
    live_until_retired(f, 0, 5);
    assert_true(misses_list(f, NULL));
    live(f, 4000); /* it was missed twice, perhaps */
    uint64_t before = looks(f);
    assert_true(before > 0);
    live(f, 10000);
    assert_int_equal(looks(f), before);
    shows_its_last_until_it_expires(f, 0);
    fixture_end(f);
}

/* Redis has gone back, and a list is missing: it would be made again, had it not ended. */
static void a_list_that_has_ended_is_not_mended(void **state)
{
    (void)state;
    struct fixture *f = started(short_lived);
    fake_save(f->redis);
    fake_change(f->redis, &list_at(f, 1)->id, 3, 1);
    live(f, 4000);
    fake_set_up(f->redis, false);
    sweep(f);
    fake_restore(f->redis);
    end_elsewhere(f, 0, true);
    drop_elsewhere(f, 0);
    fake_set_up(f->redis, true);
    assert_true(fixture_until(f, is_retired, &(uint32_t){0}, SOON));
    assert_int_equal(fixture_metric_label(f, 0, SL_KM_MENDED, SL_MENDED_RETIRED), 1);
    assert_true(fields_of(f, 0).gone);
    shows_its_last_until_it_expires(f, 0);
    fixture_end(f);
}

static void who_starts_later_does_not_know_it(void **state)
{
    (void)state;
    struct fixture *f = started(short_lived);
    end_elsewhere(f, 0, false);
    struct fixture_estate estate = fixture_die(f);
    f = fixture_new(&(struct fixture_setup){.configure = short_lived, .estate = &estate, .seed = 1});
    fixture_start(f);
    settle(f);
    uint32_t number = 0;
    while (!is_retired(f, &number))
        number++;
    assert_null(token_of(f, number));
    assert_int_equal(ask(f, number), SL_ERR_NO_SUCH_LIST);
    assert_int_equal(pool(f)->publications.unpublished, 0);
    assert_int_equal(pool(f)->publications.lists, sl_table_count(f->shared.table) - 1);
    fixture_end(f);
}

static bool is_urgent(struct fixture *f, void *arg)
{
    (void)f;
    return ((const struct sl_klist *)arg)->publication.urgent;
}

/* More lists than are loaded together: the last of them ends while it waits for that. */
static void who_waits_for_a_list_that_ends_is_told(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = many_lists});
    unsigned answers[3] = {0};
    uint32_t all = 250;
    fake_hold(f->redis, SL_OP_LOAD);
    assert_true(fixture_until(f, lists_known, &all, SOON));
    struct sl_klist *t = sl_keeper_list(f->keeper, all - 1);
    sl_wait_token(&f->workers[0].pool, &t->list, count_answer, answers);
    assert_true(fixture_until(f, is_urgent, t, SOON));
    end_elsewhere(f, all - 1, false);
    sweep(f);
    assert_true(fixture_until(f, is_retired, &(uint32_t){all - 1}, SOON));
    assert_int_equal(t->publication.state, SL_PUBLISH_QUEUED);
    assert_false(answered(f, answers));
    fake_release(f->redis);
    assert_true(fixture_until(f, answered, answers, SOON));
    assert_int_equal(answers[1], 1);
    assert_null(sl_list_token(&t->list));
    fixture_end(f);
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
