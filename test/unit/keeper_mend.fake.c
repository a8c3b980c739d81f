/* A Redis that has gone back: lists are made again or raised from their last tokens, and writes wait for
 * that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "keeper/keeper_int.h"
#include "fixture.h"

static struct fixture *f;
static unsigned answers;
static enum sl_err answer;

static int begin(void **state)
{
    *state = f = fixture_new(&(struct fixture_setup){0});
    fixture_start(f);
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

/* The time for the next one has come, and it has read the change numbers. */
static void sweep(void)
{
    fixture_pass(f, SL_SWEEP_NS / SL_NS_PER_MS + 100);
    fixture_for(f, 50);
}

/* Nothing tells the keeper of a change but its sweep. */
static void wait_version(uint64_t version)
{
    if (!fixture_until(f, shows, &version, 20))
        sweep();
    assert_true(fixture_until(f, shows, &version, 5000));
}

/* Redis goes away and comes back with the data that were saved; the keeper knows later versions. */
static void go_back(void)
{
    sweep();
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
    wait_version(4);
    assert_int_equal(fake_status(f->redis, &first()->list.id, 1), 0);
    assert_int_equal(fake_status(f->redis, &first()->list.id, 2), 1);
    assert_int_equal(fake_find(f->redis, &first()->list.id)->now.state, SL_LIST_OPEN);
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
    wait_version(3);
    struct sl_buf why;
    sl_buf_init(&why, 256);
    fixture_for(f, 100);
    assert_true(sl_keeper_ready(f->keeper, &(struct sl_ready_question){.issuer = true}, &why, NULL));
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
    wait_version(2);
    assert_int_equal(fake_status(f->redis, &first()->list.id, 2), 1);
}

/* ---- two histories */

static bool mended_as(struct fixture *fixture, void *arg)
{
    return fixture_metric_label(fixture, 0, SL_KM_MENDED, *(enum sl_mended *)arg) > 0;
}

static void wait_mended(enum sl_mended what)
{
    assert_true(fixture_until(f, mended_as, &what, 5000));
}

static struct fake_pool *first_pool(void)
{
    return fake_pool(f->redis, f->names[0]);
}

/* Another instance, which has shown nothing, finds Redis first, and sets statuses: each update marks them. */
static void another_writes_first(const uint32_t *indices, unsigned n)
{
    struct sl_pool_known known = {.first = true, .random = 0x4560};
    struct sl_pool_opened opened;
    uint8_t result;
    pthread_mutex_lock(&f->redis->lock);
    fake_open(f->redis, first_pool(), &known, &opened);
    struct sl_fence fence = {opened.lineage, opened.change, true};
    for (unsigned i = 0; i < n; i++)
        fake_update(f->redis, fake_find(f->redis, &first()->list.id), &fence, -1,
                    &(struct sl_change){indices[i], 1}, 1, &result);
    pthread_mutex_unlock(&f->redis->lock);
}

static uint8_t status(uint32_t index)
{
    return fake_status(f->redis, &first()->list.id, index);
}

static bool can_write(struct fixture *fixture, void *arg)
{
    struct sl_fence fence;
    (void)arg;
    return sl_may_write(&fixture->workers[0].pool, &fixture->shared.pools[0], &fence) == SL_MAY_WRITE;
}

static void go_back_while_another_writes(const uint32_t *indices, unsigned n)
{
    sweep();
    fake_set_up(f->redis, false);
    fixture_for(f, 5);
    fake_restore(f->redis);
    another_writes_first(indices, n);
    fake_set_up(f->redis, true);
}

static void two_histories_are_joined(void **state)
{
    (void)state;
    change(1, 1);
    wait_version(1);
    fake_save(f->redis);
    change(2, 1);
    change(3, 1);
    wait_version(3);
    go_back_while_another_writes((const uint32_t[]){7, 8, 9, 10}, 4); /* its number is above ours */
    wait_mended(SL_MENDED_JOINED);
    wait_version(6);
    for (uint32_t i = 1; i <= 3; i++)
        assert_int_equal(status(i), 1);
    for (uint32_t i = 7; i <= 10; i++)
        assert_int_equal(status(i), 1);
    assert_int_equal(fixture_metric(f, 0, SL_KM_ROLLBACKS), 1);
    assert_int_equal(fake_find(f->redis, &first()->list.id)->now.state, SL_LIST_OPEN);
}

