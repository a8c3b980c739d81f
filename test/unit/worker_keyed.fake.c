/* Reserving under an idempotency key: one answer per key, and no reference in two hands, whatever is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/keyed.h"
#include "fixture.h"

struct answer {
    unsigned answered;
    enum sl_err err;
    size_t len;
    char bytes[8192];
    uint32_t count;
};

static void on_keyed(void *arg, enum sl_err err, struct sl_span answer)
{
    struct answer *a = arg;
    struct sl_answer_run run;
    a->answered++;
    a->err = err;
    if (err != SL_OK)
        return;
    assert_true(answer.len > 0 && answer.len <= sizeof a->bytes);
    memcpy(a->bytes, answer.at, answer.len);
    a->len = answer.len;
    while (sl_answer_next(&answer, &run))
        a->count += run.count;
    assert_int_equal(answer.len, 0);
}

static bool is_answered(struct fixture *f, void *arg)
{
    (void)f;
    return ((struct answer *)arg)->answered > 0;
}

static struct sl_record_key key_of(uint8_t id, uint8_t fingerprint)
{
    return (struct sl_record_key){{id}, {fingerprint}, 60000};
}

static struct answer reserve(struct fixture *f, unsigned worker, uint8_t id, uint32_t n)
{
    struct answer a = {0};
    struct sl_record_key key = key_of(id, (uint8_t)n);
    assert_non_null(sl_keyed_reserve(&f->workers[worker].pool, &f->shared.pools[0], &key, n, on_keyed, &a));
    assert_int_equal(a.answered, 0);
    assert_true(fixture_until(f, is_answered, &a, 5000));
    assert_int_equal(a.answered, 1);
    return a;
}

static void same(const struct answer *a, const struct answer *b)
{
    assert_int_equal(a->err, SL_OK);
    assert_int_equal(b->err, SL_OK);
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->bytes, b->bytes, a->len);
}

/* Marks what an answer holds; false when one of them was marked before. */
static bool mark(struct fixture *f, const struct answer *a, uint8_t *seen)
{
    struct sl_span rest = sl_span(a->bytes, a->len);
    struct sl_answer_run run;
    bool fresh = true;
    while (sl_answer_next(&rest, &run)) {
        const struct sl_list *l = NULL;
        for (uint32_t i = 0; i < sl_table_count(f->shared.table); i++)
            if (sl_span_eq(sl_table_at(f->shared.table, i)->uri, run.uri))
                l = sl_table_at(f->shared.table, i);
        assert_non_null(l);
        for (uint32_t i = 0; i < run.count; i++) {
            uint8_t *cell = &seen[l->number * 4096 + sl_answer_index(&run, i)];
            fresh = fresh && *cell == 0;
            *cell = 1;
        }
    }
    return fresh;
}

static struct fixture *begin(unsigned workers)
{
    struct fixture *f = fixture_new(&(struct fixture_setup){.workers = workers});
    fixture_start(f);
    return f;
}

static uint64_t keyed(struct fixture *f, enum sl_keyed_result r)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < f->s.workers; i++) {
        struct sl_metric_slab *m = f->workers[i].pool.metrics[0];
        n += atomic_load(&m->cells[m->first[SL_PW_KEYED] + r]);
    }
    return n;
}

static void once_and_again(void **state)
{
    (void)state;
    struct fixture *f = begin(2);
    uint64_t reserved = sl_metric_sum(&sl_pool_worker_metric_table, SL_PW_RESERVED);
    struct answer a = reserve(f, 0, 1, 3), b = reserve(f, 1, 1, 3);
    assert_int_equal(a.count, 3);
    same(&a, &b);
    assert_int_equal(sl_metric_sum(&sl_pool_worker_metric_table, SL_PW_RESERVED),
                     reserved + 3); /* nothing was taken twice */
    struct answer c = reserve(f, 0, 2, 3);
    assert_true(c.len != a.len || memcmp(c.bytes, a.bytes, a.len) != 0);
    fixture_end(f);
}

