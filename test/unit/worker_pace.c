/* When a flush leaves: a simulated thread and a simulated Redis, with the costs that the test gives them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "worker/pace.h"

#define US 1000ull

/* Clients in a closed loop: each comes again `think` after its answer. One thread that spends `cost` on a
 * request, half at its arrival and half at its answer; a Redis that takes fixed + n * each for a flush. */
struct fixture {
    struct sl_pace pace;
    unsigned clients, seed;
    uint64_t cost, fixed, each, think;
    /* state */
    uint64_t now, cpu, timer, redis_free, rtt;
    uint64_t arrivals[1024]; /* ascending: when the next requests come */
    unsigned coming, pending;
    uint64_t replies[SL_PACE_FLIGHTS], sent[SL_PACE_FLIGHTS];
    uint32_t carried[SL_PACE_FLIGHTS];
    /* results */
    uint64_t answered, flushes, overlapped;
};

static void spend(struct fixture *w, uint64_t ns)
{
    w->now += ns;
    w->cpu += ns;
}

static void come_back(struct fixture *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint64_t t = w->now + (w->seed == 0 ? w->think : (uint64_t)rand_r(&w->seed) % (2 * w->think + 1));
        unsigned at = w->coming++;
        for (; at > 0 && w->arrivals[at - 1] > t; at--)
            w->arrivals[at] = w->arrivals[at - 1];
        w->arrivals[at] = t;
    }
}

static void act(struct fixture *w, enum sl_pace_step step)
{
    if (step == SL_PACE_TIMER)
        w->timer = w->now + sl_pace_wait_ns(&w->pace, w->now, w->rtt);
    if (step != SL_PACE_SEND)
        return;
    unsigned at = w->pace.in_flight;
    uint64_t from = w->redis_free > w->now ? w->redis_free : w->now;
    assert_true(w->pending > 0);
    w->timer = 0;
    w->carried[at] = w->pending;
    w->sent[at] = w->now;
    w->replies[at] = w->redis_free = from + w->fixed + w->pending * w->each;
    sl_pace_sent(&w->pace, w->pending, w->now);
    w->overlapped += at > 0;
    w->pending = 0;
    w->flushes++;
}

static void reply(struct fixture *w)
{
    unsigned n = w->carried[0];
    uint64_t took = w->now - w->sent[0];
    w->rtt = w->rtt == 0 ? took : w->rtt - w->rtt / 8 + took / 8;
    spend(w, n * w->cost / 2);
    come_back(w, n);
    w->answered += n;
    w->carried[0] = w->carried[1];
    w->replies[0] = w->replies[1];
    w->sent[0] = w->sent[1];
    act(w, sl_pace_replied(&w->pace, w->pending, w->now, w->cpu, w->rtt));
}

static void arrive(struct fixture *w)
{
    memmove(w->arrivals, w->arrivals + 1, --w->coming * sizeof w->arrivals[0]);
    spend(w, w->cost / 2);
    w->pending++;
    act(w, sl_pace_arrived(&w->pace, w->pending));
}

/* The thread does what is due first, and idles until something is due. */
static void run(struct fixture *w, uint64_t ns)
{
    w->now = w->cpu = 1000 * US; /* no real clock begins at nought */
    uint64_t end = w->now + ns;
    come_back(w, w->clients);
    while (w->now < end) {
        uint64_t none = UINT64_MAX, a = w->coming > 0 ? w->arrivals[0] : none;
        uint64_t r = w->pace.in_flight > 0 ? w->replies[0] : none, t = w->timer > 0 ? w->timer : none;
        uint64_t first = a < r ? a : r;
        first = first < t ? first : t;
        assert_true(first != none); /* a request waits for ever */
        if (first > w->now)
            w->now = first;
        if (first == r) {
            reply(w);
        } else if (first == a) {
            arrive(w);
        } else {
            w->timer = 0;
            if (sl_pace_expired(&w->pace, w->pending))
                act(w, SL_PACE_SEND);
        }
    }
}

static double per_second(const struct fixture *w, uint64_t ns)
{
    return (double)w->answered * 1e9 / (double)ns;
}

