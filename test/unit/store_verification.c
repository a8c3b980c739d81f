/* What a server must be before it is UP, on a real Redis: persistence, role, password, permissions. */
#include "store_fixture.h"

static struct fixture f;

static int begin(void **state)
{
    (void)state;
    fixture_begin(&f, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    fixture_end(&f);
    return 0;
}

/* A store against the present server: refused with a sentence that contains `reason`. */
static void refused(const char *reason, bool hopeless)
{
    struct sl_store *s = fixture_store(&f, "check", true);
    TURN_UNTIL(&f, strstr(sl_store_reason(s), reason) != NULL);
    assert_int_equal(sl_store_state(s), SL_STORE_DOWN);
    assert_int_equal(sl_store_hopeless(s), hopeless);
    sl_store_free(s);
}

static void persistence_is_verified(void **state)
{
    (void)state;
    cli(&f.server, "config set appendfsync everysec");
    refused("appendfsync is everysec, must be always", true);
    f.options.persistence = SL_PERSIST_EVERYSEC;
    fixture_up(&f);
    f.options.persistence = SL_PERSIST_ALWAYS;
    cli(&f.server, "config set appendfsync always");
    cli(&f.server, "config set no-appendfsync-on-rewrite yes");
    refused("no-appendfsync-on-rewrite is yes, must be no", true);
    cli(&f.server, "config set no-appendfsync-on-rewrite no");
    cli(&f.server, "config set maxmemory-policy allkeys-lru");
    refused("maxmemory-policy is allkeys-lru, must be noeviction", true);
    cli(&f.server, "config set maxmemory-policy volatile-lru");
    cli(&f.server, "replicaof 127.0.0.1 1");
    refused("the role of the server is slave, must be master", false);
    cli(&f.server, "replicaof no one");
    cli(&f.server, "config set appendonly no");
    refused("appendonly is no, must be yes", true);
    f.options.persistence = SL_PERSIST_DISABLED;
    struct sl_store *s = fixture_store(&f, "check", true);
    TURN_UNTIL(&f, sl_store_state(s) == SL_STORE_UP);
    sl_store_free(s);
}

static void a_mismatch_is_noticed_while_up(void **state)
{
    (void)state;
    fixture_up(&f);
    cli(&f.server, "config set appendfsync everysec");
    uint64_t until = sl_mono_ns(&sl_clock_system) + 13 * SL_NS_PER_S;
    while (sl_store_state(f.store) == SL_STORE_UP && sl_mono_ns(&sl_clock_system) < until)
        sl_loop_turn(f.loop, 50);
    assert_string_equal(sl_store_reason(f.store), "appendfsync is everysec, must be always");
    cli(&f.server, "config set appendfsync always");
    fixture_up(&f);
    assert_false(sl_store_hopeless(f.store));
}

static void on_no_names(void *arg, enum sl_err err, const struct sl_span *names, size_t n)
{
    (void)arg;
    (void)names;
    mark_done(err);
    got.count = n;
}

static void passwords_and_permissions(void **state)
{
    (void)state;
    cli(&f.server, "acl setuser app on '>s3cret' '~*' '&*' +@all -config");
    cli(&f.server, "acl setuser default '>other'");
    refused("Redis asks for a password", true);
    f.options.password = "wrong";
    refused("Redis refuses the password: WRONGPASS", true);
    f.options.username = "app";
    f.options.password = "s3cret";
    refused("CONFIG GET is not permitted", true);
    f.options.assume_persistence = true;
    f.options.database = 3;
    struct sl_store *s = fixture_store(&f, "check", true);
    TURN_UNTIL(&f, sl_store_state(s) == SL_STORE_UP);
    assert_non_null(
        strstr(cli(&f.server, "--no-auth-warning -a other client list | grep ':check '"), " db=3 "));
    sl_store_free(s);
}

static void on_agreed(void *arg, enum sl_err err, const struct sl_agreed *r)
{
    (void)arg;
    (void)r;
    mark_done(err);
}

/* The rules that docs/redis.md tells an operator to write. */
static void the_documented_rules_suffice(void **state)
{
    (void)state;
    char rules[2048] = {0};
    FILE *file = fopen(SL_TEST_DATA "/../../docs/redis.md", "r");
    assert_non_null(file);
    for (char line[512]; rules[0] == '\0' && fgets(line, sizeof line, file) != NULL;)
        if (sscanf(line, "user statuslistd %2000[^\n]", rules) == 1)
            strcpy(rules, strchr(line + 5, ' ') + 1);
    for (char line[512]; rules[strlen(rules) - 2] == '\\' && fgets(line, sizeof line, file) != NULL;)
        strcpy(rules + strlen(rules) - 2, line);
    fclose(file);
    rules[strcspn(rules, "\n")] = '\0';
    assert_non_null(strstr(rules, ">secret"));
    char *quoted = strtok(rules, " ");
    char command[4096] = "acl setuser statuslistd";
    for (; quoted != NULL; quoted = strtok(NULL, " "))
        snprintf(command + strlen(command), sizeof command - strlen(command), " '%s'", quoted);
    assert_string_equal(cli(&f.server, "%s", command), "OK");
    sl_store_free(f.store);
    f.options.username = "statuslistd";
    f.options.password = "secret";
    f.options.database = 2;
    f.options.wait_replicas = 0;
    f.store = fixture_store(&f, "keeper", true);
    fixture_up(&f);
    struct sl_uuid id = fixture_list(&f, "acl", 8, 1);
    struct sl_change c = {1, 1};
    uint32_t position = 0, index = 3, n = 1;
    struct sl_batch_group g = {id, &c, &position, 1};
    cli(&f.server, "-n 2 zadd statuslist:{acl}:open 1 of-a-version-without-owners");
    fixture_take(&f, "acl", &id, 0, 4);
    assert_int_equal(got.taken.sealed, 1);
    assert_int_equal(fixture_give_back(&f, "acl", &id, 4, &index, 1), 1);
    fixture_inherit(&f, "acl", f.identity.run, &id, 4);
    assert_int_equal(got.blocks[0].returned_count, 1);
    AWAIT(&f, sl_store_update(f.store, "acl", NULL, &id, -1, &c, 1, on_updated, NULL));
    assert_int_equal(got.err, SL_OK);
    AWAIT(&f, sl_store_batch(f.store, "acl", NULL, -1, &g, n, NULL, on_batched, &n));
    assert_int_equal(got.err, SL_OK);
    struct sl_record_key key = {{1}, {2}, 1000};
    AWAIT(&f, sl_store_batch(f.store, "acl", NULL, -1, &g, n, &key, on_batched, &n));
    assert_int_equal(got.err, SL_OK);
    key.id[0]++;
    AWAIT(&f, sl_store_remember(f.store, "acl", &key, SL_SPAN("answer"), on_remembered, NULL));
    assert_int_equal(got.err, SL_OK);
    AWAIT(&f, sl_store_load(f.store, "acl", &id, on_load, NULL));
    assert_int_equal(got.len, 1);
    AWAIT(&f, sl_store_status(f.store, "acl", NULL, &id, 1, on_status, NULL));
    assert_int_equal(got.value, 1);
    AWAIT(&f, sl_store_changes(f.store, "acl", 0, 9, on_changes, NULL));
    assert_int_equal(got.count, 1);
    AWAIT(&f, sl_store_describe(f.store, "acl", &id, on_record, NULL));
    assert_false(got.none);
    AWAIT(&f, sl_store_pool_names(f.store, on_no_names, NULL));
    assert_int_equal(got.err, SL_OK);
    const char *const pools[] = {"acl", NULL};
    struct sl_shared_options shared = {.text = SL_SPAN("ttl 60s\n"), .fingerprint = 7, .size = 64, .bits = 1};
    AWAIT(&f, sl_store_agree(f.store, "acl", &shared, true, on_agreed, NULL));
    assert_int_equal(got.err, SL_OK);
    static uint64_t fingerprints[2];
    struct sl_feed_setup feed = {.connection = {.loop = f.loop,
                                                .options = &f.options,
                                                .identity = &f.identity,
                                                .role = "feed",
                                                .clerk = f.clerk,
                                                .mail = &f.mail},
                                 .fingerprints = fingerprints,
                                 .pools = pools};
    struct sl_feed *f2 = sl_feed_new(&feed);
    TURN_UNTIL(&f, sl_feed_state(f2) == SL_STORE_UP);
    fingerprints[0] = 7;
    sl_feed_show(f2, 0, 0);
    TURN_UNTIL(&f, strstr(cli(&f.server, "pubsub channels '*:0000000000000007:*'"), "acl") != NULL);
    sl_feed_free(f2);
    f.options.wait_replicas = 1;
    f.options.command_timeout_ms = 100;
    AWAIT(&f, sl_store_update(f.store, "acl", NULL, &id, -1, &c, 1, on_updated, NULL));
    assert_int_equal(got.err, SL_ERR_OUTCOME_UNKNOWN); /* WAIT itself was permitted: */
    assert_string_equal(cli(&f.server, "info errorstats | grep -c NOPERM"), "0");
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(persistence_is_verified),
        T(a_mismatch_is_noticed_while_up),
        T(passwords_and_permissions),
        T(the_documented_rules_suffice),
    };
    return cmocka_run_group_tests_name("store verification", tests, NULL, NULL);
}
