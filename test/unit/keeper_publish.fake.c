/* Publishing: one load and one signing for all, intervals, renewals, versions that never fall, old tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keeper/keeper_int.h"
#include "fake_store.h"
#include "fixture.h"

#define WAITERS 250 /* per worker */

static struct sl_list *first_list(struct fixture *f)
{
    return sl_table_at(f->shared.table, 0);
}

static struct fake_list *first_fake(struct fixture *f)
{
    return fake_find(f->redis, &first_list(f)->id);
}

static uint64_t published(const struct fixture *f)
{
    uint64_t n = 0;
    for (unsigned cause = SL_PUBLISHED_FIRST; cause <= SL_PUBLISHED_RENEWAL; cause++)
        n += fixture_metric_label(f, 0, SL_KM_PUBLICATIONS, cause);
    return n;
}

static bool shows_version(struct fixture *f, void *arg)
{
    return sl_list_token(first_list(f))->version == *(uint64_t *)arg;
}

static void wait_version(struct fixture *f, uint64_t version, unsigned ms)
{
    assert_true(fixture_until(f, shows_version, &version, ms));
}

static void interval_100ms(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->update_interval_ms = 100;
}

static void short_life(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->list_lifetime_ms = 2000;
    o->ttl_ms = 1000;
}

/* ---- cold lists ---- */

static void count_answer(void *arg, enum sl_err err)
{
    unsigned *answers = arg;
    answers[err == SL_OK ? 0 : 1]++;
}

static bool lists_known(struct fixture *f, void *arg)
{
    return sl_table_count(f->shared.table) >= *(uint32_t *)arg;
}

static bool all_answered(struct fixture *f, void *arg)
{
    (void)f;
    const unsigned *answers = arg;
    return answers[0] + answers[1] == FIXTURE_WORKERS * WAITERS;
}

static bool signed_twice(struct fixture *f, void *arg)
{
    (void)arg;
    return fixture_metric(f, 0, SL_KM_SIGNINGS) >= 2;
}

static void a_thousand_wait_for_one_load_and_one_signing(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.workers = FIXTURE_WORKERS});
    unsigned answers[2] = {0};
    uint32_t two = 2;
    fake_hold(f->redis, SL_OP_LOAD);
    assert_true(fixture_until(f, lists_known, &two, 2000));
    for (unsigned i = 0; i < FIXTURE_WORKERS * WAITERS; i++) {
        sl_wait_token(&f->workers[i % FIXTURE_WORKERS].pool, first_list(f), count_answer, answers);
        if (i % 100 == 0)
            fixture_turn(f);
    }
    fixture_for(f, 20);
    assert_int_equal(answers[0] + answers[1], 0);
    fake_release(f->redis);
    assert_true(fixture_until(f, all_answered, answers, 2000));
    assert_int_equal(answers[0], FIXTURE_WORKERS * WAITERS);
    fixture_start(f);
    assert_true(fixture_until(f, signed_twice, NULL, 10000)); /* the spare one, too */
    fixture_for(f, 50);
    assert_int_equal(fake_count(f->redis, SL_OP_LOAD), 2); /* this list's, and that of the spare one */
    assert_int_equal(fixture_metric(f, 0, SL_KM_SIGNINGS), 2);
    for (unsigned i = 0; i < FIXTURE_WORKERS; i++)
        assert_true(sl_pool_worker_idle(&f->workers[i].pool));
    fixture_end(f);
}

static void waiting_ends_when_the_list_cannot_be_loaded(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    unsigned answers[2] = {0};
    uint32_t two = 2;
    fake_hold(f->redis, SL_OP_LOAD);
    assert_true(fixture_until(f, lists_known, &two, 2000));
    struct sl_waiter *gone = sl_wait_token(&f->workers[0].pool, first_list(f), count_answer, answers);
    sl_wait_token(&f->workers[0].pool, first_list(f), count_answer, answers);
    fixture_for(f, 5);
    sl_wait_cancel(gone);
    fake_set_up(f->redis, false);
    fixture_for(f, 10);
    assert_int_equal(answers[0], 0);
    assert_int_equal(answers[1], 1);
    sl_wait_token(&f->workers[0].pool, first_list(f), count_answer, answers); /* while it is down: at once */
    fixture_for(f, 5);
    assert_int_equal(answers[1], 2);
    fake_release(f->redis);
    fake_set_up(f->redis, true);
    fixture_start(f);
    sl_wait_token(&f->workers[0].pool, first_list(f), count_answer, answers); /* not cold any more */
    fixture_for(f, 5);
    assert_int_equal(answers[0], 1);
    fixture_end(f);
}

