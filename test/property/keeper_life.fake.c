/* Whatever happens, in whatever order: no reference is handed out twice, each belongs to a list that can be
 * fetched, every acknowledged update is in the store and is published in the end, and every request is
 * answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keeper/keeper_int.h"
#include "pool_house.h"

#define SEEDS 12
#define STEPS 1500
#define SIZE 48 /* of a list: it runs out often */
#define BITS 2
#define LISTS 4000
#define OPEN_REQUESTS 64

/* What is known of a status: the values that it may have, as bits. */
struct status {
    uint8_t possible;
    bool handed_out, busy;
};

struct world;

struct request {
    struct world *world;
    bool used;
    struct sl_reservation *reservation;
    uint32_t amount;
    struct sl_update *update;
    struct sl_batch *batch;
    struct status *status[4];
    uint8_t values[4];
    unsigned count;
};

struct world {
    struct house *h;
    unsigned random;
    struct status (*statuses)[SIZE];
    uint64_t *slots; /* handed out */
    uint32_t slot_count;
    struct request requests[OPEN_REQUESTS];
    bool up, feed_up;
    unsigned reserved, updated, unknown, failed;
};

static unsigned draw(struct world *w, unsigned bound)
{
    return (unsigned)rand_r(&w->random) % bound;
}

static void configure(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->size = SIZE;
    o->bits = BITS;
    o->underflow_timeout_ms = 15;
    o->check_delay_ms = 100;
    o->update_interval_ms = o->name[4] == '0' ? 0 : 20;
    o->on_underflow = o->name[4] == '0' ? SL_UNDERFLOW_DELAY : SL_UNDERFLOW_FAIL;
}

static struct request *request_new(struct world *w)
{
    for (unsigned i = 0; i < OPEN_REQUESTS; i++) {
        if (!w->requests[i].used) {
            w->requests[i] = (struct request){.world = w, .used = true};
            return &w->requests[i];
        }
    }
    return NULL;
}

/* ---- reserving -------------------------------------------------------------------------------------------
 */

static void receive(struct world *w, const uint64_t *slots, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t list = sl_ring_slot_list(slots[i]), index = sl_ring_slot_index(slots[i]);
        assert_true(list < LISTS && index < SIZE);
        struct status *s = &w->statuses[list][index];
        assert_false(s->handed_out);
        s->handed_out = true;
        s->possible = 1;
        assert_non_null(sl_list_token(sl_table_at(w->h->shared.table, list)));
        w->slots[w->slot_count++] = slots[i];
        w->reserved++;
    }
}

static void on_reserved(void *arg, enum sl_err err, const uint64_t *slots, uint32_t n)
{
    struct request *q = arg;
    assert_true(q->used && q->reservation != NULL);
    assert_int_equal(n, err == SL_OK ? q->amount : 0);
    receive(q->world, slots, n);
    q->world->failed += err != SL_OK;
    q->used = false;
}

static void reserve(struct world *w)
{
    struct house *h = w->h;
    struct sl_pool_worker *worker = &h->workers[draw(w, h->s.workers)].pool;
    struct sl_pool *p = &h->shared.pools[draw(w, 2)];
    uint32_t amount = draw(w, 8) == 0 ? 1 + draw(w, sl_pool_options(p)->capacity) : 1 + draw(w, 5);
    uint64_t slots[64];
    if (sl_reserve_now(worker, p, amount, slots)) {
        receive(w, slots, amount);
        return;
    }
    struct request *q = sl_reserve_queues(p, amount) ? request_new(w) : NULL;
    if (q != NULL) {
        q->amount = amount;
        q->reservation = sl_reserve_wait(worker, p, amount, on_reserved, q);
    }
}

/* ---- updating --------------------------------------------------------------------------------------------
 */

static void settle(struct request *q, enum sl_err err)
{
    for (unsigned i = 0; i < q->count; i++) {
        struct status *s = q->status[i];
        s->busy = false;
        if (err == SL_OK)
            s->possible = (uint8_t)(1u << q->values[i]);
        else if (err == SL_ERR_OUTCOME_UNKNOWN)
            s->possible |= (uint8_t)(1u << q->values[i]);
        else
            assert_int_equal(err, SL_ERR_UNAVAILABLE); /* and then it has not happened */
    }
    q->world->updated += err == SL_OK;
    q->world->unknown += err == SL_ERR_OUTCOME_UNKNOWN;
    q->used = false;
}

static void on_updated(void *arg, enum sl_err err, uint64_t version)
{
    assert_true(err != SL_OK || version > 0 || ((struct request *)arg)->values[0] == 0);
    settle(arg, err);
}

static void on_batched(void *arg, enum sl_err err, const struct sl_batch_result *r)
{
    assert_int_equal(r->position, 0);
    settle(arg, err);
}

