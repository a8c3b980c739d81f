/* The subscription on a real Redis. */
#include "store_fixture.h"

static struct fixture f;

static struct seen {
    unsigned count;
    char pool[16];
    struct sl_uuid list;
    uint64_t version;
} seen;

static void on_version(void *arg, const char *pool, const struct sl_uuid *list, uint64_t version)
{
    (void)arg;
    seen.count++;
    snprintf(seen.pool, sizeof seen.pool, "%s", pool);
    seen.list = *list;
    seen.version = version;
}

static struct sl_feed_shown feed_shown[] = {{0xabc, 1000, 60000}, {0xdef, 0, 0}, {1, 0, 0}, {2, 0, 0}};

static struct sl_feed *new_feed(const char *const *pools)
{
    struct sl_feed_setup setup = {.connection = {.loop = f.loop,
                                                 .options = &f.options,
                                                 .identity = &f.identity,
                                                 .role = "feed",
                                                 .clerk = f.clerk,
                                                 .mail = &f.mail},
                                  .pools = pools,
                                  .shown = feed_shown,
                                  .on_version = on_version};
    return sl_feed_new(&setup);
}

static int begin(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof seen);
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

static const char *const pools[] = {"a", "f", NULL};

static void versions_arrive(void **state)
{
    (void)state;
    struct sl_feed *feed = new_feed(pools);
    TURN_UNTIL(&f, sl_feed_state(feed) == SL_STORE_UP);
    struct sl_uuid id = fixture_list(&f, "f", 16, 1);
    TURN_UNTIL(&f, seen.count == 1); /* a new list is a change */
    assert_int_equal(seen.version, 0);
    AWAIT(&f, sl_store_update(f.store, "f", fixture_fence(&f, "f"), &id, -1, &(struct sl_change){1, 1}, 1,
                              on_updated, NULL));
    TURN_UNTIL(&f, seen.count == 2);
    assert_string_equal(seen.pool, "f");
    assert_memory_equal(&seen.list, &id, sizeof id);
    assert_int_equal(seen.version, 1);
    AWAIT(&f, sl_store_update(f.store, "f", fixture_fence(&f, "f"), &id, -1, &(struct sl_change){1, 1}, 1,
                              on_updated, NULL));
    fixture_list(&f, "other", 16, 1);
    cli(&f.server, "publish 'statuslist:0:{a}' nonsense");
    cli(&f.server, "publish 'statuslist:0:{a}' '%s 7'", "00000000-0000-4000-8000-000000000001");
    TURN_UNTIL(&f, seen.version == 7);
    assert_int_equal(seen.count, 3);
    assert_string_equal(seen.pool, "a");
    sl_feed_free(feed);
}

static void it_subscribes_again(void **state)
{
    (void)state;
    struct sl_feed *feed = new_feed(pools);
    TURN_UNTIL(&f, sl_feed_state(feed) == SL_STORE_UP);
    cli(&f.server, "client kill type pubsub");
    TURN_UNTIL(&f, sl_feed_state(feed) != SL_STORE_UP);
    TURN_UNTIL(&f, sl_feed_state(feed) == SL_STORE_UP);
    fixture_list(&f, "a", 16, 1);
    TURN_UNTIL(&f, seen.count == 1);
    sl_feed_free(feed);
}

static void a_dead_peer_is_noticed_without_messages(void **state)
{
    (void)state;
    f.options.command_timeout_ms = 300;
    struct sl_feed *feed = new_feed(pools);
    TURN_UNTIL(&f, sl_feed_state(feed) == SL_STORE_UP);
    kill(f.server.pid, SIGSTOP);
    TURN_UNTIL(&f, sl_feed_state(feed) != SL_STORE_UP);
    kill(f.server.pid, SIGCONT);
    TURN_UNTIL(&f, sl_feed_state(feed) == SL_STORE_UP);
    sl_feed_free(feed);
}

