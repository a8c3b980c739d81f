/* Publishing: one load and one signing for all, intervals, renewals, versions that never go back, old tokens.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keeper/keeper_int.h"
#include "pool_house.h"

#define WAITERS 250 /* per worker */

static struct sl_list *first_list(struct house *h)
{
    return sl_table_at(h->shared.table, 0);
}

static struct fake_list *first_fake(struct house *h)
{
    return fake_find(h->redis, &first_list(h)->id);
}

static uint64_t published(const struct house *h)
{
    uint64_t n = 0;
    for (unsigned cause = SL_PUBLISHED_FIRST; cause <= SL_PUBLISHED_RENEWAL; cause++)
        n += house_metric_label(h, 0, SL_KM_PUBLICATIONS, cause);
    return n;
}

static bool shows_version(struct house *h, void *arg)
{
    return sl_list_token(first_list(h))->version == *(uint64_t *)arg;
}

static void wait_version(struct house *h, uint64_t version, unsigned ms)
{
    assert_true(house_until(h, shows_version, &version, ms));
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

/* ---- cold lists ------------------------------------------------------------------------------------------
 */

static void count_answer(void *arg, enum sl_err err)
{
    unsigned *answers = arg;
    answers[err == SL_OK ? 0 : 1]++;
}

static bool lists_known(struct house *h, void *arg)
{
    return sl_table_count(h->shared.table) >= *(uint32_t *)arg;
}

static bool all_answered(struct house *h, void *arg)
{
    (void)h;
    const unsigned *answers = arg;
    return answers[0] + answers[1] == HOUSE_WORKERS * WAITERS;
}

static bool signed_twice(struct house *h, void *arg)
{
    (void)arg;
    return house_metric(h, 0, SL_KM_SIGNINGS) >= 2;
}

static void a_thousand_wait_for_one_load_and_one_signing(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){.workers = HOUSE_WORKERS});
    unsigned answers[2] = {0};
    uint32_t two = 2;
    fake_hold(h->redis, SL_OP_LOAD);
    assert_true(house_until(h, lists_known, &two, 2000));
    for (unsigned i = 0; i < HOUSE_WORKERS * WAITERS; i++) {
        sl_wait_token(&h->workers[i % HOUSE_WORKERS].pool, first_list(h), count_answer, answers);
        if (i % 100 == 0)
            house_turn(h);
    }
    house_for(h, 20);
    assert_int_equal(answers[0] + answers[1], 0);
    fake_release(h->redis);
    assert_true(house_until(h, all_answered, answers, 2000));
    assert_int_equal(answers[0], HOUSE_WORKERS * WAITERS);
    house_start(h);
    assert_true(house_until(h, signed_twice, NULL, 10000)); /* the spare one, too */
    house_for(h, 50);
    assert_int_equal(fake_count(h->redis, SL_OP_LOAD), 2); /* this list's, and that of the spare one */
    assert_int_equal(house_metric(h, 0, SL_KM_SIGNINGS), 2);
    for (unsigned i = 0; i < HOUSE_WORKERS; i++)
        assert_true(sl_pool_worker_idle(&h->workers[i].pool));
    house_end(h);
}

static void waiting_ends_when_the_list_cannot_be_loaded(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    unsigned answers[2] = {0};
    uint32_t two = 2;
    fake_hold(h->redis, SL_OP_LOAD);
    assert_true(house_until(h, lists_known, &two, 2000));
    struct sl_waiter *gone = sl_wait_token(&h->workers[0].pool, first_list(h), count_answer, answers);
    sl_wait_token(&h->workers[0].pool, first_list(h), count_answer, answers);
    house_for(h, 5);
    sl_wait_cancel(gone);
    fake_set_up(h->redis, false);
    house_for(h, 10);
    assert_int_equal(answers[0], 0);
    assert_int_equal(answers[1], 1);
    sl_wait_token(&h->workers[0].pool, first_list(h), count_answer, answers); /* while it is down: at once */
    house_for(h, 5);
    assert_int_equal(answers[1], 2);
    fake_release(h->redis);
    fake_set_up(h->redis, true);
    house_start(h);
    sl_wait_token(&h->workers[0].pool, first_list(h), count_answer, answers); /* not cold any more */
    house_for(h, 5);
    assert_int_equal(answers[0], 1);
    house_end(h);
}

