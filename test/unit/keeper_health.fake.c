/* What readiness says about a keeper: the first condition that fails, by its name; and the gauges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "keeper/keeper_int.h"
#include "fixture.h"

static void expect(struct fixture *f, const char *fetch, const char *issuer)
{
    static const char *const who[] = {"fetch", "issuer"};
    const char *wants[] = {fetch, issuer};
    for (unsigned i = 0; i < 2; i++) {
        struct sl_buf why;
        sl_buf_init(&why, 1024);
        bool ready = sl_keeper_ready(f->keeper, &(struct sl_ready_question){.issuer = i == 1}, &why, NULL);
        sl_buf_putc(&why, '\0');
        if (strcmp(why.data, wants[i]) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", who[i], why.data, wants[i]);
        assert_int_equal(ready, wants[i][0] == '\0');
        sl_buf_free(&why);
    }
}

static bool is_state(struct fixture *f, void *arg)
{
    return sl_store_state(f->keeper->store) == *(enum sl_store_state *)arg;
}

static void wait_store(struct fixture *f, enum sl_store_state state)
{
    assert_true(fixture_until(f, is_state, &state, 5000));
}

static bool is_synced(struct fixture *f, void *arg)
{
    (void)arg;
    struct sl_buf why;
    sl_buf_init(&why, 1024);
    bool ready = sl_keeper_ready(f->keeper, &(struct sl_ready_question){.issuer = true}, &why, NULL);
    sl_buf_free(&why);
    return ready;
}

static bool all_signed(struct fixture *f, void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < sl_table_count(f->shared.table); i++)
        if (sl_list_token(sl_table_at(f->shared.table, i)) == NULL)
            return false;
    return true;
}

static void each_condition_has_its_name(void **state)
{
    (void)state;
    static const char unread[] = "pools: pool0 has not been read from Redis yet (the test has taken it down)",
                      ending[] = "shutdown: the service is shutting down";
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    expect(f, unread, unread);
    fixture_start(f);
    fixture_for(f, 20);
    assert_true(fixture_until(f, is_synced, NULL, 5000));
    expect(f, "", "");

    atomic_fetch_add(&f->shared.workers_down, 1);
    expect(f, "", "store: 1 of 1 workers have no connection to redis");
    atomic_fetch_sub(&f->shared.workers_down, 1);

    fake_hold(f->redis, SL_OP_TAKE);
    uint64_t slots[64], left, fill = sl_ring_fill(f->shared.pools[0].ring);
    assert_true(sl_ring_pop(f->shared.pools[0].ring, (uint32_t)fill, slots, &left));
    expect(f, "", "rings: no reference of pool pool0 is ready");
    fake_release(f->redis);
    assert_false(sl_reserve_now(&f->workers[0].pool, &f->shared.pools[0], 1, slots));
    assert_true(fixture_until(f, is_synced, NULL, 5000));

    fake_set_up(f->redis, false);
    wait_store(f, SL_STORE_DOWN);
    struct sl_buf why;
    sl_buf_init(&why, 1024);
    assert_true(sl_keeper_ready(f->keeper, &(struct sl_ready_question){.issuer = false}, &why,
                                NULL)); /* fetches go on */
    assert_false(sl_keeper_ready(f->keeper, &(struct sl_ready_question){.issuer = true}, &why, NULL));
    assert_true(why.len > 20 && memcmp(why.data, "store: redis is down", 20) == 0);
    sl_buf_free(&why);

    fake_hold(f->redis, SL_OP_OPEN_POOL);
    fake_set_up(f->redis, true);
    wait_store(f, SL_STORE_UP);
    expect(f, "", "store: the keeper is reading pool pool0 again");
    fake_release(f->redis);
    assert_true(fixture_until(f, is_synced, NULL, 5000));

    sl_keeper_begin_drain(f->keeper);
    expect(f, ending, ending);
    fixture_end(f);
}

/* It is read, published and renewed; nothing new is taken, and all goes on by itself once it is fit. */
static void redis_that_is_unfit(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fixture_start(f);
    fixture_for(f, 20);
    assert_true(fixture_until(f, is_synced, NULL, 5000));
    atomic_store(&f->redis->unfit, "appendonly is no, must be yes");
    expect(f, "", "store: redis is unfit (appendonly is no, must be yes)");
    uint64_t slots[64], left, fill = sl_ring_fill(f->shared.pools[0].ring);
    uint64_t taken = fake_count(f->redis, SL_OP_TAKE), made = fake_count(f->redis, SL_OP_PRECREATE),
             read = fake_count(f->redis, SL_OP_CHANGES);
    assert_true(sl_ring_pop(f->shared.pools[0].ring, (uint32_t)fill, slots, &left));
    assert_false(sl_reserve_now(&f->workers[0].pool, &f->shared.pools[0], 1, slots));
    fixture_for(f, 5000);
    assert_int_equal(fake_count(f->redis, SL_OP_TAKE), taken);
    assert_int_equal(fake_count(f->redis, SL_OP_PRECREATE), made);
    assert_true(fake_count(f->redis, SL_OP_CHANGES) > read);
    assert_string_equal(sl_pool_worker_unfit(&f->workers[0].pool), "appendonly is no, must be yes");
    atomic_store(&f->redis->unfit, NULL);
    assert_true(fixture_until(f, is_synced, NULL, 5000));
    assert_true(fake_count(f->redis, SL_OP_TAKE) > taken);
    fixture_end(f);
}

