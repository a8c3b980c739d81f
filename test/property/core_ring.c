/* The ring: nothing lost, nothing twice, in order, with others moving at every point of a pop. Orders
 * that look right and are not go through the same checks and must be caught by them. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Runs before each atomic step of the ring's own code, which is included here with these names in between. */
struct meddler {
    void (*step)(void *arg);
    void *arg;
};
static _Thread_local struct meddler meddler;

static void meddle(void)
{
    if (meddler.step != NULL)
        meddler.step(meddler.arg);
}

#ifdef __clang__
#define LOAD(at, order) __c11_atomic_load((at), (order))
#define STORE(at, value, order) __c11_atomic_store((at), (value), (order))
#define CAS(at, expected, value, yes, no)                                                                    \
    __c11_atomic_compare_exchange_strong((at), (expected), (value), (yes), (no))
#else
#define LOAD(at, order) __atomic_load_n((at), (order))
#define STORE(at, value, order) __atomic_store_n((at), (value), (order))
#define CAS(at, expected, value, yes, no)                                                                    \
    __atomic_compare_exchange_n((at), (expected), (value), false, (yes), (no))
#endif
#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_compare_exchange_strong_explicit
#define atomic_load_explicit(at, order) (meddle(), LOAD((at), (order)))
#define atomic_store_explicit(at, value, order) (meddle(), STORE((at), (value), (order)))
#define atomic_compare_exchange_strong_explicit(at, expected, value, yes, no)                                \
    (meddle(), CAS((at), (expected), (value), (yes), (no)))
#include "core/ring.c"

#ifdef __SANITIZE_THREAD__
#define ENTRIES 300000u
#else
#define ENTRIES 3000000u
#endif
#define CONSUMERS 4
#define POP_MAX 32

struct popper {
    bool (*pop)(struct sl_ring *r, uint32_t n, uint64_t *out, uint64_t *ret_left);
    bool (*push)(struct sl_ring *r, const uint64_t *slots, uint32_t n);
};

/* Wrong: takes the place first and reads afterwards, when the producer may have written over it. */
static bool pop_cas_before_read(struct sl_ring *r, uint32_t n, uint64_t *out, uint64_t *ret_left)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire), tail;
    do {
        tail = atomic_load_explicit(&r->tail, memory_order_acquire);
        if (tail - head < n)
            return false;
    } while (!atomic_compare_exchange_strong_explicit(&r->head, &head, head + n, memory_order_acq_rel,
                                                      memory_order_acquire));
    for (uint32_t i = 0; i < n; i++)
        out[i] = atomic_load_explicit(&r->slots[(head + i) & r->mask], memory_order_relaxed);
    *ret_left = tail - head - n;
    return true;
}

/* Wrong: a head that was loaded after the tail may have passed it. */
static bool pop_tail_before_head(struct sl_ring *r, uint32_t n, uint64_t *out, uint64_t *ret_left)
{
    for (;;) {
        uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
        uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);
        if (tail - head < n)
            return false;
        for (uint32_t i = 0; i < n; i++)
            out[i] = atomic_load_explicit(&r->slots[(head + i) & r->mask], memory_order_relaxed);
        if (atomic_compare_exchange_strong_explicit(&r->head, &head, head + n, memory_order_acq_rel,
                                                    memory_order_acquire)) {
            *ret_left = tail - head - n;
            return true;
        }
    }
}

/* Wrong: takes the place as if no other thread could have. */
static bool pop_without_cas(struct sl_ring *r, uint32_t n, uint64_t *out, uint64_t *ret_left)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    if (tail - head < n)
        return false;
    for (uint32_t i = 0; i < n; i++)
        out[i] = atomic_load_explicit(&r->slots[(head + i) & r->mask], memory_order_relaxed);
    atomic_store_explicit(&r->head, head + n, memory_order_release);
    *ret_left = tail - head - n;
    return true;
}

/* Wrong: says that the slots are there before they are. */
static bool push_tail_before_slots(struct sl_ring *r, const uint64_t *slots, uint32_t n)
{
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    if (n > r->mask + 1 - (tail - head))
        return false;
    atomic_store_explicit(&r->tail, tail + n, memory_order_release);
    for (uint32_t i = 0; i < n; i++)
        atomic_store_explicit(&r->slots[(tail + i) & r->mask], slots[i], memory_order_relaxed);
    return true;
}

/* The same mistakes are mutations of test/model/ring.pml. */
static const struct popper right = {sl_ring_pop, sl_ring_push},
                           cas_first = {pop_cas_before_read, sl_ring_push},
                           tail_first = {pop_tail_before_head, sl_ring_push},
                           no_cas = {pop_without_cas, sl_ring_push},
                           early_tail = {sl_ring_pop, push_tail_before_slots};

