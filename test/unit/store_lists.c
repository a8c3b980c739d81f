/* Pools and lists on a real Redis: creation, taking, giving back, epochs, changes. */
#include "store_fixture.h"

#include "core/order.h"

static struct fixture f;

static int begin(void **state)
{
    (void)state;
    fixture_begin(&f, NULL);
    fixture_up(&f);
    return 0;
}

static int end(void **state)
{
    (void)state;
    fixture_end(&f);
    return 0;
}

static void take(const char *pool, uint32_t want, uint32_t min_age)
{
    struct sl_list_draft d[2] = {draft(), draft()};
    AWAIT(&f, sl_store_take(f.store, pool, want, min_age, d, on_taken, NULL));
    assert_int_equal(got.err, SL_OK);
}

static void open_pool(const char *pool, uint32_t size, unsigned bits)
{
    AWAIT(&f, sl_store_open_pool(f.store, pool, size, bits, NULL, on_pool, NULL));
    assert_int_equal(got.err, SL_OK);
}

static uint32_t taken_now(void)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < got.taken.block_count; i++)
        n += got.blocks[i].count + got.blocks[i].returned_count;
    return n;
}

static void a_pool_keeps_its_first_size_and_bits(void **state)
{
    (void)state;
    open_pool("one", 1000, 2);
    assert_int_equal(got.pool.size, 1000);
    assert_int_equal(got.pool.lists, 0);
    assert_int_equal(got.pool.taken, 0);
    assert_int_equal(strlen(got.replid), 40);
    open_pool("one", 2000, 4);
    assert_int_equal(got.pool.size, 1000);
    assert_int_equal(got.pool.bits, 2);
    open_pool("two", 8, 1);
    assert_string_equal(cli(&f.server, "smembers statuslist:pools | sort | xargs"), "one two");
}

static void on_names(void *arg, enum sl_err err, const struct sl_span *names, size_t n)
{
    (void)arg;
    mark_done(err);
    got.count = n;
    for (size_t i = 0; i < n; i++) {
        strncat(got.uri, names[i].at, names[i].len);
        strcat(got.uri, ";");
    }
}

static void names_of_all_pools(void **state)
{
    (void)state;
    AWAIT(&f, sl_store_pool_names(f.store, on_names, NULL));
    assert_int_equal(got.count, 0);
    open_pool("a", 8, 1);
    open_pool("b_c", 8, 1);
    AWAIT(&f, sl_store_pool_names(f.store, on_names, NULL));
    assert_int_equal(got.count, 2);
    assert_non_null(strstr(got.uri, "a;"));
    assert_non_null(strstr(got.uri, "b_c;"));
}

static void precreation_stops_at_the_number_of_spares(void **state)
{
    (void)state;
    struct sl_list_draft d[3] = {draft(), draft(), draft()};
    open_pool("p", 64, 2);
    AWAIT(&f, sl_store_precreate(f.store, "p", 2, d, 3, on_records, NULL));
    assert_int_equal(got.count, 2);
    assert_memory_equal(&got.records[0].id, &d[0].id, sizeof d[0].id);
    assert_memory_equal(got.records[1].seed, d[1].seed, sizeof d[1].seed);
    assert_int_equal(got.records[0].size, 64);
    assert_int_equal(got.records[0].bits, 2);
    assert_int_equal(got.records[1].change, 2);
    assert_int_equal(got.records[0].state, SL_LIST_OPEN);
    /* The reply was lost, the caller comes with the same drafts again: nothing is made twice. */
    AWAIT(&f, sl_store_precreate(f.store, "p", 3, d, 2, on_records, NULL));
    assert_int_equal(got.count, 0);
    take("p", 1, 0);
    assert_int_equal(got.taken.spares, 1);
    AWAIT(&f, sl_store_precreate(f.store, "p", 2, d + 2, 1, on_records, NULL));
    assert_int_equal(got.count, 1);
}

