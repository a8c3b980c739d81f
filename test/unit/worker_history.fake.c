/* Which connection may carry changes, and what is held until that is settled. One worker; the test is the
 * keeper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container_of.h"
#include "worker/keyed.h"
#include "fixture.h"

#define SOON 3000
#define MANY 40

static struct fixture *f;
static struct sl_pool_worker *w;
static struct sl_list list;
static struct sl_reopen_mail *asked; /* the worker's question */
static unsigned questions;

struct request {
    enum sl_err err;
    struct sl_head head;
    unsigned answered;
};
static struct request all[MANY];
static unsigned sent;

static void on_keeper_mail(void *arg, struct sl_mail *m)
{
    (void)arg;
    if (m->kind == SL_MAIL_CHANGED) {
        free(sl_container_of(m, struct sl_changed_mail, mail));
        return;
    }
    if (m->kind == SL_MAIL_RETURN) {
        free(sl_container_of(m, struct sl_reservation, mail));
        return;
    }
    if (m->kind == SL_MAIL_REFILL)
        return;
    assert_int_equal(m->kind, SL_MAIL_REOPEN);
    assert_null(asked); /* one at a time */
    asked = sl_container_of(m, struct sl_reopen_mail, mail);
    questions++;
}

static struct fake_pool *pool(void)
{
    return fake_pool(f->redis, "pool0");
}

static bool is_up(struct fixture *fixture, void *arg)
{
    (void)arg;
    return sl_store_state(fixture->workers[0].store) == SL_STORE_UP;
}

/* Another instance has drawn a lineage. */
static void draw(void)
{
    pthread_mutex_lock(&f->redis->lock);
    pool()->now.lineage.ms++;
    pool()->now.change += 1u << 22;
    pthread_mutex_unlock(&f->redis->lock);
}

static int begin(void **state)
{
    (void)state;
    f = fixture_new(&(struct fixture_setup){.no_keeper = true, .on_keeper_mail = on_keeper_mail});
    w = &f->workers[0].pool;
    asked = NULL;
    questions = sent = 0;
    memset(all, 0, sizeof all);
    assert_true(fixture_until(f, is_up, NULL, SOON));
    pool()->size = f->options[0].size;
    pool()->bits = 1;
    draw();
    fixture_show_history(f, 0);
    memset(&list, 0, sizeof list);
    list.id = sl_uuid_v4(&f->clock);
    list.size = pool()->size;
    list.bits = 1;
    list.pool = &f->shared.pools[0];
    list.uri = SL_SPAN("https://lists.example/s/x");
    assert_true(sl_table_add(f->shared.table, &list));
    struct sl_list_draft draft = {.id = list.id, .uri = list.uri};
    fake_create(f->redis, pool(), &draft, "another");
    return 0;
}

static bool was_asked(struct fixture *fixture, void *arg)
{
    (void)fixture;
    (void)arg;
    return asked != NULL;
}

/* The keeper has opened the pool anew, or given up. */
static void answer(bool opened)
{
    struct sl_reopen_mail *mail = asked;
    asked = NULL;
    if (opened)
        fixture_show_history(f, 0);
    mail->opened = opened;
    sl_mailbox_send(mail->reply_to, &mail->mail);
}

static int end(void **state)
{
    (void)state;
    if (asked != NULL)
        answer(false);
    fixture_end(f);
    return 0;
}

static void on_updated(void *arg, enum sl_err err, struct sl_head head)
{
    *(struct request *)arg = (struct request){err, head, ((struct request *)arg)->answered + 1};
}

static void on_status(void *arg, enum sl_err err, uint8_t value, struct sl_head head)
{
    (void)value;
    on_updated(arg, err, head);
}

static void on_batched(void *arg, enum sl_err err, const struct sl_batch_result *result)
{
    on_updated(arg, err, err == SL_OK ? result->heads[0] : (struct sl_head){.version = 0});
}

static void update(void)
{
    assert_non_null(sl_update_start(w, &list, sent, 1, on_updated, &all[sent]));
    sent++;
}

static void batch(void)
{
    struct sl_batch_entry entry = {&list, sent, 1};
    assert_non_null(sl_batch_start(w, list.pool, &entry, 1, NULL, on_batched, &all[sent]));
    sent++;
}

static void status(void)
{
    assert_non_null(sl_status_start(w, &list, 0, on_status, &all[sent]));
    sent++;
}