static uint64_t next(uint64_t *s)
{
    uint64_t z = *s += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* ---- many threads ---- */

struct race {
    struct sl_ring *ring;
    struct popper p;
    uint32_t entries, capacity;
    uint32_t patience;     /* one in `patience` steps gives the processor away */
    _Atomic uint8_t *seen; /* how often each entry came out */
    _Atomic uint32_t taken, twice, disorder, overdrawn;
    _Atomic bool stop;
};

struct racer {
    struct race *race;
    uint64_t rng;
};

static void yield_sometimes(void *arg)
{
    struct racer *me = arg;
    if (next(&me->rng) % me->race->patience == 0)
        sched_yield();
}

static void note(struct race *race, uint64_t entry, uint64_t *last)
{
    if (entry <= *last)
        atomic_fetch_add(&race->disorder, 1);
    *last = entry;
    if (atomic_fetch_add(&race->seen[entry], 1) != 0)
        atomic_fetch_add(&race->twice, 1);
}

/* One attempt at n entries; false: too few were there. */
static bool take(struct race *race, uint32_t n, uint64_t *last)
{
    uint64_t out[POP_MAX], left = 0;
    if (!race->p.pop(race->ring, n, out, &left))
        return false;
    if (left > race->capacity)
        atomic_fetch_add(&race->overdrawn, 1);
    for (uint32_t i = 0; i < n; i++)
        note(race, out[i], last);
    if (atomic_fetch_add(&race->taken, n) + n >= race->entries)
        atomic_store(&race->stop, true);
    return true;
}

static void *consume(void *arg)
{
    struct racer *me = arg;
    struct race *race = me->race;
    uint64_t last = 0;
    meddler = (struct meddler){yield_sometimes, me};
    while (!atomic_load(&race->stop)) {
        /* Near the end only single entries fit. */
        uint32_t rest = race->entries - atomic_load(&race->taken);
        uint32_t n = rest > POP_MAX * CONSUMERS ? 1 + (uint32_t)(next(&me->rng) % POP_MAX) : 1;
        if (!take(race, n, &last))
            sched_yield();
    }
    meddler = (struct meddler){0};
    return NULL;
}

/* Entries are 1 .. entries; 0 is what an unwritten slot holds. The producer takes out, too: the keeper does
 * for reservations that wait. */
static void *produce(void *arg)
{
    struct racer *me = arg;
    struct race *race = me->race;
    uint64_t last = 0;
    meddler = (struct meddler){yield_sometimes, me};
    for (uint32_t at = 1; at <= race->entries && !atomic_load(&race->stop);) {
        uint64_t slots[64];
        uint32_t n = 1 + (uint32_t)(next(&me->rng) % 64);
        n = n > race->entries - at + 1 ? race->entries - at + 1 : n;
        for (uint32_t i = 0; i < n; i++)
            slots[i] = at + i;
        if (race->p.push(race->ring, slots, n))
            at += n;
        else
            sched_yield();
        if (next(&me->rng) % 8 == 0 && at + POP_MAX * CONSUMERS < race->entries)
            (void)take(race, 1 + (uint32_t)(next(&me->rng) % 4), &last);
    }
    meddler = (struct meddler){0};
    return NULL;
}

static void run_race(struct race *race, uint64_t rng)
{
    pthread_t threads[CONSUMERS + 1];
    struct racer racers[CONSUMERS + 1];
    race->ring = sl_ring_new(race->capacity);
    race->seen = calloc(race->entries + 1, 1);
    assert_non_null(race->ring);
    assert_non_null(race->seen);
    for (unsigned i = 0; i <= CONSUMERS; i++) {
        racers[i] = (struct racer){race, rng + i * 1000003};
        assert_int_equal(pthread_create(&threads[i], NULL, i == 0 ? produce : consume, &racers[i]), 0);
    }
    for (unsigned i = 0; i <= CONSUMERS; i++)
        pthread_join(threads[i], NULL);
}

static void end_race(struct race *race)
{
    sl_ring_free(race->ring);
    free((void *)race->seen);
}

static void test_race(void **state)
{
    (void)state;
    static const struct {
        uint32_t capacity, patience;
    } rounds[] = {{1024, UINT32_MAX}, {64, 300}, {4096, 100}, {64, 10}};
    for (unsigned round = 0; round < 4; round++) {
        struct race race = {.p = right,
                            .entries = round == 3 ? ENTRIES / 8 : ENTRIES / 3,
                            .capacity = rounds[round].capacity,
                            .patience = rounds[round].patience};
        run_race(&race, round);
        assert_int_equal(race.twice, 0);
        assert_int_equal(race.disorder, 0);
        assert_int_equal(race.overdrawn, 0);
        assert_int_equal(race.taken, race.entries);
        for (uint32_t i = 1; i <= race.entries; i++)
            assert_int_equal(race.seen[i], 1);
        assert_int_equal(sl_ring_fill(race.ring), 0);
        end_race(&race);
    }
}

static unsigned races_until_twice(struct popper p)
{
    for (unsigned round = 1; round <= 50; round++) {
        struct race race = {.p = p, .entries = 20000, .capacity = 64, .patience = 4};
        run_race(&race, round);
        bool twice = race.twice > 0;
        end_race(&race);
        if (twice)
            return round;
    }
    return 0;
}

static void test_wrong_orders_lose_the_race(void **state)
{
    (void)state;
    assert_int_equal(races_until_twice(right), 0);
    assert_int_not_equal(races_until_twice(cas_first), 0);
    assert_int_not_equal(races_until_twice(tail_first), 0);
    assert_int_not_equal(races_until_twice(no_cas), 0);
    assert_int_not_equal(races_until_twice(early_tail), 0);
}

/* ---- one thread, every interleaving point ---- */

#define SMALL 8

struct fixture {
    struct sl_ring *ring;
    unsigned countdown; /* steps until the others move */
    unsigned move;
    uint64_t pushed;
    uint8_t seen[256];
    unsigned twice, unwritten;
};

static void fixture_push(struct fixture *f, uint32_t n)
{
    uint64_t slots[SMALL];
    for (uint32_t i = 0; i < n; i++)
        slots[i] = f->pushed + 1 + i;
    if (sl_ring_push(f->ring, slots, n))
        f->pushed += n;
}

static bool fixture_pop(struct fixture *f, struct popper p, uint32_t n)
{
    uint64_t out[SMALL], left;
    if (!p.pop(f->ring, n, out, &left))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        f->unwritten += out[i] == 0 || out[i] > f->pushed;
        f->twice += f->seen[out[i] & 0xff]++ != 0;
    }
    return true;
}