/* Everything that is ever taken, list by list: each index once. */
static void every_index_is_taken_exactly_once(void **state)
{
    (void)state;
    enum { SIZE = 104, LISTS = 6 };
    static uint8_t seen[LISTS][SIZE];
    static struct sl_uuid ids[LISTS];
    uint32_t lists = 0, total = 0;
    memset(seen, 0, sizeof seen);
    open_pool("bi", SIZE, 1);
    while (total < SIZE * LISTS) {
        uint32_t want = 1 + (total * 7) % 90;
        if (want > SIZE * LISTS - total)
            want = SIZE * LISTS - total;
        take("bi", want, 0);
        assert_int_equal(taken_now(), want);
        total += want;
        assert_int_equal(got.taken.taken, total);
        for (uint32_t i = 0; i < got.taken.block_count; i++) {
            const struct sl_block *k = &got.blocks[i];
            struct sl_order o;
            uint32_t l = 0;
            while (l < lists && memcmp(&ids[l], &k->list.id, sizeof ids[l]) != 0)
                l++;
            if (l == lists)
                ids[lists++] = k->list.id;
            assert_true(lists <= LISTS);
            sl_order_init(&o, k->list.seed, SIZE);
            for (uint32_t j = 0; j < k->count; j++)
                seen[l][sl_order_at(&o, k->from + j)]++;
            assert_int_equal(k->list.cursor, k->from + k->count);
            assert_int_equal(k->list.state, k->list.cursor == SIZE ? SL_LIST_FULL : SL_LIST_OPEN);
        }
    }
    assert_int_equal(lists, LISTS);
    for (uint32_t l = 0; l < LISTS; l++)
        for (uint32_t i = 0; i < SIZE; i++)
            assert_int_equal(seen[l][i], 1);
    assert_string_equal(cli(&f.server, "zcard 'statuslist:{bi}:open'"), "0");
}

static void a_second_draft_is_used_where_one_is_too_small(void **state)
{
    (void)state;
    open_pool("small", 8, 1);
    take("small", 15, 0);
    assert_int_equal(taken_now(), 15);
    assert_int_equal(got.taken.block_count, 2);
    take("small", 40, 0); /* one is left of the second, then two more lists: fewer than asked */
    assert_int_equal(taken_now(), 17);
}

static void what_is_given_back_is_taken_first(void **state)
{
    (void)state;
    open_pool("back", 16, 1);
    take("back", 16, 0);
    struct sl_uuid id = got.blocks[0].list.id;
    assert_int_equal(got.blocks[0].list.state, SL_LIST_FULL);
    uint32_t back[3] = {3, 9, 15}, outside = 16;
    AWAIT(&f, sl_store_give_back(f.store, "back", &id, back, 3, on_accepted, NULL));
    assert_int_equal(got.number, 3);
    AWAIT(&f, sl_store_describe(f.store, "back", &id, on_record, NULL));
    assert_int_equal(got.records[0].state, SL_LIST_OPEN);
    AWAIT(&f, sl_store_give_back(f.store, "back", &id, &outside, 1, on_accepted, NULL));
    assert_int_equal(got.err, SL_ERR_INDEX_OUT_OF_BOUNDS);
    take("back", 2, 0);
    assert_int_equal(got.blocks[0].returned_count, 2);
    assert_int_equal(got.blocks[0].count, 0);
    assert_int_equal(got.blocks[0].returned[0], 3);
    assert_int_equal(got.taken.taken, 18); /* handed out again counts again: the mark must see it */
    take("back", 2, 0);
    assert_int_equal(got.blocks[0].returned[0], 15);
    assert_int_equal(got.blocks[0].list.state, SL_LIST_FULL);
    assert_int_equal(got.blocks[1].count, 1); /* of a new list */
}

static void many_given_back_at_once(void **state)
{
    (void)state;
    static uint32_t all[3000];
    for (uint32_t i = 0; i < 3000; i++)
        all[i] = i;
    open_pool("many", 3000, 1);
    take("many", 3000, 0);
    struct sl_uuid id = got.blocks[0].list.id;
    AWAIT(&f, sl_store_give_back(f.store, "many", &id, all, 3000, on_accepted, NULL));
    assert_int_equal(got.number, 3000);
    take("many", 2999, 0);
    assert_int_equal(got.blocks[0].returned_count, 2999);
    assert_memory_equal(got.blocks[0].returned, all, 2999 * sizeof all[0]);
}

