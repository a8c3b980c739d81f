/* Reserving under an idempotency key: one answer per key, and no reference in two hands, whatever is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/keyed.h"
#include "pool_house.h"

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

static bool is_answered(struct house *h, void *arg)
{
    (void)h;
    return ((struct answer *)arg)->answered > 0;
}

static struct sl_record_key key_of(uint8_t id, uint8_t fingerprint)
{
    return (struct sl_record_key){{id}, {fingerprint}, 60000};
}

static struct answer reserve(struct house *h, unsigned worker, uint8_t id, uint32_t n)
{
    struct answer a = {0};
    struct sl_record_key key = key_of(id, (uint8_t)n);
    assert_non_null(sl_keyed_reserve(&h->workers[worker].pool, &h->shared.pools[0], &key, n, on_keyed, &a));
    assert_int_equal(a.answered, 0);
    assert_true(house_until(h, is_answered, &a, 5000));
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
static bool mark(struct house *h, const struct answer *a, uint8_t *seen)
{
    struct sl_span rest = sl_span(a->bytes, a->len);
    struct sl_answer_run run;
    bool fresh = true;
    while (sl_answer_next(&rest, &run)) {
        const struct sl_list *l = NULL;
        for (uint32_t i = 0; i < sl_table_count(h->shared.table); i++)
            if (sl_span_eq(sl_table_at(h->shared.table, i)->uri, run.uri))
                l = sl_table_at(h->shared.table, i);
        assert_non_null(l);
        for (uint32_t i = 0; i < run.count; i++) {
            uint8_t *cell = &seen[l->number * 4096 + sl_answer_index(&run, i)];
            fresh = fresh && *cell == 0;
            *cell = 1;
        }
    }
    return fresh;
}

static struct house *begin(unsigned workers)
{
    struct house *h = house_new(&(struct house_setup){.workers = workers});
    house_start(h);
    return h;
}

static uint64_t keyed(struct house *h, enum sl_keyed_result r)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < h->s.workers; i++) {
        struct sl_metric_slab *m = h->workers[i].pool.metrics[0];
        n += atomic_load(&m->cells[m->first[SL_PW_KEYED] + r]);
    }
    return n;
}

static void once_and_again(void **state)
{
    (void)state;
    struct house *h = begin(2);
    uint64_t reserved = sl_metric_sum(&sl_pool_worker_metric_table, SL_PW_RESERVED);
    struct answer a = reserve(h, 0, 1, 3), b = reserve(h, 1, 1, 3);
    assert_int_equal(a.count, 3);
    same(&a, &b);
    assert_int_equal(sl_metric_sum(&sl_pool_worker_metric_table, SL_PW_RESERVED),
                     reserved + 3); /* nothing was taken twice */
    struct answer c = reserve(h, 0, 2, 3);
    assert_true(c.len != a.len || memcmp(c.bytes, a.bytes, a.len) != 0);
    house_end(h);
}

static void another_request_under_the_key(void **state)
{
    (void)state;
    struct house *h = begin(1);
    struct answer a = reserve(h, 0, 1, 3), b = reserve(h, 0, 1, 4);
    assert_int_equal(a.err, SL_OK);
    assert_int_equal(b.err, SL_ERR_IDEMPOTENCY_KEY_REUSED);
    house_end(h);
}

/* Two at once: both look, both take, one binds. */
static void two_at_once_get_one_answer(void **state)
{
    (void)state;
    struct house *h = begin(2);
    static uint8_t seen[64 * 4096];
    struct answer a = {0}, b = {0};
    struct sl_record_key key = key_of(9, 9);
    memset(seen, 0, sizeof seen);
    assert_non_null(sl_keyed_reserve(&h->workers[0].pool, &h->shared.pools[0], &key, 2, on_keyed, &a));
    assert_non_null(sl_keyed_reserve(&h->workers[1].pool, &h->shared.pools[0], &key, 2, on_keyed, &b));
    assert_true(house_until(h, is_answered, &a, 5000) && house_until(h, is_answered, &b, 5000));
    same(&a, &b);
    assert_int_equal(keyed(h, SL_KEYED_FIRST), 1);
    assert_int_equal(keyed(h, SL_KEYED_REPEATED), 1);
    assert_true(mark(h, &a, seen));
    /* What the loser had taken goes to others, what is bound to nobody. */
    for (uint8_t i = 20; i < 120; i++) {
        struct answer other = reserve(h, i % 2, i, 5);
        assert_int_equal(other.err, SL_OK);
        assert_true(mark(h, &other, seen));
    }
    house_end(h);
}