static void tokens_that_have_expired(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fixture_start(f);
    fixture_for(f, 20);
    assert_true(fixture_until(f, all_signed, NULL, 5000));
    char text[128];
    uint32_t lists = sl_table_count(f->shared.table);
    atomic_store(&f->wall_step_ms, 3600 * 1000 + 1000); /* over the lifetime of each */
    snprintf(text, sizeof text, "tokens: 0 lists are not signed yet, %u tokens have expired", lists);
    expect(f, text, text);
    assert_true(fixture_until(f, is_synced, NULL, 5000)); /* the step is noticed: all are signed anew */
    fixture_end(f);
}

/* What a question about these pools is answered: ready or not, the reason, and the pools that are named. */
static bool asked(struct fixture *f, bool issuer, int pool, char reason[static 512], char pools[static 512])
{
    struct sl_buf why, named;
    struct sl_ready_question q = {.issuer = issuer, .pool = pool < 0 ? NULL : &f->shared.pools[pool]};
    sl_buf_init(&why, 511);
    sl_buf_init(&named, 511);
    bool ready = sl_keeper_ready(f->keeper, &q, &why, &named);
    snprintf(reason, 512, "%s", sl_buf_cstr(&why));
    snprintf(pools, 512, "%s", sl_buf_cstr(&named));
    sl_buf_free(&why);
    sl_buf_free(&named);
    return ready;
}

/* One pool has no key: the other is served, and each can be asked about alone. */
static void a_pool_that_does_not_sign(void **state)
{
    (void)state;
    char reason[512], pools[512];
    struct fixture *f = fixture_new(&(struct fixture_setup){.pools = 2});
    fixture_start(f);
    assert_true(fixture_until(f, all_signed, NULL, 5000));
    struct sl_key *keys[2] = {sl_key_ref(f->shared.pools[0].key), sl_key_absent("there is no file")};
    sl_keeper_reload(f->keeper, keys);
    sl_key_free(keys[0]);
    sl_key_free(keys[1]);
    /* Its tokens last for a while. */
    static const char without[] = "\"pool1\":\"signer: pool pool1 does not sign: there is no file\"";
    for (int issuer = 0; issuer < 2; issuer++) {
        assert_true(asked(f, issuer, -1, reason, pools));
        assert_string_equal(pools, without);
        assert_true(asked(f, issuer, 0, reason, pools));
        assert_string_equal(pools, "");
        assert_int_equal(asked(f, issuer, 1, reason, pools), !issuer);
    }
    assert_string_equal(reason, "signer: pool pool1 does not sign: there is no file");
    sl_keeper_gauges(f->keeper);
    assert_int_equal(fixture_metric(f, 1, SL_KM_SIGNER_EXPIRED), 1);
    assert_int_equal(fixture_metric(f, 1, SL_KM_NOT_AFTER), 0);
    /* And then they do not: that is its trouble, and the other's are renewed. */
    atomic_store(&f->wall_step_ms, 3600 * 1000 + 1000);
    assert_false(asked(f, false, -1, reason, pools)); /* no pool can be served at this moment */
    fixture_for(f, 4000);
    assert_true(asked(f, false, -1, reason, pools));
    assert_non_null(strstr(pools, "tokens have expired; signer: pool pool1 does not sign: there is no file"));
    assert_null(strstr(pools, "pool0"));
    assert_false(asked(f, false, 1, reason, pools));
    assert_true(asked(f, true, 0, reason, pools));
    fixture_end(f);
}

static void gauges(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.pools = 2});
    fixture_start(f);
    fixture_for(f, 20);
    assert_true(fixture_until(f, all_signed, NULL, 5000));
    uint32_t count[2] = {0, 0};
    int64_t oldest[2] = {INT64_MAX, INT64_MAX}, nearest[2] = {INT64_MAX, INT64_MAX};
    for (uint32_t i = 0; i < sl_table_count(f->shared.table); i++) {
        const struct sl_list *l = sl_table_at(f->shared.table, i);
        const struct sl_token *t = sl_list_token(l);
        unsigned pool = l->pool->number;
        assert_non_null(t);
        count[pool]++;
        oldest[pool] = t->iat < oldest[pool] ? t->iat : oldest[pool];
        nearest[pool] = t->exp < nearest[pool] ? t->exp : nearest[pool];
    }
    sl_keeper_gauges(f->keeper);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(count[i] >= 1);
        assert_int_equal(fixture_metric(f, i, SL_KM_RING_FILL), f->options[i].capacity);
        assert_int_equal(fixture_metric(f, i, SL_KM_QUEUE), 0);
        assert_int_equal(fixture_metric(f, i, SL_KM_LISTS), count[i]);
        assert_int_equal(fixture_metric(f, i, SL_KM_LISTS_UNPUBLISHED), 0);
        assert_true(fixture_metric(f, i, SL_KM_TOKEN_BYTES) > 0);
        assert_int_equal(fixture_metric(f, i, SL_KM_OLDEST_IAT), oldest[i]);
        assert_int_equal(fixture_metric(f, i, SL_KM_NEAREST_EXP), nearest[i]);
    }
    fixture_end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_condition_has_its_name),
        cmocka_unit_test(redis_that_is_unfit),
        cmocka_unit_test(tokens_that_have_expired),
        cmocka_unit_test(a_pool_that_does_not_sign),
        cmocka_unit_test(gauges),
    };
    return cmocka_run_group_tests_name("pool health", tests, NULL, NULL);
}