static void young_lists_wait(void **state)
{
    (void)state;
    open_pool("young", 80, 1);
    take("young", 10, 300);
    assert_int_equal(taken_now(), 0);
    assert_int_equal(got.taken.too_young, 1);
    take("young", 10, 300); /* no second list until then */
    assert_int_equal(got.taken.too_young, 1);
    assert_string_equal(cli(&f.server, "scard 'statuslist:{young}:lists'"), "1");
    usleep(350000);
    take("young", 10, 300);
    assert_int_equal(taken_now(), 10);
}

static void restart_redis(void)
{
    server_stop(&f.server, SIGTERM);
    TURN_UNTIL(&f, sl_store_state(f.store) != SL_STORE_UP);
    server_start(&f.server, NULL);
    fixture_up(&f);
}

static void a_new_epoch_seals_open_lists(void **state)
{
    (void)state;
    open_pool("ep", 80, 1);
    take("ep", 10, 0);
    struct sl_uuid old = got.blocks[0].list.id;
    uint32_t back = 1;
    AWAIT(&f, sl_store_give_back(f.store, "ep", &old, &back, 1, on_accepted, NULL));
    struct sl_list_draft d = draft();
    AWAIT(&f, sl_store_precreate(f.store, "ep", 1, &d, 1, on_records, NULL));
    restart_redis();
    open_pool("ep", 80, 1);
    assert_int_equal(got.pool.foreign, 2);
    assert_int_equal(got.pool.taken, 10);
    AWAIT(&f, sl_store_give_back(f.store, "ep", &old, &back, 1, on_accepted, NULL));
    assert_int_equal(got.err, SL_OK);
    assert_int_equal(got.number, 0);
    take("ep", 5, 0);
    assert_int_equal(got.taken.sealed, 2);
    assert_int_equal(taken_now(), 5);
    assert_memory_not_equal(&got.blocks[0].list.id, &old, sizeof old);
    AWAIT(&f, sl_store_describe(f.store, "ep", &old, on_record, NULL));
    assert_int_equal(got.records[0].state, SL_LIST_SEALED);
    assert_int_equal(got.records[0].cursor, 10);
    AWAIT(&f, sl_store_give_back(f.store, "ep", &old, &back, 1, on_accepted, NULL));
    assert_int_equal(got.number, 0);
    assert_string_equal(cli(&f.server, "keys '*:returned'"), "");
}

static void adoption_needs_a_redis_that_is_not_behind(void **state)
{
    (void)state;
    open_pool("ad", 80, 1);
    take("ad", 10, 0);
    struct sl_uuid old = got.blocks[0].list.id;
    restart_redis();
    AWAIT(&f, sl_store_adopt(f.store, "ad", 11, on_number, NULL));
    assert_int_equal(got.number, -1);
    AWAIT(&f, sl_store_adopt(f.store, "ad", 10, on_number, NULL));
    assert_int_equal(got.number, 1);
    AWAIT(&f, sl_store_adopt(f.store, "ad", 10, on_number, NULL));
    assert_int_equal(got.number, 0);
    take("ad", 5, 0);
    assert_int_equal(got.taken.sealed, 0);
    assert_memory_equal(&got.blocks[0].list.id, &old, sizeof old);
    assert_int_equal(got.blocks[0].from, 10);
}

static void changes_come_in_order_and_in_pages(void **state)
{
    (void)state;
    struct sl_list_draft d[5] = {draft(), draft(), draft(), draft(), draft()};
    open_pool("ch", 8, 8);
    AWAIT(&f, sl_store_precreate(f.store, "ch", 5, d, 5, on_records, NULL));
    assert_int_equal(got.count, 5);
    AWAIT(&f, sl_store_changes(f.store, "ch", 0, 3, on_changes, NULL));
    assert_int_equal(got.newest, 5);
    assert_int_equal(got.count, 3);
    assert_memory_equal(&got.records[2].id, &d[2].id, sizeof d[2].id);
    AWAIT(&f, sl_store_changes(f.store, "ch", 3, 10, on_changes, NULL));
    assert_int_equal(got.count, 2);
    struct sl_change c = {7, 255};
    AWAIT(&f, sl_store_update(f.store, "ch", &d[0].id, -1, &c, 1, on_updated, NULL));
    AWAIT(&f, sl_store_changes(f.store, "ch", 5, 10, on_changes, NULL));
    assert_int_equal(got.newest, 6);
    assert_int_equal(got.count, 1);
    assert_int_equal(got.records[0].version, 1);
    assert_int_equal(got.records[0].change, 6);
    assert_memory_equal(&got.records[0].id, &d[0].id, sizeof d[0].id);
    AWAIT(&f, sl_store_changes(f.store, "ch", 6, 10, on_changes, NULL));
    assert_int_equal(got.count, 0);
    AWAIT(&f, sl_store_changes(f.store, "nowhere", 0, 10, on_changes, NULL));
    assert_int_equal(got.newest, 0);
}