static void another_request_under_the_key(void **state)
{
    (void)state;
    struct fixture *f = begin(1);
    struct answer a = reserve(f, 0, 1, 3), b = reserve(f, 0, 1, 4);
    assert_int_equal(a.err, SL_OK);
    assert_int_equal(b.err, SL_ERR_IDEMPOTENCY_KEY_REUSED);
    fixture_end(f);
}

/* Two at once: both look, both take, one binds. */
static void two_at_once_get_one_answer(void **state)
{
    (void)state;
    struct fixture *f = begin(2);
    static uint8_t seen[64 * 4096];
    struct answer a = {0}, b = {0};
    struct sl_record_key key = key_of(9, 9);
    memset(seen, 0, sizeof seen);
    assert_non_null(sl_keyed_reserve(&f->workers[0].pool, &f->shared.pools[0], &key, 2, on_keyed, &a));
    assert_non_null(sl_keyed_reserve(&f->workers[1].pool, &f->shared.pools[0], &key, 2, on_keyed, &b));
    assert_true(fixture_until(f, is_answered, &a, 5000) && fixture_until(f, is_answered, &b, 5000));
    same(&a, &b);
    assert_int_equal(keyed(f, SL_KEYED_FIRST), 1);
    assert_int_equal(keyed(f, SL_KEYED_REPEATED), 1);
    assert_true(mark(f, &a, seen));
    /* References that the loser had taken go to others, those that are bound to no other request. */
    for (uint8_t i = 20; i < 120; i++) {
        struct answer other = reserve(f, i % 2, i, 5);
        assert_int_equal(other.err, SL_OK);
        assert_true(mark(f, &other, seen));
    }
    fixture_end(f);
}

/* Replies to the binding are lost; every second one has bound. A client that asks again gets one answer from
 * then on, and no other client ever gets a reference of it. */
static void outcomes_that_stay_unknown(void **state)
{
    (void)state;
    struct fixture *f = begin(1);
    static uint8_t seen[64 * 4096];
    unsigned unknown = 0;
    memset(seen, 0, sizeof seen);
    for (uint8_t id = 1; id < 60; id++) {
        struct answer a = {0}, b;
        struct sl_record_key key = key_of(id, 4);
        fake_hold(f->redis, SL_OP_REMEMBER); /* the look is answered, then the binding fails */
        assert_non_null(sl_keyed_reserve(&f->workers[0].pool, &f->shared.pools[0], &key, 4, on_keyed, &a));
        fake_fail(f->redis, SL_OP_REMEMBER, 1, SL_ERR_OUTCOME_UNKNOWN);
        fake_release(f->redis);
        assert_true(fixture_until(f, is_answered, &a, 5000));
        unknown += a.err == SL_ERR_OUTCOME_UNKNOWN;
        fake_fail(f->redis, SL_OP_REMEMBER, 0, SL_OK);
        b = reserve(f, 0, id, 4);
        assert_int_equal(b.err, SL_OK);
        assert_true(mark(f, &b, seen));
        if (a.err == SL_OK)
            same(&a, &b);
        struct answer c = reserve(f, 0, id, 4);
        same(&b, &c);
    }
    assert_true(unknown > 40);
    fixture_end(f);
}

static void what_was_certainly_not_bound_goes_back(void **state)
{
    (void)state;
    struct fixture *f = begin(1);
    uint64_t fill = sl_ring_fill(f->shared.pools[0].ring);
    struct answer a = {0};
    struct sl_record_key key = key_of(3, 2);
    fake_hold(f->redis, SL_OP_REMEMBER);
    assert_non_null(sl_keyed_reserve(&f->workers[0].pool, &f->shared.pools[0], &key, 2, on_keyed, &a));
    fake_fail(f->redis, SL_OP_REMEMBER, 1, SL_ERR_UNAVAILABLE);
    fake_release(f->redis);
    assert_true(fixture_until(f, is_answered, &a, 5000));
    assert_int_equal(a.err, SL_ERR_UNAVAILABLE);
    fixture_for(f, 50);
    assert_int_equal(sl_ring_fill(f->shared.pools[0].ring), fill);
    fixture_end(f);
}

