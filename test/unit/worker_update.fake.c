/* Gathering updates: when each leaves, and what each is answered. One worker; the test reads the keeper's
 * mail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container_of.h"
#include "fixture.h"

#define LISTS 3
#define MANY 64

struct request {
    struct room *room;
    struct sl_update *update;
    enum sl_err err;
    uint64_t version;
    unsigned answered, order;
};

struct room {
    struct fixture *f;
    struct sl_pool_worker *w;
    struct sl_list lists[LISTS];
    char uris[LISTS][32];
    unsigned changed_mails, answers;
    uint64_t last_version[LISTS];
    struct request all[MANY];
};

static void on_keeper_mail(void *arg, struct sl_mail *m)
{
    struct room *r = arg;
    assert_int_equal(m->kind, SL_MAIL_CHANGED);
    struct sl_changed_mail *c = sl_container_of(m, struct sl_changed_mail, mail);
    r->changed_mails++;
    assert_true(c->version > r->last_version[c->list]); /* only when changed: each one is newer */
    assert_true(c->committed_ns <= sl_mono_ns(&sl_clock_system));
    r->last_version[c->list] = c->version;
    free(c);
}

static void two_bits_final_three(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->bits = 2;
    o->final_status = 3;
}

static bool is_up(struct fixture *f, void *arg)
{
    (void)arg;
    return sl_store_state(f->workers[0].store) == SL_STORE_UP;
}

static struct room *room_new(void)
{
    struct room *r = calloc(1, sizeof *r);
    r->f = fixture_new(&(struct fixture_setup){
        .no_keeper = true, .on_keeper_mail = on_keeper_mail, .arg = r, .configure = two_bits_final_three});
    r->w = &r->f->workers[0].pool;
    assert_true(fixture_until(r->f, is_up, NULL, 2000));
    struct fake_pool *p = fake_pool(r->f->redis, "pool0");
    p->size = r->f->options[0].size;
    p->bits = 2;
    for (unsigned i = 0; i < LISTS; i++) {
        struct sl_list *l = &r->lists[i];
        l->id = sl_uuid_v4(&r->f->clock);
        l->size = p->size;
        l->bits = 2;
        l->pool = &r->f->shared.pools[0];
        l->uri = SL_SPAN("https://lists.example/s/x");
        assert_true(sl_table_add(r->f->shared.table, l));
        struct sl_list_draft d = {.id = l->id, .uri = l->uri};
        fake_create(r->f->redis, p, &d, "another");
    }
    for (unsigned i = 0; i < MANY; i++)
        r->all[i].room = r;
    return r;
}

static void room_end(struct room *r)
{
    fixture_end(r->f);
    free(r);
}

static void on_done(void *arg, enum sl_err err, struct sl_head head)
{
    struct request *q = arg;
    q->answered++;
    q->err = err;
    q->version = head.version;
    q->order = ++q->room->answers;
}

static void start(struct room *r, unsigned i, unsigned list, uint32_t index, uint8_t value)
{
    r->all[i].update = sl_update_start(r->w, &r->lists[list], index, value, on_done, &r->all[i]);
    assert_int_equal(r->all[i].answered, 0); /* never inside the call */
}

static uint64_t flushes(const struct room *r)
{
    return fake_count(r->f->redis, SL_OP_UPDATE);
}

static bool all_answered(struct fixture *f, void *arg)
{
    (void)f;
    struct room *r = arg;
    for (unsigned i = 0; i < MANY; i++)
        if (r->all[i].update != NULL && r->all[i].answered == 0)
            return false;
    return true;
}

static void wait_all(struct room *r)
{
    assert_true(fixture_until(r->f, all_answered, r, 5000));
    fixture_for(r->f, 2); /* mail to the keeper */
}

static void lone_client_leaves_at_once(void **state)
{
    (void)state;
    struct room *r = room_new();
    fake_set_delay(r->f->redis, 20 * SL_NS_PER_MS); /* an eighth of it would be seen */
    for (unsigned i = 0; i < 4; i++) {
        start(r, i, 0, i, 1);
        assert_int_equal(flushes(r), i + 1);
        wait_all(r);
        assert_int_equal(r->all[i].err, SL_OK);
        assert_int_equal(r->all[i].version, i + 1);
    }
    assert_int_equal(r->changed_mails, 4);
    room_end(r);
}

static void others_gather_while_one_is_in_flight_and_leave_on_its_reply(void **state)
{
    (void)state;
    struct room *r = room_new();
    fake_set_delay(r->f->redis, 5 * SL_NS_PER_MS);
    for (unsigned i = 0; i < 10; i++)
        start(r, i, 0, i, 1);
    assert_int_equal(flushes(r), 1);
    wait_all(r);
    assert_int_equal(flushes(r), 2);
    assert_int_equal(r->all[0].version, 1);
    for (unsigned i = 1; i < 10; i++) {
        assert_int_equal(r->all[i].version, 2); /* one script call: one version */
        assert_true(r->all[i].order > r->all[i - 1].order);
    }
    assert_int_equal(r->changed_mails, 2);
    room_end(r);
}

