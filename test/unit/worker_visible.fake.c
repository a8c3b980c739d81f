/* What is promised about a change, and waiting for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/visible.h"
#include "fixture.h"

#define FOLLOWERS 500

static void configure(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->update_interval_ms = 40;
    o->ttl_ms = 60000;
    o->list_lifetime_ms = 3600000;
}

static struct fixture *begin(unsigned workers)
{
    struct fixture *f = fixture_new(&(struct fixture_setup){.workers = workers, .configure = configure});
    fixture_start(f);
    fixture_for(f, 10);
    return f;
}

static struct sl_list *first_list(struct fixture *f)
{
    return sl_table_at(f->shared.table, 0);
}

/* That version in the present lineage. */
static struct sl_head head_of(struct fixture *f, uint64_t version)
{
    pthread_mutex_lock(&f->redis->lock);
    struct sl_head head = {fake_pool(f->redis, f->names[0])->now.lineage, version};
    pthread_mutex_unlock(&f->redis->lock);
    return head;
}

static bool published(struct fixture *f, void *arg)
{
    return sl_is_published(first_list(f), head_of(f, *(uint64_t *)arg));
}

static bool promised(struct fixture *f, void *arg)
{
    return sl_visible_by(&f->workers[0].pool, first_list(f), head_of(f, *(uint64_t *)arg), 1, 1) != 0;
}

static void a_promise_is_the_sum_of_its_parts(void **state)
{
    (void)state;
    struct fixture *f = begin(1);
    struct sl_list *l = first_list(f);
    struct sl_pool_worker *w = &f->workers[0].pool;
    /* However long this machine takes to publish. */
    atomic_store(&f->shared.publish_lag_ns, 10 * SL_NS_PER_MS);
    atomic_store(&f->shared.publish_cost_ns, SL_NS_PER_MS);
    int64_t now = sl_wall_ms(&f->clock) / 1000, exp = sl_list_token(l)->exp;
    /* Not there yet: interval, publishing, a sweep, and a ttl. */
    int64_t by = sl_visible_by(w, l, head_of(f, 1), 1, 1);
    assert_in_range(by, now + 62, now + 64);
    assert_in_range(sl_visible_by(w, l, head_of(f, 1), 1, 2), by + 60, by + 61);
    /* Many lists take longer, one after the other. */
    assert_in_range(sl_visible_by(w, l, head_of(f, 1), 100000, 1), by + 98, by + 101);
    /* There already: other instances may be without it still. */
    assert_in_range(sl_visible_by(w, l, head_of(f, 0), 1, 1), by, by + 1);
    /* Never beyond the end of all tokens without it: another instance may be making one. */
    assert_in_range(sl_visible_by(w, l, head_of(f, 1), 1, 1000), exp, exp + 2);
    fixture_end(f);
}

static void who_is_alone_promises_less(void **state)
{
    (void)state;
    struct fixture *f = begin(1);
    struct sl_list *l = first_list(f);
    struct sl_pool_worker *w = &f->workers[0].pool;
    int64_t now = sl_wall_ms(&f->clock) / 1000, exp = sl_list_token(l)->exp;
    f->shared.alone = true;
    assert_in_range(sl_visible_by(w, l, head_of(f, 1), 1, 1), now + 62, now + 64);
    /* There already: a ttl. */
    assert_in_range(sl_visible_by(w, l, head_of(f, 0), 1, 1), now + 61, now + 62);
    /* Never beyond the end of all tokens without it, unless one is being made. */
    assert_int_equal(sl_visible_by(w, l, head_of(f, 1), 1, 1000), exp);
    atomic_store(&l->under_way, true);
    assert_true(sl_visible_by(w, l, head_of(f, 1), 1, 1000) > exp);
    atomic_store(&l->under_way, false);
    assert_true(sl_visible_by(w, l, head_of(f, 0), 1, 1000) > exp);
    fixture_end(f);
}

/* A large list takes time by its bytes, and a very large one waits for others of its kind. */
static void large_lists_take_longer(void **state)
{
    (void)state;
    struct fixture *f = begin(1);
    struct sl_pool_worker *w = &f->workers[0].pool;
    struct sl_list *l = first_list(f), large = {.size = 50u << 20, .bits = 8, .pool = l->pool};
    f->shared.alone = true;
    atomic_store(&f->shared.publish_kib_ns, SL_NS_PER_MS);
    atomic_store(&f->shared.publish_large_ns, 1000 * SL_NS_PER_S);
    int64_t by = sl_visible_by(w, l, head_of(f, 1), 1, 1);
    assert_in_range(sl_visible_by(w, &large, head_of(f, 1), 1, 1), by + 3 * 51 - 2,
                    by + 3 * 52); /* loaded twice, at worst */
    large.size = 100u << 20;
    assert_in_range(sl_visible_by(w, &large, head_of(f, 1), 1, 1), by + 2000 + 3 * 102 - 2,
                    by + 2000 + 3 * 103);
    fixture_end(f);
}

