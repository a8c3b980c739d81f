/* A Redis that has gone back: lists are made again or raised from their last tokens, and writes wait for
 * that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keeper/keeper_int.h"
#include "fixture.h"

static struct fixture *f;
static unsigned answers;
static enum sl_err answer;

static int begin(void **state)
{
    (void)state;
    f = fixture_new(&(struct fixture_setup){0});
    fixture_start(f);
    return 0;
}

static int end(void **state)
{
    (void)state;
    fixture_end(f);
    return 0;
}

static struct sl_klist *first(void)
{
    return sl_keeper_list(f->keeper, 0);
}

static uint64_t shown(void)
{
    return sl_list_token(&first()->list)->version;
}

static bool shows(struct fixture *fixture, void *arg)
{
    (void)fixture;
    return shown() == *(uint64_t *)arg;
}

static void wait_version(uint64_t version)
{
    assert_true(fixture_until(f, shows, &version, 5000));
}

/* Redis goes away and comes back with the data that were saved; the keeper knows later versions. */
static void go_back(void)
{
    fixture_for(f, 2100); /* a sweep has read the change numbers */
    fake_set_up(f->redis, false);
    fixture_for(f, 5);
    fake_restore(f->redis);
    fake_set_up(f->redis, true);
}

static void change(uint32_t index, uint8_t value)
{
    fake_change(f->redis, &first()->list.id, index, value);
}

static void a_list_that_lost_changes_is_raised(void **state)
{
    (void)state;
    change(1, 1);
    wait_version(1);
    fake_save(f->redis);
    change(2, 1);
    change(1, 0);
    wait_version(3);
    go_back();
    wait_version(3 + SL_MEND_JUMP);
    assert_int_equal(fake_status(f->redis, &first()->list.id, 1), 0);
    assert_int_equal(fake_status(f->redis, &first()->list.id, 2), 1);
    assert_int_equal(fake_find(f->redis, &first()->list.id)->now.state, SL_LIST_SEALED);
    assert_int_equal(fixture_metric(f, 0, SL_KM_ROLLBACKS), 1);
    assert_int_equal(fixture_metric_label(f, 0, SL_KM_MENDED, SL_MENDED_RAISED), 1);
}

static bool mended_once(struct fixture *fixture, void *arg)
{
    (void)arg;
    return fixture_metric_label(fixture, 0, SL_KM_MENDED, SL_MENDED_NEW) > 0;
}

static void a_lost_list_is_made_again(void **state)
{
    (void)state;
    struct sl_uuid id = first()->list.id;
    struct fake_pool *p = fake_pool(f->redis, f->names[0]);
    fake_save(f->redis);
    p->saved.lists = 0; /* as if the backup were from before its creation */
    p->saved.change = 0;
    change(5, 1);
    wait_version(1);
    go_back();
    assert_true(fixture_until(f, mended_once, NULL, 5000));
    assert_non_null(fake_find(f->redis, &id));
    assert_int_equal(fake_status(f->redis, &id, 5), 1);
    change(6, 1);
    wait_version(2 + SL_MEND_JUMP);
    struct sl_buf why;
    sl_buf_init(&why, 256);
    fixture_for(f, 100);
    assert_true(sl_keeper_ready_issuer(f->keeper, &why));
    sl_buf_free(&why);
    assert_int_equal(fake_find(f->redis, &id)->now.state, SL_LIST_SEALED);
}

static void what_fails_is_tried_again(void **state)
{
    (void)state;
    fake_save(f->redis);
    change(2, 1);
    wait_version(1);
    fake_fail(f->redis, SL_OP_MEND, 1, SL_ERR_OUTCOME_UNKNOWN);
    go_back();
    wait_version(1 + SL_MEND_JUMP);
    assert_int_equal(fake_status(f->redis, &first()->list.id, 2), 1);
}

static void on_updated(void *arg, enum sl_err err, struct sl_head head)
{
    (void)arg;
    (void)head;
    answers++;
    answer = err;
}

static bool can_write(struct fixture *fixture, void *arg)
{
    struct sl_fence fence;
    (void)arg;
    return sl_may_write(&fixture->workers[0].pool, &fixture->shared.pools[0], &fence) == SL_MAY_WRITE;
}

static bool cannot_write(struct fixture *fixture, void *arg)
{
    return !can_write(fixture, arg);
}

static void writes_wait_until_redis_is_mended(void **state)
{
    (void)state;
    struct sl_pool_worker *w = &f->workers[0].pool;
    fake_save(f->redis);
    change(2, 1);
    wait_version(1);
    assert_true(can_write(f, NULL));
    fake_hold(f->redis, SL_OP_MEND);
    go_back();
    assert_true(fixture_until(f, cannot_write, NULL, 3000));
    fixture_for(f, 300);
    assert_false(can_write(f, NULL));
    assert_non_null(sl_update_start(w, &first()->list, 3, 1, on_updated, NULL));
    fixture_for(f, 100);
    assert_int_equal(answers, 0);
    fake_release(f->redis);
    assert_true(fixture_until(f, can_write, NULL, 3000));
    wait_version(2 + SL_MEND_JUMP);
    assert_int_equal(answers, 1);
    assert_int_equal(answer, SL_OK);
    assert_int_equal(atomic_load(&f->shared.workers_down), 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_list_that_lost_changes_is_raised),
        T(a_lost_list_is_made_again),
        T(what_fails_is_tried_again),
        T(writes_wait_until_redis_is_mended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