/* One request of each kind, which make the worker ask the keeper. */
static void send_each(void)
{
    update();
    batch();
    status();
    assert_true(fixture_until(f, was_asked, NULL, SOON));
}

static bool answered(struct fixture *fixture, void *arg)
{
    (void)fixture;
    (void)arg;
    for (unsigned i = 0; i < sent; i++)
        if (all[i].answered == 0)
            return false;
    return true;
}

static void expect(enum sl_err err)
{
    assert_true(fixture_until(f, answered, NULL, SOON));
    for (unsigned i = 0; i < sent; i++) {
        assert_int_equal(all[i].answered, 1);
        assert_int_equal(all[i].err, err);
    }
    assert_true(fixture_until(f, answered, NULL, SOON));
}

static uint64_t refusals(void)
{
    return sl_metric_sum(&sl_pool_worker_metric_table, SL_PW_HISTORY_REFUSALS);
}

static void what_is_sent_names_its_history(void **state)
{
    (void)state;
    uint64_t before = atomic_load(&sl_pool_history(list.pool)->least);
    update();
    expect(SL_OK);
    assert_true(sl_lineage_equal(all[0].head.at, pool()->now.lineage));
    assert_int_equal(all[0].head.version, 1);
    /* The answer raises what everybody has seen. */
    assert_true(atomic_load(&sl_pool_history(list.pool)->least) > before);
    assert_int_equal(atomic_load(&sl_pool_history(list.pool)->least), pool()->now.change);
    batch();
    status();
    expect(SL_OK);
    assert_int_equal(all[1].head.version, 2);
    assert_int_equal(all[2].head.version, 2);
    assert_int_equal(atomic_load(&sl_pool_history(list.pool)->least), pool()->now.change);
    assert_int_equal(questions, 0);
}

/* A lineage that another instance draws costs a delay and no error. */
static void what_redis_refuses_is_held_and_sent_once_more(void **state)
{
    (void)state;
    struct sl_lineage before = pool()->now.lineage;
    draw();
    update();
    assert_true(fixture_until(f, was_asked, NULL, SOON));
    assert_true(sl_lineage_equal(asked->refused, before));
    assert_int_equal(asked->pool, 0);
    for (unsigned i = 0; i < 10; i++)
        update(); /* they gather behind it */
    batch();
    status();
    fixture_for(f, 20);
    assert_int_equal(questions, 1);
    for (unsigned i = 0; i < sent; i++)
        assert_int_equal(all[i].answered, 0);
    assert_int_equal(refusals(), 3); /* the gathered ones were not sent */
    assert_int_equal(fake_version(f->redis, &list.id), 0);
    answer(true);
    expect(SL_OK);
    assert_int_equal(questions, 1);
    for (unsigned i = 0; i + 1 < sent; i++)
        assert_int_equal(fake_status(f->redis, &list.id, i), 1);
}

static void a_second_refusal_is_told(void **state)
{
    (void)state;
    draw();
    send_each();
    fixture_for(f, 10);
    answer(true);
    draw(); /* before they come again */
    expect(SL_ERR_UNAVAILABLE);
    assert_int_equal(questions, 1);
    assert_int_equal(refusals(), 3); /* each request counts once */
    assert_int_equal(fake_version(f->redis, &list.id), 0);
    /* The next ones find out anew. */
    update();
    assert_true(fixture_until(f, was_asked, NULL, SOON));
    answer(true);
    assert_true(fixture_until(f, answered, NULL, SOON));
    assert_int_equal(all[3].err, SL_OK);
}

/* What was set in two flights of one list keeps its order. */
static void later_values_stay_later(void **state)
{
    (void)state;
    draw();
    for (unsigned i = 0; i < 20; i++) {
        assert_non_null(sl_update_start(w, &list, 7, i % 2, on_updated, &all[sent++]));
        if (i == 10) {
            assert_true(fixture_until(f, was_asked, NULL, SOON));
            fixture_for(f, 5);
        }
    }
    answer(true);
    expect(SL_OK);
    assert_int_equal(fake_status(f->redis, &list.id, 7), 1);
}

static void while_the_pool_is_opened_requests_wait(void **state)
{
    (void)state;
    fixture_hide_history(f, 0);
    send_each();
    fixture_for(f, 20);
    assert_int_equal(all[0].answered + all[1].answered + all[2].answered, 0);
    answer(true);
    expect(SL_OK);
    assert_int_equal(questions, 1);
    assert_int_equal(refusals(), 0);
}