static void failed_loads_are_tried_again(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fake_fail(f->redis, SL_OP_LOAD, 3, SL_ERR_UNAVAILABLE);
    fixture_start(f);
    assert_int_equal(fixture_metric(f, 0, SL_KM_PUBLISH_FAILURES), 3);
    fixture_end(f);
}

/* ---- changes ---- */

static void hundred_versions_in_an_interval_are_one_publication(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = interval_100ms});
    fixture_start(f);
    fixture_for(f, 150);
    uint64_t before = published(f), loads = fake_count(f->redis, SL_OP_LOAD);
    fake_change(f->redis, &first_list(f)->id, 0, 1); /* long after the last: at once */
    wait_version(f, 1, 60);
    uint64_t at = sl_mono_ns(&sl_clock_system);
    for (uint32_t i = 1; i <= 100; i++) {
        fake_change(f->redis, &first_list(f)->id, i, 1);
        if (i % 20 == 0)
            fixture_for(f, 5);
    }
    assert_int_equal(published(f), before + 1);
    wait_version(f, 101, 5000);
    assert_true(sl_mono_ns(&sl_clock_system) - at >= 80 * SL_NS_PER_MS);
    fixture_for(f, 150);
    assert_int_equal(published(f), before + 2);
    assert_int_equal(fake_count(f->redis, SL_OP_LOAD), loads + 2);
    fixture_end(f);
}

static void interval_zero_publishes_at_once(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fixture_start(f);
    for (uint64_t i = 1; i <= 20; i++) {
        fake_change(f->redis, &first_list(f)->id, (uint32_t)i, 1);
        wait_version(f, i, 5000);
    }
    assert_int_equal(fixture_metric_label(f, 0, SL_KM_PUBLICATIONS, SL_PUBLISHED_CHANGE), 20);
    fixture_end(f);
}

static void change_while_it_is_signed_is_published_after(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fixture_start(f);
    fake_hold(f->redis, SL_OP_LOAD);
    fake_change(f->redis, &first_list(f)->id, 1, 1);
    fixture_for(f, 5); /* loaded as version 1, the reply is held */
    fake_change(f->redis, &first_list(f)->id, 2, 1);
    fixture_for(f, 5);
    fake_release(f->redis);
    wait_version(f, 2, 5000);
    fixture_end(f);
}

static void sweep_finds_what_the_feed_missed(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fixture_start(f);
    fake_set_feed_up(f->redis, false);
    fixture_for(f, 5);
    fake_change(f->redis, &first_list(f)->id, 1, 1);
    wait_version(f, 1, 3000);
    fake_change(f->redis, &first_list(f)->id, 2, 1);
    fake_set_feed_up(f->redis, true); /* a subscription that begins reads first */
    wait_version(f, 2, 200);
    fixture_end(f);
}

static void list_of_another_instance_is_found(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fixture_start(f);
    struct sl_list_draft d = {.id = sl_uuid_v4(&sl_clock_system),
                              .uri = SL_SPAN("https://lists.example/s/other")};
    pthread_mutex_lock(&f->redis->lock);
    fake_create(f->redis, fake_pool(f->redis, "pool0"), &d, "another");
    pthread_mutex_unlock(&f->redis->lock);
    uint32_t three = 3;
    assert_true(fixture_until(f, lists_known, &three, 200));
    fixture_for(f, 50);
    assert_non_null(sl_list_token(sl_table_find(f->shared.table, &d.id)));
    fixture_end(f);
}

/* ---- versions ---- */

