/* The heap of timers against a naive model, and the contract of timers on a loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "loop/loop.h"
#include "loop/timers.h"

#define COUNT 300

/* A clock that a test owns: virtual monotonic time, and randomness that a seed repeats. */
struct fake_clock {
    uint64_t now_ns, state;
};

static uint64_t fake_mono(void *arg)
{
    return ((struct fake_clock *)arg)->now_ns;
}

static uint32_t draw(struct fake_clock *c, uint32_t bound)
{
    c->state = c->state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((c->state >> 33) % bound);
}

/* ---- the heap against a list that is searched ---- */

struct model {
    struct sl_timers heap;
    struct sl_timer timers[COUNT];
    uint32_t running;
};

static uint64_t earliest(const struct model *m)
{
    uint64_t due = UINT64_MAX;
    for (unsigned i = 0; i < COUNT; i++)
        if (sl_timer_running(&m->timers[i]) && m->timers[i].due_ns < due)
            due = m->timers[i].due_ns;
    return due;
}

static void check(const struct model *m)
{
    const struct sl_timer *first = sl_timers_first(&m->heap);
    assert_int_equal(m->heap.count, m->running);
    if (m->running == 0)
        assert_null(first);
    else
        assert_true(first->due_ns == earliest(m));
    for (uint32_t at = 2; at <= m->heap.count; at++) {
        assert_true(m->heap.heap[at / 2]->due_ns <= m->heap.heap[at]->due_ns);
        assert_int_equal(m->heap.heap[at]->position, at);
    }
}

static void step(struct model *m, struct fake_clock *c)
{
    const struct sl_clock clock = {.mono_ns = fake_mono, .arg = c};
    struct sl_timer *t = &m->timers[draw(c, COUNT)];
    if (draw(c, 3) == 0) {
        /* Time passes: whatever is due leaves in order. */
        c->now_ns += draw(c, 40);
        for (uint64_t last = 0; m->running > 0 && sl_timers_first(&m->heap)->due_ns <= sl_mono_ns(&clock);) {
            struct sl_timer *due = sl_timers_first(&m->heap);
            assert_true(due->due_ns >= last && due->due_ns == earliest(m));
            last = due->due_ns;
            sl_timers_remove(&m->heap, due);
            m->running--;
        }
    } else if (sl_timer_running(t)) {
        sl_timers_remove(&m->heap, t);
        m->running--;
    } else {
        t->due_ns = sl_mono_ns(&clock) + draw(c, 1000); /* few values, so that many are equal */
        sl_timers_insert(&m->heap, t);
        m->running++;
    }
}

static void heap_equals_a_list_that_is_searched(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct model m = {0};
        struct fake_clock c = {.state = seed};
        for (unsigned i = 0; i < 8000; i++) {
            step(&m, &c);
            if (i % 16 == 0)
                check(&m);
        }
        check(&m);
        sl_timers_free(&m.heap);
    }
}

/* ---- on a loop ---- */

struct bell {
    struct sl_loop *loop;
    struct sl_timer timer;
    struct sl_timer *stops;
    unsigned rung, again;
    uint64_t started_ns, delay_ns;
    uint64_t *last_due;
};

static void ring(void *arg)
{
    struct bell *b = arg;
    uint64_t now = sl_mono_ns(&sl_clock_system);
    assert_true(now >= b->started_ns + b->delay_ns);
    assert_false(sl_timer_running(&b->timer));
    b->rung++;
    if (b->last_due != NULL) {
        assert_true(b->timer.due_ns >= *b->last_due);
        *b->last_due = b->timer.due_ns;
    }
    if (b->stops != NULL)
        sl_timer_stop(b->loop, b->stops);
    if (b->again > 0) {
        b->again--;
        b->started_ns = now;
        sl_timer_start(b->loop, &b->timer, b->delay_ns);
        assert_true(sl_timer_running(&b->timer));
    }
}

static void start(struct bell *b, struct sl_loop *l, uint64_t delay_ns)
{
    b->loop = l;
    b->started_ns = sl_mono_ns(&sl_clock_system);
    b->delay_ns = delay_ns;
    sl_timer_init(&b->timer, ring, b);
    sl_timer_start(l, &b->timer, delay_ns);
}

static void turn_for(struct sl_loop *l, uint64_t ns)
{
    for (uint64_t end = sl_mono_ns(&sl_clock_system) + ns; sl_mono_ns(&sl_clock_system) < end;)
        sl_loop_turn(l, 1);
}

static void timers_fire_in_order_of_their_due_time(void **state)
{
    (void)state;
    struct sl_loop *l = sl_loop_new(&sl_clock_system);
    struct bell *bells = calloc(COUNT, sizeof *bells);
    struct fake_clock c = {.state = 7};
    uint64_t last_due = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        bells[i].last_due = &last_due;
        start(&bells[i], l, draw(&c, 30 * SL_NS_PER_MS));
    }
    turn_for(l, 50 * SL_NS_PER_MS);
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(bells[i].rung, 1);
    free(bells);
    sl_loop_free(l);
}

static void timer_restarts_in_its_own_callback(void **state)
{
    (void)state;
    struct sl_loop *l = sl_loop_new(&sl_clock_system);
    struct bell at_once = {.again = 3}, later = {.again = 2};
    start(&at_once, l, 0);
    assert_int_equal(at_once.rung, 0); /* never inside the call */
    start(&later, l, 2 * SL_NS_PER_MS);
    for (unsigned i = 0; i < 100 && later.rung < 3; i++) /* a busy machine takes its time */
        turn_for(l, 20 * SL_NS_PER_MS);
    turn_for(l, 20 * SL_NS_PER_MS);
    assert_int_equal(at_once.rung, 4);
    assert_int_equal(later.rung, 3);
    sl_loop_free(l);
}

static void timer_stopped_by_another_of_the_same_moment_does_not_fire(void **state)
{
    (void)state;
    struct sl_loop *l = sl_loop_new(&sl_clock_system);
    struct bell first = {0}, second = {0};
    start(&first, l, SL_NS_PER_MS);
    start(&second, l, SL_NS_PER_MS);
    first.stops = &second.timer;
    second.stops = &first.timer;
    turn_for(l, 10 * SL_NS_PER_MS);
    assert_int_equal(first.rung + second.rung, 1);
    sl_timer_stop(l, &first.timer); /* idempotent */
    sl_loop_free(l);
}

static void starting_again_replaces_the_due_time(void **state)
{
    (void)state;
    struct sl_loop *l = sl_loop_new(&sl_clock_system);
    struct bell b = {0};
    start(&b, l, 2 * SL_NS_PER_MS);
    b.delay_ns = 30 * SL_NS_PER_MS;
    sl_timer_start(l, &b.timer, b.delay_ns);
    turn_for(l, 10 * SL_NS_PER_MS);
    assert_int_equal(b.rung, 0);
    sl_timer_start(l, &b.timer, 0);
    b.delay_ns = 0;
    turn_for(l, 10 * SL_NS_PER_MS);
    assert_int_equal(b.rung, 1);
    turn_for(l, 30 * SL_NS_PER_MS);
    assert_int_equal(b.rung, 1);
    sl_loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heap_equals_a_list_that_is_searched),
        cmocka_unit_test(timers_fire_in_order_of_their_due_time),
        cmocka_unit_test(timer_restarts_in_its_own_callback),
        cmocka_unit_test(timer_stopped_by_another_of_the_same_moment_does_not_fire),
        cmocka_unit_test(starting_again_replaces_the_due_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
