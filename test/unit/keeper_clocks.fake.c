/* A wall clock that jumps: what tokens say meanwhile, when it is believed, and what happens to tokens that
 * were signed by a clock that was wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "fixture.h"
#include "keeper/keeper_int.h"

#define TEN_DAYS_MS 864000000
#define DAYS(n) ((n)*86400000ll)

static struct fixture *new_house(void)
{
    struct fixture *f = fixture_new(&(struct fixture_setup){.steady = true});
    fixture_start(f);
    return f;
}

static struct sl_list *first_list(struct fixture *f)
{
    return sl_table_at(f->shared.table, 0);
}

static int64_t now_s(struct fixture *f)
{
    return sl_wall_ms(&f->steady.clock) / 1000;
}

static uint64_t steps(struct fixture *f, enum sl_clock_step what)
{
    return atomic_load(&f->clock_metrics->cells[f->clock_metrics->first[SL_CLOCK_M_STEPS] + what]);
}

static bool doubted(struct fixture *f, void *arg)
{
    (void)arg;
    return f->keeper->clocks.doubted;
}

static bool believed(struct fixture *f, void *arg)
{
    return steps(f, SL_CLOCK_BELIEVED) >= *(uint64_t *)arg && !f->keeper->clocks.doubted;
}

/* The clocks of Redis and of this machine, which a test moves apart: the fake's Redis follows the machine's.
 */
static void set_clocks(struct fixture *f, int64_t wall_ms, int64_t redis_ms)
{
    atomic_store(&f->redis->clock_ms, redis_ms - wall_ms);
    atomic_store(&f->wall_step_ms, wall_ms);
}

static bool has_version(struct fixture *f, void *arg)
{
    const struct sl_token *t = sl_list_token(first_list(f));
    return t != NULL && t->version >= *(uint64_t *)arg;
}

static void update_first(struct fixture *f)
{
    uint64_t next = sl_list_token(first_list(f))->version + 1;
    fake_change(f->redis, &first_list(f)->id, (uint32_t)next, 1);
    assert_true(fixture_until(f, has_version, &next, 5000));
}

static bool none_from_future(struct fixture *f, void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < sl_table_count(f->shared.table); i++)
        if (sl_shown_token(&f->shared, sl_table_at(f->shared.table, i), now_s(f)) == NULL)
            return false;
    return true;
}

static bool detail_has(struct fixture *f, const char *text)
{
    char memory[512];
    struct sl_buf b;
    sl_buf_over(&b, memory, sizeof memory - 1);
    sl_keeper_put_detail(f->keeper, &b);
    memory[b.len] = '\0';
    return strstr(memory, text) != NULL;
}

/* The clock is wrong for some seconds, as with a bad time server: no token ever says so. */
static void a_short_jump_changes_nothing(void **state)
{
    (void)state;
    struct fixture *f = new_house();
    const int64_t jumps[] = {TEN_DAYS_MS, -TEN_DAYS_MS, 5000, -5000};
    for (unsigned i = 0; i < 4; i++) {
        set_clocks(f, jumps[i], 0);
        assert_true(fixture_until(f, doubted, NULL, 5000));
        assert_true(detail_has(f, "clock: the wall clock jumped by "));
        update_first(f);
        const struct sl_token *t = sl_list_token(first_list(f));
        assert_in_range(t->iat, now_s(f) - 5, now_s(f));
        assert_int_equal(t->exp, t->iat + 3600);
        set_clocks(f, 0, 0);
        assert_true(fixture_until(f, believed, &(uint64_t){0}, 5000));
        assert_false(detail_has(f, "clock"));
    }
    assert_int_equal(steps(f, SL_CLOCK_SEEN), 4);
    assert_int_equal(steps(f, SL_CLOCK_BELIEVED), 0);
    fixture_end(f);
}

