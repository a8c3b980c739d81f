/* What a list owes is published when it was promised: over reloads, during a publication, at a shutdown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keeper/keeper_int.h"
#include "worker/visible.h"
#include "fixture.h"

#define HOUR_MS 3600000

static struct sl_klist *first_list(struct fixture *f)
{
    return sl_keeper_list(f->keeper, 0);
}

static bool shows_version(struct fixture *f, void *arg)
{
    return sl_list_token(&first_list(f)->list)->version == *(uint64_t *)arg;
}

static void wait_version(struct fixture *f, uint64_t version)
{
    assert_true(fixture_until(f, shows_version, &version, 5000));
}

static void reload_interval(struct fixture *f, struct sl_pool_options *next, uint32_t ms)
{
    *next = f->options[0];
    next->update_interval_ms = ms;
    atomic_store(&f->shared.pools[0].options, next);
    sl_keeper_reload(f->keeper, &f->shared.pools[0].key);
}

/* Reloads to the options that live as long as the fixture. */
static void end(struct fixture *f)
{
    atomic_store(&f->shared.pools[0].options, &f->options[0]);
    sl_keeper_reload(f->keeper, &f->shared.pools[0].key);
    fixture_end(f);
}

static void interval_100s(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->update_interval_ms = 100000;
    o->list_lifetime_ms = 100 * HOUR_MS;
}

/* Publishes a first change, so that the interval begins, and makes the second. */
static struct fixture *owing(void)
{
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = interval_100s});
    fixture_start(f);
    fixture_for(f, 10);
    fixture_pass(f, 101000);
    fake_change(f->redis, &first_list(f)->list.id, 1, 1);
    wait_version(f, 1);
    fake_change(f->redis, &first_list(f)->list.id, 2, 1);
    fixture_for(f, 10);
    assert_int_equal(first_list(f)->publication.committed, 2);
    return f;
}

static void a_longer_interval_does_not_delay_what_was_promised(void **state)
{
    (void)state;
    struct fixture *f = owing();
    struct sl_pool_options longer;
    uint64_t version = 1;
    reload_interval(f, &longer, 100 * HOUR_MS);
    fixture_pass(f, 90000);
    fixture_for(f, 50);
    assert_true(shows_version(f, &version));
    fixture_pass(f, 11000);
    wait_version(f, 2);
    /* What is changed from now on waits for the new one. */
    fake_change(f->redis, &first_list(f)->list.id, 3, 1);
    fixture_for(f, 10);
    fixture_pass(f, 101000);
    fixture_for(f, 50);
    version = 2;
    assert_true(shows_version(f, &version));
    end(f);
}

/* Another instance has promised it by the shorter interval, and this one hears of it late. */
static void what_is_heard_of_shortly_after_a_reload_too(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = interval_100s});
    struct sl_pool_options longer;
    fixture_start(f);
    fixture_for(f, 10);
    reload_interval(f, &longer, 100 * HOUR_MS);
    fixture_pass(f, 2 * SL_SWEEP_NS / SL_NS_PER_MS);
    fake_change(f->redis, &first_list(f)->list.id, 1, 1);
    fixture_for(f, 10);
    fixture_pass(f, 101000);
    wait_version(f, 1);
    end(f);
}

static void peer_of_ms(struct fixture *f, uint32_t update_ms)
{
    struct fake_pool *p = fake_pool(f->redis, "pool0");
    pthread_mutex_lock(&f->redis->lock);
    p->peers[0] = (struct sl_tempo){.instance = SL_SPAN("another"), .update_ms = update_ms};
    p->peer_count = 1;
    pthread_mutex_unlock(&f->redis->lock);
}