static void failed_loads_are_tried_again(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    fake_fail(h->redis, SL_OP_LOAD, 3, SL_ERR_UNAVAILABLE);
    house_start(h);
    assert_int_equal(house_metric(h, 0, SL_KM_PUBLISH_FAILURES), 3);
    house_end(h);
}

/* ---- changes ---------------------------------------------------------------------------------------------
 */

static void hundred_versions_in_an_interval_are_one_publication(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){.configure = interval_100ms});
    house_start(h);
    house_for(h, 150);
    uint64_t before = published(h), loads = fake_count(h->redis, SL_OP_LOAD);
    fake_change(h->redis, &first_list(h)->id, 0, 1); /* long after the last: at once */
    wait_version(h, 1, 60);
    uint64_t at = sl_mono_ns(&sl_clock_system);
    for (uint32_t i = 1; i <= 100; i++) {
        fake_change(h->redis, &first_list(h)->id, i, 1);
        if (i % 20 == 0)
            house_for(h, 5);
    }
    assert_int_equal(published(h), before + 1);
    wait_version(h, 101, 5000);
    assert_true(sl_mono_ns(&sl_clock_system) - at >= 80 * SL_NS_PER_MS);
    house_for(h, 150);
    assert_int_equal(published(h), before + 2);
    assert_int_equal(fake_count(h->redis, SL_OP_LOAD), loads + 2);
    house_end(h);
}

static void interval_zero_publishes_at_once(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    house_start(h);
    for (uint64_t i = 1; i <= 20; i++) {
        fake_change(h->redis, &first_list(h)->id, (uint32_t)i, 1);
        wait_version(h, i, 5000);
    }
    assert_int_equal(house_metric_label(h, 0, SL_KM_PUBLICATIONS, SL_PUBLISHED_CHANGE), 20);
    house_end(h);
}

static void change_while_it_is_signed_is_published_after(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    house_start(h);
    fake_hold(h->redis, SL_OP_LOAD);
    fake_change(h->redis, &first_list(h)->id, 1, 1);
    house_for(h, 5); /* loaded as version 1, the reply is held */
    fake_change(h->redis, &first_list(h)->id, 2, 1);
    house_for(h, 5);
    fake_release(h->redis);
    wait_version(h, 2, 5000);
    house_end(h);
}

static void sweep_finds_what_the_feed_missed(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    house_start(h);
    fake_set_feed_up(h->redis, false);
    house_for(h, 5);
    fake_change(h->redis, &first_list(h)->id, 1, 1);
    wait_version(h, 1, 3000);
    fake_change(h->redis, &first_list(h)->id, 2, 1);
    fake_set_feed_up(h->redis, true); /* a subscription that begins reads first */
    wait_version(h, 2, 200);
    house_end(h);
}

static void list_of_another_instance_is_found(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    house_start(h);
    struct sl_list_draft d = {.id = sl_uuid_v4(&sl_clock_system),
                              .uri = SL_SPAN("https://lists.example/s/other")};
    pthread_mutex_lock(&h->redis->lock);
    fake_create(h->redis, fake_pool(h->redis, "pool0"), &d);
    pthread_mutex_unlock(&h->redis->lock);
    uint32_t three = 3;
    assert_true(house_until(h, lists_known, &three, 200));
    house_for(h, 50);
    assert_non_null(sl_list_token(sl_table_find(h->shared.table, &d.id)));
    house_end(h);
}

/* ---- versions --------------------------------------------------------------------------------------------
 */

static void version_never_goes_back(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    house_start(h);
    for (uint32_t i = 0; i < 3; i++)
        fake_change(h->redis, &first_list(h)->id, i, 1);
    wait_version(h, 3, 5000);
    const struct sl_token *shown = sl_list_token(first_list(h));
    /* Redis comes back with less, and does not say so: its change numbers go on. */
    pthread_mutex_lock(&h->redis->lock);
    first_fake(h)->now.version = 1;
    pthread_mutex_unlock(&h->redis->lock);
    uint64_t before = published(h);
    struct sl_klist *t = sl_keeper_list(h->keeper, 0);
    sl_keeper_committed(t, 4, sl_mono_ns(&sl_clock_system)); /* heard, but not there */
    house_for(h, 100);
    assert_true(fake_count(h->redis, SL_OP_LOAD) >= 3);
    assert_ptr_equal(sl_list_token(first_list(h)), shown);
    assert_int_equal(published(h), before);
    assert_int_equal(house_metric(h, 0, SL_KM_ROLLBACKS), 1);
    house_for(h, 1200); /* tried again, told once */
    assert_int_equal(house_metric(h, 0, SL_KM_ROLLBACKS), 1);
    assert_ptr_equal(sl_list_token(first_list(h)), shown);
    pthread_mutex_lock(&h->redis->lock);
    first_fake(h)->now.version = 4;
    pthread_mutex_unlock(&h->redis->lock);
    wait_version(h, 4, 1000);
    house_end(h);
}