static void next_leaves_when_as_many_have_gathered_as_the_last_carried(void **state)
{
    (void)state;
    struct room *r = room_new();
    fake_set_delay(r->f->redis, 400 * SL_NS_PER_MS);
    for (unsigned i = 0; i < 5; i++)
        start(r, i, 0, i, 1); /* one leaves, four gather */
    wait_all(r);
    assert_int_equal(flushes(r), 2);
    /* The last carried four. An eighth of the round trip (400 ms) is 50 ms: before that, three wait and the
     * fourth goes. */
    for (unsigned i = 5; i < 8; i++)
        start(r, i, 0, i, 1);
    assert_int_equal(flushes(r), 2);
    start(r, 8, 0, 8, 1);
    assert_int_equal(flushes(r), 3);
    wait_all(r);
    assert_int_equal(r->all[5].version, 3);
    assert_int_equal(r->all[8].version, 3);
    room_end(r);
}

static bool three_flushes(struct fixture *f, void *arg)
{
    (void)f;
    return flushes(arg) == 3;
}

static void fewer_leave_after_an_eighth_of_the_round_trip(void **state)
{
    (void)state;
    struct room *r = room_new();
    fake_set_delay(r->f->redis, 400 * SL_NS_PER_MS);
    for (unsigned i = 0; i < 5; i++)
        start(r, i, 0, i, 1);
    assert_true(fixture_until(r->f, all_answered, r, 5000));
    uint64_t replied = sl_mono_ns(&sl_clock_system);
    start(r, 5, 0, 5, 1);
    start(r, 6, 0, 6, 1);
    assert_int_equal(flushes(r), 2);
    assert_true(fixture_until(r->f, three_flushes, r, 1000));
    uint64_t waited = sl_mono_ns(&sl_clock_system) - replied;
    assert_true(waited >= 40 * SL_NS_PER_MS); /* and not for both of the requests that it expected */
    wait_all(r);
    /* When no other request has come by then, the next one is a lone client again. */
    fake_set_delay(r->f->redis, 0);
    fixture_for(r->f, 120);
    start(r, 7, 0, 7, 1);
    assert_int_equal(flushes(r), 4);
    wait_all(r);
    room_end(r);
}

static void each_request_gets_its_own_result(void **state)
{
    (void)state;
    struct room *r = room_new();
    start(r, 0, 0, 1, 3);                     /* leaves alone; 3 is final */
    start(r, 1, 1, 5, 1);                     /* changed */
    start(r, 2, 0, 1, 2);                     /* final */
    start(r, 3, 1, r->f->options[0].size, 1); /* outside */
    start(r, 4, 0, 2, 2);                     /* changed */
    start(r, 5, 0, 2, 2);                     /* the same */
    start(r, 6, 1, 5, 2);                     /* later than 1: order within a list is kept */
    start(r, 7, 2, 0, 0);                     /* the same: nothing changes in that list */
    wait_all(r);
    static const enum sl_err expected[] = {
        SL_OK, SL_OK, SL_ERR_FORBIDDEN, SL_ERR_INDEX_OUT_OF_BOUNDS, SL_OK, SL_OK, SL_OK, SL_OK};
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(r->all[i].err, expected[i]);
    assert_int_equal(fake_status(r->f->redis, &r->lists[0].id, 1), 3);
    assert_int_equal(fake_status(r->f->redis, &r->lists[0].id, 2), 2);
    assert_int_equal(fake_status(r->f->redis, &r->lists[1].id, 5), 2);
    assert_int_equal(flushes(r), 4); /* one alone, then a call per list */
    assert_int_equal(r->last_version[0], 2);
    assert_int_equal(r->last_version[1], 1);
    assert_int_equal(r->last_version[2], 0); /* no mail: not changed */
    assert_int_equal(r->changed_mails, 3);
    room_end(r);
}

/* Random updates of few indices: the data ends as if they had been made in order. */
static void order_within_a_list_is_that_of_arrival(void **state)
{
    (void)state;
    struct room *r = room_new();
    uint8_t model[LISTS][8] = {0};
    unsigned seed = 5;
    r->f->options[0].final_status = -1;
    for (unsigned round = 0; round < 30; round++) {
        memset(r->all, 0, sizeof r->all);
        for (unsigned i = 0; i < MANY; i++) {
            unsigned list = (unsigned)rand_r(&seed) % LISTS, index = (unsigned)rand_r(&seed) % 8;
            uint8_t value = (uint8_t)(rand_r(&seed) % 4);
            r->all[i].room = r;
            start(r, i, list, index, value);
            model[list][index] = value;
            if (rand_r(&seed) % 10 == 0)
                fixture_turn(r->f);
        }
        wait_all(r);
        for (unsigned i = 0; i < MANY; i++)
            assert_true(r->all[i].answered == 1 && r->all[i].err == SL_OK);
    }
    for (unsigned l = 0; l < LISTS; l++)
        for (unsigned i = 0; i < 8; i++)
            assert_int_equal(fake_status(r->f->redis, &r->lists[l].id, i), model[l][i]);
    for (unsigned l = 0; l < LISTS; l++)
        assert_int_equal(r->last_version[l], fake_version(r->f->redis, &r->lists[l].id));
    room_end(r);
}