static void lone_client_never_waits(void **state)
{
    (void)state;
    struct fixture w = {.clients = 1, .cost = 20 * US, .fixed = 2000 * US, .each = US, .think = 50 * US};
    run(&w, SL_NS_PER_S);
    assert_int_equal(w.flushes, w.answered + w.pace.in_flight);
    assert_int_equal(w.overlapped, 0);
    assert_true(per_second(&w, SL_NS_PER_S) > 1e9 / (2071 * US) - 2);
}

/* A sync of 2 ms: all clients share each. */
static void slow_disk_carries_all_in_one(void **state)
{
    (void)state;
    struct fixture w = {.clients = 100, .cost = 12 * US, .fixed = 2200 * US, .each = US, .think = 30 * US};
    run(&w, 2 * SL_NS_PER_S);
    assert_true(w.answered / w.flushes >= 95);
    assert_true(w.overlapped < w.flushes / 50);
}

/* However unevenly they come back. */
static void slow_disk_carries_nearly_all_in_one(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 20; seed++) {
        struct fixture w = {.clients = 100,
                            .cost = 12 * US,
                            .fixed = 2200 * US,
                            .each = US,
                            .think = 40 * US * seed,
                            .seed = seed};
        run(&w, 2 * SL_NS_PER_S);
        assert_true(w.answered / w.flushes >= 70);
        assert_true(w.overlapped < w.flushes / 10);
    }
}

/* A quick disk: the thread is what limits, so it never waits for Redis. */
static void quick_disk_overlaps(void **state)
{
    (void)state;
    struct fixture w = {.clients = 100, .cost = 12 * US, .fixed = 200 * US, .each = 2 * US, .think = 30 * US};
    run(&w, 2 * SL_NS_PER_S);
    assert_true(w.overlapped > w.flushes / 3);
    double limit = 1e9 / (double)(12 * US);
    assert_true(per_second(&w, 2 * SL_NS_PER_S) > 0.9 * limit);
    assert_true(w.answered / w.flushes >= 30); /* and still many share a sync */
}

/* From quick to slow and back: the mode follows. */
static void mode_follows_the_disk(void **state)
{
    (void)state;
    struct fixture w = {.clients = 60, .cost = 15 * US, .fixed = 150 * US, .each = US, .think = 20 * US};
    run(&w, SL_NS_PER_S);
    assert_true(w.pace.overlap);
    struct fixture slow = {.clients = 60, .cost = 15 * US, .fixed = 3000 * US, .each = US, .think = 20 * US};
    slow.pace = w.pace; /* what it has learned, and nothing in flight */
    slow.pace.in_flight = 0;
    slow.pace.last_cpu_ns = slow.pace.last_reply_ns = 0;
    run(&slow, SL_NS_PER_S);
    assert_false(slow.pace.overlap);
    struct fixture quick = {.clients = 60, .cost = 15 * US, .fixed = 150 * US, .each = US, .think = 20 * US};
    quick.pace = slow.pace;
    quick.pace.in_flight = 0;
    quick.pace.last_cpu_ns = quick.pace.last_reply_ns = 0;
    run(&quick, SL_NS_PER_S);
    assert_true(quick.pace.overlap);
}

/* Whatever the costs are: every request is served (run() asserts that none waits for ever), at no lower rate
 * than one request at a time would reach. */
static void nobody_starves(void **state)
{
    (void)state;
    unsigned seed = 7;
    for (unsigned i = 0; i < 300; i++) {
        struct fixture w = {.clients = 1 + (unsigned)rand_r(&seed) % 200,
                            .cost = (1 + (uint64_t)rand_r(&seed) % 60) * US,
                            .fixed = (20 + (uint64_t)rand_r(&seed) % 3000) * US,
                            .each = (uint64_t)rand_r(&seed) % (5 * US),
                            .think = (uint64_t)rand_r(&seed) % 2000 * US};
        run(&w, SL_NS_PER_S);
        double alone = 1e9 / (double)(w.cost + w.fixed + w.each + w.think);
        assert_true(per_second(&w, SL_NS_PER_S) > 0.8 * alone - w.clients);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lone_client_never_waits),
        cmocka_unit_test(slow_disk_carries_all_in_one),
        cmocka_unit_test(slow_disk_carries_nearly_all_in_one),
        cmocka_unit_test(quick_disk_overlaps),
        cmocka_unit_test(mode_follows_the_disk),
        cmocka_unit_test(nobody_starves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
