/* Whatever happens, in whatever order: no reference is handed out twice, each belongs to a list that can be
 * fetched, every acknowledged update is in the store and is published in the end, and every request is
 * answered. In every other life Redis' data go back as well, and another instance writes in a history of its
 * own: then what a token has shown stays, but for what was set since. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/status_list.h"
#include "keeper/keeper_int.h"
#include "fixture.h"

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

struct life;

struct request {
    struct life *life;
    bool used;
    struct sl_reservation *reservation;
    uint32_t amount;
    struct sl_update *update;
    struct sl_batch *batch;
    struct status *status[4];
    uint8_t values[4];
    unsigned count;
};

struct life {
    struct fixture *f;
    unsigned seed, random;
    struct status (*statuses)[SIZE];
    uint64_t *slots; /* handed out */
    uint32_t slot_count;
    struct request requests[OPEN_REQUESTS];
    bool up, feed_up;
    unsigned since_saved; /* histories that have begun since the data were saved; 0: they were not */
    unsigned reserved, updated, unknown, failed, went_back, others;
};

static unsigned draw(struct life *w, unsigned bound)
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

static struct request *request_new(struct life *w)
{
    for (unsigned i = 0; i < OPEN_REQUESTS; i++) {
        if (!w->requests[i].used) {
            w->requests[i] = (struct request){.life = w, .used = true};
            return &w->requests[i];
        }
    }
    return NULL;
}

/* ---- reserving ---- */

static void receive(struct life *w, const uint64_t *slots, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t list = sl_ring_slot_list(slots[i]), index = sl_ring_slot_index(slots[i]);
        assert_true(list < LISTS && index < SIZE);
        struct status *s = &w->statuses[list][index];
        assert_false(s->handed_out);
        s->handed_out = true;
        s->possible = 1;
        assert_non_null(sl_list_token(sl_table_at(w->f->shared.table, list)));
        w->slots[w->slot_count++] = slots[i];
        w->reserved++;
    }
}

static void on_reserved(void *arg, enum sl_err err, const uint64_t *slots, uint32_t n)
{
    struct request *q = arg;
    assert_true(q->used && q->reservation != NULL);
    assert_int_equal(n, err == SL_OK ? q->amount : 0);
    receive(q->life, slots, n);
    q->life->failed += err != SL_OK;
    q->used = false;
}

static void reserve(struct life *w)
{
    struct fixture *f = w->f;
    struct sl_pool_worker *worker = &f->workers[draw(w, f->s.workers)].pool;
    struct sl_pool *p = &f->shared.pools[draw(w, 2)];
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

/* ---- updating ---- */

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
    q->life->updated += err == SL_OK;
    q->life->unknown += err == SL_ERR_OUTCOME_UNKNOWN;
    q->used = false;
}

static void on_updated(void *arg, enum sl_err err, struct sl_head head)
{
    assert_true(err != SL_OK || head.version > 0 || ((struct request *)arg)->values[0] == 0);
    settle(arg, err);
}

static void on_batched(void *arg, enum sl_err err, const struct sl_batch_result *r)
{
    assert_int_equal(r->position, 0);
    settle(arg, err);
}

/* A slot that was handed out and that no update is under way for. */
static struct status *pick(struct life *w, uint64_t *ret_slot)
{
    if (w->slot_count == 0)
        return NULL;
    *ret_slot = w->slots[w->slot_count - 1 - draw(w, w->slot_count < 100 ? w->slot_count : 100)];
    struct status *s = &w->statuses[sl_ring_slot_list(*ret_slot)][sl_ring_slot_index(*ret_slot)];
    return s->busy ? NULL : s;
}

static void update(struct life *w)
{
    uint64_t slot;
    struct status *s = pick(w, &slot);
    struct request *q = s != NULL ? request_new(w) : NULL;
    if (q == NULL)
        return;
    struct sl_pool_worker *worker = &w->f->workers[draw(w, w->f->s.workers)].pool;
    q->status[0] = s;
    q->values[0] = (uint8_t)draw(w, 4);
    q->count = 1;
    s->busy = true;
    q->update = sl_update_start(worker, sl_table_at(w->f->shared.table, sl_ring_slot_list(slot)),
                                sl_ring_slot_index(slot), q->values[0], on_updated, q);
    if (q->update == NULL)
        settle(q, SL_ERR_UNAVAILABLE);
}

