/* What readiness says about a keeper: the first condition that fails, by its name; and the gauges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "keeper/keeper_int.h"
#include "pool_house.h"

static void expect(struct house *h, const char *fetch, const char *issuer)
{
    static const char *const who[] = {"fetch", "issuer"};
    const char *wants[] = {fetch, issuer};
    for (unsigned i = 0; i < 2; i++) {
        struct sl_buf why;
        sl_buf_init(&why, 1024);
        bool ready =
            i == 0 ? sl_keeper_ready_fetch(h->keeper, &why) : sl_keeper_ready_issuer(h->keeper, &why);
        sl_buf_putc(&why, '\0');
        if (strcmp(why.data, wants[i]) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", who[i], why.data, wants[i]);
        assert_int_equal(ready, wants[i][0] == '\0');
        sl_buf_free(&why);
    }
}

static bool is_state(struct house *h, void *arg)
{
    return sl_store_state(h->keeper->store) == *(enum sl_store_state *)arg;
}

static void wait_store(struct house *h, enum sl_store_state state)
{
    assert_true(house_until(h, is_state, &state, 5000));
}

static bool is_synced(struct house *h, void *arg)
{
    (void)arg;
    struct sl_buf why;
    sl_buf_init(&why, 1024);
    bool ready = sl_keeper_ready_issuer(h->keeper, &why);
    sl_buf_free(&why);
    return ready;
}

static bool all_signed(struct house *h, void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < sl_table_count(h->shared.table); i++)
        if (sl_list_token(sl_table_at(h->shared.table, i)) == NULL)
            return false;
    return true;
}

static void each_condition_has_its_name(void **state)
{
    (void)state;
    static const char unread[] = "pools: pool0 was not read from Redis yet (the test has taken it down)",
                      ending[] = "shutdown: the service is ending";
    struct house *h = house_new(&(struct house_setup){0});
    expect(h, unread, unread);
    house_start(h);
    house_for(h, 20);
    assert_true(house_until(h, is_synced, NULL, 5000));
    expect(h, "", "");

    atomic_fetch_add(&h->shared.workers_down, 1);
    expect(h, "", "store: 1 of 1 workers have no connection to redis");
    atomic_fetch_sub(&h->shared.workers_down, 1);

    fake_hold(h->redis, SL_OP_TAKE);
    uint64_t slots[64], left, fill = sl_ring_fill(h->shared.pools[0].ring);
    assert_true(sl_ring_pop(h->shared.pools[0].ring, (uint32_t)fill, slots, &left));
    expect(h, "", "rings: no reference of pool pool0 is ready");
    fake_release(h->redis);
    assert_false(sl_reserve_now(&h->workers[0].pool, &h->shared.pools[0], 1, slots));
    assert_true(house_until(h, is_synced, NULL, 5000));

    fake_set_up(h->redis, false);
    wait_store(h, SL_STORE_DOWN);
    struct sl_buf why;
    sl_buf_init(&why, 1024);
    assert_true(sl_keeper_ready_fetch(h->keeper, &why)); /* fetches go on */
    assert_false(sl_keeper_ready_issuer(h->keeper, &why));
    assert_true(why.len > 20 && memcmp(why.data, "store: redis is down", 20) == 0);
    sl_buf_free(&why);

    fake_hold(h->redis, SL_OP_OPEN_POOL);
    fake_set_up(h->redis, true);
    wait_store(h, SL_STORE_UP);
    expect(h, "", "store: pool pool0 is being read again");
    fake_release(h->redis);
    assert_true(house_until(h, is_synced, NULL, 5000));

    sl_keeper_begin_drain(h->keeper);
    expect(h, ending, ending);
    house_end(h);
}

static void tokens_that_have_expired(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    house_start(h);
    house_for(h, 20);
    assert_true(house_until(h, all_signed, NULL, 5000));
    char text[128];
    uint32_t lists = sl_table_count(h->shared.table);
    atomic_store(&h->wall_step_ms, 3600 * 1000 + 1000); /* over the lifetime of each */
    snprintf(text, sizeof text, "tokens: 0 lists are not signed yet, %u tokens have expired", lists);
    expect(h, text, text);
    assert_true(house_until(h, is_synced, NULL, 5000)); /* the step is noticed: all are signed anew */
    house_end(h);
}

static void gauges(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){.pools = 2});
    house_start(h);
    house_for(h, 20);
    assert_true(house_until(h, all_signed, NULL, 5000));
    uint32_t count[2] = {0, 0};
    int64_t oldest[2] = {INT64_MAX, INT64_MAX}, nearest[2] = {INT64_MAX, INT64_MAX};
    for (uint32_t i = 0; i < sl_table_count(h->shared.table); i++) {
        const struct sl_list *l = sl_table_at(h->shared.table, i);
        const struct sl_token *t = sl_list_token(l);
        unsigned pool = l->pool->number;
        assert_non_null(t);
        count[pool]++;
        oldest[pool] = t->iat < oldest[pool] ? t->iat : oldest[pool];
        nearest[pool] = t->exp < nearest[pool] ? t->exp : nearest[pool];
    }
    sl_keeper_gauges(h->keeper);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(count[i] >= 1);
        assert_int_equal(house_metric(h, i, SL_KM_RING_FILL), h->options[i].capacity);
        assert_int_equal(house_metric(h, i, SL_KM_QUEUE), 0);
        assert_int_equal(house_metric(h, i, SL_KM_LISTS), count[i]);
        assert_int_equal(house_metric(h, i, SL_KM_LISTS_UNPUBLISHED), 0);
        assert_true(house_metric(h, i, SL_KM_TOKEN_BYTES) > 0);
        assert_int_equal(house_metric(h, i, SL_KM_OLDEST_IAT), oldest[i]);
        assert_int_equal(house_metric(h, i, SL_KM_NEAREST_EXP), nearest[i]);
    }
    house_end(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_condition_has_its_name),
        cmocka_unit_test(tokens_that_have_expired),
        cmocka_unit_test(gauges),
    };
    return cmocka_run_group_tests_name("pool health", tests, NULL, NULL);
}