static void refused_call_is_answered_later(void **state)
{
    (void)state;
    struct room *r = room_new();
    fake_refuse(r->f->redis, SL_OP_UPDATE, 1);
    start(r, 0, 0, 0, 1);
    assert_non_null(r->all[0].update);
    assert_false(sl_pool_worker_idle(r->w));
    wait_all(r);
    assert_int_equal(r->all[0].err, SL_ERR_UNAVAILABLE);
    start(r, 1, 0, 0, 1); /* and it goes on */
    wait_all(r);
    assert_int_equal(r->all[1].err, SL_OK);
    assert_true(sl_pool_worker_idle(r->w));
    room_end(r);
}

static void failures_reach_all_that_left_together(void **state)
{
    (void)state;
    struct room *r = room_new();
    fake_fail(r->f->redis, SL_OP_UPDATE, 2, SL_ERR_OUTCOME_UNKNOWN);
    for (unsigned i = 0; i < 6; i++)
        start(r, i, 0, i, 1);
    wait_all(r);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(r->all[i].err, SL_ERR_OUTCOME_UNKNOWN);
    assert_int_equal(r->changed_mails, 0);
    room_end(r);
}

static void store_that_goes_down_answers_everyone(void **state)
{
    (void)state;
    struct room *r = room_new();
    fake_hold(r->f->redis, SL_OP_UPDATE);
    for (unsigned i = 0; i < 5; i++)
        start(r, i, 0, i, 1);
    fake_set_up(r->f->redis, false);
    wait_all(r);
    assert_int_equal(r->all[0].err, SL_ERR_OUTCOME_UNKNOWN);
    for (unsigned i = 1; i < 5; i++)
        assert_int_equal(r->all[i].err, SL_ERR_UNAVAILABLE); /* had not left: has not happened */
    assert_int_equal(fake_status(r->f->redis, &r->lists[0].id, 3), 0);
    start(r, 6, 0, 0, 1);
    assert_null(r->all[6].update);
    room_end(r);
}

static void list_that_is_gone_is_no_such_reference(void **state)
{
    (void)state;
    struct room *r = room_new();
    r->lists[0].id.bytes[0] ^= 1;
    start(r, 0, 0, 0, 1);
    wait_all(r);
    assert_int_equal(r->all[0].err, SL_ERR_NO_SUCH_REFERENCE);
    room_end(r);
}

static bool the_others_answered(struct fixture *f, void *arg)
{
    (void)f;
    const struct room *r = arg;
    return r->all[1].answered + r->all[3].answered == 2;
}

static void cancelled_update_goes_its_way(void **state)
{
    (void)state;
    struct room *r = room_new();
    for (unsigned i = 0; i < 4; i++)
        start(r, i, 0, i, 1);
    sl_update_cancel(r->all[0].update);
    sl_update_cancel(r->all[2].update);
    assert_true(fixture_until(r->f, the_others_answered, r, 1000));
    fixture_for(r->f, 5);
    assert_int_equal(r->all[0].answered + r->all[2].answered, 0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(fake_status(r->f->redis, &r->lists[0].id, i), 1);
    room_end(r);
}

static void drain_sends_what_has_gathered(void **state)
{
    (void)state;
    struct room *r = room_new();
    fake_set_delay(r->f->redis, 400 * SL_NS_PER_MS);
    for (unsigned i = 0; i < 9; i++)
        start(r, i, 0, i, 1);
    wait_all(r);
    start(r, 9, 0, 9, 1); /* gathers: the last flush carried eight */
    assert_int_equal(flushes(r), 2);
    sl_pool_worker_drain(r->w);
    assert_int_equal(flushes(r), 3);
    assert_false(sl_pool_worker_idle(r->w));
    wait_all(r);
    assert_true(sl_pool_worker_idle(r->w));
    room_end(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lone_client_leaves_at_once),
        cmocka_unit_test(others_gather_while_one_is_in_flight_and_leave_on_its_reply),
        cmocka_unit_test(next_leaves_when_as_many_have_gathered_as_the_last_carried),
        cmocka_unit_test(fewer_leave_after_an_eighth_of_the_round_trip),
        cmocka_unit_test(each_request_gets_its_own_result),
        cmocka_unit_test(order_within_a_list_is_that_of_arrival),
        cmocka_unit_test(refused_call_is_answered_later),
        cmocka_unit_test(failures_reach_all_that_left_together),
        cmocka_unit_test(store_that_goes_down_answers_everyone),
        cmocka_unit_test(list_that_is_gone_is_no_such_reference),
        cmocka_unit_test(cancelled_update_goes_its_way),
        cmocka_unit_test(drain_sends_what_has_gathered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