/* What the others do at that time: pushes (positive) and pops (negative); the others always pop rightly. */
static const int moves[][5] = {
    {-1},           {-4},           {-4, 4},           {4}, {-2, 2, -2, 2}, {4, -8}, {-4, 8},
    {4, -4, 4, -4}, {-4, 8, -8, 8}, {4, -8, 8, -8, 8},
};

static void others_move(void *arg)
{
    struct fixture *f = arg;
    if (f->countdown-- != 1)
        return;
    struct meddler mine = meddler;
    meddler = (struct meddler){0};
    for (unsigned i = 0; i < 5; i++)
        if (moves[f->move][i] > 0)
            fixture_push(f, (uint32_t)moves[f->move][i]);
        else if (moves[f->move][i] < 0)
            fixture_pop(f, right, (uint32_t)-moves[f->move][i]);
    meddler = mine;
}

/* Pops with the others moving before step `at`; false when the pop has fewer steps. */
static bool interleave(struct popper p, uint32_t n, unsigned at, unsigned move, uint64_t turns,
                       unsigned *ret_wrong)
{
    struct fixture f = {.ring = sl_ring_new(SMALL), .countdown = at, .move = move};
    uint64_t rest = 0;
    assert_non_null(f.ring);
    for (uint64_t i = 0; i < turns; i++) { /* the ring has gone round before */
        fixture_push(&f, 8);
        assert_true(fixture_pop(&f, right, 8));
    }
    fixture_push(&f, 4);
    meddler = (struct meddler){others_move, &f};
    fixture_pop(&f, p, n);
    meddler = (struct meddler){0};
    while (rest++ < 100 && fixture_pop(&f, right, 1))
        ;
    for (uint64_t i = 1; i <= f.pushed; i++)
        f.twice += f.seen[i] != 1; /* lost */
    *ret_wrong += f.twice + f.unwritten;
    bool moved = f.countdown == 0 || f.countdown > at;
    sl_ring_free(f.ring);
    return moved;
}

static unsigned wrong_interleavings(struct popper p, unsigned *ret_tried)
{
    unsigned wrong = 0;
    for (unsigned move = 0; move < sizeof moves / sizeof *moves; move++)
        for (uint32_t n = 1; n <= 5; n++)
            for (uint64_t turns = 0; turns < 3; turns++)
                for (unsigned at = 1; interleave(p, n, at, move, turns, &wrong); at++)
                    ++*ret_tried;
    return wrong;
}

static void test_every_interleaving(void **state)
{
    (void)state;
    unsigned tried = 0;
    assert_int_equal(wrong_interleavings(right, &tried), 0);
    assert_true(tried > 500);
    assert_int_not_equal(wrong_interleavings(cas_first, &tried), 0);
    assert_int_not_equal(wrong_interleavings(tail_first, &tried), 0);
    assert_int_not_equal(wrong_interleavings(no_cas, &tried), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_interleaving),
        cmocka_unit_test(test_race),
        cmocka_unit_test(test_wrong_orders_lose_the_race),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
