/* The history of a pool's data that the keeper shows to the workers: when there is one, what it names, and
 * when it is another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keeper/keeper_int.h"
#include "fixture.h"

#define SOON 5000 /* ms */

static struct fixture *f;

static int begin(void **state)
{
    *state = f = fixture_new(&(struct fixture_setup){0});
    assert_null(sl_pool_history(&f->shared.pools[0]));
    fixture_start(f);
    return 0;
}

static struct sl_history *shown(void)
{
    return sl_pool_history(&f->shared.pools[0]);
}

static uint64_t least(void)
{
    return atomic_load(&shown()->least);
}

static struct sl_klist *first(void)
{
    return sl_keeper_list(f->keeper, 0);
}

static void change(void)
{
    static uint32_t index;
    fake_change(f->redis, &first()->list.id, index++ % first()->list.size, 1);
}

static bool is_shown(struct fixture *fixture, void *arg)
{
    (void)fixture;
    (void)arg;
    return shown() != NULL;
}

static bool is_hidden(struct fixture *fixture, void *arg)
{
    return !is_shown(fixture, arg);
}

static bool is_of_server(struct fixture *fixture, void *arg)
{
    struct sl_store_server server;
    (void)arg;
    fake_server(fixture->redis, &server);
    return sl_history_is_of(shown(), server.run_id, server.replid);
}

static bool has_seen(struct fixture *fixture, void *arg)
{
    (void)fixture;
    return shown() != NULL && least() >= *(uint64_t *)arg;
}

static uint64_t newest(void)
{
    pthread_mutex_lock(&f->redis->lock);
    uint64_t n = fake_pool(f->redis, f->names[0])->now.change;
    pthread_mutex_unlock(&f->redis->lock);
    return n;
}

static void workers_see_the_history_of_the_server_once_the_pool_is_known(void **state)
{
    (void)state;
    assert_true(is_of_server(f, NULL));
    assert_false(sl_history_is_of(shown(), "another", shown()->replid));
    assert_false(sl_history_is_of(shown(), shown()->run_id, "another"));
    assert_false(sl_history_is_of(NULL, "", ""));
    assert_true(shown()->marks_until_ns > sl_mono_ns(&f->clock));
}

static void a_sweep_raises_what_was_seen(void **state)
{
    (void)state;
    change();
    change();
    uint64_t n = newest();
    assert_true(least() < n);
    assert_true(fixture_until(f, has_seen, &n, SOON));
    sl_history_saw(shown(), shown()->lineage, n - 1);
    sl_history_saw(shown(), (struct sl_lineage){7, 7}, n + 1);
    sl_history_saw(NULL, (struct sl_lineage){0}, n);
    assert_int_equal(least(), n);
}

static bool was_opened(struct fixture *fixture, void *arg)
{
    return fake_count(fixture->redis, SL_OP_OPEN_POOL) > *(uint64_t *)arg &&
           sl_keeper_is_synced(&fixture->keeper->pools[0]);
}

static bool was_asked(struct fixture *fixture, void *arg)
{
    return fake_count(fixture->redis, SL_OP_OPEN_POOL) > *(uint64_t *)arg;
}

static bool is_lineage(struct fixture *fixture, void *arg)
{
    (void)fixture;
    return shown() != NULL && sl_lineage_equal(shown()->lineage, *(struct sl_lineage *)arg);
}

static bool is_not_lineage(struct fixture *fixture, void *arg)
{
    return shown() != NULL && !is_lineage(fixture, arg);
}

static uint64_t begun(enum sl_drawn why)
{
    return fixture_metric_label(f, 0, SL_KM_HISTORIES, why - 1);
}

static void a_connection_that_breaks_changes_nothing(void **state)
{
    (void)state;
    const struct sl_history *before = shown();
    fake_set_up(f->redis, false);
    fixture_for(f, 20);
    assert_ptr_equal(shown(), before);
    uint64_t opened = fake_count(f->redis, SL_OP_OPEN_POOL);
    fake_set_up(f->redis, true);
    assert_true(fixture_until(f, was_opened, &opened, SOON));
    assert_ptr_equal(shown(), before);
}