/* Another instance may not know yet that this one, which has just started, has a longer interval. */
static void who_has_just_come_is_no_later_than_the_others(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = interval_100s});
    uint64_t version = 1;
    peer_of_ms(f, 5000);
    fixture_start(f);
    fixture_for(f, 10);
    fake_change(f->redis, &first_list(f)->list.id, 1, 1);
    fixture_for(f, 10);
    assert_int_equal(first_list(f)->publication.committed, 1);
    assert_false(shows_version(f, &version));
    fixture_pass(f, 5100);
    wait_version(f, 1);
    /* What is changed when they know it waits for its own. */
    fixture_pass(f, 4 * SL_SWEEP_NS / SL_NS_PER_MS);
    fixture_for(f, 20);
    fake_change(f->redis, &first_list(f)->list.id, 2, 1);
    fixture_for(f, 10);
    fixture_pass(f, 80000);
    fixture_for(f, 50);
    assert_true(shows_version(f, &version));
    fixture_pass(f, 21000);
    wait_version(f, 2);
    /* Its subscription was away: again it may not be known. */
    fixture_pass(f, 101000);
    fake_set_feed_up(f->redis, false);
    fixture_for(f, 10);
    fake_set_feed_up(f->redis, true);
    fixture_for(f, 10);
    fake_change(f->redis, &first_list(f)->list.id, 3, 1);
    wait_version(f, 3);
    fake_change(f->redis, &first_list(f)->list.id, 4, 1);
    fixture_for(f, 10);
    fixture_pass(f, 5100);
    wait_version(f, 4);
    fixture_end(f);
}

static void until_the_others_are_known_nothing_waits(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = interval_100s});
    fake_hold(f->redis, SL_OP_TEMPOS);
    fixture_start(f);
    fixture_for(f, 10);
    fake_change(f->redis, &first_list(f)->list.id, 1, 1);
    wait_version(f, 1);
    fake_release(f->redis); /* there are none */
    fixture_for(f, 20);
    fake_change(f->redis, &first_list(f)->list.id, 2, 1);
    fixture_for(f, 50);
    assert_int_equal(sl_list_token(&first_list(f)->list)->version, 1);
    fixture_end(f);
}

static void a_shorter_interval_holds_at_once(void **state)
{
    (void)state;
    struct fixture *f = owing();
    struct sl_pool_options shorter;
    reload_interval(f, &shorter, 0);
    wait_version(f, 2);
    end(f);
}

static void at_a_shutdown_nothing_waits(void **state)
{
    (void)state;
    struct fixture *f = owing();
    sl_keeper_begin_drain(f->keeper);
    wait_version(f, 2);
    /* While workers still serve, what they are told is published, and they may promise it. */
    fake_change(f->redis, &first_list(f)->list.id, 3, 1);
    wait_version(f, 3);
    assert_true(
        sl_visible_by(&f->workers[0].pool, &first_list(f)->list, (struct sl_head){.version = 4}, 1, 1) > 0);
    fixture_end(f);
}

/* A change that comes after the load was asked for has been unseen since it came, whatever is published. */
static void a_change_during_a_publication_is_unseen_since_it_came(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = interval_100s});
    fixture_start(f);
    fixture_for(f, 10);
    fixture_pass(f, 101000);
    fake_hold(f->redis, SL_OP_LOAD);
    fake_change(f->redis, &first_list(f)->list.id, 1, 1);
    fixture_for(f, 5); /* loaded as version 1, the reply is held */
    assert_true(sl_keeper_is_under_way(first_list(f)));
    uint64_t before = sl_mono_ns(&f->clock);
    fake_change(f->redis, &first_list(f)->list.id, 2, 1);
    fixture_for(f, 5);
    uint64_t after = sl_mono_ns(&f->clock);
    fixture_pass(f, 5000);
    fake_release(f->redis);
    wait_version(f, 1);
    assert_in_range(sl_owed_since(first_list(f)), before, after);
    fixture_pass(f, 101000);
    wait_version(f, 2);
    assert_int_equal(sl_owed_since(first_list(f)), 0);
    fixture_end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_longer_interval_does_not_delay_what_was_promised),
        cmocka_unit_test(what_is_heard_of_shortly_after_a_reload_too),
        cmocka_unit_test(who_has_just_come_is_no_later_than_the_others),
        cmocka_unit_test(until_the_others_are_known_nothing_waits),
        cmocka_unit_test(a_shorter_interval_holds_at_once),
        cmocka_unit_test(at_a_shutdown_nothing_waits),
        cmocka_unit_test(a_change_during_a_publication_is_unseen_since_it_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