static bool rolled_back(struct house *h, void *arg)
{
    (void)arg;
    return house_metric(h, 0, SL_KM_ROLLBACKS) > 0;
}

static void restored_backup_is_noticed(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    house_start(h);
    fake_save(h->redis);
    for (uint32_t i = 0; i < 3; i++)
        fake_change(h->redis, &first_list(h)->id, i, 1);
    wait_version(h, 3, 5000);
    house_for(h, 2100); /* a sweep has read the change numbers */
    fake_set_up(h->redis, false);
    house_for(h, 5);
    fake_restore(h->redis);
    fake_set_up(h->redis, true);
    assert_true(house_until(h, rolled_back, NULL, 3000));
    house_for(h, 20);
    assert_true(sl_list_token(first_list(h))->version >= 3); /* readers do not go back */
    house_end(h);
}

/* ---- renewal ---------------------------------------------------------------------------------------------
 */

static bool renewed(struct house *h, void *arg)
{
    return house_metric_label(h, 0, SL_KM_PUBLICATIONS, SL_PUBLISHED_RENEWAL) >= *(uint64_t *)arg;
}

static void tokens_are_renewed_before_they_expire(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){.configure = short_life});
    house_start(h);
    int64_t iat = sl_list_token(first_list(h))->iat;
    uint64_t four = 4; /* two lists, twice each */
    uint64_t from = sl_mono_ns(&sl_clock_system);
    assert_true(house_until(h, renewed, &four, 5000));
    assert_true(sl_mono_ns(&sl_clock_system) - from > SL_NS_PER_S); /* never twice within a second */
    const struct sl_token *t = sl_list_token(first_list(h));
    assert_true(t->iat > iat && t->exp == t->iat + 2);
    assert_true(t->version == 0);
    house_end(h);
}

static void step_of_the_wall_clock_draws_renewals_anew(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0}); /* an hour's lifetime */
    uint64_t two = 2;
    house_start(h);
    atomic_store(&h->wall_step_ms, 3590000);
    assert_true(house_until(h, renewed, &two, 4000));
    atomic_store(&h->wall_step_ms, 0); /* and back: iat does not go back */
    int64_t iat = sl_list_token(first_list(h))->iat;
    fake_change(h->redis, &first_list(h)->id, 0, 1);
    wait_version(h, 1, 5000);
    assert_int_equal(sl_list_token(first_list(h))->iat, iat);
    assert_true(sl_list_token(first_list(h))->iat_shared);
    house_end(h);
}

/* ---- old tokens ------------------------------------------------------------------------------------------
 */

static void old_token_lives_until_every_worker_has_answered(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){.workers = 3});
    house_start(h);
    house_for(h, 20);
    for (unsigned i = 0; i < 3; i++)
        h->workers[i].hold_turns = true;
    struct sl_token *old = sl_token_ref(sl_list_token(first_list(h)));
    assert_int_equal(atomic_load(&old->refs), 2);
    fake_change(h->redis, &first_list(h)->id, 0, 1);
    wait_version(h, 1, 5000);
    struct sl_token *second = sl_token_ref(sl_list_token(first_list(h)));
    fake_change(h->redis, &first_list(h)->id, 1, 1);
    wait_version(h, 2, 5000);
    house_for(h, 10);
    for (unsigned i = 0; i < 3; i++) {
        assert_non_null(h->workers[i].turns);
        assert_null(h->workers[i].turns->next);       /* at most one turn is under way */
        assert_int_equal(atomic_load(&old->refs), 2); /* the keeper's share, and ours */
        struct house_worker *w = &h->workers[i];
        struct sl_mail *m = w->turns;
        w->turns = NULL;
        sl_pool_worker_mail(&w->pool, m);
        house_for(h, 5);
    }
    assert_int_equal(atomic_load(&old->refs), 1);
    assert_int_equal(atomic_load(&second->refs),
                     2); /* replaced during the first turn: the next one frees it */
    for (unsigned i = 0; i < 3; i++)
        house_release_turns(&h->workers[i]);
    house_for(h, 5);
    assert_int_equal(atomic_load(&second->refs), 1);
    sl_token_unref(old);
    sl_token_unref(second);
    house_end(h);
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
    struct house *h = house_new(&(struct house_setup){.workers = 2});
    struct replaced r = {.list = 99};
    house_start(h);
    h->workers[1].pool.on_replaced = on_replaced;
    h->workers[1].pool.arg = &r;
    fake_change(h->redis, &first_list(h)->id, 0, 1);
    wait_version(h, 1, 5000);
    house_for(h, 5);
    assert_int_equal(r.calls, 1);
    assert_int_equal(r.list, 0);
    house_end(h);
}

