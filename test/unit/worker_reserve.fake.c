/* Reserving: the ring, the queue in which no request overtakes another, references of clients that left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/order.h"
#include "fixture.h"

#define MANY 400

struct client {
    struct crowd *crowd;
    struct sl_reservation *waiting;
    enum sl_err err;
    uint32_t amount, got;
    bool at_once, cancelled;
    unsigned answered, worker, turn; /* turn: the how manieth answer it was */
    uint64_t first_slot;
};

struct crowd {
    struct fixture *f;
    struct client clients[MANY];
    unsigned count, answers;
    uint8_t *seen; /* per list and index */
    uint32_t lists;
};

static struct crowd *crowd_new(const struct fixture_setup *setup)
{
    struct crowd *c = calloc(1, sizeof *c);
    c->f = fixture_new(setup);
    fixture_start(c->f);
    c->lists = 4000;
    c->seen = calloc(c->lists, c->f->options[0].size);
    return c;
}

static void crowd_end(struct crowd *c)
{
    fixture_end(c->f);
    free(c->seen);
    free(c);
}

static void receive(struct client *q, const uint64_t *slots, uint32_t n)
{
    struct crowd *c = q->crowd;
    assert_int_equal(n, q->amount);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t list = sl_ring_slot_list(slots[i]), index = sl_ring_slot_index(slots[i]);
        struct sl_list *l = sl_table_at(c->f->shared.table, list);
        assert_non_null(sl_list_token(l)); /* never before its list can be fetched */
        assert_true(list < c->lists && index < l->size);
        assert_int_equal(c->seen[list * l->size + index], 0); /* never twice */
        c->seen[list * l->size + index] = 1;
    }
    q->first_slot = slots[0];
    q->got = n;
}

static void on_done(void *arg, enum sl_err err, const uint64_t *slots, uint32_t n)
{
    struct client *q = arg;
    assert_false(q->cancelled);
    q->answered++;
    q->turn = ++q->crowd->answers;
    q->err = err;
    q->waiting = NULL;
    if (err == SL_OK)
        receive(q, slots, n);
    else
        assert_int_equal(n, 0);
}

/* As a request does it. */
static struct client *arrive(struct crowd *c, unsigned worker, uint32_t amount)
{
    struct client *q = &c->clients[c->count++];
    struct sl_pool_worker *w = &c->f->workers[worker].pool;
    struct sl_pool *p = &c->f->shared.pools[0];
    uint64_t slots[512];
    *q = (struct client){.crowd = c, .amount = amount, .worker = worker};
    if (sl_reserve_now(w, p, amount, slots)) {
        q->at_once = true;
        receive(q, slots, amount);
    } else if (sl_reserve_queues(p, amount)) {
        q->waiting = sl_reserve_wait(w, p, amount, on_done, q);
        assert_int_equal(q->answered, 0);
    } else {
        q->err = SL_ERR_RATE_LIMIT_REACHED;
        q->answered++;
    }
    return q;
}

static bool nobody_waits(struct fixture *f, void *arg)
{
    (void)f;
    struct crowd *c = arg;
    for (unsigned i = 0; i < c->count; i++)
        if (c->clients[i].waiting != NULL && !c->clients[i].cancelled)
            return false;
    return true;
}

static void wait_all(struct crowd *c)
{
    assert_true(fixture_until(c->f, nobody_waits, c, 10000));
}

/* Only the first waiting request may have a part of its references; true: a request waits. */
static bool check_queue(const struct crowd *c)
{
    bool waits = false;
    for (unsigned i = 0; i < c->count; i++) {
        const struct sl_reservation *r = c->clients[i].waiting;
        if (r == NULL || r->have == r->amount)
            continue; /* not in the queue, or its answer is on the way */
        assert_true(!waits || r->have == 0);
        waits = true;
    }
    return waits;
}

/* Where a slot stands in the stream of all that were ever taken: its list, then its place in the list's
 * order. */
static uint64_t place_of(struct crowd *c, uint64_t slot)
{
    struct sl_order order;
    const struct sl_list *l = sl_table_at(c->f->shared.table, sl_ring_slot_list(slot));
    uint32_t k = 0;
    sl_order_init(&order, fake_find(c->f->redis, &l->id)->seed, l->size);
    while (sl_order_at(&order, k) != sl_ring_slot_index(slot))
        k++;
    return (uint64_t)l->number << 32 | k;
}