/* A reload has shortened the ttl: who has a token of before may use it for as long as that one says. */
static void a_token_that_was_replaced_counts_as_long_as_it_is_used(void **state)
{
    (void)state;
    struct fixture *f = begin(1);
    struct sl_list *l = first_list(f);
    struct sl_pool_worker *w = &f->workers[0].pool;
    struct sl_pool_options shorter = f->options[0];
    shorter.ttl_ms = 1000;
    f->shared.alone = true;
    atomic_store(&f->shared.pools[0].options, &shorter);
    sl_keeper_reload(f->keeper, &f->shared.pools[0].key);
    int64_t now = sl_wall_ms(&f->clock) / 1000;
    assert_in_range(sl_visible_by(w, l, head_of(f, 0), 1, 1), now + 61, now + 62);
    uint64_t version = 1;
    fake_change(f->redis, &l->id, 0, 1);
    assert_true(fixture_until(f, published, &version, 5000));
    assert_int_equal(sl_list_token(l)->ttl, 1);
    int64_t replaced = sl_wall_ms(&f->clock) / 1000;
    assert_in_range(sl_visible_by(w, l, head_of(f, 1), 1, 1), replaced + 60, replaced + 62);
    assert_in_range(sl_visible_by(w, l, head_of(f, 1), 1, 2), replaced + 120, replaced + 122);
    fixture_pass(f, 30000);
    assert_in_range(sl_visible_by(w, l, head_of(f, 1), 1, 1), replaced + 60, replaced + 62);
    fixture_pass(f, 31000);
    now = sl_wall_ms(&f->clock) / 1000;
    fixture_for(f, 20);
    assert_in_range(sl_visible_by(w, l, head_of(f, 1), 1, 1), now + 1, now + 3);
    atomic_store(&f->shared.pools[0].options, &f->options[0]);
    sl_keeper_reload(f->keeper, &f->shared.pools[0].key);
    fixture_end(f);
}

static void show_peer(struct fixture *f, unsigned i, uint32_t update_ms)
{
    struct fake_pool *p = fake_pool(f->redis, "pool0");
    pthread_mutex_lock(&f->redis->lock);
    p->peers[i] = (struct sl_tempo){.instance = SL_SPAN("another"), .update_ms = update_ms, .ttl_ms = 60000};
    p->peer_count = i + 1;
    pthread_mutex_unlock(&f->redis->lock);
}

static void hide_peers(struct fixture *f)
{
    pthread_mutex_lock(&f->redis->lock);
    fake_pool(f->redis, "pool0")->peer_count = 0;
    pthread_mutex_unlock(&f->redis->lock);
}

/* A sweep, in which the keeper looks. */
static void look(struct fixture *f)
{
    fixture_pass(f, SL_SWEEP_NS / SL_NS_PER_MS);
    fixture_for(f, 20);
}

/* Whoever lives may be the one that shows a change last. */
static void the_longest_interval_of_all_instances_counts(void **state)
{
    (void)state;
    struct fixture *f = begin(1);
    struct sl_list *l = first_list(f);
    struct sl_pool_worker *w = &f->workers[0].pool;
    int64_t alone = sl_visible_by(w, l, head_of(f, 1), 1, 1) - sl_wall_ms(&f->clock) / 1000;
    show_peer(f, 0, 100000);
    show_peer(f, 1, 300000);
    look(f);
    int64_t now = sl_wall_ms(&f->clock) / 1000;
    assert_in_range(sl_visible_by(w, l, head_of(f, 1), 1, 1), now + alone + 298, now + alone + 302);
    /* One that is not seen any more may only have lost its connection. */
    show_peer(f, 0, 100000);
    for (unsigned i = 0; i < 4; i++)
        look(f);
    now = sl_wall_ms(&f->clock) / 1000;
    assert_in_range(sl_visible_by(w, l, head_of(f, 1), 1, 1), now + alone + 298, now + alone + 302);
    look(f);
    look(f);
    now = sl_wall_ms(&f->clock) / 1000;
    assert_in_range(sl_visible_by(w, l, head_of(f, 1), 1, 1), now + alone + 98, now + alone + 102);
    hide_peers(f);
    for (unsigned i = 0; i < 7; i++)
        look(f);
    now = sl_wall_ms(&f->clock) / 1000;
    assert_in_range(sl_visible_by(w, l, head_of(f, 1), 1, 1), now + alone - 2, now + alone + 2);
    fixture_end(f);
}