/* Redis Cluster, for one, closes no connection then. */
static void a_failover_that_no_connection_notices_is_found_by_the_sweep(void **state)
{
    (void)state;
    fake_save(f->redis);
    change();
    uint64_t n = newest();
    assert_true(fixture_until(f, has_seen, &n, SOON));
    fake_restore(f->redis);
    change(); /* so the numbers alone do not tell */
    change();
    uint64_t opened = fake_count(f->redis, SL_OP_OPEN_POOL);
    assert_false(is_of_server(f, NULL));
    assert_true(fixture_until(f, was_opened, &opened, SOON));
    assert_true(is_of_server(f, NULL));
    assert_int_equal(begun(SL_DRAWN_REPLID), 1);
}

static void each_start_begins_a_history_that_nobody_feels(void **state)
{
    (void)state;
    struct sl_lineage mine = shown()->lineage;
    assert_int_equal(begun(SL_DRAWN_FIRST), 1);
    assert_int_equal(mine.random & 15, 0);
    uint64_t loads = fake_count(f->redis, SL_OP_LOAD);
    /* Another instance starts. */
    struct sl_pool_known known = {.first = true, .highest = mine, .random = 0x1230};
    struct sl_pool_opened opened;
    pthread_mutex_lock(&f->redis->lock);
    fake_open(f->redis, fake_pool(f->redis, f->names[0]), &known, &opened);
    pthread_mutex_unlock(&f->redis->lock);
    assert_int_equal(opened.drawn, SL_DRAWN_FIRST);
    assert_true(fixture_until(f, is_lineage, &opened.lineage, SOON));
    assert_int_equal(begun(SL_DRAWN_FIRST), 1);
    assert_int_equal(fake_count(f->redis, SL_OP_LOAD), loads);
    assert_int_equal(fixture_metric(f, 0, SL_KM_ROLLBACKS), 0);
}

static void data_that_went_back_begin_a_new_history(void **state)
{
    (void)state;
    struct sl_lineage mine = shown()->lineage;
    fake_save(f->redis);
    change();
    uint64_t n = newest();
    assert_true(fixture_until(f, has_seen, &n, SOON));
    fake_go_back(f->redis);
    assert_true(fixture_until(f, is_not_lineage, &mine, SOON));
    assert_int_equal(begun(SL_DRAWN_BACK), 1);
    assert_true(sl_lineage_compare(shown()->lineage, mine) > 0 && (shown()->lineage.random & 15) == 1);
    assert_true(is_of_server(f, NULL));
}

static void a_pool_of_another_shape_is_tried_again(void **state)
{
    (void)state;
    struct fake_pool *p = fake_pool(f->redis, f->names[0]);
    const uint32_t size = p->size;
    p->size = size * 2;
    fake_set_up(f->redis, false);
    fixture_for(f, 10);
    uint64_t opened = fake_count(f->redis, SL_OP_OPEN_POOL);
    fake_set_up(f->redis, true);
    assert_true(fixture_until(f, was_asked, &opened, SOON));
    opened++;
    assert_true(fixture_until(f, was_asked, &opened, SOON)); /* by a sweep */
    assert_false(sl_keeper_is_synced(&f->keeper->pools[0]));
    p->size = size;
    assert_true(fixture_until(f, was_opened, &opened, SOON));
}

static struct sl_reopen_mail mail;
static unsigned answers;

static void on_mail(void *arg, struct sl_mail *m)
{
    (void)arg;
    assert_int_equal(m->kind, SL_MAIL_REOPEN);
    answers++;
}

static struct sl_mailbox box;

static bool is_answered(struct fixture *fixture, void *arg)
{
    (void)fixture;
    sl_mailbox_drain(&box);
    return answers == *(unsigned *)arg;
}

static void ask(struct sl_lineage refused)
{
    mail = (struct sl_reopen_mail){.mail.kind = SL_MAIL_REOPEN, .reply_to = &box, .refused = refused};
    sl_mailbox_send(&f->keeper_mail, &mail.mail);
}

static void await_answers(unsigned n)
{
    assert_true(fixture_until(f, is_answered, &n, SOON));
}

