/* A pool's state: which one may follow which, and what the keeper may do in each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "keeper/keeper_int.h"

#define STATES (SL_POOL_SYNCED + 1)

/* In a process of its own: a transition that is not allowed ends it. */
static bool survives(enum sl_pool_state from, enum sl_pool_state to)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct sl_kpool p = {.state.now = from};
        assert_non_null(freopen("/dev/null", "w", stderr));
        sl_keeper_change_state(&p, to);
        _exit(p.state.now == to ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void a_pool_walks_the_allowed_ways_only(void **state)
{
    (void)state;
    /* to: CLOSED, OPENING, LISTING, MENDING, SYNCED */
    static const char *const ways[STATES] = {
        [SL_POOL_CLOSED] = "xx...",  [SL_POOL_OPENING] = "x.x..", [SL_POOL_LISTING] = "xx.xx",
        [SL_POOL_MENDING] = "xx..x", [SL_POOL_SYNCED] = "xx...",
    };
    for (unsigned from = 0; from < STATES; from++)
        for (unsigned to = 0; to < STATES; to++)
            if (survives(from, to) != (ways[from][to] == 'x'))
                fail_msg("from %u to %u", from, to);
}

static void nothing_is_loaded_while_redis_may_have_lost_data(void **state)
{
    (void)state;
    struct sl_kpool p = {0};
    assert_false(sl_keeper_in_doubt(&p)); /* at the start there is nothing to compare with */
    sl_keeper_change_state(&p, SL_POOL_OPENING);
    sl_keeper_change_state(&p, SL_POOL_LISTING);
    assert_true(sl_keeper_is_readable(&p) && !sl_keeper_is_synced(&p));
    sl_keeper_change_state(&p, SL_POOL_SYNCED);
    assert_true(sl_keeper_is_synced(&p) && sl_keeper_was_synced(&p) && !sl_keeper_in_doubt(&p));
    sl_keeper_change_state(&p, SL_POOL_CLOSED);
    assert_true(sl_keeper_was_synced(&p) && sl_keeper_in_doubt(&p));
    sl_keeper_change_state(&p, SL_POOL_OPENING);
    sl_keeper_begin_check(&p);
    sl_keeper_change_state(&p, SL_POOL_LISTING);
    assert_true(sl_keeper_in_doubt(&p)); /* until all lists were compared, and restored */
    sl_keeper_change_state(&p, SL_POOL_MENDING);
    sl_keeper_end_check(&p);
    assert_false(sl_keeper_in_doubt(&p));
}

static void each_check_is_a_reading_of_its_own(void **state)
{
    (void)state;
    struct sl_kpool p = {0};
    uint32_t reading = p.state.reading;
    sl_keeper_begin_check(&p);
    assert_int_equal(p.state.reading, reading + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pool_walks_the_allowed_ways_only),
        cmocka_unit_test(nothing_is_loaded_while_redis_may_have_lost_data),
        cmocka_unit_test(each_check_is_a_reading_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