static void version_never_goes_back(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fixture_start(f);
    for (uint32_t i = 0; i < 3; i++)
        fake_change(f->redis, &first_list(f)->id, i, 1);
    wait_version(f, 3, 5000);
    const struct sl_token *shown = sl_list_token(first_list(f));
    /* Redis comes back with less, and does not say so: its change numbers go on. */
    fake_hold(f->redis, SL_OP_MEND);
    pthread_mutex_lock(&f->redis->lock);
    struct fake_fields *x = &first_fake(f)->now;
    x->version = 1;
    x->line = (struct sl_line){.part = {{x->at, 1}}, .count = 1};
    memset(x->data, 0, 1);
    pthread_mutex_unlock(&f->redis->lock);
    uint64_t before = published(f);
    struct sl_klist *t = sl_keeper_list(f->keeper, 0);
    sl_keeper_committed(t, 4, sl_mono_ns(&sl_clock_system)); /* heard, but not there */
    fixture_for(f, 100);
    assert_ptr_equal(sl_list_token(first_list(f)), shown);
    assert_int_equal(published(f), before);
    assert_int_equal(fixture_metric(f, 0, SL_KM_ROLLBACKS), 1);
    fixture_for(f, 1200); /* told once */
    assert_int_equal(fixture_metric(f, 0, SL_KM_ROLLBACKS), 1);
    assert_ptr_equal(sl_list_token(first_list(f)), shown);
    /* What was shown comes back, in a history of its own. */
    fake_release(f->redis);
    wait_version(f, 4, 1000);
    assert_int_equal(fake_status(f->redis, &first_list(f)->id, 2), 1);
    assert_int_equal(fixture_metric_label(f, 0, SL_KM_HISTORIES, SL_DRAWN_LIST - 1), 1);
    fixture_end(f);
}

/* Anybody who may publish can say anything. */
static void a_wrong_hint_costs_one_load(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fixture_start(f);
    fixture_for(f, 50);
    struct sl_klist *t = sl_keeper_list(f->keeper, 0);
    uint64_t loads = fake_count(f->redis, SL_OP_LOAD), before = published(f);
    sl_keeper_committed(t, 5, sl_mono_ns(&sl_clock_system));
    fixture_for(f, 300);
    assert_int_equal(fake_count(f->redis, SL_OP_LOAD), loads + 1);
    assert_int_equal(published(f), before);
    assert_false(atomic_load(&first_list(f)->withheld));
    fake_change(f->redis, &first_list(f)->id, 0, 1);
    wait_version(f, 1, 5000);
    fixture_end(f);
}

static void large_lists(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->size = 3000000; /* 366 KiB */
}

static bool is_shown(struct fixture *f, void *arg)
{
    return sl_list_token(first_list(f))->version == *(uint64_t *)arg;
}

/* For example the old primary, which lives on: what it loads would be taken for what Redis has. */
static void large_lists_are_not_loaded_from_another_server(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = large_lists});
    fixture_start(f);
    fixture_for(f, 50);
    uint64_t loads = fake_count(f->redis, SL_OP_LOAD), one = 1;
    f->keeper->loader->server.run_id[0] = 'x';
    fake_change(f->redis, &first_list(f)->id, 7, 1);
    fixture_for(f, 100);
    assert_int_equal(fake_count(f->redis, SL_OP_LOAD), loads);
    assert_true(fixture_until(f, is_shown, &one, 5000)); /* dialled anew by the sweep */
    fixture_end(f);
}

static bool rolled_back(struct fixture *f, void *arg)
{
    (void)arg;
    return fixture_metric(f, 0, SL_KM_ROLLBACKS) > 0;
}

static void restored_backup_is_noticed(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fixture_start(f);
    fake_save(f->redis);
    for (uint32_t i = 0; i < 3; i++)
        fake_change(f->redis, &first_list(f)->id, i, 1);
    wait_version(f, 3, 5000);
    fixture_for(f, 2100); /* a sweep has read the change numbers */
    fake_set_up(f->redis, false);
    fixture_for(f, 5);
    fake_restore(f->redis);
    fake_set_up(f->redis, true);
    assert_true(fixture_until(f, rolled_back, NULL, 3000));
    fixture_for(f, 20);
    assert_true(sl_list_token(first_list(f))->version >= 3); /* readers do not go back */
    fixture_end(f);
}

/* ---- renewal ---- */

static bool renewed(struct fixture *f, void *arg)
{
    return fixture_metric_label(f, 0, SL_KM_PUBLICATIONS, SL_PUBLISHED_RENEWAL) >= *(uint64_t *)arg;
}

static void tokens_are_renewed_before_they_expire(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = short_life});
    fixture_start(f);
    int64_t iat = sl_list_token(first_list(f))->iat;
    uint64_t four = 4; /* two lists, twice each */
    uint64_t from = sl_mono_ns(&sl_clock_system);
    assert_true(fixture_until(f, renewed, &four, 5000));
    assert_true(sl_mono_ns(&sl_clock_system) - from > SL_NS_PER_S); /* never twice within a second */
    const struct sl_token *t = sl_list_token(first_list(f));
    assert_true(t->iat > iat && t->exp == t->iat + 2);
    assert_true(t->version == 0);
    fixture_end(f);
}

