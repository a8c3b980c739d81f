/* Pools and lists on a real Redis: creation, owners, taking, giving back, inheriting, changes. */
#include "store_fixture.h"

#include "core/order.h"

static struct fixture f;

/* What an owner remembers of its lists. */
static struct {
    struct sl_position lists[16];
    uint32_t size, count;
} own;

static struct sl_uuid make(const char *pool)
{
    struct sl_list_draft d = draft();
    AWAIT(&f, sl_store_precreate(f.store, pool, fixture_fence(&f, pool), &d, 1, on_records, NULL));
    assert_int_equal(got.err, SL_OK);
    assert_int_equal(got.count, 1);
    own.lists[own.count++] = at(&d.id, 0);
    return d.id;
}

static void remember_taken(void)
{
    for (uint32_t i = 0; i < got.taken.block_count; i++)
        for (uint32_t j = 0; j < own.count; j++)
            if (memcmp(&own.lists[j].list, &got.blocks[i].list.id, sizeof own.lists[j].list) == 0)
                own.lists[j].position = got.blocks[i].from + got.blocks[i].count;
    uint32_t n = 0;
    for (uint32_t j = 0; j < own.count; j++)
        if (own.lists[j].position < own.size)
            own.lists[n++] = own.lists[j];
    own.count = n;
}

/* Makes lists as an owner does, and takes from them. */
static void take(const char *pool, uint32_t want)
{
    uint32_t left = 0;
    for (uint32_t j = 0; j < own.count; j++)
        left += own.size - own.lists[j].position;
    for (; left < want; left += own.size)
        make(pool);
    AWAIT(&f, sl_store_take(f.store, pool, want, own.lists, own.count, on_taken, NULL));
    assert_int_equal(got.err, SL_OK);
    remember_taken();
}