static void without_pools_it_is_up_as_well(void **state)
{
    (void)state;
    struct sl_feed *feed = new_feed((const char *const[]){NULL});
    TURN_UNTIL(&f, sl_feed_state(feed) == SL_STORE_UP);
    uint64_t until = sl_mono_ns(&sl_clock_system) + 1500 * SL_NS_PER_MS;
    while (sl_mono_ns(&sl_clock_system) < until) /* over a heartbeat */
        sl_loop_turn(f.loop, 50);
    assert_int_equal(sl_feed_state(feed), SL_STORE_UP);
    sl_feed_free(feed);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

static struct {
    uint32_t size;
    uint8_t bits;
    char text[64], other[64];
} agreed;

static void on_agreed(void *arg, enum sl_err err, const struct sl_agreed *r)
{
    (void)arg;
    mark_done(err);
    assert_int_equal(err, SL_OK);
    agreed.size = r->size;
    agreed.bits = r->bits;
    snprintf(agreed.text, sizeof agreed.text, "%.*s", (int)r->text.len, r->text.at);
    snprintf(agreed.other, sizeof agreed.other, "%.*s", (int)r->other.len, r->other.at);
}

static void agree(const char *text, uint64_t fingerprint, uint32_t size, bool write)
{
    struct sl_shared_options mine = {
        .text = {text, strlen(text)}, .fingerprint = fingerprint, .size = size, .bits = 1};
    AWAIT(&f, sl_store_agree(f.store, "a", &mine, write, on_agreed, NULL));
}

static const char *shown(void)
{
    return cli(&f.server, "pubsub channels 'statuslist:*:{a}:*:*'");
}

/* Another instance is seen by what its feed shows, as long as that is connected. */
static void options_are_those_of_whoever_lives(void **state)
{
    (void)state;
    feed_shown[0].fingerprint = 0xa1;
    agree("ttl 60s\n", 0xa1, 1000, false);
    assert_int_equal(agreed.size, 0);
    assert_string_equal(agreed.text, "");
    assert_string_equal(cli(&f.server, "exists 'statuslist:{a}:config'"), "0"); /* it was only asked */
    agree("ttl 60s\n", 0xa1, 1000, true);
    AWAIT(&f, sl_store_open_pool(f.store, "a", 1000, 1, NULL, on_pool, NULL));

    struct sl_store_identity mine = f.identity;
    memset(f.identity.instance, 'e', SL_UUID_TEXT);
    struct sl_feed *feed =
        new_feed(pools); /* keeps the pointer: its greeting is over before it is changed back */
    TURN_UNTIL(&f, sl_feed_state(feed) == SL_STORE_UP);
    f.identity = mine;
    agree("ttl 60s\n", 0xa1, 1000, true); /* the same options */
    assert_string_equal(agreed.text, "ttl 60s\n");
    assert_string_equal(agreed.other, "");
    agree("ttl 30s\n", 0xb2, 1000, true);
    assert_string_equal(agreed.text, "ttl 60s\n");
    assert_int_equal(strspn(agreed.other, "e"), SL_UUID_TEXT);
    agree("ttl 60s\n", 0xa1, 1000, true);
    assert_string_equal(agreed.text, "ttl 60s\n"); /* 30s was not written */
    sl_feed_free(feed);
    TURN_UNTIL(&f, shown()[0] == '\0');

    agree("ttl 30s\n", 0xb2, 1000, true); /* now it is */
    assert_string_equal(agreed.other, "");
    agree("ttl 10s\n", 0xc3, 2000, true); /* and another size never */
    assert_int_equal(agreed.size, 1000);
    assert_int_equal(agreed.bits, 1);
    agree("ttl 30s\n", 0xb2, 1000, true);
    assert_string_equal(agreed.text, "ttl 30s\n");
}

static struct {
    unsigned answers;
    size_t n;
    char pool[16];
    uint32_t update_ms, ttl_ms;
} tempos;

static void on_tempos(void *arg, enum sl_err err, const struct sl_tempo *all, size_t n)
{
    (void)arg;
    assert_int_equal(err, SL_OK);
    tempos.answers++;
    tempos.n = n;
    for (size_t i = 0; i < n; i++) {
        if (!sl_span_eq(all[i].pool, SL_SPAN("a")))
            continue;
        snprintf(tempos.pool, sizeof tempos.pool, "%.*s", (int)all[i].pool.len, all[i].pool.at);
        tempos.update_ms = all[i].update_ms;
        tempos.ttl_ms = all[i].ttl_ms;
    }
}

static void look_at_tempos(void)
{
    unsigned before = tempos.answers;
    assert_int_equal(sl_store_tempos(f.store, on_tempos, NULL), SL_OK);
    TURN_UNTIL(&f, tempos.answers > before);
}

/* Each instance's interval and ttl are seen by the others, for as long as it is subscribed. */
static void what_an_instance_shows_is_seen_by_the_others(void **state)
{
    (void)state;
    struct sl_feed *own = new_feed(pools);
    TURN_UNTIL(&f, sl_feed_state(own) == SL_STORE_UP);
    look_at_tempos();
    assert_int_equal(tempos.n, 0); /* not one's own */
    sl_feed_free(own);
    struct sl_store_identity mine = f.identity;
    memset(f.identity.instance, 'e', SL_UUID_TEXT);
    struct sl_feed *feed = new_feed(pools);
    TURN_UNTIL(&f, sl_feed_state(feed) == SL_STORE_UP);
    f.identity = mine;
    look_at_tempos();
    assert_int_equal(tempos.n, 2);
    assert_string_equal(tempos.pool, "a");
    assert_int_equal(tempos.update_ms, 1000);
    assert_int_equal(tempos.ttl_ms, 60000);
    const struct sl_feed_shown before = feed_shown[0];
    memset(f.identity.instance, 'e', SL_UUID_TEXT); /* the feed asks for its identity again */
    feed_shown[0].update_ms = 86400000;
    feed_shown[0].ttl_ms = 900000000;
    sl_feed_show(feed, 0, &before);
    f.identity = mine;
    for (tempos.ttl_ms = 0; tempos.ttl_ms != 900000000 || tempos.n != 2;)
        look_at_tempos();
    assert_int_equal(tempos.update_ms, 86400000);
    feed_shown[0] = before;
    sl_feed_free(feed);
    while (tempos.n > 0)
        look_at_tempos();
}

static struct {
    unsigned answers;
    uint64_t kept_ms, cached_ms;
} kept;

static void on_kept(void *arg, enum sl_err err, const struct sl_agreed *r)
{
    (void)arg;
    assert_int_equal(err, SL_OK);
    kept.answers++;
    kept.kept_ms = r->kept_ms;
    kept.cached_ms = r->cached_ms;
}

static void agree_ttl(const char *text, uint32_t ttl_ms, bool write)
{
    struct sl_shared_options mine = {.text = sl_span(text, strlen(text)),
                                     .fingerprint = 0xa1,
                                     .size = 1000,
                                     .bits = 1,
                                     .ttl_ms = ttl_ms,
                                     .default_ttl_ms = 60000};
    unsigned before = kept.answers;
    assert_int_equal(sl_store_agree(f.store, "t", &mine, write, on_kept, NULL), SL_OK);
    TURN_UNTIL(&f, kept.answers > before);
}

/* Tokens that were given out with a longer ttl are used for as long as that, whatever has ended since. */
static void a_longer_ttl_is_remembered_as_long_as_it_is_used(void **state)
{
    (void)state;
    agree_ttl("", 60000, true); /* the first options ever: nothing was given out */
    assert_int_equal(kept.cached_ms, 0);
    agree_ttl("ttl 5s\n", 5000, false); /* only asked */
    assert_int_equal(kept.cached_ms, 0);
    agree_ttl("ttl 5s\n", 60000, true); /* reloaded, but there is such a token still */
    assert_int_equal(kept.cached_ms, 0);
    agree_ttl("ttl 5s\n", 5000, true);
    assert_in_range(kept.kept_ms, 50000, 60000);
    assert_in_range(kept.cached_ms, 110000, 120000);
    agree_ttl("ttl 1s\n", 1000, true); /* what is over first does not shorten it */
    assert_in_range(kept.kept_ms, 40000, 60000);
    agree_ttl("ttl 2h\n", 7200000, true);
    assert_in_range(kept.cached_ms, 100000, 120000);
    /* An instance of a version that keeps no account has written the options. */
    (void)cli(&f.server, "hdel 'statuslist:{t}:config' ttl kept_until cached_until");
    agree_ttl("", 60000, true);
    assert_in_range(kept.kept_ms, 7190000, 7200000);
    (void)cli(&f.server, "hset 'statuslist:{t}:config' ttl 1000 kept_until 0 cached_until 0");
    agree_ttl("ttl 1500ms\n", 1500, true);
    assert_in_range(kept.kept_ms, 50000, 60000);
}

static void what_is_shown_changes(void **state)
{
    (void)state;
    feed_shown[0].fingerprint = 0xa1;
    struct sl_feed *feed = new_feed(pools);
    sl_feed_show(feed, 0,
                 &(struct sl_feed_shown){.fingerprint = 0x77}); /* not connected yet: nothing to change */
    TURN_UNTIL(&f, sl_feed_state(feed) == SL_STORE_UP);
    assert_non_null(strstr(shown(), ":00000000000000a1:"));
    feed_shown[0].fingerprint = 0xb2;
    sl_feed_show(feed, 0, &(struct sl_feed_shown){.fingerprint = 0xa1, .update_ms = 1000, .ttl_ms = 60000});
    TURN_UNTIL(&f, strstr(shown(), ":00000000000000b2:") != NULL &&
                       strstr(shown(), ":00000000000000a1:") == NULL);
    struct sl_uuid id = fixture_list(&f, "a", 16, 1);
    TURN_UNTIL(&f, seen.count >= 1); /* and news come as before */
    assert_memory_equal(&seen.list, &id, sizeof id);
    sl_feed_free(feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_an_instance_shows_is_seen_by_the_others),
        T(a_longer_ttl_is_remembered_as_long_as_it_is_used),
        T(versions_arrive),
        T(options_are_those_of_whoever_lives),
        T(what_is_shown_changes),
        T(it_subscribes_again),
        T(a_dead_peer_is_noticed_without_messages),
        T(without_pools_it_is_up_as_well),
    };
    return cmocka_run_group_tests_name("store feed", tests, NULL, NULL);
}