static void check_service(struct crowd *c)
{
    uint64_t last = 0;
    unsigned turn[FIXTURE_WORKERS] = {0};
    for (unsigned i = 0; i < c->count; i++) {
        const struct client *q = &c->clients[i];
        assert_true(q->err == SL_OK && q->got == q->amount);
        if (q->at_once)
            continue;
        assert_true(q->turn > turn[q->worker]); /* answered in the order of arrival */
        turn[q->worker] = q->turn;
        if (q->amount <= c->f->options[0].threshold)
            continue; /* perhaps out of the ring, which is older than what the large ones get */
        uint64_t place = place_of(c, q->first_slot);
        assert_true(place > last); /* fresh references in the order of arrival */
        last = place;
    }
}

/* References that no client holds: those taken from all lists, less those that clients hold. */
static uint32_t taken_less_held(struct crowd *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < fake_list_count(c->f->redis, "pool0"); i++) {
        struct sl_uuid id;
        fake_list_id(c->f->redis, "pool0", i, &id);
        n += fake_outstanding(c->f->redis, &id);
    }
    for (unsigned i = 0; i < c->count; i++)
        n -= c->clients[i].got;
    return n;
}

static void short_waits(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->underflow_timeout_ms = 60;
}

static void failing(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->on_underflow = SL_UNDERFLOW_FAIL;
    o->underflow_timeout_ms = 60;
}

static void small_lists(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->size = 96;
    o->precreation_lists = 2;
    o->check_delay_ms = 100;
}

/* ---- tests ---- */

static void ring_answers_at_once(void **state)
{
    (void)state;
    struct crowd *c = crowd_new(&(struct fixture_setup){0});
    uint64_t takes = fake_count(c->f->redis, SL_OP_TAKE);
    for (unsigned i = 0; i < 8; i++)
        assert_true(arrive(c, 0, 3)->at_once);
    fixture_for(c->f, 5);
    assert_int_equal(fake_count(c->f->redis, SL_OP_TAKE), takes); /* 8 are left: not under the threshold */
    assert_true(arrive(c, 0, 1)->at_once);
    fixture_for(c->f, 20);
    assert_true(arrive(c, 0, 8)->at_once); /* refilled */
    assert_true(fake_count(c->f->redis, SL_OP_TAKE) > takes);
    crowd_end(c);
}

/* Under demand a refill begins at half of the capacity; when it is over, at the threshold again. */
static void much_demand_is_refilled_early(void **state)
{
    (void)state;
    struct crowd *c = crowd_new(&(struct fixture_setup){0});
    const struct sl_pool *p = &c->f->shared.pools[0];
    uint32_t half = c->f->options[0].capacity / 2;
    for (unsigned i = 0; i < MANY / 2 && atomic_load(&p->ahead) != half; i++) {
        arrive(c, 0, 4);
        fixture_for(c->f, 2);
    }
    assert_int_equal(atomic_load(&p->ahead), half);
    wait_all(c);
    fixture_for(c->f, 20);
    uint64_t takes = fake_count(c->f->redis, SL_OP_TAKE);
    assert_true(sl_ring_fill(p->ring) >= half);
    while (sl_ring_fill(p->ring) >= half)
        assert_true(arrive(c, 0, 1)->at_once);
    assert_true(sl_ring_fill(p->ring) > c->f->options[0].threshold);
    fixture_for(c->f, 20);
    assert_true(fake_count(c->f->redis, SL_OP_TAKE) > takes);

    fixture_pass(c->f, 60000);
    fixture_for(c->f, 20);
    assert_int_equal(atomic_load(&p->ahead), 0);
    takes = fake_count(c->f->redis, SL_OP_TAKE);
    while (sl_ring_fill(p->ring) > c->f->options[0].threshold)
        assert_true(arrive(c, 0, 1)->at_once);
    fixture_for(c->f, 20);
    assert_int_equal(fake_count(c->f->redis, SL_OP_TAKE), takes);
    crowd_end(c);
}

static void amount_over_the_threshold_queues(void **state)
{
    (void)state;
    struct crowd *c = crowd_new(&(struct fixture_setup){0});
    struct client *q = arrive(c, 0, c->f->options[0].threshold + 1);
    assert_false(q->at_once);
    wait_all(c);
    assert_int_equal(q->err, SL_OK);
    struct client *all = arrive(c, 0, c->f->options[0].capacity);
    wait_all(c);
    assert_int_equal(all->err, SL_OK);
    assert_int_equal(atomic_load(&c->f->shared.pools[0].queued), 0);
    crowd_end(c);
}

static void newcomers_queue_while_anybody_does(void **state)
{
    (void)state;
    struct crowd *c = crowd_new(&(struct fixture_setup){.workers = 2});
    fake_hold(c->f->redis, SL_OP_TAKE);
    struct client *large = arrive(c, 0, 20);
    struct client *small = arrive(c, 1, 1); /* the ring is full, yet it waits its turn */
    assert_false(small->at_once);
    assert_true(sl_ring_fill(c->f->shared.pools[0].ring) > 0);
    fake_release(c->f->redis);
    wait_all(c);
    assert_true(large->err == SL_OK && small->err == SL_OK);
    check_service(c);
    assert_true(arrive(c, 1, 1)->at_once);
    crowd_end(c);
}