static void what_takes_too_long_is_refused(void **state)
{
    (void)state;
    fixture_hide_history(f, 0);
    send_each();
    answer(false);
    expect(SL_ERR_UNAVAILABLE);
    assert_int_equal(fake_version(f->redis, &list.id), 0);
}

static bool is_asking(struct fixture *fixture, void *arg)
{
    (void)arg;
    return fixture->workers[0].pool.asking_server;
}

/* A failover and back, or a first replica, under an open connection: Redis says that it is the same. */
static void an_older_connection_learns_who_the_server_is(void **state)
{
    (void)state;
    fake_new_epoch(f->redis);
    fixture_show_history(f, 0);
    update();
    batch();
    assert_true(is_asking(f, NULL));
    expect(SL_OK);
    assert_int_equal(questions, 0);
    assert_true(sl_history_is_of(sl_pool_history(list.pool), sl_store_server(w->store)->run_id,
                                 sl_store_server(w->store)->replid));
}

static unsigned down(void)
{
    return atomic_load(&f->shared.workers_down);
}

static bool is_down(struct fixture *fixture, void *arg)
{
    (void)fixture;
    return down() == *(unsigned *)arg;
}

/* The worker knows the newer one: the keeper is asked to look, also when nobody writes. */
static void an_older_history_is_opened_anew(void **state)
{
    (void)state;
    unsigned one = 1, none = 0;
    fake_new_epoch(f->redis);
    sl_store_redial(w->store, "");
    assert_true(fixture_until(f, is_up, NULL, SOON));
    assert_true(fixture_until(f, is_down, &one, SOON));
    update();
    assert_true(fixture_until(f, was_asked, NULL, SOON));
    fixture_for(f, 20);
    assert_int_equal(all[0].answered, 0);
    answer(true);
    expect(SL_OK);
    assert_true(fixture_until(f, is_down, &none, SOON));
}

/* The keeper is at another server. */
static void elsewhere(void)
{
    struct sl_history *h = sl_pool_history(list.pool);
    memset(h->run_id, 'b', SL_SERVER_ID);
}

static bool has_dialled(struct fixture *fixture, void *arg)
{
    (void)arg;
    return fixture->workers[0].pool.patience > 3;
}

static void another_server_is_not_written_to(void **state)
{
    (void)state;
    unsigned one = 1, none = 0;
    elsewhere();
    update();
    status();
    assert_true(fixture_until(f, was_asked, NULL, SOON));
    asked->opened = true; /* there, as before */
    struct sl_reopen_mail *mail = asked;
    asked = NULL;
    sl_mailbox_send(mail->reply_to, &mail->mail);
    expect(SL_ERR_UNAVAILABLE);
    assert_int_equal(fake_version(f->redis, &list.id), 0);
    /* For a moment nobody is asked again. */
    assert_null(sl_update_start(w, &list, 1, 1, on_updated, &all[9]));
    assert_null(sl_status_start(w, &list, 1, on_status, &all[9]));
    assert_true(fixture_until(f, is_down, &one, SOON));
    assert_true(fixture_until(f, has_dialled, NULL, SOON));
    assert_true(fixture_until(f, is_up, NULL, SOON));
    fixture_show_history(f, 0);
    assert_true(fixture_until(f, is_down, &none, SOON));
    update();
    assert_true(fixture_until(f, answered, NULL, SOON));
    assert_int_equal(all[2].err, SL_OK);
}

/* One pool's trouble holds no other's changes. */
static void pools_are_apart(void **state)
{
    (void)state;
    struct sl_fence fence;
    fixture_end(f);
    f = fixture_new(&(struct fixture_setup){.pools = 2, .no_keeper = true, .on_keeper_mail = on_keeper_mail});
    w = &f->workers[0].pool;
    assert_true(fixture_until(f, is_up, NULL, SOON));
    fixture_hide_history(f, 0);
    assert_int_equal(sl_may_write(w, &f->shared.pools[0], &fence), SL_MAY_LATER);
    assert_int_equal(sl_may_write(w, &f->shared.pools[1], &fence), SL_MAY_WRITE);
}

static bool is_gone(struct fixture *fixture, void *arg)
{
    return !is_up(fixture, arg);
}