/* ---- unknown ids -----------------------------------------------------------------------------------------
 */

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

static bool has_answers(struct house *h, void *arg)
{
    (void)h;
    const struct awaited *a = arg;
    return a->u->answers >= a->answers;
}

static void wait_answers(struct house *h, const struct looked_up *u, unsigned answers)
{
    assert_true(house_until(h, has_answers, &(struct awaited){u, answers}, 5000));
}

static void lookups_find_lists_and_are_bounded(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){.pools = 2});
    struct looked_up u = {0};
    house_start(h);
    fake_set_feed_up(h->redis, false);
    house_for(h, 5);
    assert_false(atomic_load(&h->shared.authoritative));
    struct sl_list_draft d = {.id = sl_uuid_v4(&sl_clock_system),
                              .uri = SL_SPAN("https://lists.example/s/other")};
    pthread_mutex_lock(&h->redis->lock);
    fake_create(h->redis, fake_pool(h->redis, "pool1"), &d);
    pthread_mutex_unlock(&h->redis->lock);
    uint64_t from = sl_mono_ns(&sl_clock_system) / SL_NS_PER_S;
    sl_lookup_start(&h->workers[0].pool, &d.id, on_looked_up, &u);
    wait_answers(h, &u, 1);
    assert_int_equal(u.found, 1);
    assert_true(memcmp(&u.list->id, &d.id, sizeof d.id) == 0 && u.list->pool == &h->shared.pools[1]);
    for (unsigned i = 0; i < 500; i++) {
        struct sl_uuid id = sl_uuid_v4(&sl_clock_system);
        struct sl_lookup *x = sl_lookup_start(&h->workers[0].pool, &id, on_looked_up, &u);
        if (i == 250)
            sl_lookup_cancel(x);
    }
    wait_answers(h, &u, 500); /* one was cancelled */
    house_for(h, 5);
    assert_int_equal(u.answers, 500);
    uint64_t seconds =
        sl_mono_ns(&sl_clock_system) / SL_NS_PER_S - from + 1; /* begun: each has its own budget */
    assert_true(u.unknown >= 99 && u.unknown <= seconds * SL_LOOKUPS_PER_S);
    assert_int_equal(u.unknown + u.unavailable, 499);
    house_end(h);
}

static void lookups_before_the_first_reading_wait_for_it(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){.pools = 2});
    house_start(h);
    struct sl_uuid known = sl_table_at(h->shared.table, 0)->id;
    struct house_estate estate = house_die(h);
    h = house_new(&(struct house_setup){.pools = 2, .estate = &estate});
    assert_int_equal(sl_table_count(h->shared.table), 0);
    struct looked_up u = {0}, v = {0};
    for (unsigned i = 0; i < 1000; i++) /* ten times what may be asked in a second */
        sl_lookup_start(&h->workers[0].pool, &known, on_looked_up, &u);
    struct sl_uuid nobodys = sl_uuid_v4(&sl_clock_system);
    sl_lookup_start(&h->workers[0].pool, &nobodys, on_looked_up, &v);
    house_start(h);
    wait_answers(h, &u, 1000);
    wait_answers(h, &v, 1);
    assert_int_equal(u.found, 1000);
    assert_true(memcmp(&u.list->id, &known, sizeof known) == 0);
    assert_int_equal(v.unknown, 1);
    house_end(h);
}

static void lookups_of_one_id_are_one_question(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){.pools = 2});
    struct looked_up u = {0};
    house_start(h);
    fake_set_feed_up(h->redis, false);
    house_for(h, 5);
    struct sl_uuid id = sl_uuid_v4(&sl_clock_system);
    for (unsigned i = 0; i < 1000; i++)
        sl_lookup_start(&h->workers[0].pool, &id, on_looked_up, &u);
    wait_answers(h, &u, 1000);
    assert_int_equal(u.unknown, 1000);
    house_end(h);
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