/* Redis refuses a step that comes from another history: it is sent once more when the pool was opened anew.
 */
static void a_step_of_another_history_is_sent_once_more(void **state)
{
    (void)state;
    struct fixture *f = begin(1);
    fixture_for(f, 50);
    uint64_t fill = sl_ring_fill(f->shared.pools[0].ring);
    for (uint8_t id = 1; id <= 4; id++) {
        bool binding = id > 2, twice = id % 2 == 0;
        struct answer a = {0};
        struct sl_record_key key = key_of(id, 2);
        if (binding)
            fake_hold(f->redis, SL_OP_REMEMBER); /* the look is answered, then the binding fails */
        else
            fake_fail(f->redis, SL_OP_REMEMBER, twice ? 2 : 1, SL_ERR_HISTORY);
        assert_non_null(sl_keyed_reserve(&f->workers[0].pool, &f->shared.pools[0], &key, 2, on_keyed, &a));
        if (binding) {
            fake_fail(f->redis, SL_OP_REMEMBER, twice ? 2 : 1, SL_ERR_HISTORY);
            fake_release(f->redis);
        }
        assert_true(fixture_until(f, is_answered, &a, 5000));
        assert_int_equal(a.err, twice ? SL_ERR_UNAVAILABLE : SL_OK);
        fake_fail(f->redis, SL_OP_REMEMBER, 0, SL_OK);
        fill -= twice ? 0 : 2;
        fixture_for(f, 50);
        if (binding || twice) /* nothing was lost: what is not bound goes back */
            assert_true(sl_ring_fill(f->shared.pools[0].ring) >= fill);
        assert_int_equal(reserve(f, 0, id, 2).err, SL_OK); /* the key is usable */
        fill -= twice ? 2 : 0;
    }
    fixture_end(f);
}

static void whoever_leaves_keeps_the_key_usable(void **state)
{
    (void)state;
    struct fixture *f = begin(1);
    struct answer a = {0};
    struct sl_record_key key = key_of(5, 2);
    for (unsigned ms = 0; ms < 4; ms++) {
        struct sl_keyed *k =
            sl_keyed_reserve(&f->workers[0].pool, &f->shared.pools[0], &key, 2, on_keyed, &a);
        assert_non_null(k);
        for (unsigned i = 0; i < ms && a.answered == 0; i++)
            fixture_turn(f);
        if (a.answered == 0)
            sl_keyed_cancel(k);
        fixture_for(f, 20);
        assert_true(a.answered == 0 || a.err == SL_OK);
    }
    struct answer b = reserve(f, 0, 5, 2), c = reserve(f, 0, 5, 2);
    same(&b, &c);
    fixture_end(f);
}

/* More than the threshold is never popped from the ring: it waits in the keeper's queue, under its key. */
static void a_large_one_queues_and_keeps_its_key(void **state)
{
    (void)state;
    struct fixture *f = begin(1);
    uint32_t n = f->options[0].threshold + 1;
    struct answer a = reserve(f, 0, 7, n), b = reserve(f, 0, 7, n);
    assert_int_equal(a.count, n);
    same(&a, &b);
    fixture_end(f);
}

/* Cancelled at every step on its way; what it had taken comes back, so that the pool gives out as many as
 * before. */
static void a_large_one_leaves_at_any_moment(void **state)
{
    (void)state;
    struct fixture *f = begin(1);
    uint32_t n = f->options[0].threshold + 1;
    struct sl_record_key key = key_of(8, (uint8_t)n);
    for (unsigned turns = 0; turns < 8; turns++) {
        struct answer a = {0};
        struct sl_keyed *k =
            sl_keyed_reserve(&f->workers[0].pool, &f->shared.pools[0], &key, n, on_keyed, &a);
        assert_non_null(k);
        for (unsigned i = 0; i < turns && a.answered == 0; i++)
            fixture_turn(f);
        if (a.answered == 0)
            sl_keyed_cancel(k);
        fixture_for(f, 20);
        assert_true(a.answered == 0 || a.err == SL_OK);
        assert_true(sl_pool_worker_idle(&f->workers[0].pool));
    }
    struct answer b = reserve(f, 0, 8, n);
    assert_int_equal(b.count, n);
    fixture_end(f);
}