static void batch(struct life *w)
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
        struct sl_list *l = sl_table_at(w->f->shared.table, sl_ring_slot_list(slot));
        if (pool != NULL && l->pool != pool)
            break;
        pool = l->pool;
        s->busy = true;
        q->status[q->count] = s;
        q->values[q->count] = (uint8_t)draw(w, 4);
        entries[q->count] = (struct sl_batch_entry){l, sl_ring_slot_index(slot), q->values[q->count]};
        q->count++;
    }
    struct sl_pool_worker *worker = &w->f->workers[draw(w, w->f->s.workers)].pool;
    q->batch = q->count > 0 ? sl_batch_start(worker, pool, entries, q->count, NULL, on_batched, q) : NULL;
    if (q->batch == NULL)
        settle(q, SL_ERR_UNAVAILABLE);
}

/* ---- what goes wrong ---- */

static void cancel_one(struct life *w)
{
    struct request *q = &w->requests[draw(w, OPEN_REQUESTS)];
    if (!q->used || q->reservation == NULL)
        return;
    sl_reserve_cancel(q->reservation);
    q->used = false;
}

static void set_up(struct life *w, bool up)
{
    w->up = up;
    fake_set_up(w->f->redis, up);
}

/* ---- histories ---- */

#define HISTORIES 4 /* at most between two branches: what is older falls out of a line, and is too late */

static void save(struct life *w)
{
    fake_save(w->f->redis);
    w->since_saved = 1;
}

/* Another instance, which has shown nothing, sets a status that no request of ours is about: the later word.
 */
static void another_writes(struct life *w)
{
    uint64_t slot;
    struct status *s = pick(w, &slot);
    struct sl_list *l = s != NULL ? sl_table_at(w->f->shared.table, sl_ring_slot_list(slot)) : NULL;
    struct fake_list *stored = l != NULL ? fake_find(w->f->redis, &l->id) : NULL;
    if (stored == NULL) /* lost, and not made again yet */
        return;
    struct sl_pool_known known = {.first = true, .random = draw(w, 1 << 20) << 8};
    struct sl_pool_opened opened;
    struct sl_change change = {sl_ring_slot_index(slot), (uint8_t)draw(w, 4)};
    uint8_t result;
    fixture_pass(w->f, 10); /* later than what anybody has begun */
    pthread_mutex_lock(&w->f->redis->lock);
    fake_open(w->f->redis, fake_pool(w->f->redis, l->pool->name), &known, &opened);
    fake_update(w->f->redis, stored, &(struct sl_fence){opened.lineage, opened.change, true}, -1, &change, 1,
                &result);
    pthread_mutex_unlock(&w->f->redis->lock);
    assert_true(result == SL_RESULT_CHANGED || result == SL_RESULT_SAME);
    s->possible = (uint8_t)(1u << change.value);
    w->since_saved += w->since_saved > 0;
    w->others++;
}

static bool shows_all(struct life *w, const struct sl_list *l)
{
    const struct fake_list *stored = fake_find(w->f->redis, &l->id);
    return stored != NULL && sl_head_equal(sl_token_head(sl_list_token(l)),
                                           (struct sl_head){stored->now.at, stored->now.version});
}

/* The data went back. Of the list two states are known: what its token shows, and what Redis has now. If one
 * contains the other, its statuses come back; otherwise those of either. */
static uint8_t what_is_left(struct life *w, const struct sl_list *l, uint32_t index)
{
    uint8_t bytes[SIZE * BITS / 8];
    const struct fake_list *stored = fake_find(w->f->redis, &l->id);
    const struct sl_token *t = sl_list_token(l);
    assert_true(sl_token_unpack(t, bytes, sizeof bytes));
    uint8_t shown = (uint8_t)(1u << sl_status_get(bytes, sizeof bytes, BITS, index));
    if (stored == NULL)
        return shown;
    struct sl_head now = {stored->now.at, stored->now.version};
    uint8_t there = (uint8_t)(1u << fake_status(w->f->redis, &l->id, index));
    if (sl_line_covers(&stored->now.line, sl_token_head(t)))
        return there;
    return sl_line_covers(&t->line, now) ? shown : shown | there;
}