static void a_worker_that_was_refused_gets_the_pool_opened_anew(void **state)
{
    (void)state;
    struct sl_lineage mine = shown()->lineage;
    answers = 0;
    sl_mailbox_init(&box, on_mail, NULL);
    uint64_t opened = fake_count(f->redis, SL_OP_OPEN_POOL);
    ask((struct sl_lineage){7, 7}); /* it has not seen the present one yet */
    await_answers(1);
    assert_true(mail.opened && fake_count(f->redis, SL_OP_OPEN_POOL) == opened);
    fake_hold(f->redis, SL_OP_OPEN_POOL);
    ask(mine);
    fixture_for(f, 20);
    assert_int_equal(answers, 1);
    assert_null(shown()); /* until then nobody writes under it */
    fake_release(f->redis);
    await_answers(2);
    assert_true(mail.opened && fake_count(f->redis, SL_OP_OPEN_POOL) == opened + 1);
    /* While it is being opened: that answer may be from before the second refusal. */
    fake_hold(f->redis, SL_OP_OPEN_POOL);
    ask(mine);
    fixture_for(f, 20);
    struct sl_reopen_mail late = {.mail.kind = SL_MAIL_REOPEN, .reply_to = &box, .refused = mine};
    sl_mailbox_send(&f->keeper_mail, &late.mail);
    fixture_for(f, 20);
    fake_release(f->redis);
    await_answers(4);
    assert_true(late.opened && fake_count(f->redis, SL_OP_OPEN_POOL) == opened + 3);
    sl_mailbox_close(&box);
}

static void a_worker_is_answered_when_the_opening_takes_too_long(void **state)
{
    (void)state;
    answers = 0;
    sl_mailbox_init(&box, on_mail, NULL);
    fake_set_up(f->redis, false);
    fake_restore(f->redis);
    fixture_for(f, 10);
    fake_hold(f->redis, SL_OP_CHANGES);
    fake_set_up(f->redis, true);
    assert_true(fixture_until(f, is_hidden, NULL, SOON));
    ask((struct sl_lineage){0});
    fixture_for(f, 10);
    assert_int_equal(answers, 0);
    fixture_pass(f, f->redis->options.command_timeout_ms);
    await_answers(1);
    assert_false(mail.opened);
    fake_release(f->redis);
    assert_true(fixture_until(f, is_shown, NULL, SOON));
    sl_mailbox_close(&box);
}

/* A worker's connection leads to another server: the keeper looks, and the others go on writing meanwhile. */
static void a_worker_elsewhere_hides_nothing(void **state)
{
    (void)state;
    answers = 0;
    sl_mailbox_init(&box, on_mail, NULL);
    uint64_t opened = fake_count(f->redis, SL_OP_OPEN_POOL);
    fake_hold(f->redis, SL_OP_OPEN_POOL);
    struct sl_lineage mine = shown()->lineage;
    mail = (struct sl_reopen_mail){
        .mail.kind = SL_MAIL_REOPEN, .reply_to = &box, .refused = mine, .elsewhere = true};
    sl_mailbox_send(&f->keeper_mail, &mail.mail);
    fixture_for(f, 20);
    assert_non_null(shown());
    fake_release(f->redis);
    await_answers(1);
    assert_true(mail.opened && fake_count(f->redis, SL_OP_OPEN_POOL) == opened + 1);
    for (unsigned i = 0; i < 5; i++) { /* not again within a moment */
        sl_mailbox_send(&f->keeper_mail, &mail.mail);
        await_answers(2 + i);
    }
    assert_int_equal(fake_count(f->redis, SL_OP_OPEN_POOL), opened + 1);
    fixture_pass(f, 600);
    sl_mailbox_send(&f->keeper_mail, &mail.mail);
    await_answers(7);
    assert_int_equal(fake_count(f->redis, SL_OP_OPEN_POOL), opened + 2);
    sl_mailbox_close(&box);
}

/* At once, not with the next sweep, which would find it too. */
static void a_change_of_its_own_that_is_refused_opens_the_pool(void **state)
{
    (void)state;
    struct sl_kpool *p = &f->keeper->pools[0];
    uint64_t opened = fake_count(f->redis, SL_OP_OPEN_POOL);
    fake_fail(f->redis, SL_OP_PRECREATE, 1, SL_ERR_HISTORY);
    f->options[0].precreation_lists++;
    sl_keeper_precreate(p);
    assert_true(fixture_until(f, was_asked, &opened, SOON));
    assert_true(fixture_until(f, is_shown, NULL, SOON));
    fixture_pass(f, 600);
    opened = fake_count(f->redis, SL_OP_OPEN_POOL);
    uint64_t read = fake_count(f->redis, SL_OP_CHANGES);
    fake_fail(f->redis, SL_OP_RETIRE, 1, SL_ERR_HISTORY);
    f->options[0].retire_after_ms = 100000;
    sl_keeper_watch_lease(p);
    assert_true(fixture_until(f, was_asked, &opened, SOON));
    assert_true(fake_count(f->redis, SL_OP_CHANGES) <= read + 1);
    /* One that is refused again and again is no reason to do nothing else. */
    fake_fail(f->redis, SL_OP_PRECREATE, 1000, SL_ERR_HISTORY);
    f->options[0].precreation_lists++;
    opened = fake_count(f->redis, SL_OP_OPEN_POOL);
    fixture_for(f, 1000);
    assert_in_range(fake_count(f->redis, SL_OP_OPEN_POOL), opened, opened + 3);
    fake_fail(f->redis, SL_OP_PRECREATE, 0, SL_OK);
}