/* Replies to the binding are lost; every second one has bound. Whoever asks again gets one answer from then
 * on, and nobody else ever gets a reference of it. */
static void outcomes_that_stay_unknown(void **state)
{
    (void)state;
    struct house *h = begin(1);
    static uint8_t seen[64 * 4096];
    unsigned unknown = 0;
    memset(seen, 0, sizeof seen);
    for (uint8_t id = 1; id < 60; id++) {
        struct answer a = {0}, b;
        struct sl_record_key key = key_of(id, 4);
        fake_hold(h->redis, SL_OP_REMEMBER); /* the look is answered, then the binding fails */
        assert_non_null(sl_keyed_reserve(&h->workers[0].pool, &h->shared.pools[0], &key, 4, on_keyed, &a));
        fake_fail(h->redis, SL_OP_REMEMBER, 1, SL_ERR_OUTCOME_UNKNOWN);
        fake_release(h->redis);
        assert_true(house_until(h, is_answered, &a, 5000));
        unknown += a.err == SL_ERR_OUTCOME_UNKNOWN;
        fake_fail(h->redis, SL_OP_REMEMBER, 0, SL_OK);
        b = reserve(h, 0, id, 4);
        assert_int_equal(b.err, SL_OK);
        assert_true(mark(h, &b, seen));
        if (a.err == SL_OK)
            same(&a, &b);
        struct answer c = reserve(h, 0, id, 4);
        same(&b, &c);
    }
    assert_true(unknown > 40);
    house_end(h);
}

static void what_was_certainly_not_bound_goes_back(void **state)
{
    (void)state;
    struct house *h = begin(1);
    uint64_t fill = sl_ring_fill(h->shared.pools[0].ring);
    struct answer a = {0};
    struct sl_record_key key = key_of(3, 2);
    fake_hold(h->redis, SL_OP_REMEMBER);
    assert_non_null(sl_keyed_reserve(&h->workers[0].pool, &h->shared.pools[0], &key, 2, on_keyed, &a));
    fake_fail(h->redis, SL_OP_REMEMBER, 1, SL_ERR_UNAVAILABLE);
    fake_release(h->redis);
    assert_true(house_until(h, is_answered, &a, 5000));
    assert_int_equal(a.err, SL_ERR_UNAVAILABLE);
    house_for(h, 50);
    assert_int_equal(sl_ring_fill(h->shared.pools[0].ring), fill);
    house_end(h);
}

static void whoever_leaves_keeps_the_key_usable(void **state)
{
    (void)state;
    struct house *h = begin(1);
    struct answer a = {0};
    struct sl_record_key key = key_of(5, 2);
    for (unsigned ms = 0; ms < 4; ms++) {
        struct sl_keyed *k =
            sl_keyed_reserve(&h->workers[0].pool, &h->shared.pools[0], &key, 2, on_keyed, &a);
        assert_non_null(k);
        for (unsigned i = 0; i < ms && a.answered == 0; i++)
            house_turn(h);
        if (a.answered == 0)
            sl_keyed_cancel(k);
        house_for(h, 20);
        assert_true(a.answered == 0 || a.err == SL_OK);
    }
    struct answer b = reserve(h, 0, 5, 2), c = reserve(h, 0, 5, 2);
    same(&b, &c);
    house_end(h);
}

static void the_store_is_down(void **state)
{
    (void)state;
    struct house *h = begin(1);
    struct answer a = {0};
    struct sl_record_key key = key_of(6, 1);
    fake_set_up(h->redis, false);
    house_for(h, 20);
    assert_null(sl_keyed_reserve(&h->workers[0].pool, &h->shared.pools[0], &key, 1, on_keyed, &a));
    fake_set_up(h->redis, true);
    house_for(h, 50);
    a = reserve(h, 0, 6, 1);
    assert_int_equal(a.err, SL_OK);
    house_end(h);
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
        cmocka_unit_test(whoever_leaves_keeps_the_key_usable),
        cmocka_unit_test(the_store_is_down),
        cmocka_unit_test(malformed_answers),
    };
    return cmocka_run_group_tests_name("pool keyed", tests, NULL, NULL);
}