/* A slot that was handed out and that no update is under way for. */
static struct status *pick(struct world *w, uint64_t *ret_slot)
{
    if (w->slot_count == 0)
        return NULL;
    *ret_slot = w->slots[w->slot_count - 1 - draw(w, w->slot_count < 100 ? w->slot_count : 100)];
    struct status *s = &w->statuses[sl_ring_slot_list(*ret_slot)][sl_ring_slot_index(*ret_slot)];
    return s->busy ? NULL : s;
}

static void update(struct world *w)
{
    uint64_t slot;
    struct status *s = pick(w, &slot);
    struct request *q = s != NULL ? request_new(w) : NULL;
    if (q == NULL)
        return;
    struct sl_pool_worker *worker = &w->h->workers[draw(w, w->h->s.workers)].pool;
    q->status[0] = s;
    q->values[0] = (uint8_t)draw(w, 4);
    q->count = 1;
    s->busy = true;
    q->update = sl_update_start(worker, sl_table_at(w->h->shared.table, sl_ring_slot_list(slot)),
                                sl_ring_slot_index(slot), q->values[0], on_updated, q);
    if (q->update == NULL)
        settle(q, SL_ERR_UNAVAILABLE);
}

static void batch(struct world *w)
{
    struct sl_batch_entry entries[4];
    struct sl_pool *pool = NULL;
    struct request *q = request_new(w);
    if (q == NULL)
        return;
    while (q->count < 4) {
        uint64_t slot;
        struct status *s = pick(w, &slot);
        if (s == NULL)
            break;
        struct sl_list *l = sl_table_at(w->h->shared.table, sl_ring_slot_list(slot));
        if (pool != NULL && l->pool != pool)
            break;
        pool = l->pool;
        s->busy = true;
        q->status[q->count] = s;
        q->values[q->count] = (uint8_t)draw(w, 4);
        entries[q->count] = (struct sl_batch_entry){l, sl_ring_slot_index(slot), q->values[q->count]};
        q->count++;
    }
    struct sl_pool_worker *worker = &w->h->workers[draw(w, w->h->s.workers)].pool;
    q->batch = q->count > 0 ? sl_batch_start(worker, pool, entries, q->count, NULL, on_batched, q) : NULL;
    if (q->batch == NULL)
        settle(q, SL_ERR_UNAVAILABLE);
}

/* ---- what goes wrong -------------------------------------------------------------------------------------
 */

static void cancel_one(struct world *w)
{
    struct request *q = &w->requests[draw(w, OPEN_REQUESTS)];
    if (!q->used || q->reservation == NULL)
        return;
    sl_reserve_cancel(q->reservation);
    q->used = false;
}

static void set_up(struct world *w, bool up)
{
    w->up = up;
    fake_set_up(w->h->redis, up);
}

static void mishap(struct world *w)
{
    struct fake_redis *f = w->h->redis;
    switch (draw(w, 9)) {
    case 0:
        fake_fail(f, FAKE_ANY, 1 + draw(w, 3), SL_ERR_UNAVAILABLE);
        return;
    case 1:
        fake_fail(f, FAKE_ANY, 1 + draw(w, 3), SL_ERR_OUTCOME_UNKNOWN);
        return;
    case 2:
        fake_refuse(f, FAKE_ANY, 1 + draw(w, 3));
        return;
    case 3:
        set_up(w, !w->up);
        return;
    case 4:
        if (w->up) { /* a restart */
            set_up(w, false);
            fake_new_epoch(f);
            set_up(w, true);
        }
        return;
    case 5:
        fake_hold(f, (enum sl_store_op)draw(w, SL_OP_COUNT));
        return;
    case 6:
        fake_release(f);
        return;
    case 7:
        fake_set_delay(f, draw(w, 3) * SL_NS_PER_MS);
        return;
    case 8:
        w->feed_up = !w->feed_up;
        fake_set_feed_up(f, w->feed_up);
        return;
    }
}

static void step(struct world *w)
{
    unsigned kind = draw(w, 40);
    if (kind < 14)
        reserve(w);
    else if (kind < 26)
        update(w);
    else if (kind < 28)
        batch(w);
    else if (kind < 30)
        cancel_one(w);
    else if (kind < 32)
        mishap(w);
    else
        house_turn(w->h);
}

/* ---- the end of the matter -------------------------------------------------------------------------------
 */

static void heal(struct world *w)
{
    struct fake_redis *f = w->h->redis;
    fake_fail(f, FAKE_ANY, 0, SL_OK);
    fake_refuse(f, FAKE_ANY, 0);
    fake_set_delay(f, 0);
    fake_release(f);
    set_up(w, true);
    fake_set_feed_up(f, false);
    house_turn(w->h);
    fake_set_feed_up(f, true); /* it reads what it missed */
}

