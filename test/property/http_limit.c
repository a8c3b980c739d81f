/* The rate of a credential: against a plain bucket, and from several threads at once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/clock.h"
#include "http/limit.h"

#define S SL_NS_PER_S
#define START (1000 * S)

static struct sl_limits *limits_new(void)
{
    struct sl_limits *l = sl_xcalloc(1, sizeof *l);
    sl_random(&sl_clock_system, l->seed, sizeof l->seed);
    return l;
}

static void credential(unsigned who, uint8_t out[static SL_SHA256])
{
    memset(out, 0, SL_SHA256);
    memcpy(out, &who, sizeof who);
}

static bool take(struct sl_limits *l, unsigned who, struct sl_limit_rate rate, uint32_t n, uint64_t now,
                 uint64_t *ret_wait)
{
    uint8_t hash[SL_SHA256];
    credential(who, hash);
    return sl_limit_take(l, hash, 3, SL_LIMIT_UPDATES, rate, n, now, ret_wait);
}

static void the_burst_then_the_rate(void **state)
{
    (void)state;
    struct sl_limits *l = limits_new();
    struct sl_limit_rate rate = {.per_second = 10, .burst_ms = 1000};
    uint64_t wait = 7;
    for (unsigned i = 0; i < 10; i++)
        assert_true(take(l, 1, rate, 1, START, &wait));
    assert_int_equal(wait, 7); /* untouched */
    for (unsigned i = 0; i < 3; i++) {
        assert_false(take(l, 1, rate, 1, START, &wait)); /* what is refused changes nothing */
        assert_int_equal(wait, S / 10);
    }
    assert_true(take(l, 2, rate, 1, START, &wait)); /* another credential */
    assert_false(take(l, 1, rate, 1, START + S / 10 - 1, &wait));
    assert_int_equal(wait, 1);
    assert_true(take(l, 1, rate, 1, START + S / 10, &wait));
    assert_false(take(l, 1, rate, 3, START + S / 10, &wait));
    assert_int_equal(wait, 3 * S / 10);
    assert_true(take(l, 1, rate, 10, START + 100 * S, &wait)); /* no more than the burst is saved up */
    assert_false(take(l, 1, rate, 1, START + 100 * S, &wait));
    free(l);
}

static void what_is_larger_than_the_burst_is_paid_for_later(void **state)
{
    (void)state;
    struct sl_limits *l = limits_new();
    struct sl_limit_rate rate = {.per_second = 100, .burst_ms = 100};
    uint64_t wait;
    assert_true(take(l, 1, rate, 1000, START, &wait));
    assert_false(take(l, 1, rate, 1, START, &wait));
    assert_int_equal(wait, 10 * S - S / 10 + S / 100);
    assert_false(take(l, 1, rate, 1000, START + 10 * S - 1, &wait));
    assert_int_equal(wait, 1);
    assert_true(take(l, 1, rate, 1000, START + 10 * S, &wait));
    assert_true(take(l, 9, (struct sl_limit_rate){10000000, 1}, 10000000, START, &wait));
    assert_true(take(l, 8, (struct sl_limit_rate){1, 3600000}, 10000000, START, &wait));
    free(l);
}

static void pools_and_kinds_have_each_their_own(void **state)
{
    (void)state;
    struct sl_limits *l = limits_new();
    struct sl_limit_rate rate = {.per_second = 1, .burst_ms = 1};
    uint8_t hash[SL_SHA256];
    uint64_t wait;
    credential(1, hash);
    for (unsigned pool = 0; pool < 300; pool++)
        for (unsigned kind = 0; kind < 2; kind++) {
            assert_true(sl_limit_take(l, hash, pool, (enum sl_limit_kind)kind, rate, 1, START, &wait));
            assert_false(sl_limit_take(l, hash, pool, (enum sl_limit_kind)kind, rate, 1, START, &wait));
        }
    free(l);
}