static void what_is_held_when_the_connection_breaks_is_refused(void **state)
{
    (void)state;
    fixture_hide_history(f, 0);
    send_each();
    fake_set_up(f->redis, false);
    assert_true(fixture_until(f, is_gone, NULL, SOON));
    expect(SL_ERR_UNAVAILABLE);
    assert_int_equal(down(), 1);
    assert_null(sl_update_start(w, &list, 1, 1, on_updated, &all[9]));
    fake_set_up(f->redis, true);
    assert_true(fixture_until(f, is_up, NULL, SOON));
    answer(true);
    fixture_for(f, 5);
    update();
    assert_true(fixture_until(f, answered, NULL, SOON));
    assert_int_equal(all[3].err, SL_OK);
}

/* At the end of the worker nothing stays behind: the fixture's end would not come. */
static void the_end_ends_what_is_held(void **state)
{
    (void)state;
    fixture_hide_history(f, 0);
    send_each();
    assert_false(sl_pool_worker_idle(w));
    sl_pool_worker_drain(w);
    answer(false);
    expect(SL_ERR_UNAVAILABLE);
    assert_true(sl_pool_worker_idle(w));
}

static void who_has_left_is_not_answered(void **state)
{
    (void)state;
    fixture_hide_history(f, 0);
    sl_update_cancel(sl_update_start(w, &list, 1, 1, on_updated, &all[9]));
    struct sl_batch_entry entry = {&list, 2, 1};
    sl_batch_cancel(sl_batch_start(w, list.pool, &entry, 1, NULL, on_batched, &all[9]));
    sl_status_cancel(sl_status_start(w, &list, 1, on_status, &all[9]));
    assert_true(fixture_until(f, was_asked, NULL, SOON));
    answer(true);
    fixture_for(f, 20);
    assert_int_equal(all[9].answered, 0);
    assert_int_equal(fake_status(f->redis, &list.id, 1), 1); /* it was asked for */
    assert_int_equal(fake_status(f->redis, &list.id, 2), 1);
    assert_true(sl_pool_worker_idle(w));
}

static void on_keyed(void *arg, enum sl_err err, struct sl_span answer)
{
    (void)answer;
    on_updated(arg, err, (struct sl_head){.version = 0});
}

static void keyed(void)
{
    struct sl_record_key key = {.keep_ms = 1000};
    key.id[0] = (uint8_t)sent;
    assert_non_null(sl_keyed_reserve(w, list.pool, &key, 1, on_keyed, &all[sent]));
    sent++;
}

static void fill_ring(void)
{
    for (uint32_t i = 0; i < 8; i++)
        assert_true(sl_ring_push(list.pool->ring, &(uint64_t){sl_ring_slot(list.number, i)}, 1));
}

static void a_keyed_reservation_waits_too(void **state)
{
    (void)state;
    fill_ring();
    fixture_hide_history(f, 0);
    keyed();
    assert_true(fixture_until(f, was_asked, NULL, SOON));
    fixture_for(f, 10);
    assert_int_equal(all[0].answered, 0);
    answer(true);
    expect(SL_OK);
    fixture_hide_history(f, 0);
    keyed();
    assert_true(fixture_until(f, was_asked, NULL, SOON));
    answer(false);
    assert_true(fixture_until(f, answered, NULL, SOON));
    assert_int_equal(all[1].err, SL_ERR_UNAVAILABLE);
    /* Between its two steps. */
    fixture_show_history(f, 0);
    fake_hold(f->redis, SL_OP_REMEMBER);
    keyed();
    fixture_for(f, 5);
    fixture_hide_history(f, 0);
    fake_release(f->redis);
    assert_true(fixture_until(f, was_asked, NULL, SOON));
    assert_int_equal(all[2].answered, 0);
    answer(true);
    assert_true(fixture_until(f, answered, NULL, SOON));
    assert_int_equal(all[2].err, SL_OK);
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_is_sent_names_its_history),
        T(what_redis_refuses_is_held_and_sent_once_more),
        T(a_second_refusal_is_told),
        T(later_values_stay_later),
        T(while_the_pool_is_opened_requests_wait),
        T(what_takes_too_long_is_refused),
        T(an_older_connection_learns_who_the_server_is),
        T(an_older_history_is_opened_anew),
        T(another_server_is_not_written_to),
        T(pools_are_apart),
        T(what_is_held_when_the_connection_breaks_is_refused),
        T(the_end_ends_what_is_held),
        T(who_has_left_is_not_answered),
        T(a_keyed_reservation_waits_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