static bool all_is_well(struct house *h, void *arg)
{
    struct world *w = arg;
    for (unsigned i = 0; i < OPEN_REQUESTS; i++)
        if (w->requests[i].used)
            return false;
    for (uint32_t i = 0; i < sl_table_count(h->shared.table); i++) {
        struct sl_list *l = sl_table_at(h->shared.table, i);
        const struct sl_token *t = sl_list_token(l);
        if (t == NULL || t->version != fake_version(h->redis, &l->id))
            return false;
    }
    for (unsigned i = 0; i < h->s.pools; i++)
        if (sl_ring_fill(h->shared.pools[i].ring) < h->options[i].threshold)
            return false;
    return true;
}

static void say_what_is_not(struct world *w)
{
    struct house *h = w->h;
    for (unsigned i = 0; i < OPEN_REQUESTS; i++)
        if (w->requests[i].used)
            print_message("request %u has no answer: reservation %p, update %p, batch %p\n", i,
                          (void *)w->requests[i].reservation, (void *)w->requests[i].update,
                          (void *)w->requests[i].batch);
    for (uint32_t i = 0; i < sl_table_count(h->shared.table); i++) {
        struct sl_list *l = sl_table_at(h->shared.table, i);
        const struct sl_token *t = sl_list_token(l);
        struct sl_klist *k = sl_keeper_list(h->keeper, i);
        if (t == NULL || t->version != fake_version(h->redis, &l->id))
            print_message("list %u: version %lld of %llu is published, %llu was heard of, state %d\n", i,
                          t != NULL ? (long long)t->version : -1ll,
                          (unsigned long long)fake_version(h->redis, &l->id),
                          (unsigned long long)k->committed, k->state);
    }
    for (unsigned i = 0; i < h->s.pools; i++)
        print_message("pool %u: %llu in the ring, %llu in stock, state %d, %s%s\n", i,
                      (unsigned long long)sl_ring_fill(h->shared.pools[i].ring),
                      (unsigned long long)h->keeper->pools[i].stock_count, h->keeper->pools[i].state,
                      h->keeper->pools[i].taking ? "taking " : "",
                      sl_timer_running(&h->keeper->pools[i].retry) ? "retrying" : "");
}

static void check_statuses(struct world *w)
{
    for (uint32_t i = 0; i < w->slot_count; i++) {
        uint32_t list = sl_ring_slot_list(w->slots[i]), index = sl_ring_slot_index(w->slots[i]);
        struct sl_list *l = sl_table_at(w->h->shared.table, list);
        assert_true(w->statuses[list][index].possible & 1u << fake_status(w->h->redis, &l->id, index));
    }
}

static void live(unsigned seed, struct world *sum)
{
    struct world w = {.random = seed, .up = true, .feed_up = true};
    w.statuses = calloc(LISTS, sizeof *w.statuses);
    w.slots = calloc((size_t)LISTS * SIZE, sizeof *w.slots);
    w.h = house_new(&(struct house_setup){.workers = 3, .pools = 2, .seed = seed, .configure = configure});
    for (unsigned i = 0; i < STEPS; i++)
        step(&w);
    heal(&w);
    if (!house_until(w.h, all_is_well, &w, 8000)) {
        say_what_is_not(&w);
        fail_msg("seed %u: not all is well in the end", seed);
    }
    check_statuses(&w);
    uint32_t lists = sl_table_count(w.h->shared.table), handed_out[LISTS] = {0};
    struct sl_uuid *ids = calloc(lists, sizeof *ids);
    for (uint32_t i = 0; i < lists; i++)
        ids[i] = sl_table_at(w.h->shared.table, i)->id;
    for (uint32_t i = 0; i < w.slot_count; i++)
        handed_out[sl_ring_slot_list(w.slots[i])]++;
    struct house_estate estate = house_die(w.h);
    for (uint32_t i = 0; i < lists; i++) /* what was handed out was not given back */
        assert_true(fake_outstanding(estate.redis, &ids[i]) >= handed_out[i]);
    house_end(house_new(&(struct house_setup){.estate = &estate, .pools = 2, .configure = configure}));
    sum->reserved += w.reserved;
    sum->updated += w.updated;
    sum->unknown += w.unknown;
    sum->failed += w.failed;
    free(ids);
    free(w.statuses);
    free(w.slots);
}

static void whatever_happens(void **state)
{
    (void)state;
    struct world sum = {0};
    const char *one = getenv("SL_SEED");
    for (unsigned seed = 1; seed <= SEEDS; seed++)
        live(one != NULL ? (unsigned)atoi(one) : seed, &sum);
    print_message("%u references, %u updates, %u of unknown outcome, %u reservations in vain\n", sum.reserved,
                  sum.updated, sum.unknown, sum.failed);
    assert_true(sum.reserved > 100 * SEEDS && sum.updated > 20 * SEEDS && sum.unknown > 0 && sum.failed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