/* Where a token shows all that Redis had, nothing is lost. */
static void restore(struct life *w)
{
    bool *lacks = calloc(LISTS, sizeof *lacks);
    uint32_t lists = sl_table_count(w->f->shared.table);
    for (uint32_t i = 0; i < lists; i++) {
        const struct sl_list *l = sl_table_at(w->f->shared.table, i);
        lacks[i] = sl_list_token(l) != NULL && !shows_all(w, l);
    }
    fake_restore(w->f->redis);
    for (uint32_t i = 0; i < w->slot_count; i++) {
        uint32_t list = sl_ring_slot_list(w->slots[i]), index = sl_ring_slot_index(w->slots[i]);
        if (lacks[list])
            w->statuses[list][index].possible |=
                what_is_left(w, sl_table_at(w->f->shared.table, list), index);
    }
    free(lacks);
}

static void set_up(struct life *w, bool up);

/* A state that is being signed is shown in the end, and is what the list is restored from. */
static bool nothing_is_under_way(struct fixture *f, void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < sl_table_count(f->shared.table); i++)
        if (sl_keeper_is_under_way(sl_keeper_list(f->keeper, i)))
            return false;
    return true;
}

static void go_back(struct life *w)
{
    if (w->since_saved == 0 || w->since_saved > HISTORIES) {
        save(w);
        return;
    }
    set_up(w, false);
    fixture_turn(w->f); /* every request under way has an answer, or is held */
    assert_true(fixture_until(w->f, nothing_is_under_way, NULL, 5000));
    restore(w);
    w->went_back++;
    w->since_saved++;
    while (draw(w, 2) == 0)
        another_writes(w);
    set_up(w, true);
}

static void begin_history(struct life *w)
{
    if (draw(w, 3) == 0)
        another_writes(w);
    else if (draw(w, 3) == 0)
        save(w);
    else
        go_back(w);
}

static void mishap(struct life *w)
{
    struct fake_redis *redis = w->f->redis;
    switch (draw(w, 9)) {
    case 0:
        fake_fail(redis, FAKE_ANY, 1 + draw(w, 3), SL_ERR_UNAVAILABLE);
        return;
    case 1:
        fake_fail(redis, FAKE_ANY, 1 + draw(w, 3), SL_ERR_OUTCOME_UNKNOWN);
        return;
    case 2:
        fake_refuse(redis, FAKE_ANY, 1 + draw(w, 3));
        return;
    case 3:
        set_up(w, !w->up);
        return;
    case 4:
        if (w->up) { /* a restart */
            set_up(w, false);
            fake_new_epoch(redis);
            w->since_saved += w->since_saved > 0;
            set_up(w, true);
        }
        return;
    case 5:
        fake_hold(redis, (enum sl_store_op)draw(w, SL_OP_COUNT));
        return;
    case 6:
        fake_release(redis);
        return;
    case 7:
        fake_set_delay(redis, draw(w, 3) * SL_NS_PER_MS);
        return;
    case 8:
        w->feed_up = !w->feed_up;
        fake_set_feed_up(redis, w->feed_up);
        return;
    }
}

static void step(struct life *w)
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
    else if (kind < 33 && w->seed % 2 == 1)
        begin_history(w);
    else
        fixture_turn(w->f);
}

/* ---- the end of the matter ---- */

static void heal(struct life *w)
{
    struct fake_redis *redis = w->f->redis;
    fake_fail(redis, FAKE_ANY, 0, SL_OK);
    fake_refuse(redis, FAKE_ANY, 0);
    fake_set_delay(redis, 0);
    fake_release(redis);
    set_up(w, true);
    fake_set_feed_up(redis, false);
    fixture_turn(w->f);
    fake_set_feed_up(redis, true); /* it reads what it missed */
}

static bool all_is_well(struct fixture *f, void *arg)
{
    struct life *w = arg;
    for (unsigned i = 0; i < OPEN_REQUESTS; i++)
        if (w->requests[i].used)
            return false;
    for (uint32_t i = 0; i < sl_table_count(f->shared.table); i++) {
        struct sl_list *l = sl_table_at(f->shared.table, i);
        const struct sl_token *t = sl_list_token(l);
        if (t == NULL || fake_find(f->redis, &l->id) == NULL || t->version != fake_version(f->redis, &l->id))
            return false; /* or it is lost, and not made again yet */
    }
    for (unsigned i = 0; i < f->s.pools; i++)
        if (sl_ring_fill(f->shared.pools[i].ring) < f->options[i].threshold)
            return false;
    return true;
}