/* In the new history it was set to what the lost one had before, and is promised again. */
static void what_was_set_again_is_the_later_word(void **state)
{
    (void)state;
    change(1, 1);
    wait_version(1);
    fake_save(f->redis);
    change(1, 0);
    wait_version(2);
    go_back_while_another_writes((const uint32_t[]){1}, 1);
    wait_mended(SL_MENDED_JOINED);
    assert_int_equal(status(1), 1);
    wait_version(3);
}

/* A change as a worker of this instance makes it, which is marked. */
static void change_marked(uint32_t index)
{
    uint8_t result;
    pthread_mutex_lock(&f->redis->lock);
    struct sl_fence fence = {first_pool()->now.lineage, first_pool()->now.change, true};
    fake_update(f->redis, fake_find(f->redis, &first()->list.id), &fence, -1, &(struct sl_change){index, 1},
                1, &result);
    pthread_mutex_unlock(&f->redis->lock);
    assert_int_equal(result, SL_RESULT_CHANGED);
}

/* The data fork twice from one past: the branch of another instance, and later ours, which our token shows.
 * Redis comes back with the other's. What ours has set is told by its marks alone, and Redis has none of
 * them. */
static void a_branch_comes_back_by_the_marks_of_its_token(void **state)
{
    (void)state;
    change(1, 1);
    wait_version(1);
    fake_save(f->redis);
    fake_set_up(f->redis, false);
    fixture_for(f, 5);
    another_writes_first((const uint32_t[]){7}, 1);
    fake_change_over(f->redis);
    fixture_pass(f, 10); /* ours is the later one */
    fake_set_up(f->redis, true);
    assert_true(fixture_until(f, can_write, NULL, 3000));
    change_marked(2);
    wait_version(2);
    fake_set_up(f->redis, false);
    fixture_for(f, 5);
    fake_change_over(f->redis);
    fake_set_up(f->redis, true);
    wait_mended(SL_MENDED_JOINED);
    wait_version(3);
    assert_true(status(1) == 1 && status(2) == 1 && status(7) == 1);
}

static bool has_moved(struct fixture *fixture, void *arg)
{
    (void)fixture;
    (void)arg;
    return shown() != 2;
}

static void pass_marks(void)
{
    fixture_pass(f, SL_MARKS_FORK_MS + 1000);
    fixture_for(f, 20);
}

/* Redis lost what was shown last, another instance went on, and the marks for a join have ended. */
static void lose_a_branch_for_long(void)
{
    change(1, 1);
    wait_version(1);
    fake_save(f->redis);
    change(2, 1);
    wait_version(2);
    fake_set_up(f->redis, false);
    fixture_for(f, 5);
    fake_restore(f->redis);
    another_writes_first((const uint32_t[]){7}, 1);
    another_writes_first((const uint32_t[]){8}, 1);
    pass_marks();
}

static void what_comes_too_late_is_given_up_once(void **state)
{
    (void)state;
    lose_a_branch_for_long();
    fake_set_up(f->redis, true);
    wait_mended(SL_MENDED_LATE);
    assert_int_equal(fixture_metric(f, 0, SL_KM_MENDED_LATE), 1);
    wait_version(4);
    assert_true(status(1) == 1 && status(2) == 0 && status(7) == 1 && status(8) == 1);
    assert_false(first()->memory.given_up); /* what is shown now is what Redis has */
    uint64_t loads = fake_count(f->redis, SL_OP_LOAD);
    sweep();
    assert_int_equal(fake_count(f->redis, SL_OP_LOAD), loads);
    assert_int_equal(fixture_metric(f, 0, SL_KM_MENDED_LATE), 1);
}

/* Redis goes back once more, before the state that was given up for has been shown: that one is remembered,
 * and nothing older is taken in its place. */