static void step_of_the_wall_clock_draws_renewals_anew(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0}); /* an hour's lifetime */
    uint64_t two = 2;
    fixture_start(f);
    atomic_store(&f->wall_step_ms, 3590000);
    assert_true(fixture_until(f, renewed, &two, 4000));
    int64_t iat = sl_list_token(first_list(f))->iat; /* and a second back: iat does not go back */
    atomic_fetch_sub(&f->wall_step_ms, sl_wall_ms(&f->clock) - iat * 1000 + 1000);
    fake_change(f->redis, &first_list(f)->id, 0, 1);
    wait_version(f, 1, 5000);
    assert_int_equal(sl_list_token(first_list(f))->iat, iat);
    assert_true(sl_list_token(first_list(f))->iat_shared);
    fixture_end(f);
}

/* ---- old tokens ---- */

static void old_token_lives_until_every_worker_has_answered(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.workers = 3});
    fixture_start(f);
    fixture_for(f, 20);
    for (unsigned i = 0; i < 3; i++)
        f->workers[i].hold_turns = true;
    struct sl_token *old = sl_token_ref(sl_list_token(first_list(f)));
    assert_int_equal(atomic_load(&old->refs), 2);
    fake_change(f->redis, &first_list(f)->id, 0, 1);
    wait_version(f, 1, 5000);
    struct sl_token *second = sl_token_ref(sl_list_token(first_list(f)));
    fake_change(f->redis, &first_list(f)->id, 1, 1);
    wait_version(f, 2, 5000);
    fixture_for(f, 10);
    for (unsigned i = 0; i < 3; i++) {
        assert_non_null(f->workers[i].turns);
        assert_null(f->workers[i].turns->next);       /* at most one turn is under way */
        assert_int_equal(atomic_load(&old->refs), 2); /* the keeper's share, and ours */
        struct fixture_worker *w = &f->workers[i];
        struct sl_mail *m = w->turns;
        w->turns = NULL;
        sl_pool_worker_mail(&w->pool, m);
        fixture_for(f, 5);
    }
    assert_int_equal(atomic_load(&old->refs), 1);
    assert_int_equal(atomic_load(&second->refs),
                     2); /* replaced during the first turn: the next one frees it */
    for (unsigned i = 0; i < 3; i++)
        fixture_release_turns(&f->workers[i]);
    fixture_for(f, 5);
    assert_int_equal(atomic_load(&second->refs), 1);
    sl_token_unref(old);
    sl_token_unref(second);
    fixture_end(f);
}

struct replaced {
    unsigned calls;
    uint32_t list;
};

static void on_replaced(void *arg, uint32_t list)
{
    struct replaced *r = arg;
    r->calls++;
    r->list = list;
}

static void workers_are_told_which_lists_were_replaced(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.workers = 2});
    struct replaced r = {.list = 99};
    fixture_start(f);
    f->workers[1].pool.on_replaced = on_replaced;
    f->workers[1].pool.arg = &r;
    fake_change(f->redis, &first_list(f)->id, 0, 1);
    wait_version(f, 1, 5000);
    fixture_for(f, 5);
    assert_int_equal(r.calls, 1);
    assert_int_equal(r.list, 0);
    fixture_end(f);
}

/* ---- unknown ids ---- */

struct looked_up {
    unsigned answers, found, unknown, unavailable;
    struct sl_list *list;
};

static void on_looked_up(void *arg, enum sl_err err, struct sl_list *l)
{
    struct looked_up *u = arg;
    u->answers++;
    u->found += err == SL_OK;
    u->unknown += err == SL_ERR_NO_SUCH_LIST;
    u->unavailable += err == SL_ERR_UNAVAILABLE;
    if (err == SL_OK)
        u->list = l;
}

struct awaited {
    const struct looked_up *u;
    unsigned answers;
};

static bool has_answers(struct fixture *f, void *arg)
{
    (void)f;
    const struct awaited *a = arg;
    return a->u->answers >= a->answers;
}

static void wait_answers(struct fixture *f, const struct looked_up *u, unsigned answers)
{
    assert_true(fixture_until(f, has_answers, &(struct awaited){u, answers}, 5000));
}

