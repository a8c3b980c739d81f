/* Batches and single reads: all or nothing over many lists, and which entry was refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"

#define FINAL 3

struct answer {
    unsigned answered;
    enum sl_err err;
    uint32_t position;
    uint8_t value;
    uint64_t version;
};

static void configure(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->bits = 2;
    o->final_status = FINAL;
    o->precreation_lists = 2;
}

static void on_batched(void *arg, enum sl_err err, const struct sl_batch_result *r)
{
    struct answer *a = arg;
    a->answered++;
    a->err = err;
    a->position = r->position;
}

static void on_status(void *arg, enum sl_err err, uint8_t value, struct sl_head head)
{
    struct answer *a = arg;
    a->answered++;
    a->err = err;
    a->value = value;
    a->version = head.version;
}

static bool is_answered(struct fixture *f, void *arg)
{
    (void)f;
    return ((struct answer *)arg)->answered > 0;
}

static struct answer run(struct fixture *f, const struct sl_batch_entry *entries, uint32_t n)
{
    struct answer a = {0};
    struct sl_pool *p = &f->shared.pools[0];
    assert_non_null(sl_batch_start(&f->workers[0].pool, p, entries, n, NULL, on_batched, &a));
    assert_int_equal(a.answered, 0);
    assert_true(fixture_until(f, is_answered, &a, 1000));
    return a;
}

static struct fixture *fixture_with_lists(struct sl_list *ret[3])
{
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = configure});
    fixture_start(f);
    for (uint32_t i = 0; i < 3; i++)
        ret[i] = sl_table_at(f->shared.table, i);
    return f;
}

static void batch_over_many_lists_is_one_call_and_is_published(void **state)
{
    (void)state;
    struct sl_list *l[3];
    struct fixture *f = fixture_with_lists(l);
    const struct sl_batch_entry entries[] = {
        {l[2], 1, 1}, {l[0], 5, 2}, {l[2], 2, 2}, {l[1], 9, 0}, {l[0], 5, 1}};
    struct answer a = run(f, entries, 5);
    assert_int_equal(a.err, SL_OK);
    assert_int_equal(fake_count(f->redis, SL_OP_BATCH), 1);
    assert_int_equal(fake_status(f->redis, &l[2]->id, 1), 1);
    assert_int_equal(fake_status(f->redis, &l[2]->id, 2), 2);
    assert_int_equal(fake_status(f->redis, &l[0]->id, 5), 1); /* the later entry of the two */
    fixture_for(f, 100);
    assert_true(sl_list_token(l[0])->version == 1 && sl_list_token(l[2])->version == 1);
    assert_true(sl_list_token(l[1])->version == 1); /* nothing changed in that one, but it was promised */
    fixture_end(f);
}

static void refused_batch_names_the_callers_entry_and_writes_nothing(void **state)
{
    (void)state;
    struct sl_list *l[3];
    struct fixture *f = fixture_with_lists(l);
    fake_change(f->redis, &l[1]->id, 4, FINAL);
    const struct sl_batch_entry final[] = {{l[2], 1, 1}, {l[1], 4, 1}, {l[0], 5, 1}};
    struct answer a = run(f, final, 3);
    assert_int_equal(a.err, SL_ERR_FORBIDDEN);
    assert_int_equal(a.position, 1);
    const struct sl_batch_entry outside[] = {{l[2], 1, 1}, {l[0], 1, 1}, {l[2], l[2]->size, 1}, {l[0], 5, 1}};
    a = run(f, outside, 4);
    assert_int_equal(a.err, SL_ERR_INDEX_OUT_OF_BOUNDS);
    assert_int_equal(a.position, 2);
    assert_int_equal(fake_version(f->redis, &l[0]->id) + fake_version(f->redis, &l[2]->id), 0);
    fixture_end(f);
}

static void batch_that_fails_or_cannot_start_says_so(void **state)
{
    (void)state;
    struct sl_list *l[3];
    struct fixture *f = fixture_with_lists(l);
    struct sl_pool_worker *w = &f->workers[0].pool;
    const struct sl_batch_entry entries[] = {{l[0], 1, 1}};
    struct answer a = {0};
    fake_fail(f->redis, SL_OP_BATCH, 1, SL_ERR_OUTCOME_UNKNOWN);
    assert_int_equal(run(f, entries, 1).err, SL_ERR_OUTCOME_UNKNOWN);
    fake_refuse(f->redis, SL_OP_BATCH, 1);
    assert_null(sl_batch_start(w, &f->shared.pools[0], entries, 1, NULL, on_batched, &a));
    sl_batch_cancel(sl_batch_start(w, &f->shared.pools[0], entries, 1, NULL, on_batched, &a));
    fixture_for(f, 5);
    assert_int_equal(fake_status(f->redis, &l[0]->id, 1), 1); /* it went its way */
    fake_set_up(f->redis, false);
    fixture_for(f, 5);
    assert_null(sl_batch_start(w, &f->shared.pools[0], entries, 1, NULL, on_batched, &a));
    assert_null(sl_status_start(w, l[0], 1, on_status, &a));
    assert_int_equal(a.answered, 0);
    assert_true(sl_pool_worker_idle(w));
    fixture_end(f);
}

static void status_is_read_from_the_store(void **state)
{
    (void)state;
    struct sl_list *l[3];
    struct fixture *f = fixture_with_lists(l);
    struct answer a = {0}, outside = {0}, gone = {0};
    fake_change(f->redis, &l[0]->id, 7, 2);
    sl_status_start(&f->workers[0].pool, l[0], 7, on_status, &a);
    sl_status_start(&f->workers[0].pool, l[0], l[0]->size, on_status, &outside);
    sl_status_cancel(sl_status_start(&f->workers[0].pool, l[0], 7, on_status, &gone));
    fixture_for(f, 10);
    assert_true(a.answered == 1 && a.err == SL_OK && a.value == 2 && a.version == 1);
    assert_int_equal(outside.err, SL_ERR_INDEX_OUT_OF_BOUNDS);
    assert_int_equal(gone.answered, 0);
    fixture_end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_over_many_lists_is_one_call_and_is_published),
        cmocka_unit_test(refused_batch_names_the_callers_entry_and_writes_nothing),
        cmocka_unit_test(batch_that_fails_or_cannot_start_says_so),
        cmocka_unit_test(status_is_read_from_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