/* The ring was filled while the message was on its way: no take is needed, and the oldest go first. */
static void who_queues_is_served_from_the_ring_first(void **state)
{
    (void)state;
    struct crowd *c = crowd_new(&(struct fixture_setup){0});
    struct sl_pool *p = &c->f->shared.pools[0];
    uint64_t fill = sl_ring_fill(p->ring);
    fake_hold(c->f->redis, SL_OP_TAKE);
    uint64_t expected = 0;
    for (uint32_t amount = c->f->options[0].threshold; fill > 0; fill -= amount) {
        amount = fill < amount ? (uint32_t)fill : amount;
        struct client *q = &c->clients[c->count++];
        *q = (struct client){.crowd = c, .amount = amount};
        q->waiting = sl_reserve_wait(&c->f->workers[0].pool, p, amount, on_done, q);
        wait_all(c);
        assert_int_equal(q->err, SL_OK);
        uint64_t place = place_of(c, q->first_slot);
        assert_true(c->count == 1 || place == expected);
        expected = place + amount;
    }
    fake_release(c->f->redis);
    crowd_end(c);
}

static void nobody_is_overtaken(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 12; seed++) {
        struct crowd *c =
            crowd_new(&(struct fixture_setup){.workers = 4, .seed = seed, .configure = small_lists});
        unsigned random = seed, queued = 0;
        while (c->count < MANY) {
            uint32_t amount = rand_r(&random) % 12 == 0 ? 9 + (uint32_t)rand_r(&random) % 24
                                                        : 1 + (uint32_t)rand_r(&random) % 6;
            bool anybody = check_queue(c);
            struct client *q = arrive(c, (unsigned)rand_r(&random) % 4, amount);
            assert_false(anybody && q->at_once);
            queued += !q->at_once && amount <= 8;
            /* The keeper's loop stands still for a while, then runs: bursts of several workers. */
            for (unsigned i = rand_r(&random) % 6 == 0 ? (unsigned)rand_r(&random) % 4 : 0; i > 0; i--) {
                fixture_turn(c->f);
                check_queue(c);
            }
        }
        wait_all(c);
        check_service(c);
        assert_true(queued > 20 && queued < MANY - 20); /* both ways were taken */
        crowd_end(c);
    }
}

static void under_fail_small_amounts_are_refused(void **state)
{
    (void)state;
    struct crowd *c = crowd_new(&(struct fixture_setup){.configure = failing});
    fake_hold(c->f->redis, SL_OP_TAKE);
    while (sl_ring_fill(c->f->shared.pools[0].ring) > 0)
        assert_true(arrive(c, 0, 4)->at_once);
    assert_int_equal(arrive(c, 0, 1)->err, SL_ERR_RATE_LIMIT_REACHED);
    struct client *large = arrive(c, 0, 20); /* queues all the same, and times out as 429 */
    assert_non_null(large->waiting);
    wait_all(c);
    assert_int_equal(large->err, SL_ERR_RATE_LIMIT_REACHED);
    fake_release(c->f->redis);
    fixture_for(c->f, 20);
    assert_true(arrive(c, 0, 1)->at_once);
    crowd_end(c);
}

/* References that come too late for one go to the next, exactly once. */
static void timeout_gives_its_references_to_somebody_else(void **state)
{
    (void)state;
    struct crowd *c = crowd_new(&(struct fixture_setup){.configure = short_waits});
    fake_hold(c->f->redis, SL_OP_TAKE);
    struct client *q = arrive(c, 0, 30);
    wait_all(c);
    assert_int_equal(q->err, SL_ERR_UNAVAILABLE);
    uint32_t in_hand = taken_less_held(c);
    fake_release(c->f->redis);
    fixture_for(c->f, 20);
    struct client *next = arrive(c, 0, 30);
    wait_all(c);
    assert_int_equal(next->err, SL_OK);
    assert_true(in_hand > 0);
    struct fixture *f = c->f;
    uint32_t lists = fake_list_count(f->redis, "pool0");
    assert_int_equal(lists, 2);
    /* After the end all references that no client holds have gone back: none is lost on the way. */
    struct fake_redis *redis = f->redis;
    uint32_t held = 30;
    struct fixture_estate estate = fixture_die(f);
    uint32_t out = 0;
    for (uint32_t i = 0; i < lists; i++) {
        struct sl_uuid id;
        fake_list_id(redis, "pool0", i, &id);
        out += fake_outstanding(redis, &id);
    }
    assert_int_equal(out, held);
    c->f = fixture_new(&(struct fixture_setup){.estate = &estate});
    crowd_end(c);
}

