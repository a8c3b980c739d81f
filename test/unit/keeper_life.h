/* A house whose lists end, and what its tests do with it. Time passes by house_pass, from sweep to sweep. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keeper/keeper_int.h"
#include "pool_house.h"

#define SIZE 16
#define SWEEP_MS 2000
#define AFTER_MS 40000
#define LEASE_MS (AFTER_MS / 2) /* of what is ready */
#define AHEAD_MS 30000          /* the lease, and what is under way */
#define SOON 5000               /* ms */

__attribute__((unused)) static void short_lived(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->size = SIZE;
    o->threshold = 4;
    o->capacity = 8;
    o->list_lifetime_ms = 60000;
    o->ttl_ms = 10000;
    o->retire_after_ms = AFTER_MS;
}

__attribute__((unused)) static void endless(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    short_lived(o, redis);
    o->retire_after_ms = 0;
}

__attribute__((unused)) static void many_lists(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    short_lived(o, redis);
    o->precreation_lists = 250;
    o->list_lifetime_ms = 3600000;
}

__attribute__((unused)) static struct sl_kpool *pool(struct house *h)
{
    return &h->keeper->pools[0];
}

__attribute__((unused)) static struct sl_list *list_at(struct house *h, uint32_t number)
{
    return sl_table_at(h->shared.table, number);
}

__attribute__((unused)) static const struct sl_token *token_of(struct house *h, uint32_t number)
{
    return sl_list_token(list_at(h, number));
}

__attribute__((unused)) static int64_t wall_s(struct house *h)
{
    return sl_wall_ms(&h->clock) / 1000;
}

__attribute__((unused)) static uint64_t looks(struct house *h)
{
    return fake_count(h->redis, SL_OP_RETIRE);
}

/* What Redis has of a list, for the test to look at and to change. */
__attribute__((unused)) static struct fake_list *lock_list(struct house *h, uint32_t number)
{
    pthread_mutex_lock(&h->redis->lock);
    for (uint32_t i = 0; i < h->redis->pools[0]->now.lists; i++)
        if (memcmp(&h->redis->pools[0]->lists[i]->id, &list_at(h, number)->id, sizeof(struct sl_uuid)) == 0)
            return h->redis->pools[0]->lists[i];
    fail_msg("redis does not have the list");
    return NULL;
}

__attribute__((unused)) static void unlock(struct house *h)
{
    pthread_mutex_unlock(&h->redis->lock);
}

__attribute__((unused)) static struct fake_fields fields_of(struct house *h, uint32_t number)
{
    struct fake_fields x = lock_list(h, number)->now;
    unlock(h);
    return x;
}

/* Another instance was the first to find it; `quietly`: this one has to look. */
__attribute__((unused)) static void end_elsewhere(struct house *h, uint32_t number, bool quietly)
{
    struct fake_list *l = lock_list(h, number);
    l->now.state = SL_LIST_RETIRED;
    l->now.retired_ms = sl_wall_ms(&h->clock);
    if (!quietly)
        fake_changed(h->redis, l);
    unlock(h);
}

__attribute__((unused)) static bool swept(struct house *h, void *arg)
{
    return h->keeper->sweep.due_ns != *(uint64_t *)arg;
}

__attribute__((unused)) static void sweep(struct house *h)
{
    uint64_t before = h->keeper->sweep.due_ns;
    house_pass(h, SWEEP_MS);
    assert_true(house_until(h, swept, &before, SOON));
}

__attribute__((unused)) static bool quiet(struct house *h, void *arg)
{
    (void)arg;
    const struct sl_keeper *k = h->keeper;
    const struct sl_kpool *p = k->pools;
    bool waits = k->ready_count > 0 && atomic_load(&h->redis->up);
    return !p->looking && !p->sweeping && !p->taking && k->active == 0 && !waits && k->turns_out == 0;
}

__attribute__((unused)) static void settle(struct house *h)
{
    assert_true(house_until(h, quiet, NULL, SOON));
}

__attribute__((unused)) static void live(struct house *h, int ms)
{
    for (; ms > 0; ms -= SWEEP_MS) {
        sweep(h);
        settle(h);
    }
}

__attribute__((unused)) static bool all_shown(struct house *h, void *arg)
{
    (void)arg;
    uint32_t n = sl_table_count(h->shared.table);
    for (uint32_t i = 0; i < n; i++)
        if (token_of(h, i) == NULL)
            return false;
    return n > h->options[0].precreation_lists;
}

__attribute__((unused)) static struct house *started(void (*configure)(struct sl_pool_options *o,
                                                                       struct sl_redis_options *redis))
{
    struct house *h = house_new(&(struct house_setup){.configure = configure});
    house_start(h);
    assert_true(house_until(h, all_shown, NULL, SOON));
    settle(h);
    return h;
}

__attribute__((unused)) static bool has_ready(struct house *h, void *arg)
{
    return sl_ring_fill(h->shared.pools[0].ring) >= *(uint32_t *)arg;
}

__attribute__((unused)) static void hand_out(struct house *h, unsigned n)
{
    uint64_t slot;
    uint32_t one = 1;
    for (; n > 0; n--) {
        assert_true(house_until(h, has_ready, &one, SOON));
        assert_true(sl_reserve_now(&h->workers[0].pool, &h->shared.pools[0], 1, &slot));
    }
}

/* All references of the first list: what is ready now is of another one. */
__attribute__((unused)) static void use_up_first(struct house *h)
{
    uint32_t all = h->options[0].capacity;
    hand_out(h, SIZE);
    assert_true(house_until(h, has_ready, &all, SOON));
    settle(h);
    assert_int_equal(fields_of(h, 0).state, SL_LIST_FULL);
}

__attribute__((unused)) static bool is_retired(struct house *h, void *arg)
{
    return atomic_load(&list_at(h, *(uint32_t *)arg)->retired);
}

__attribute__((unused)) static void live_until_retired(struct house *h, uint32_t number, unsigned sweeps)
{
    while (!is_retired(h, &number) && sweeps-- > 0)
        live(h, SWEEP_MS);
    assert_true(is_retired(h, &number));
}

__attribute__((unused)) static void count_answer(void *arg, enum sl_err err)
{
    unsigned *answers = arg;
    answers[err == SL_OK ? 0 : err == SL_ERR_NO_SUCH_LIST ? 1 : 2]++;
}

__attribute__((unused)) static bool answered(struct house *h, void *arg)
{
    (void)h;
    const unsigned *answers = arg;
    return answers[0] + answers[1] + answers[2] == 1;
}

__attribute__((unused)) static enum sl_err ask(struct house *h, uint32_t number)
{
    unsigned answers[3] = {0};
    sl_wait_token(&h->workers[0].pool, list_at(h, number), count_answer, answers);
    assert_true(house_until(h, answered, answers, SOON));
    return answers[0] ? SL_OK : answers[1] ? SL_ERR_NO_SUCH_LIST : SL_ERR_UNAVAILABLE;
}

__attribute__((unused)) static bool lists_known(struct house *h, void *arg)
{
    return sl_table_count(h->shared.table) >= *(uint32_t *)arg;
}