static void who_cannot_see_the_others_promises_nothing(void **state)
{
    (void)state;
    struct fixture *f = begin(1);
    uint64_t version = 1;
    fake_hold(f->redis, SL_OP_TEMPOS);
    assert_true(promised(f, &version));
    for (unsigned i = 0; i < 5; i++)
        look(f);
    assert_false(promised(f, &version));
    f->shared.alone = true; /* there are none */
    assert_true(promised(f, &version));
    f->shared.alone = false;
    fake_release(f->redis);
    assert_true(fixture_until(f, promised, &version, 5000));
    /* Nor who cannot be seen: an instance that starts now does not count on it. */
    fake_set_feed_up(f->redis, false);
    fixture_for(f, 20);
    assert_false(promised(f, &version));
    fake_set_feed_up(f->redis, true);
    assert_true(fixture_until(f, promised, &version, 5000));
    fixture_end(f);
}

/* The process before has given out tokens with a longer ttl. */
static void what_was_given_out_before_the_start_counts(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = configure});
    fake_pool(f->redis, "pool0")->kept_ms = 500000;
    fake_pool(f->redis, "pool0")->cached_ms = 900000;
    fixture_start(f);
    fixture_for(f, 10);
    int64_t now = sl_wall_ms(&f->clock) / 1000;
    struct sl_list *l = first_list(f);
    struct sl_pool_worker *w = &f->workers[0].pool;
    assert_in_range(sl_visible_by(w, l, head_of(f, 1), 1, 1), now + 498, now + 502);
    assert_in_range(sl_visible_by(w, l, head_of(f, 1), 1, 2), now + 898, now + 902);
    fixture_pass(f, 880000);
    look(f);
    now = sl_wall_ms(&f->clock) / 1000;
    assert_in_range(sl_visible_by(w, l, head_of(f, 1), 1, 1), now + 62, now + 64);
    fixture_end(f);
}

static bool not_promised(struct fixture *f, void *arg)
{
    return !promised(f, arg);
}

static void nothing_is_promised_while_something_is_wrong(void **state)
{
    (void)state;
    struct fixture *f = begin(1);
    struct sl_list *l = first_list(f);
    uint64_t version = 1;
    fake_set_up(f->redis, false);
    fixture_for(f, 20);
    assert_false(promised(f, &version));
    fake_set_up(f->redis, true);
    assert_true(fixture_until(f, promised, &version, 5000));
    /* Publications that fail, until the next that does not. */
    fake_fail(f->redis, SL_OP_LOAD, 1000, SL_ERR_UNAVAILABLE);
    fake_change(f->redis, &l->id, 0, 1);
    assert_true(fixture_until(f, not_promised, &version, 5000));
    assert_false(published(f, &version));
    fake_fail(f->redis, SL_OP_LOAD, 0, SL_OK);
    assert_true(fixture_until(f, published, &version, 5000));
    assert_true(promised(f, &version));
    fixture_end(f);
}

/* Redis has lost changes that were published: its version number then means nothing. */
static void what_redis_has_lost_is_not_published(void **state)
{
    (void)state;
    struct fixture *f = begin(1);
    struct sl_list *l = first_list(f);
    uint64_t version = 1;
    fake_save(f->redis);
    fake_change(f->redis, &l->id, 0, 1);
    assert_true(fixture_until(f, published, &version, 5000));
    fake_hold(f->redis, SL_OP_MEND);
    fake_restore(f->redis);
    look(f);
    assert_false(published(f, &version));
    assert_false(promised(f, &version));
    fake_release(f->redis);
    fake_change(f->redis, &l->id, 1, 1);
    fake_change(f->redis, &l->id, 2, 1);
    version = 2;
    assert_true(fixture_until(f, published, &version, 5000));
    assert_true(promised(f, &version));
    fixture_end(f);
}

struct waiting {
    struct fixture *f;
    struct sl_follower *follower;
    uint64_t version;
    unsigned answers;
    bool published;
};

static void on_followed(void *arg, bool is)
{
    struct waiting *x = arg;
    x->answers++;
    x->published = is;
    assert_int_equal(is, sl_is_published(first_list(x->f), head_of(x->f, x->version)));
}