static void say_what_is_not(struct life *w)
{
    struct fixture *f = w->f;
    for (unsigned i = 0; i < OPEN_REQUESTS; i++)
        if (w->requests[i].used)
            print_message("request %u has no answer: reservation %p, update %p, batch %p\n", i,
                          (void *)w->requests[i].reservation, (void *)w->requests[i].update,
                          (void *)w->requests[i].batch);
    for (uint32_t i = 0; i < sl_table_count(f->shared.table); i++) {
        struct sl_list *l = sl_table_at(f->shared.table, i);
        const struct sl_token *t = sl_list_token(l);
        struct sl_klist *k = sl_keeper_list(f->keeper, i);
        if (t == NULL || t->version != fake_version(f->redis, &l->id))
            print_message("list %u: version %lld of %llu is published, %llu was heard of, state %d\n", i,
                          t != NULL ? (long long)t->version : -1ll,
                          (unsigned long long)fake_version(f->redis, &l->id),
                          (unsigned long long)k->publication.committed, k->publication.state);
    }
    for (unsigned i = 0; i < f->s.pools; i++)
        print_message("pool %u: %llu in the ring, %llu in stock, state %d, %s%s\n", i,
                      (unsigned long long)sl_ring_fill(f->shared.pools[i].ring),
                      (unsigned long long)f->keeper->pools[i].stock.count, f->keeper->pools[i].state.now,
                      f->keeper->pools[i].take.taking ? "taking " : "",
                      sl_timer_running(&f->keeper->pools[i].take.retry) ? "retrying" : "");
}

static void check_statuses(struct life *w)
{
    for (uint32_t i = 0; i < w->slot_count; i++) {
        uint32_t list = sl_ring_slot_list(w->slots[i]), index = sl_ring_slot_index(w->slots[i]);
        struct sl_list *l = sl_table_at(w->f->shared.table, list);
        uint8_t value = fake_status(w->f->redis, &l->id, index);
        if ((w->statuses[list][index].possible & 1u << value) == 0)
            fail_msg("list %u, index %u is %u, of %x", list, index, value, w->statuses[list][index].possible);
    }
}

static void live(unsigned seed, struct life *sum)
{
    struct life w = {.seed = seed, .random = seed, .up = true, .feed_up = true};
    w.statuses = calloc(LISTS, sizeof *w.statuses);
    w.slots = calloc((size_t)LISTS * SIZE, sizeof *w.slots);
    w.f =
        fixture_new(&(struct fixture_setup){.workers = 3, .pools = 2, .seed = seed, .configure = configure});
    for (unsigned i = 0; i < STEPS; i++)
        step(&w);
    heal(&w);
    if (!fixture_until(w.f, all_is_well, &w, 8000)) {
        say_what_is_not(&w);
        fail_msg("seed %u: not all is well in the end", seed);
    }
    check_statuses(&w);
    uint32_t lists = sl_table_count(w.f->shared.table), handed_out[LISTS] = {0};
    struct sl_uuid *ids = calloc(lists, sizeof *ids);
    for (uint32_t i = 0; i < lists; i++)
        ids[i] = sl_table_at(w.f->shared.table, i)->id;
    for (uint32_t i = 0; i < w.slot_count; i++)
        handed_out[sl_ring_slot_list(w.slots[i])]++;
    struct fixture_estate estate = fixture_die(w.f);
    for (uint32_t i = 0; i < lists && w.went_back == 0; i++) /* what was handed out was not given back */
        assert_true(fake_outstanding(estate.redis, &ids[i]) >= handed_out[i]);
    fixture_end(fixture_new(&(struct fixture_setup){.estate = &estate, .pools = 2, .configure = configure}));
    sum->reserved += w.reserved;
    sum->updated += w.updated;
    sum->unknown += w.unknown;
    sum->failed += w.failed;
    sum->went_back += w.went_back;
    sum->others += w.others;
    free(ids);
    free(w.statuses);
    free(w.slots);
}

static void whatever_happens(void **state)
{
    (void)state;
    struct life sum = {0};
    const char *one = getenv("SL_SEED");
    for (unsigned seed = 1; seed <= SEEDS; seed++)
        live(one != NULL ? (unsigned)atoi(one) : seed, &sum);
    print_message(
        "%u references, %u updates, %u of unknown outcome, %u reservations in vain; the data went back "
        "%u times, another wrote %u\n",
        sum.reserved, sum.updated, sum.unknown, sum.failed, sum.went_back, sum.others);
    assert_true(sum.went_back > 2 * SEEDS && sum.others > 2 * SEEDS);
    assert_true(sum.reserved > 100 * SEEDS && sum.updated > 20 * SEEDS && sum.unknown > 0 && sum.failed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
