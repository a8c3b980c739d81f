/* A wall clock that follows the monotonic one until the system's is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/steady.h"

static struct {
    uint64_t mono_ns;
    int64_t wall_ms;
    uint8_t random;
} machine;

static uint64_t mono(void *arg)
{
    (void)arg;
    return machine.mono_ns;
}

static int64_t wall(void *arg)
{
    (void)arg;
    return machine.wall_ms;
}

static void chance(void *arg, void *out, size_t n)
{
    (void)arg;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)out)[i] = machine.random;
}

static const struct sl_clock under = {mono, wall, chance, NULL};

static void pass(int64_t ms)
{
    machine.mono_ns += (uint64_t)ms * SL_NS_PER_MS;
    machine.wall_ms += ms;
}

static void a_step_is_not_seen_before_it_is_believed(void **state)
{
    (void)state;
    struct sl_steady s;
    machine.mono_ns = 7 * SL_NS_PER_S;
    machine.wall_ms = 1700000000000;
    sl_steady_init(&s, &under);
    assert_true(sl_wall_ms(&s.clock) == 1700000000000);
    pass(1500);
    assert_true(sl_wall_ms(&s.clock) == 1700000001500);
    assert_true(sl_mono_ns(&s.clock) == 8 * SL_NS_PER_S + SL_NS_PER_S / 2);
    machine.wall_ms += 864000000; /* ten days ahead */
    pass(500);
    assert_true(sl_wall_ms(&s.clock) == 1700000002000);
    assert_true(sl_steady_step_ms(&s) == 864000000);
    sl_steady_believe(&s);
    assert_true(sl_wall_ms(&s.clock) == 1700864002000);
    assert_true(sl_steady_step_ms(&s) == 0);
    machine.wall_ms -= 864000000; /* and back */
    pass(1000);
    assert_true(sl_wall_ms(&s.clock) == 1700864003000);
    assert_true(sl_steady_step_ms(&s) == -864000000);
    sl_steady_believe(&s);
    assert_true(sl_wall_ms(&s.clock) == 1700000003000);
}

static void chance_is_that_of_the_system(void **state)
{
    (void)state;
    struct sl_steady s;
    uint8_t bytes[3] = {0};
    machine.random = 42;
    sl_steady_init(&s, &under);
    sl_random(&s.clock, bytes, sizeof bytes);
    assert_true(bytes[0] == 42 && bytes[2] == 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_not_seen_before_it_is_believed),
        cmocka_unit_test(chance_is_that_of_the_system),
    };
    return cmocka_run_group_tests_name("base steady", tests, NULL, NULL);
}