static void what_was_joined_too_late_is_remembered(void **state)
{
    (void)state;
    lose_a_branch_for_long();
    fake_hold(f->redis, SL_OP_LOAD);
    fake_set_up(f->redis, true);
    wait_mended(SL_MENDED_LATE);
    assert_true(first()->memory.given_up);
    fake_set_up(f->redis, false);
    fixture_for(f, 5);
    fake_restore(f->redis);
    fake_release(f->redis);
    fake_set_up(f->redis, true);
    assert_true(fixture_until(f, has_moved, NULL, 5000));
    assert_int_equal(shown(), 3);
    assert_int_equal(fixture_metric_label(f, 0, SL_KM_MENDED, SL_MENDED_RAISED), 1);
}

/* What is shown fell out of the line: no state of Redis contains it any more, and it is given up once. */
static void what_fell_out_of_the_line_is_given_up_once(void **state)
{
    (void)state;
    change(1, 1);
    wait_version(1);
    fake_save(f->redis);
    change(2, 1);
    wait_version(2);
    fake_set_up(f->redis, false);
    fixture_for(f, 5);
    fake_restore(f->redis);
    for (uint32_t i = 0; i <= SL_LINE_MAX; i++)
        another_writes_first((const uint32_t[]){7 + i}, 1);
    fake_set_up(f->redis, true);
    wait_mended(SL_MENDED_LATE);
    assert_true(fixture_until(f, has_moved, NULL, 5000));
    sweep();
    assert_int_equal(fixture_metric(f, 0, SL_KM_MENDED_LATE), 1);
    assert_true(status(1) == 1 && status(2) == 0 && status(7) == 1);
}

/* ---- what it costs */

static void a_restart_that_loses_nothing_costs_nothing(void **state)
{
    (void)state;
    change(1, 1);
    wait_version(1);
    sweep();
    const struct sl_token *shown_before = sl_list_token(&first()->list);
    uint64_t loads = fake_count(f->redis, SL_OP_LOAD), ready = sl_ring_fill(f->shared.pools[0].ring);
    struct sl_lineage before = sl_pool_history(&f->shared.pools[0])->lineage;
    fake_set_up(f->redis, false);
    fixture_for(f, 5);
    fake_new_epoch(f->redis);
    fake_set_up(f->redis, true);
    fixture_for(f, 100);
    assert_true(sl_keeper_is_synced(&f->keeper->pools[0]));
    assert_false(sl_lineage_equal(sl_pool_history(&f->shared.pools[0])->lineage, before));
    assert_true(f->keeper->pools[0].state.reading > 0); /* all lists were compared */
    assert_ptr_equal(sl_list_token(&first()->list), shown_before);
    assert_int_equal(fake_count(f->redis, SL_OP_LOAD), loads);
    assert_int_equal(sl_ring_fill(f->shared.pools[0].ring), ready);
    assert_int_equal(fake_find(f->redis, &first()->list.id)->now.state, SL_LIST_OPEN);
    assert_int_equal(fixture_metric(f, 0, SL_KM_ROLLBACKS), 0);
}

static void marks_are_kept_as_long_as_they_can_be_used(void **state)
{
    (void)state;
    another_writes_first((const uint32_t[]){3}, 1);
    wait_version(1);
    assert_non_null(first()->memory.shown);
    fixture_pass(f, SL_MARKS_START_MS + 3600000 + 1000);
    fixture_for(f, 100);
    assert_null(first()->memory.shown);
}

static void a_history_that_changes_meanwhile_is_opened_anew(void **state)
{
    (void)state;
    fake_save(f->redis);
    change(2, 1);
    wait_version(1);
    fake_fail(f->redis, SL_OP_MEND, 1, SL_ERR_HISTORY);
    go_back();
    wait_version(2);
    assert_int_equal(status(2), 1);
    assert_int_equal(fixture_metric_label(f, 0, SL_KM_HISTORIES, SL_DRAWN_LIST - 1), 1);
}

/* ---- many lists, many pools */

static void many_spares(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->precreation_lists = 50;
}

static bool all_shown(struct fixture *fixture, void *arg)
{
    (void)arg;
    uint32_t n = sl_table_count(fixture->shared.table);
    for (uint32_t i = 0; i < n; i++)
        if (sl_list_token(sl_table_at(fixture->shared.table, i)) == NULL)
            return false;
    return n > 50;
}