static void each_is_told_when_its_version_is_there(void **state)
{
    (void)state;
    static struct waiting all[FOLLOWERS];
    struct fixture *f = begin(2);
    struct sl_list *l = first_list(f);
    memset(all, 0, sizeof all);
    for (unsigned i = 0; i < FOLLOWERS; i++) {
        all[i] = (struct waiting){.f = f, .version = i % 5};
        all[i].follower = sl_follow(&f->workers[i % 2].pool, l, head_of(f, all[i].version), 20 * SL_NS_PER_S,
                                    on_followed, &all[i]);
        assert_int_equal(all[i].answers, 0);
    }
    for (unsigned i = 7; i < FOLLOWERS; i += 14)
        sl_follow_cancel(all[i].follower);
    for (uint64_t version = 1; version <= 3; version++) {
        fake_change(f->redis, &l->id, (uint32_t)version, 1);
        assert_true(fixture_until(f, published, &version, 5000));
        fixture_for(f, 20);
        for (unsigned i = 0; i < FOLLOWERS; i++)
            assert_int_equal(all[i].answers, all[i].version <= version && i % 14 != 7);
    }
    /* The fourth never comes: the end of the workers ends the waiting. */
    for (unsigned i = 0; i < 2; i++)
        sl_pool_worker_drain(&f->workers[i].pool);
    for (unsigned i = 0; i < FOLLOWERS; i++) {
        assert_int_equal(all[i].answers, i % 14 != 7);
        if (i % 14 != 7)
            assert_int_equal(all[i].published, all[i].version <= 3);
    }
    fixture_end(f);
}

static bool is_told(struct fixture *f, void *arg)
{
    (void)f;
    return ((struct waiting *)arg)->answers > 0;
}

static void waiting_ends_in_time(void **state)
{
    (void)state;
    struct fixture *f = begin(1);
    struct waiting x = {.f = f, .version = 9};
    uint64_t begun = sl_mono_ns(&f->clock);
    sl_follow(&f->workers[0].pool, first_list(f), head_of(f, 9), 30 * SL_NS_PER_MS, on_followed, &x);
    assert_true(fixture_until(f, is_told, &x, 5000));
    assert_false(x.published);
    assert_true(sl_mono_ns(&f->clock) - begun >= 30 * SL_NS_PER_MS);
    fixture_end(f);
}

/* A list without a token, as after a start: its first one tells, too. */
static void the_first_token_of_a_list(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = configure});
    fake_hold(f->redis, SL_OP_LOAD);
    for (unsigned i = 0; i < 2000 && sl_table_count(f->shared.table) == 0; i++)
        fixture_turn(f);
    assert_null(sl_list_token(first_list(f)));
    struct waiting x = {.f = f, .version = 0};
    sl_follow(&f->workers[0].pool, first_list(f), head_of(f, 0), 20 * SL_NS_PER_S, on_followed, &x);
    fixture_for(f, 120);
    assert_int_equal(x.answers, 0);
    fake_release(f->redis);
    assert_true(fixture_until(f, is_told, &x, 5000));
    assert_true(x.published);
    fixture_end(f);
}

/* An interval that is longer than a token lives does not put off its renewal. */
static void intermittent(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->update_interval_ms = 3600000;
    o->ttl_ms = 1000;
    o->list_lifetime_ms = 4000;
}

static void renewal_before_a_long_interval(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = intermittent});
    fixture_start(f);
    uint64_t version = 1;
    fake_change(f->redis, &first_list(f)->id, 0, 1);
    assert_true(fixture_until(f, published, &version, 3900));
    fixture_end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_promise_is_the_sum_of_its_parts),
        cmocka_unit_test(who_is_alone_promises_less),
        cmocka_unit_test(large_lists_take_longer),
        cmocka_unit_test(a_token_that_was_replaced_counts_as_long_as_it_is_used),
        cmocka_unit_test(the_longest_interval_of_all_instances_counts),
        cmocka_unit_test(who_cannot_see_the_others_promises_nothing),
        cmocka_unit_test(what_was_given_out_before_the_start_counts),
        cmocka_unit_test(nothing_is_promised_while_something_is_wrong),
        cmocka_unit_test(what_redis_has_lost_is_not_published),
        cmocka_unit_test(each_is_told_when_its_version_is_there),
        cmocka_unit_test(waiting_ends_in_time),
        cmocka_unit_test(the_first_token_of_a_list),
        cmocka_unit_test(renewal_before_a_long_interval),
    };
    return cmocka_run_group_tests_name("pool visible", tests, NULL, NULL);
}