static void lookups_find_lists_and_are_bounded(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.pools = 2});
    struct looked_up u = {0};
    fixture_start(f);
    fake_set_feed_up(f->redis, false);
    fixture_for(f, 5);
    assert_false(atomic_load(&f->shared.authoritative));
    struct sl_list_draft d = {.id = sl_uuid_v4(&sl_clock_system),
                              .uri = SL_SPAN("https://lists.example/s/other")};
    pthread_mutex_lock(&f->redis->lock);
    fake_create(f->redis, fake_pool(f->redis, "pool1"), &d, "another");
    pthread_mutex_unlock(&f->redis->lock);
    uint64_t from = sl_mono_ns(&sl_clock_system) / SL_NS_PER_S;
    sl_lookup_start(&f->workers[0].pool, &d.id, on_looked_up, &u);
    wait_answers(f, &u, 1);
    assert_int_equal(u.found, 1);
    assert_true(memcmp(&u.list->id, &d.id, sizeof d.id) == 0 && u.list->pool == &f->shared.pools[1]);
    for (unsigned i = 0; i < 500; i++) {
        struct sl_uuid id = sl_uuid_v4(&sl_clock_system);
        struct sl_lookup *x = sl_lookup_start(&f->workers[0].pool, &id, on_looked_up, &u);
        if (i == 250)
            sl_lookup_cancel(x);
    }
    wait_answers(f, &u, 500); /* one was cancelled */
    fixture_for(f, 5);
    assert_int_equal(u.answers, 500);
    uint64_t seconds =
        sl_mono_ns(&sl_clock_system) / SL_NS_PER_S - from + 1; /* begun: each has its own budget */
    assert_true(u.unknown >= 99 && u.unknown <= seconds * SL_LOOKUPS_PER_S);
    assert_int_equal(u.unknown + u.unavailable, 499);
    fixture_end(f);
}

static void lookups_before_the_first_reading_wait_for_it(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.pools = 2});
    fixture_start(f);
    struct sl_uuid known = sl_table_at(f->shared.table, 0)->id;
    struct fixture_estate estate = fixture_die(f);
    f = fixture_new(&(struct fixture_setup){.pools = 2, .estate = &estate});
    assert_int_equal(sl_table_count(f->shared.table), 0);
    struct looked_up u = {0}, v = {0};
    for (unsigned i = 0; i < 1000; i++) /* ten times what may be asked in a second */
        sl_lookup_start(&f->workers[0].pool, &known, on_looked_up, &u);
    struct sl_uuid nobodys = sl_uuid_v4(&sl_clock_system);
    sl_lookup_start(&f->workers[0].pool, &nobodys, on_looked_up, &v);
    fixture_start(f);
    wait_answers(f, &u, 1000);
    wait_answers(f, &v, 1);
    assert_int_equal(u.found, 1000);
    assert_true(memcmp(&u.list->id, &known, sizeof known) == 0);
    assert_int_equal(v.unknown, 1);
    fixture_end(f);
}

static void lookups_of_one_id_are_one_question(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.pools = 2});
    struct looked_up u = {0};
    fixture_start(f);
    fake_set_feed_up(f->redis, false);
    fixture_for(f, 5);
    struct sl_uuid id = sl_uuid_v4(&sl_clock_system);
    for (unsigned i = 0; i < 1000; i++)
        sl_lookup_start(&f->workers[0].pool, &id, on_looked_up, &u);
    wait_answers(f, &u, 1000);
    assert_int_equal(u.unknown, 1000);
    fixture_end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_wait_for_one_load_and_one_signing),
        cmocka_unit_test(waiting_ends_when_the_list_cannot_be_loaded),
        cmocka_unit_test(failed_loads_are_tried_again),
        cmocka_unit_test(hundred_versions_in_an_interval_are_one_publication),
        cmocka_unit_test(interval_zero_publishes_at_once),
        cmocka_unit_test(change_while_it_is_signed_is_published_after),
        cmocka_unit_test(sweep_finds_what_the_feed_missed),
        cmocka_unit_test(list_of_another_instance_is_found),
        cmocka_unit_test(version_never_goes_back),
        cmocka_unit_test(a_wrong_hint_costs_one_load),
        cmocka_unit_test(large_lists_are_not_loaded_from_another_server),
        cmocka_unit_test(restored_backup_is_noticed),
        cmocka_unit_test(tokens_are_renewed_before_they_expire),
        cmocka_unit_test(step_of_the_wall_clock_draws_renewals_anew),
        cmocka_unit_test(old_token_lives_until_every_worker_has_answered),
        cmocka_unit_test(workers_are_told_which_lists_were_replaced),
        cmocka_unit_test(lookups_find_lists_and_are_bounded),
        cmocka_unit_test(lookups_before_the_first_reading_wait_for_it),
        cmocka_unit_test(lookups_of_one_id_are_one_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