static void open_pool(const char *pool, uint32_t size, unsigned bits)
{
    AWAIT(&f, sl_store_open_pool(f.store, pool, size, bits, NULL, on_pool, NULL));
    assert_int_equal(got.err, SL_OK);
    own.size = size;
    own.count = 0;
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

static void lists_are_made_for_the_caller(void **state)
{
    (void)state;
    struct sl_list_draft d[3] = {draft(), draft(), draft()};
    open_pool("p", 64, 2);
    AWAIT(&f, sl_store_precreate(f.store, "p", fixture_fence(&f, "p"), d, 2, on_records, NULL));
    assert_int_equal(got.count, 2);
    assert_memory_equal(&got.records[0].id, &d[0].id, sizeof d[0].id);
    assert_memory_equal(got.records[1].seed, d[1].seed, sizeof d[1].seed);
    assert_int_equal(got.records[0].size, 64);
    assert_int_equal(got.records[0].bits, 2);
    assert_int_equal(got.records[1].change, 2);
    assert_int_equal(got.records[0].state, SL_LIST_OPEN);
    /* The reply was lost, the caller comes with the same drafts again: nothing is made twice. */
    AWAIT(&f, sl_store_precreate(f.store, "p", fixture_fence(&f, "p"), d, 3, on_records, NULL));
    assert_int_equal(got.count, 3);
    assert_int_equal(got.records[1].change, 2);
    assert_string_equal(cli(&f.server, "scard 'statuslist:{p}:lists'"), "3");
    /* Another process gets nothing by naming them. */
    strcpy(f.identity.run, "another");
    AWAIT(&f, sl_store_precreate(f.store, "p", fixture_fence(&f, "p"), d, 3, on_records, NULL));
    assert_int_equal(got.count, 0);
    /* Versions that know no owners would take from what is in `open`, or has their epoch. */
    char text[SL_UUID_TEXT];
    sl_uuid_text(&d[0].id, text);
    assert_string_equal(cli(&f.server, "exists 'statuslist:{p}:open'"), "0");
    assert_string_equal(cli(&f.server, "hget 'statuslist:{p}:list:%.36s:config' epoch", text), "");
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
        take("bi", want);
        assert_int_equal(taken_now(), want);
        total += want;
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

static void a_take_goes_on_in_the_next_list(void **state)
{
    (void)state;
    open_pool("small", 8, 1);
    take("small", 15);
    assert_int_equal(taken_now(), 15);
    assert_int_equal(got.taken.block_count, 2);
    uint32_t lists = own.count;
    AWAIT(&f, sl_store_take(f.store, "small", 40, own.lists, own.count, on_taken, NULL));
    assert_int_equal(taken_now(), 1); /* fewer than asked */
    assert_int_equal(got.taken.over_count, 0);
    AWAIT(&f, sl_store_take(f.store, "small", 40, own.lists, lists, on_taken, NULL));
    assert_int_equal(taken_now(), 0);
    assert_int_equal(got.taken.over_count, 1); /* and nothing is left */
}

/* The position is the owner's, whatever Redis says: its data may be older, or have a take whose reply was
 * lost. */
static void positions_lead(void **state)
{
    (void)state;
    char text[SL_UUID_TEXT];
    open_pool("lead", 80, 1);
    struct sl_uuid id = make("lead");
    sl_uuid_text(&id, text);
    fixture_take(&f, "lead", &id, 0, 10);
    assert_int_equal(got.blocks[0].from, 0);
    cli(&f.server, "hset 'statuslist:{lead}:list:%.36s:config' cursor 3", text);
    fixture_take(&f, "lead", &id, 10, 5);
    assert_int_equal(got.blocks[0].from, 10);
    assert_int_equal(got.blocks[0].list.cursor, 15);
    fixture_take(&f, "lead", &id, 10, 5); /* a reply was lost */
    assert_int_equal(got.blocks[0].from, 15);
    cli(&f.server, "hset 'statuslist:{lead}:list:%.36s:config' cursor 0", text);
    fixture_take(&f, "lead", &id, 78, 5);
    assert_int_equal(got.blocks[0].count, 2);
    assert_int_equal(got.blocks[0].list.state, SL_LIST_FULL);
}

static void another_process_takes_nothing(void **state)
{
    (void)state;
    open_pool("mine", 80, 1);
    struct sl_uuid id = make("mine"), none = sl_uuid_v4(&sl_clock_system);
    uint32_t back = 1;
    fixture_take(&f, "mine", &id, 0, 10);
    strcpy(f.identity.run, "another");
    struct sl_position named[2] = {at(&id, 0), at(&none, 0)};
    AWAIT(&f, sl_store_take(f.store, "mine", 5, named, 2, on_taken, NULL));
    assert_int_equal(taken_now(), 0);
    assert_int_equal(got.taken.over_count, 2);
    assert_memory_equal(&got.over[0], &id, sizeof id);
    assert_int_equal(fixture_give_back(&f, "mine", &id, 10, &back, 1), 0);
    assert_string_equal(cli(&f.server, "keys '*:returned'"), "");
    AWAIT(&f, sl_store_describe(f.store, "mine", &id, on_record, NULL));
    assert_int_equal(got.records[0].cursor, 10);
}

/* Whatever somebody wrote to the keys of one list: the others are taken from, and this one is given up. */
static void a_damaged_list_stops_no_take(void **state)
{
    (void)state;
    static const char *const fields[] = {"cursor", "uri", "seed", "bits", "version"};
    enum { FIELDS = sizeof fields / sizeof fields[0] };
    char key[128], text[SL_UUID_TEXT];
    open_pool("dam", 80, 1);
    for (size_t i = 0; i < FIELDS + 2; i++) {
        struct sl_uuid bad = make("dam"), good = make("dam");
        sl_uuid_text(&bad, text);
        snprintf(key, sizeof key, "statuslist:{dam}:list:%.36s:config", text);
        if (i < FIELDS)
            cli(&f.server, i % 2 ? "HDEL '%s' %s" : "HSET '%s' %s x", key, fields[i]);
        else
            cli(&f.server, "DEL '%s'", key);
        if (i > FIELDS)
            cli(&f.server, "SET '%s' text", key); /* not even a hash */
        struct sl_position named[2] = {at(&bad, 0), at(&good, 0)};
        AWAIT(&f, sl_store_take(f.store, "dam", 5, named, 2, on_taken, NULL));
        assert_int_equal(got.err, SL_OK);
        assert_int_equal(taken_now(), 5);
        assert_int_equal(got.taken.over_count, 1);
        assert_memory_equal(&got.over[0], &bad, sizeof bad);
        fixture_inherit(&f, "dam", f.identity.run, &bad, 0);
        assert_int_equal(got.count, 0);
        uint32_t back = 1;
        assert_int_equal(fixture_give_back(&f, "dam", &bad, 0, &back, 1), 0);
    }
}

/* Of whose line something fell out. */
static void an_old_list_goes_on(void **state)
{
    (void)state;
    char text[SL_UUID_TEXT];
    open_pool("aged", 80, 1);
    struct sl_uuid id = make("aged");
    sl_uuid_text(&id, text);
    cli(&f.server, "hset 'statuslist:{aged}:list:%.36s:config' cut 0190a0b0c0d0-0123456789abcdef:0123456789",
        text);
    fixture_take(&f, "aged", &id, 0, 5);
    assert_int_equal(taken_now(), 5);
    fixture_inherit(&f, "aged", f.identity.run, &id, 0);
    assert_int_equal(got.count, 1);
}

static void an_heir_goes_on_where_its_predecessor_stopped(void **state)
{
    (void)state;
    char first[17], text[SL_UUID_TEXT];
    open_pool("heir", 16, 1);
    struct sl_uuid id = make("heir");
    sl_uuid_text(&id, text);
    fixture_take(&f, "heir", &id, 0, 6);
    uint32_t back[3] = {3, 9, 15}, outside = 16;
    assert_int_equal(fixture_give_back(&f, "heir", &id, 6, &outside, 1), 0);
    assert_int_equal(got.err, SL_ERR_INDEX_OUT_OF_BOUNDS);
    assert_int_equal(fixture_give_back(&f, "heir", &id, 7, back, 3), 3);
    strcpy(first, f.identity.run);
    strcpy(f.identity.run, "heir");
    fixture_inherit(&f, "heir", "stranger", &id, 0); /* who does not know whose it was, gets nothing */
    assert_int_equal(got.count, 0);
    fixture_inherit(&f, "heir", first, &id, 5);
    assert_int_equal(got.count, 1);
    assert_int_equal(got.blocks[0].from, 7);
    assert_int_equal(got.blocks[0].count, 0);
    assert_int_equal(got.blocks[0].returned_count, 3);
    assert_memory_equal(got.blocks[0].returned, back, sizeof back);
    fixture_inherit(&f, "heir", first, &id, 9); /* the reply was lost; Redis had gone back */
    assert_int_equal(got.blocks[0].from, 9);
    assert_int_equal(got.blocks[0].returned_count, 0);
    fixture_take(&f, "heir", &id, 9, 16);
    assert_int_equal(got.blocks[0].from, 9);
    assert_int_equal(got.blocks[0].count, 7);
    assert_int_equal(got.blocks[0].list.state, SL_LIST_FULL);
    /* Whose was it? The one that has ended can do nothing more. */
    strcpy(f.identity.run, first);
    fixture_take(&f, "heir", &id, 6, 1);
    assert_int_equal(got.taken.over_count, 1);
    assert_int_equal(fixture_give_back(&f, "heir", &id, 6, back, 1), 0);
    /* A full list is handed on for what was given back to it. */
    strcpy(f.identity.run, "heir");
    assert_int_equal(fixture_give_back(&f, "heir", &id, 16, back + 1, 1), 1);
    strcpy(f.identity.run, "third");
    fixture_inherit(&f, "heir", "heir", &id, 16);
    assert_int_equal(got.blocks[0].returned_count, 1);
    assert_int_equal(got.blocks[0].list.state, SL_LIST_FULL);
}

static void many_given_back_at_once(void **state)
{
    (void)state;
    static uint32_t all[3000];
    for (uint32_t i = 0; i < 3000; i++)
        all[i] = i;
    open_pool("many", 3000, 1);
    struct sl_uuid id = make("many");
    fixture_take(&f, "many", &id, 0, 3000);
    assert_int_equal(fixture_give_back(&f, "many", &id, 3000, all, 3000), 3000);
    fixture_inherit(&f, "many", f.identity.run, &id, 3000);
    assert_int_equal(got.blocks[0].returned_count, 3000);
    assert_memory_equal(got.blocks[0].returned, all, sizeof all);
}

static void restart_redis(void)
{
    server_stop(&f.server, SIGTERM);
    TURN_UNTIL(&f, sl_store_state(f.store) != SL_STORE_UP);
    server_start(&f.server, NULL);
    fixture_up(&f);
}

static void a_restart_of_redis_changes_nothing(void **state)
{
    (void)state;
    open_pool("re", 80, 1);
    struct sl_uuid id = make("re"), spare = make("re");
    fixture_take(&f, "re", &id, 0, 10);
    restart_redis();
    fixture_take(&f, "re", &id, 10, 5);
    assert_int_equal(got.blocks[0].from, 10);
    fixture_take(&f, "re", &spare, 0, 5);
    assert_int_equal(got.blocks[0].from, 0);
}

/* An open list as a version that knows no owners made it. */
static void make_without_owner(const struct sl_uuid *id)
{
    char text[SL_UUID_TEXT];
    sl_uuid_text(id, text);
    cli(&f.server, "hdel 'statuslist:{old}:list:%.36s:config' owner owned", text);
    cli(&f.server, "hset 'statuslist:{old}:list:%.36s:config' epoch abc", text);
    cli(&f.server, "zadd 'statuslist:{old}:open' 1 %.36s", text);
}

static void expect_state(const struct sl_uuid *id, enum sl_list_state state)
{
    AWAIT(&f, sl_store_describe(f.store, "old", id, on_record, NULL));
    assert_int_equal(got.records[0].state, state);
}

static void on_feed(void *arg, enum sl_store_state state)
{
    (void)arg;
    (void)state;
}

static void on_version(void *arg, const char *pool, const struct sl_uuid *list, uint64_t version)
{
    (void)arg;
    (void)pool;
    (void)list;
    (void)version;
}

/* An instance of this version. */
static struct sl_feed *show(struct sl_store_identity *identity, const char *const *pools,
                            const struct sl_feed_shown *shown)
{
    struct sl_feed_setup setup = {.connection = {.loop = f.loop,
                                                 .options = &f.options,
                                                 .identity = identity,
                                                 .role = "feed",
                                                 .clerk = f.clerk,
                                                 .mail = &f.mail,
                                                 .on_state = on_feed},
                                  .pools = pools,
                                  .shown = shown,
                                  .on_version = on_version};
    struct sl_feed *feed = sl_feed_new(&setup);
    TURN_UNTIL(&f, sl_feed_state(feed) == SL_STORE_UP);
    return feed;
}

static void lists_without_an_owner_are_left_while_an_instance_without_owners_lives(void **state)
{
    (void)state;
    open_pool("old", 80, 1);
    struct sl_uuid id = make("old"), mine = make("old");
    make_without_owner(&id);
    static const char *const pools[] = {"old", NULL};
    static const struct sl_feed_shown shown[] = {{.fingerprint = 0xabc}};
    struct sl_store_identity other;
    new_identity(&other);
    struct sl_feed *ours = show(&other, pools, shown);
    /* An instance of a version without owners shows its options and nothing else. */
    struct server *server = &f.server;
    char command[256];
    snprintf(command, sizeof command,
             "exec redis-cli -s %s subscribe 'statuslist:0:{old}:00000000000000ab:old-one' >/dev/null",
             server->socket);
    int pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(1);
    }
    TURN_UNTIL(&f, strstr(cli(server, "pubsub channels *:old-one"), "old-one") != NULL);
    fixture_take(&f, "old", &mine, 0, 5);
    assert_int_equal(got.taken.sealed, 0);
    expect_state(&id, SL_LIST_OPEN);
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    TURN_UNTIL(&f, strstr(cli(server, "pubsub channels *:old-one"), "old-one") == NULL);
    fixture_take(&f, "old", &mine, 5, 5);
    assert_int_equal(got.taken.sealed, 1);
    expect_state(&id, SL_LIST_SEALED);
    expect_state(&mine, SL_LIST_OPEN);
    fixture_take(&f, "old", &mine, 10, 5);
    assert_int_equal(got.taken.sealed, 0);
    sl_feed_free(ours);
}

static void changes_come_in_order_and_in_pages(void **state)
{
    (void)state;
    struct sl_list_draft d[5] = {draft(), draft(), draft(), draft(), draft()};
    open_pool("ch", 8, 8);
    AWAIT(&f, sl_store_precreate(f.store, "ch", fixture_fence(&f, "ch"), d, 5, on_records, NULL));
    assert_int_equal(got.count, 5);
    AWAIT(&f, sl_store_changes(f.store, "ch", 0, 3, on_changes, NULL));
    assert_int_equal(got.newest, 5);
    assert_int_equal(got.count, 3);
    assert_memory_equal(&got.records[2].id, &d[2].id, sizeof d[2].id);
    AWAIT(&f, sl_store_changes(f.store, "ch", 3, 10, on_changes, NULL));
    assert_int_equal(got.count, 2);
    struct sl_change c = {7, 255};
    AWAIT(&f, sl_store_update(f.store, "ch", fixture_fence(&f, "ch"), &d[0].id, -1, &c, 1, on_updated, NULL));
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
    AWAIT(&f, sl_store_precreate(f.store, "dmg", fixture_fence(&f, "dmg"), d, 4, on_records, NULL));
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

#define T(name) FIXTURE_TEST(name, fixture_setup, &f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_pool_keeps_its_first_size_and_bits),
        T(names_of_all_pools),
        T(lists_are_made_for_the_caller),
        T(every_index_is_taken_exactly_once),
        T(a_take_goes_on_in_the_next_list),
        T(positions_lead),
        T(another_process_takes_nothing),
        T(a_damaged_list_stops_no_take),
        T(an_old_list_goes_on),
        T(an_heir_goes_on_where_its_predecessor_stopped),
        T(many_given_back_at_once),
        T(a_restart_of_redis_changes_nothing),
        T(lists_without_an_owner_are_left_while_an_instance_without_owners_lives),
        T(changes_come_in_order_and_in_pages),
        T(a_damaged_list_hides_no_other),
        T(describing_what_is_and_what_is_not),
    };
    return cmocka_run_group_tests_name("store lists", tests, NULL, NULL);
}