/* The answer is on its way to the worker when the request goes. */
static void references_answered_to_nobody_come_back(void **state)
{
    (void)state;
    struct crowd *c = crowd_new(&(struct fixture_setup){0});
    for (unsigned round = 0; round < 20; round++) {
        struct client *q = arrive(c, 0, 10);
        for (unsigned i = 0; i < round % 5; i++)
            fixture_turn(c->f);
        if (q->waiting != NULL) {
            q->cancelled = true;
            sl_reserve_cancel(q->waiting);
        }
        fixture_for(c->f, 3);
    }
    fixture_for(c->f, 20);
    assert_true(sl_pool_worker_idle(&c->f->workers[0].pool));
    assert_int_equal(atomic_load(&c->f->shared.pools[0].queued), 0);
    /* Nothing is lost on the way: the first list comes out whole. */
    uint32_t size = c->f->options[0].size, got = 0;
    while (c->count < MANY && got < size + 64) {
        struct client *q = arrive(c, 0, 8);
        wait_all(c);
        got += q->got;
        fixture_turn(c->f);
    }
    for (uint32_t i = 0; i < size; i++)
        assert_int_equal(c->seen[i], 1);
    crowd_end(c);
}

/* References that came back while the ring was full are not forgotten when it empties. */
static void stock_flows_into_a_ring_that_empties(void **state)
{
    (void)state;
    struct crowd *c = crowd_new(&(struct fixture_setup){.configure = failing});
    struct client *q = arrive(c, 0, 30);
    while (q->waiting->have < q->waiting->amount) /* the answer is on its way */
        fixture_turn(c->f);
    q->cancelled = true;
    sl_reserve_cancel(q->waiting);
    fixture_for(c->f, 10);
    fake_hold(c->f->redis, SL_OP_TAKE);
    for (unsigned i = 0; i < 7; i++) {
        assert_true(arrive(c, 0, 8)->at_once); /* 32 of the ring, then 30 more */
        fixture_for(c->f, 3);
    }
    crowd_end(c);
}

static void cancelling_before_the_take_costs_nothing(void **state)
{
    (void)state;
    struct crowd *c = crowd_new(&(struct fixture_setup){0});
    fake_hold(c->f->redis, SL_OP_TAKE);
    struct client *gone = arrive(c, 0, 20), *stays = arrive(c, 0, 20);
    fixture_for(c->f, 3);
    gone->cancelled = true;
    sl_reserve_cancel(gone->waiting);
    fake_release(c->f->redis);
    wait_all(c);
    assert_int_equal(stays->err, SL_OK);
    fixture_for(c->f, 5);
    assert_true(sl_pool_worker_idle(&c->f->workers[0].pool));
    crowd_end(c);
}

static void drain_answers_those_who_wait(void **state)
{
    (void)state;
    struct crowd *c = crowd_new(&(struct fixture_setup){.workers = 2});
    fake_hold(c->f->redis, SL_OP_TAKE);
    struct client *a = arrive(c, 0, 20), *b = arrive(c, 1, 20);
    fixture_for(c->f, 3);
    sl_keeper_begin_drain(c->f->keeper);
    wait_all(c);
    assert_true(a->err == SL_ERR_UNAVAILABLE && b->err == SL_ERR_UNAVAILABLE);
    struct client *late = arrive(c, 0, 20);
    wait_all(c);
    assert_int_equal(late->err, SL_ERR_UNAVAILABLE);
    struct client *here = arrive(c, 0, 20);
    sl_pool_worker_drain(&c->f->workers[0].pool);
    assert_int_equal(here->err, SL_ERR_UNAVAILABLE); /* at once: its worker is ending */
    crowd_end(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_answers_at_once),
        cmocka_unit_test(much_demand_is_refilled_early),
        cmocka_unit_test(amount_over_the_threshold_queues),
        cmocka_unit_test(newcomers_queue_while_anybody_does),
        cmocka_unit_test(who_queues_is_served_from_the_ring_first),
        cmocka_unit_test(nobody_is_overtaken),
        cmocka_unit_test(under_fail_small_amounts_are_refused),
        cmocka_unit_test(timeout_gives_its_references_to_somebody_else),
        cmocka_unit_test(references_answered_to_nobody_come_back),
        cmocka_unit_test(stock_flows_into_a_ring_that_empties),
        cmocka_unit_test(cancelling_before_the_take_costs_nothing),
        cmocka_unit_test(drain_answers_those_who_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