static bool all_mended(struct fixture *fixture, void *arg)
{
    (void)arg;
    return fixture_metric_label(fixture, 0, SL_KM_MENDED, SL_MENDED_NEW) >
               fixture->options[0].precreation_lists &&
           sl_keeper_is_synced(&fixture->keeper->pools[0]);
}

/* More lists than lines of one kind that the log takes at once. */
static void the_log_names_every_list(void **state)
{
    fixture_end(f);
    *state = f = fixture_new(&(struct fixture_setup){.configure = many_spares});
    assert_true(fixture_until(f, all_shown, NULL, 5000));
    fake_save(f->redis);
    first_pool()->saved.lists = 0;
    FILE *log = tmpfile();
    int stderr_before = dup(2);
    assert_true(log != NULL && stderr_before >= 0 && dup2(fileno(log), 2) == 2);
    sl_log_set_level(SL_WARN);
    go_back();
    bool mended = fixture_until(f, all_mended, NULL, 5000);
    sl_log_set_level(SL_ERROR + 1);
    assert_true(dup2(stderr_before, 2) == 2);
    close(stderr_before);
    assert_true(mended);
    static char text[200000];
    rewind(log);
    text[fread(text, 1, sizeof text - 1, log)] = '\0';
    fclose(log);
    for (uint32_t i = 0; i < sl_table_count(f->shared.table); i++) {
        char id[SL_UUID_TEXT + 1] = "";
        sl_uuid_text(&sl_table_at(f->shared.table, i)->id, id);
        const char *line = strstr(text, "lists that redis had lost were made again from their last tokens");
        if (fake_find(f->redis, &sl_table_at(f->shared.table, i)->id)->now.state == SL_LIST_SEALED)
            assert_true(line != NULL && strstr(line, id) != NULL);
    }
}

static bool has_tried_twice(struct fixture *fixture, void *arg)
{
    (void)arg;
    return fake_count(fixture->redis, SL_OP_MEND) >= 2;
}

static void a_pool_that_cannot_be_mended_holds_up_no_other(void **state)
{
    fixture_end(f);
    *state = f = fixture_new(&(struct fixture_setup){.pools = 2});
    fixture_start(f);
    fake_save(f->redis);
    fake_change(f->redis, &first()->list.id, 2, 1);
    wait_version(1);
    struct sl_pool *mine = first()->list.pool, *other = &f->shared.pools[mine->number == 0];
    fake_fail(f->redis, SL_OP_MEND, 1000, SL_ERR_UNAVAILABLE);
    go_back();
    sweep();
    sweep();
    assert_true(fixture_until(f, has_tried_twice, NULL, 10000)); /* by a sweep */
    assert_null(sl_pool_history(mine));
    assert_non_null(sl_pool_history(other));
    assert_true(sl_keeper_is_synced(&f->keeper->pools[other->number]));
    fake_fail(f->redis, SL_OP_MEND, 0, SL_OK);
    wait_version(2);
    assert_non_null(sl_pool_history(mine));
}

static void on_updated(void *arg, enum sl_err err, struct sl_head head)
{
    (void)arg;
    (void)head;
    answers++;
    answer = err;
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
    wait_version(3);
    assert_int_equal(answers, 1);
    assert_int_equal(answer, SL_OK);
    assert_int_equal(atomic_load(&f->shared.workers_down), 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_list_that_lost_changes_is_raised),
        T(a_lost_list_is_made_again),
        T(what_fails_is_tried_again),
        T(two_histories_are_joined),
        T(what_was_set_again_is_the_later_word),
        T(a_branch_comes_back_by_the_marks_of_its_token),
        T(what_comes_too_late_is_given_up_once),
        T(what_was_joined_too_late_is_remembered),
        T(what_fell_out_of_the_line_is_given_up_once),
        T(a_restart_that_loses_nothing_costs_nothing),
        T(marks_are_kept_as_long_as_they_can_be_used),
        T(a_history_that_changes_meanwhile_is_opened_anew),
        T(the_log_names_every_list),
        T(a_pool_that_cannot_be_mended_holds_up_no_other),
        T(writes_wait_until_redis_is_mended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