/* A leaky bucket in plain arithmetic: its content leaves at the rate. */
static void as_a_plain_bucket(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        struct sl_limits *l = limits_new();
        struct sl_limit_rate rate = {.per_second = 1 + (uint32_t)sl_random_below(&sl_clock_system, 1000),
                                     .burst_ms = 1 + (uint32_t)sl_random_below(&sl_clock_system, 5000)};
        uint64_t now = START, full_at = START, wait;
        for (unsigned i = 0; i < 500; i++) {
            uint32_t n = 1 + (uint32_t)sl_random_below(&sl_clock_system, 20);
            now += sl_random_below(&sl_clock_system, S / 50);
            uint64_t owed = full_at > now ? full_at - now : 0;
            uint64_t cost = (n * S + rate.per_second - 1) / rate.per_second,
                     burst = rate.burst_ms * 1000000ull;
            bool right = owed == 0 || owed + cost <= burst;
            assert_true(take(l, 1, rate, n, now, &wait) == right);
            if (right) {
                full_at = now + owed + cost;
            } else {
                assert_false(take(l, 1, rate, n, now + wait - 1, &wait));
                assert_int_equal(wait, 1);
            }
        }
        free(l);
    }
}

/* Far more credentials than places: one that shares a place is held back by the other, and none gets more
 * than its own rate. */
static void when_all_places_are_taken(void **state)
{
    (void)state;
    struct sl_limits *l = limits_new();
    struct sl_limit_rate rate = {.per_second = 1, .burst_ms = 1};
    unsigned places = SL_LIMIT_SETS * SL_LIMIT_WAYS, passed = 0;
    uint64_t wait;
    for (unsigned who = 0; who < 4 * places; who++)
        passed += take(l, who, rate, 1, START, &wait);
    assert_in_range(passed, places * 3 / 4, places);
    for (unsigned who = 0; who < 4 * places; who++)
        assert_false(take(l, who, rate, 1, START, &wait));
    for (unsigned who = 7 * places; who < 7 * places + 1000;
         who++) /* their time is over: their places are free */
        assert_true(take(l, who, rate, 1, START + 2 * S, &wait));
    free(l);
}

#define THREADS 4
#define CREDENTIALS 5

struct crowd {
    struct sl_limits *l;
    struct sl_limit_rate rate;
    _Atomic uint64_t now;
    _Atomic uint64_t taken[CREDENTIALS];
    pthread_barrier_t go;
};

static void *press(void *arg)
{
    struct crowd *c = arg;
    uint64_t wait;
    pthread_barrier_wait(&c->go);
    for (unsigned i = 0; i < 20000; i++) {
        unsigned who = i % CREDENTIALS;
        uint64_t now = atomic_fetch_add(&c->now, 1000) + 1000;
        uint32_t n = 1 + i % 3;
        if (take(c->l, who, c->rate, n, now, &wait))
            atomic_fetch_add(&c->taken[who], n);
    }
    return NULL;
}

static void threads_share_one_allowance(void **state)
{
    (void)state;
    struct crowd c = {.l = limits_new(), .rate = {.per_second = 20000, .burst_ms = 10}, .now = START};
    pthread_t t[THREADS];
    uint64_t wait;
    for (unsigned who = 0; who < CREDENTIALS; who++) { /* each has its place before the crowd comes */
        assert_true(take(c.l, who, c.rate, 1, START, &wait));
        c.taken[who] = 1;
    }
    pthread_barrier_init(&c.go, NULL, THREADS);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, press, &c), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    uint64_t took_us = (c.now - START) / 1000; /* 80,000 calls, 1 us each: 80 ms, 1600 uses */
    for (unsigned who = 0; who < CREDENTIALS; who++) {
        uint64_t most = (took_us + 10000) * c.rate.per_second / 1000000 + 3;
        assert_in_range(c.taken[who], most / 2, most);
    }
    pthread_barrier_destroy(&c.go);
    free(c.l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_burst_then_the_rate),
        cmocka_unit_test(what_is_larger_than_the_burst_is_paid_for_later),
        cmocka_unit_test(pools_and_kinds_have_each_their_own),
        cmocka_unit_test(as_a_plain_bucket),
        cmocka_unit_test(when_all_places_are_taken),
        cmocka_unit_test(threads_share_one_allowance),
    };
    return cmocka_run_group_tests_name("limit", tests, NULL, NULL);
}