static void on_updated(void *arg, enum sl_err err, struct sl_head head)
{
    (void)head;
    assert_int_equal(err, SL_OK);
    *(bool *)arg = true;
}

static bool is_set(struct fixture *fixture, void *arg)
{
    (void)fixture;
    return *(bool *)arg;
}

/* Another process has begun a new lineage: four replies, one after the other, and nothing else. */
static void a_held_write_waits_for_four_replies(void **state)
{
    (void)state;
    static const enum sl_store_op kinds[] = {SL_OP_UPDATE, SL_OP_OPEN_POOL, SL_OP_CHANGES, SL_OP_MEND,
                                             SL_OP_LOAD,   SL_OP_AGREE,     SL_OP_STATUS};
    static const uint64_t awaited[] = {2, 1, 1, 0, 0, 0, 0};
    uint64_t before[sizeof kinds / sizeof kinds[0]];
    struct sl_pool_opened opened = {0};
    bool answered = false;
    fixture_for(f, 20);
    pthread_mutex_lock(&f->redis->lock);
    fake_open(f->redis, fake_pool(f->redis, f->names[0]),
              &(struct sl_pool_known){.first = true, .random = 77}, &opened);
    pthread_mutex_unlock(&f->redis->lock);
    assert_int_equal(opened.drawn, SL_DRAWN_FIRST);
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        before[i] = fake_count(f->redis, kinds[i]);
    assert_non_null(sl_update_start(&f->workers[0].pool, &first()->list, 1, 1, on_updated, &answered));
    assert_true(fixture_until(f, is_set, &answered, SOON));
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        assert_int_equal(fake_count(f->redis, kinds[i]) - before[i], awaited[i]);
}

static void pass_sweeps(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        fixture_pass(f, SL_SWEEP_NS / SL_NS_PER_MS);
        fixture_for(f, 10);
    }
}

/* The keeper is the one that differs: it is dialled anew, each time after a longer while. */
static void where_most_workers_lead_elsewhere_the_keeper_goes_too(void **state)
{
    (void)state;
    uint64_t opened = fake_count(f->redis, SL_OP_OPEN_POOL);
    pass_sweeps(3);
    assert_int_equal(fake_count(f->redis, SL_OP_OPEN_POOL), opened);
    atomic_store(&f->shared.workers_apart, 1); /* of one */
    pass_sweeps(2);
    assert_int_equal(fake_count(f->redis, SL_OP_OPEN_POOL), opened + 1);
    pass_sweeps(60);
    assert_in_range(fake_count(f->redis, SL_OP_OPEN_POOL), opened + 4, opened + 6);
    atomic_store(&f->shared.workers_apart, 0);
    opened = fake_count(f->redis, SL_OP_OPEN_POOL);
    pass_sweeps(40);
    assert_int_equal(fake_count(f->redis, SL_OP_OPEN_POOL), opened);
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(workers_see_the_history_of_the_server_once_the_pool_is_known),
        T(a_sweep_raises_what_was_seen),
        T(a_connection_that_breaks_changes_nothing),
        T(a_failover_that_no_connection_notices_is_found_by_the_sweep),
        T(each_start_begins_a_history_that_nobody_feels),
        T(data_that_went_back_begin_a_new_history),
        T(a_pool_of_another_shape_is_tried_again),
        T(a_worker_that_was_refused_gets_the_pool_opened_anew),
        T(a_worker_elsewhere_hides_nothing),
        T(a_change_of_its_own_that_is_refused_opens_the_pool),
        T(where_most_workers_lead_elsewhere_the_keeper_goes_too),
        T(a_held_write_waits_for_four_replies),
        T(a_worker_is_answered_when_the_opening_takes_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