/* An answer that a key was given before is given again; there are no new ones. */
static void a_retired_pool_only_repeats(void **state)
{
    (void)state;
    struct fixture *f = begin(1);
    struct answer a = reserve(f, 0, 9, 2);
    f->options[0].retired = true;
    struct answer b = reserve(f, 0, 9, 2), c = reserve(f, 0, 10, 2);
    same(&a, &b);
    assert_int_equal(c.err, SL_ERR_POOL_RETIRED);
    fixture_end(f);
}

/* Shutdown begins while Redis is asked for the key: nothing is taken any more. */
static void a_shutdown_takes_no_references(void **state)
{
    (void)state;
    struct fixture *f = begin(1);
    struct answer a = {0};
    struct sl_record_key key = key_of(11, 1);
    assert_non_null(sl_keyed_reserve(&f->workers[0].pool, &f->shared.pools[0], &key, 1, on_keyed, &a));
    sl_pool_worker_drain(&f->workers[0].pool);
    assert_true(fixture_until(f, is_answered, &a, 5000));
    assert_int_equal(a.err, SL_ERR_UNAVAILABLE);
    assert_int_equal(a.count, 0);
    fixture_end(f);
}

static void the_store_is_down(void **state)
{
    (void)state;
    struct fixture *f = begin(1);
    struct answer a = {0};
    struct sl_record_key key = key_of(6, 1);
    fake_set_up(f->redis, false);
    fixture_for(f, 20);
    assert_null(sl_keyed_reserve(&f->workers[0].pool, &f->shared.pools[0], &key, 1, on_keyed, &a));
    fake_set_up(f->redis, true);
    fixture_for(f, 50);
    a = reserve(f, 0, 6, 1);
    assert_int_equal(a.err, SL_OK);
    fixture_end(f);
}

static void malformed_answers(void **state)
{
    (void)state;
    struct sl_answer_run run;
    static const char text[] = "\3\0uri\2\0\0\0abcdefgh";
    for (size_t n = 0; n < sizeof text - 1; n++) {
        char *exact = malloc(n + 1);
        memcpy(exact, text, n);
        struct sl_span rest = sl_span(exact, n);
        assert_false(sl_answer_next(&rest, &run));
        assert_int_equal(rest.len, n);
        free(exact);
    }
    struct sl_span rest = sl_span(text, sizeof text - 1);
    assert_true(sl_answer_next(&rest, &run));
    assert_true(rest.len == 0 && run.count == 2 && run.uri.len == 3);
    assert_int_equal(sl_answer_index(&run, 1), 0x68676665);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_and_again),
        cmocka_unit_test(another_request_under_the_key),
        cmocka_unit_test(two_at_once_get_one_answer),
        cmocka_unit_test(outcomes_that_stay_unknown),
        cmocka_unit_test(what_was_certainly_not_bound_goes_back),
        cmocka_unit_test(a_step_of_another_history_is_sent_once_more),
        cmocka_unit_test(whoever_leaves_keeps_the_key_usable),
        cmocka_unit_test(a_large_one_queues_and_keeps_its_key),
        cmocka_unit_test(a_large_one_leaves_at_any_moment),
        cmocka_unit_test(a_retired_pool_only_repeats),
        cmocka_unit_test(a_shutdown_takes_no_references),
        cmocka_unit_test(the_store_is_down),
        cmocka_unit_test(malformed_answers),
    };
    return cmocka_run_group_tests_name("pool keyed", tests, NULL, NULL);
}