/* Whatever somebody wrote to the keys of one list: the lists behind it are read, and it is named. */
static void a_damaged_list_hides_no_other(void **state)
{
    (void)state;
    struct sl_list_draft d[4] = {draft(), draft(), draft(), draft()};
    char key[128], uuid[SL_UUID_TEXT + 1] = {0};
    open_pool("dmg", 8, 8);
    AWAIT(&f, sl_store_precreate(f.store, "dmg", 4, d, 4, on_records, NULL));
    sl_uuid_text(&d[0].id, uuid);
    snprintf(key, sizeof key, "statuslist:{dmg}:list:%s:config", uuid);
    cli(&f.server, "DEL '%s'", key);
    AWAIT(&f, sl_store_changes(f.store, "dmg", 0, 2, on_changes, NULL));
    assert_int_equal(got.looked, 2); /* a full page, though one record is missing */
    assert_int_equal(got.last, 2);
    assert_int_equal(got.count, 1);
    assert_int_equal(got.damaged_count, 1);
    assert_string_equal(got.damaged[0].id, uuid);
    assert_string_equal(got.damaged[0].field, "record");
    AWAIT(&f, sl_store_describe(f.store, "dmg", &d[0].id, on_record, NULL));
    assert_true(got.none);
    assert_string_equal(got.damaged[0].field, "record");
    cli(&f.server, "SET '%s' text", key); /* not even a hash */
    AWAIT(&f, sl_store_changes(f.store, "dmg", 0, 9, on_changes, NULL));
    assert_int_equal(got.count, 3);
    assert_string_equal(got.damaged[0].field, "record");
    sl_uuid_text(&d[1].id, uuid);
    snprintf(key, sizeof key, "statuslist:{dmg}:list:%s:config", uuid);
    cli(&f.server, "HSET '%s' state Open", key);
    cli(&f.server, "ZADD 'statuslist:{dmg}:changes' 99 strange");
    AWAIT(&f, sl_store_changes(f.store, "dmg", 0, 9, on_changes, NULL));
    assert_int_equal(got.count, 2);
    assert_int_equal(got.damaged_count, 3);
    assert_string_equal(got.damaged[1].field, "state");
    assert_string_equal(got.damaged[2].id, "strange");
    assert_int_equal(got.last, 99);
    assert_in_range(got.time_ms, sl_wall_ms(&sl_clock_system) - 60000, sl_wall_ms(&sl_clock_system) + 60000);
}

static void describing_what_is_and_what_is_not(void **state)
{
    (void)state;
    struct sl_uuid id = fixture_list(&f, "de", 8, 1), other = sl_uuid_v4(&sl_clock_system);
    AWAIT(&f, sl_store_describe(f.store, "de", &id, on_record, NULL));
    assert_false(got.none);
    assert_int_equal(strncmp(got.uri, "http://l/", 9), 0);
    AWAIT(&f, sl_store_describe(f.store, "de", &other, on_record, NULL));
    assert_int_equal(got.err, SL_OK);
    assert_true(got.none);
    AWAIT(&f, sl_store_describe(f.store, "foreign", &id, on_record, NULL));
    assert_true(got.none);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_pool_keeps_its_first_size_and_bits),
        T(names_of_all_pools),
        T(precreation_stops_at_the_number_of_spares),
        T(every_index_is_taken_exactly_once),
        T(a_second_draft_is_used_where_one_is_too_small),
        T(what_is_given_back_is_taken_first),
        T(many_given_back_at_once),
        T(young_lists_wait),
        T(a_new_epoch_seals_open_lists),
        T(adoption_needs_a_redis_that_is_not_behind),
        T(changes_come_in_order_and_in_pages),
        T(a_damaged_list_hides_no_other),
        T(describing_what_is_and_what_is_not),
    };
    return cmocka_run_group_tests_name("store lists", tests, NULL, NULL);
}
