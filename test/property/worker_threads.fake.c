/* The same fixture with every part on a thread of its own: references stay unique, tokens stay readable,
 * updates arrive. What ThreadSanitizer and AddressSanitizer look at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "fixture.h"

#define SIZE 256
#define LISTS 4000
#define MINE 4096

struct hand {
    struct fixture_worker *w;
    unsigned random, open;
    uint64_t slots[MINE]; /* that this worker has handed out */
    uint32_t count;
    struct sl_token *kept[LISTS]; /* shares of its own, as a serving thread keeps them */
    uint64_t reserved, updated, reads, versions;
    uint64_t last_version[LISTS];
    struct sl_timer next;
};

static _Atomic uint8_t handed_out[LISTS * SIZE];
static _Atomic bool ending;
static _Atomic unsigned ended;

static unsigned draw(struct hand *f, unsigned bound)
{
    return (unsigned)rand_r(&f->random) % bound;
}

static void receive(struct hand *f, const uint64_t *slots, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t list = sl_ring_slot_list(slots[i]), index = sl_ring_slot_index(slots[i]);
        sl_assert(list < LISTS && index < SIZE);
        sl_assert(atomic_exchange_explicit(&handed_out[list * SIZE + index], 1, memory_order_relaxed) == 0);
        sl_assert(sl_list_token(sl_table_at(f->w->fixture->shared.table, list)) != NULL);
        f->slots[f->count++ % MINE] = slots[i];
        f->reserved++;
    }
}

static void on_reserved(void *arg, enum sl_err err, const uint64_t *slots, uint32_t n)
{
    struct hand *f = arg;
    sl_assert(err == SL_OK || n == 0);
    f->open--;
    receive(f, slots, n);
}

static void on_updated(void *arg, enum sl_err err, struct sl_head head)
{
    struct hand *f = arg;
    f->open--;
    f->updated += err == SL_OK;
    f->versions += head.version;
}

static void reserve(struct hand *f)
{
    struct sl_pool *p = &f->w->fixture->shared.pools[0];
    uint32_t n = draw(f, 50) == 0 ? 20 : 1 + draw(f, 4);
    uint64_t slots[32];
    if (sl_reserve_now(&f->w->pool, p, n, slots)) {
        receive(f, slots, n);
    } else if (f->open < 20) {
        f->open++;
        struct sl_reservation *r = sl_reserve_wait(&f->w->pool, p, n, on_reserved, f);
        if (draw(f, 8) == 0) {
            sl_reserve_cancel(r);
            f->open--;
        }
    }
}

static void update(struct hand *f)
{
    if (f->count == 0 || f->open >= 20)
        return;
    uint64_t slot = f->slots[draw(f, f->count < MINE ? f->count : MINE)];
    struct sl_list *l = sl_table_at(f->w->fixture->shared.table, sl_ring_slot_list(slot));
    if (sl_update_start(&f->w->pool, l, sl_ring_slot_index(slot), (uint8_t)draw(f, 2), on_updated, f) != NULL)
        f->open++;
}

/* A fetch: by the bare pointer within this turn, or through a share that is kept for longer. */
static void fetch(struct hand *f)
{
    struct sl_table *t = f->w->fixture->shared.table;
    uint32_t count = sl_table_count(t);
    if (count == 0)
        return;
    struct sl_list *l = sl_table_at(t, draw(f, count));
    sl_assert(sl_table_find(t, &l->id) == l);
    struct sl_token *token = sl_list_token(l);
    if (token == NULL)
        return;
    f->reads += token->body[SL_VARIANT_JWT].bytes.at[0] == 'e';
    sl_assert(token->version >= f->last_version[l->number]); /* no reader sees a list go back */
    f->last_version[l->number] = token->version;
    if (f->kept[l->number] == NULL)
        f->kept[l->number] = sl_token_ref(token);
    f->versions += f->kept[l->number]->version;
}

static void on_replaced(void *arg, uint32_t list)
{
    struct hand *f = arg;
    sl_token_unref(f->kept[list]);
    f->kept[list] = NULL;
}

static void burst(void *arg)
{
    struct hand *f = arg;
    for (unsigned i = 0; i < 20; i++) {
        reserve(f);
        fetch(f);
        if (i % 4 == 0)
            update(f);
    }
    if (!atomic_load(&ending))
        sl_timer_start(f->w->loop, &f->next, SL_NS_PER_MS / 2);
    else
        atomic_fetch_add(&ended, 1);
}

static void begin(void *arg)
{
    struct hand *f = arg;
    f->w->pool.on_replaced = on_replaced;
    f->w->pool.arg = f;
    sl_timer_init(&f->next, burst, f);
    burst(f);
}

static bool all_ended(struct fixture *f, void *arg)
{
    (void)arg;
    return atomic_load(&ended) == f->s.workers;
}

static void configure(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->size = SIZE;
    o->capacity = 256;
    o->threshold = 16;
    o->underflow_timeout_ms = 20;
    o->update_interval_ms = 5;
    o->check_delay_ms = 100;
}

static void disturb(struct fixture *f)
{
    for (unsigned i = 0; i < 12; i++) {
        usleep(100000);
        fake_set_delay(f->redis, i % 3 * SL_NS_PER_MS);
        if (i % 4 == 1)
            fake_fail(f->redis, FAKE_ANY, 3, i % 8 == 1 ? SL_ERR_UNAVAILABLE : SL_ERR_OUTCOME_UNKNOWN);
        if (i == 5 || i == 8)
            fake_set_up(f->redis, false);
        if (i == 5)
            fake_new_epoch(f->redis);
        if (i == 6 || i == 9)
            fake_set_up(f->redis, true);
    }
}

static void every_part_on_its_own_thread(void **state)
{
    (void)state;
    struct hand *hands = calloc(FIXTURE_WORKERS, sizeof *hands);
    struct fixture *f = fixture_new(
        &(struct fixture_setup){.workers = FIXTURE_WORKERS, .threads = true, .configure = configure});
    fixture_start(f);
    for (unsigned i = 0; i < FIXTURE_WORKERS; i++) {
        hands[i].w = &f->workers[i];
        hands[i].random = i + 1;
        fixture_call(&f->workers[i].mail, begin, &hands[i]);
    }
    disturb(f);
    atomic_store(&ending, true);
    assert_true(fixture_until(f, all_ended, NULL, 5000));
    fixture_end(f);
    uint64_t reserved = 0, updated = 0;
    for (unsigned i = 0; i < FIXTURE_WORKERS; i++) {
        assert_true(hands[i].reads > 0);
        reserved += hands[i].reserved;
        updated += hands[i].updated;
        for (uint32_t l = 0; l < LISTS; l++)
            sl_token_unref(hands[i].kept[l]);
    }
    print_message("%llu references, %llu updates\n", (unsigned long long)reserved,
                  (unsigned long long)updated);
    assert_true(reserved > 1000 && updated > 100);
    free(hands);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_on_its_own_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