/* Redis on the same machine has jumped as well: it is no witness. */
static void a_step_of_both_clocks_has_to_stand_for_a_minute(void **state)
{
    (void)state;
    struct fixture *f = new_house();
    int64_t before = now_s(f);
    set_clocks(f, DAYS(1), DAYS(1));
    assert_true(fixture_until(f, doubted, NULL, 5000));
    update_first(f);
    assert_in_range(sl_list_token(first_list(f))->iat, before, before + 60);
    fixture_for(f, 4200); /* Redis' clock has been read twice since */
    assert_true(f->keeper->clocks.doubted);
    fixture_pass(f, 58000);
    assert_true(fixture_until(f, believed, &(uint64_t){1}, 5000));
    assert_true(now_s(f) >= before + 86400);
    update_first(f);
    assert_true(sl_list_token(first_list(f))->iat >= before + 86400);
    fixture_end(f);
}

/* A clock that runs away is never believed, however long it does so. */
static void a_clock_that_creeps_is_not_believed(void **state)
{
    (void)state;
    struct fixture *f = new_house();
    for (unsigned i = 1; i <= 5; i++) {
        set_clocks(f, i * 5000, 0);
        fixture_pass(f, 55000);
        fixture_for(f, 20);
    }
    assert_true(fixture_until(f, doubted, NULL, 5000));
    assert_int_equal(steps(f, SL_CLOCK_BELIEVED), 0);
    set_clocks(f, 0, 0);
    fixture_end(f);
}

static bool redis_is_behind(struct fixture *f, void *arg)
{
    (void)arg;
    return detail_has(f, " ms behind ours");
}

/* The machine began with a wrong clock, ten days ahead, and is put right: Redis, which was right all along,
 * says so, and no token from the future is shown from then on. */
static void a_correction_that_redis_confirms_is_believed_at_once(void **state)
{
    (void)state;
    struct fixture *f = new_house();
    uint64_t one = 1;
    atomic_store(&f->redis->clock_ms, -TEN_DAYS_MS);
    assert_true(fixture_until(f, redis_is_behind, NULL, 5000));
    int64_t wrong = now_s(f);
    atomic_store(&f->redis->clock_ms, 0);
    atomic_store(&f->wall_step_ms, -TEN_DAYS_MS);
    assert_true(fixture_until(f, believed, &one, 5000));
    assert_true(now_s(f) < wrong - 863000);
    assert_null(sl_shown_token(&f->shared, first_list(f), now_s(f)));
    assert_true(fixture_until(f, none_from_future, NULL, 5000));
    assert_in_range(sl_list_token(first_list(f))->iat, now_s(f) - 10, now_s(f));
    assert_false(detail_has(f, "clock"));
    fixture_end(f);
}

static unsigned shown;

static void on_token(void *arg, enum sl_err err)
{
    struct fixture *f = arg;
    shown += err == SL_OK && sl_shown_token(&f->shared, first_list(f), now_s(f)) != NULL;
}

static bool was_shown(struct fixture *f, void *arg)
{
    (void)f;
    (void)arg;
    return shown > 0;
}

/* A request for a list whose token is from the future waits for the next one, as if there were none. */
static void a_request_waits_for_a_token_of_the_present(void **state)
{
    (void)state;
    struct fixture *f = new_house();
    shown = 0;
    fake_hold(f->redis, SL_OP_LOAD);
    set_clocks(f, -TEN_DAYS_MS, -TEN_DAYS_MS);
    sl_steady_believe(&f->steady);
    fixture_for(f, 50);
    assert_null(sl_shown_token(&f->shared, first_list(f), now_s(f)));
    sl_wait_token(&f->workers[0].pool, first_list(f), on_token, f);
    fixture_for(f, 50);
    assert_int_equal(shown, 0);
    struct sl_buf why;
    sl_buf_init(&why, 1024);
    assert_false(sl_keeper_ready(f->keeper, &(struct sl_ready_question){.issuer = false}, &why, NULL));
    sl_buf_free(&why);
    fake_release(f->redis);
    assert_true(fixture_until(f, was_shown, NULL, 5000));
    fixture_end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_jump_changes_nothing),
        cmocka_unit_test(a_step_of_both_clocks_has_to_stand_for_a_minute),
        cmocka_unit_test(a_clock_that_creeps_is_not_believed),
        cmocka_unit_test(a_correction_that_redis_confirms_is_believed_at_once),
        cmocka_unit_test(a_request_waits_for_a_token_of_the_present),
    };
    return cmocka_run_group_tests_name("keeper clocks", tests, NULL, NULL);
}
