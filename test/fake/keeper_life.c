#include "keeper_life.h"

void short_lived(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->size = SIZE;
    o->threshold = 4;
    o->capacity = 8;
    o->list_lifetime_ms = 60000;
    o->ttl_ms = 10000;
    o->retire_after_ms = AFTER_MS;
}

void endless(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    short_lived(o, redis);
    o->retire_after_ms = 0;
}

void many_lists(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    short_lived(o, redis);
    o->precreation_lists = 250;
    o->list_lifetime_ms = 3600000;
}

struct sl_kpool *pool(struct fixture *f)
{
    return &f->keeper->pools[0];
}

struct sl_list *list_at(struct fixture *f, uint32_t number)
{
    return sl_table_at(f->shared.table, number);
}

const struct sl_token *token_of(struct fixture *f, uint32_t number)
{
    return sl_list_token(list_at(f, number));
}

int64_t wall_s(struct fixture *f)
{
    return sl_wall_ms(&f->clock) / 1000;
}

uint64_t looks(struct fixture *f)
{
    return fake_count(f->redis, SL_OP_RETIRE);
}

struct fake_list *lock_list(struct fixture *f, uint32_t number)
{
    pthread_mutex_lock(&f->redis->lock);
    for (uint32_t i = 0; i < f->redis->pools[0]->now.lists; i++)
        if (memcmp(&f->redis->pools[0]->lists[i]->id, &list_at(f, number)->id, sizeof(struct sl_uuid)) == 0)
            return f->redis->pools[0]->lists[i];
    fail_msg("redis does not have the list");
    return NULL;
}

void unlock(struct fixture *f)
{
    pthread_mutex_unlock(&f->redis->lock);
}

struct fake_fields fields_of(struct fixture *f, uint32_t number)
{
    struct fake_fields x = lock_list(f, number)->now;
    unlock(f);
    return x;
}

void end_elsewhere(struct fixture *f, uint32_t number, bool quietly)
{
    struct fake_list *l = lock_list(f, number);
    l->now.state = SL_LIST_RETIRED;
    l->now.retired_ms = sl_wall_ms(&f->clock);
    if (!quietly)
        fake_changed(f->redis, l);
    unlock(f);
}

static bool swept(struct fixture *f, void *arg)
{
    return f->keeper->sweep.due_ns != *(uint64_t *)arg;
}

void sweep(struct fixture *f)
{
    uint64_t before = f->keeper->sweep.due_ns;
    fixture_pass(f, SWEEP_MS);
    assert_true(fixture_until(f, swept, &before, SOON));
}

static bool quiet(struct fixture *f, void *arg)
{
    (void)arg;
    const struct sl_keeper *k = f->keeper;
    const struct sl_kpool *p = k->pools;
    bool waits = k->queue.queued > 0 && atomic_load(&f->redis->up);
    return !p->lease.asking && !p->sync.reading && !p->take.taking && k->queue.active == 0 && !waits &&
           k->reclaim.turns_out == 0;
}

void settle(struct fixture *f)
{
    assert_true(fixture_until(f, quiet, NULL, SOON));
}

void live(struct fixture *f, int ms)
{
    for (; ms > 0; ms -= SWEEP_MS) {
        sweep(f);
        settle(f);
    }
}

static bool all_shown(struct fixture *f, void *arg)
{
    (void)arg;
    uint32_t n = sl_table_count(f->shared.table);
    for (uint32_t i = 0; i < n; i++)
        if (token_of(f, i) == NULL)
            return false;
    return n > f->options[0].precreation_lists;
}

struct fixture *started(void (*configure)(struct sl_pool_options *o, struct sl_redis_options *redis))
{
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = configure});
    fixture_start(f);
    assert_true(fixture_until(f, all_shown, NULL, SOON));
    settle(f);
    return f;
}

bool has_ready(struct fixture *f, void *arg)
{
    return sl_ring_fill(f->shared.pools[0].ring) >= *(uint32_t *)arg;
}

void hand_out(struct fixture *f, unsigned n)
{
    uint64_t slot;
    uint32_t one = 1;
    for (; n > 0; n--) {
        assert_true(fixture_until(f, has_ready, &one, SOON));
        assert_true(sl_reserve_now(&f->workers[0].pool, &f->shared.pools[0], 1, &slot));
    }
}

void use_up_first(struct fixture *f)
{
    uint32_t all = f->options[0].capacity;
    hand_out(f, SIZE);
    assert_true(fixture_until(f, has_ready, &all, SOON));
    settle(f);
    assert_int_equal(fields_of(f, 0).state, SL_LIST_FULL);
}

bool is_retired(struct fixture *f, void *arg)
{
    return atomic_load(&list_at(f, *(uint32_t *)arg)->retired);
}

void live_until_retired(struct fixture *f, uint32_t number, unsigned sweeps)
{
    while (!is_retired(f, &number) && sweeps-- > 0)
        live(f, SWEEP_MS);
    assert_true(is_retired(f, &number));
}

void count_answer(void *arg, enum sl_err err)
{
    unsigned *answers = arg;
    answers[err == SL_OK ? 0 : err == SL_ERR_NO_SUCH_LIST ? 1 : 2]++;
}

bool answered(struct fixture *f, void *arg)
{
    (void)f;
    const unsigned *answers = arg;
    return answers[0] + answers[1] + answers[2] == 1;
}

enum sl_err ask(struct fixture *f, uint32_t number)
{
    unsigned answers[3] = {0};
    sl_wait_token(&f->workers[0].pool, list_at(f, number), count_answer, answers);
    assert_true(fixture_until(f, answered, answers, SOON));
    return answers[0] ? SL_OK : answers[1] ? SL_ERR_NO_SUCH_LIST : SL_ERR_UNAVAILABLE;
}

bool lists_known(struct fixture *f, void *arg)
{
    return sl_table_count(f->shared.table) >= *(uint32_t *)arg;
}
