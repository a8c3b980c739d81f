/* What a server must be before it is UP, on a real Redis: persistence, role, password, permissions. */
#include "store_fixture.h"

static struct fixture f;

static int begin(void **state)
{
    fixture_begin(*state, NULL);
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

/* Turns until `cond`, or for as long as two checks of a server that is fit. */
#define TURN_LONG(cond)                                                                                      \
    do {                                                                                                     \
        uint64_t until_ = sl_mono_ns(&sl_clock_system) + 13 * SL_NS_PER_S;                                   \
        while (!(cond)) {                                                                                    \
            assert_true(sl_mono_ns(&sl_clock_system) < until_);                                              \
            sl_loop_turn(f.loop, 50);                                                                        \
        }                                                                                                    \
    } while (0)

static bool unfit_for(const char *reason)
{
    const char *is = sl_store_unfit(f.store);
    return is != NULL && strstr(is, reason) != NULL;
}

/* What must be durable is refused, everything else goes on, on the connection that there was. */
static void a_server_that_becomes_unfit(void **state)
{
    (void)state;
    fixture_up(&f);
    struct sl_uuid id = fixture_list(&f, "p", 8, 1);
    struct sl_change c = {1, 1};
    struct sl_record_key key = {{1}, {2}, 1000};
    struct sl_list_draft d = draft();
    struct sl_position own = {.list = id};
    uint32_t position = 0;
    struct sl_batch_group g = {id, &c, &position, 1};
    AWAIT(&f, sl_store_update(f.store, "p", fixture_fence(&f, "p"), &id, -1, &c, 1, on_updated, NULL));
    AWAIT(&f,
          sl_store_remember(f.store, "p", fixture_fence(&f, "p"), &key, SL_SPAN(""), on_remembered, NULL));
    AWAIT(&f, sl_store_remember(f.store, "p", fixture_fence(&f, "p"), &key, SL_SPAN("answer"), on_remembered,
                                NULL));
    assert_int_equal(atomic_load(&f.fitness.acknowledged), 2);
    cli(&f.server, "config set appendfsync everysec");
    TURN_LONG(unfit_for("appendfsync is everysec, must be always"));
    assert_int_equal(sl_store_state(f.store), SL_STORE_UP);
    assert_int_equal(sl_store_update(f.store, "p", fixture_fence(&f, "p"), &id, -1, &c, 1, on_updated, NULL),
                     SL_ERR_UNAVAILABLE);
    assert_int_equal(
        sl_store_batch(f.store, "p", fixture_fence(&f, "p"), -1, &g, 1, NULL, on_batched, &position),
        SL_ERR_UNAVAILABLE);
    assert_int_equal(
        sl_store_remember(f.store, "p", fixture_fence(&f, "p"), &key, SL_SPAN("answer"), on_remembered, NULL),
        SL_ERR_UNAVAILABLE);
    assert_int_equal(sl_store_take(f.store, "p", 8, &own, 1, on_taken, NULL), SL_ERR_UNAVAILABLE);
    assert_int_equal(sl_store_precreate(f.store, "p", fixture_fence(&f, "p"), &d, 1, on_records, NULL),
                     SL_ERR_UNAVAILABLE);
    AWAIT(&f, sl_store_load(f.store, "p", &id, NULL, 0, on_load, NULL));
    assert_int_equal(got.version, 1);
    AWAIT(&f, sl_store_status(f.store, "p", fixture_fence(&f, "p"), &id, 1, on_status, NULL));
    assert_int_equal(got.value, 1);
    /* A new connection too: the process has seen Redis as it should be. */
    cli(&f.server, "client kill type normal");
    TURN_UNTIL(&f, sl_store_state(f.store) != SL_STORE_UP);
    fixture_up(&f);
    assert_true(unfit_for("appendfsync is everysec, must be always"));
    cli(&f.server, "config set appendfsync always");
    TURN_UNTIL(&f, sl_store_unfit(f.store) == NULL); /* soon: it is looked at every second now */
    AWAIT(&f, sl_store_update(f.store, "p", fixture_fence(&f, "p"), &id, -1, &c, 1, on_updated, NULL));
    assert_int_equal(got.err, SL_OK);
}

/* Redis itself says so: at once, not at the next check. */
static void what_redis_answers_makes_it_unfit(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after, *reason;
    } rows[] = {
        {"config set maxmemory 1", "config set maxmemory 0", "OOM"},
        {"config set min-replicas-to-write 1", "config set min-replicas-to-write 0", "NOREPLICAS"},
        {"acl setuser default -bitfield", "acl setuser default +bitfield", "lacks a right"},
        {"acl setuser default -evalsha", "acl setuser default +evalsha", "lacks a right"},
    };
    fixture_up(&f);
    struct sl_uuid id = fixture_list(&f, "p", 8, 1);
    struct sl_change c = {1, 1};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_null(sl_store_unfit(f.store));
        cli(&f.server, "%s", rows[i].before);
        AWAIT(&f, sl_store_update(f.store, "p", fixture_fence(&f, "p"), &id, -1, &c, 1, on_updated, NULL));
        assert_int_not_equal(got.err, SL_OK);
        assert_true(unfit_for(rows[i].reason));
        assert_int_equal(
            sl_store_update(f.store, "p", fixture_fence(&f, "p"), &id, -1, &c, 1, on_updated, NULL),
            SL_ERR_UNAVAILABLE);
        if (i == 2) /* the check finds what is missing */
            TURN_UNTIL(&f, unfit_for("the Redis user may not run BITFIELD on statuslist:{}:config"));
        cli(&f.server, "%s", rows[i].after);
        TURN_UNTIL(&f, sl_store_unfit(f.store) == NULL);
    }
}

/* A replica is not for reading either: it is another history. */
static void a_primary_that_becomes_a_replica(void **state)
{
    (void)state;
    fixture_up(&f);
    struct sl_uuid id = fixture_list(&f, "p", 8, 1);
    struct sl_change c = {1, 1};
    cli(&f.server, "replicaof 127.0.0.1 1");
    AWAIT(&f, sl_store_update(f.store, "p", fixture_fence(&f, "p"), &id, -1, &c, 1, on_updated, NULL));
    assert_int_equal(got.err, SL_ERR_UNAVAILABLE);
    assert_true(unfit_for("READONLY"));
    TURN_UNTIL(&f, unfit_for("the role of the server is slave, must be master"));
    assert_int_not_equal(sl_store_state(f.store), SL_STORE_UP);
    cli(&f.server, "replicaof no one");
    fixture_up(&f);
    assert_null(sl_store_unfit(f.store));
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

/* The rules that docs/redis.md tells an operator to write, as words; NULL behind the last. */
static void documented_rules(char *words[static 128])
{
    static char rules[2048];
    unsigned n = 0;
    memset(rules, 0, sizeof rules);
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
    for (char *word = strtok(rules, " "); word != NULL && n < 127; word = strtok(NULL, " "))
        words[n++] = word;
    words[n] = NULL;
}

/* Gives the user all of these rights but one. */
static void permit_all_but(char *const *words, const char *one)
{
    char command[4096] = "acl setuser statuslistd reset";
    for (; *words != NULL; words++)
        if (*words != one)
            snprintf(command + strlen(command), sizeof command - strlen(command), " '%s'", *words);
    assert_string_equal(cli(&f.server, "%s", command), "OK");
}

static void each_documented_right_is_missed(void **state)
{
    (void)state;
    char *words[128];
    documented_rules(words);
    f.options.username = "statuslistd";
    f.options.password = "secret";
    f.options.database = 2;
    f.options.wait_replicas = 1;
    unsigned tried = 0;
    for (char **word = words; *word != NULL; word++) {
        char name[64];
        if (strchr("+~&", **word) == NULL || strcmp(*word, "+auth") == 0) /* AUTH is everybody's */
            continue;
        permit_all_but(words, *word);
        snprintf(name, sizeof name, "%s",
                 **word == '~'   ? "EVALSHA"
                 : **word == '&' ? "PUBLISH on statuslist:2:{"
                                 : *word + 1);
        for (char *c = name; *c != '\0'; c++)
            *c = *c == '|' ? ' ' : *c;
        struct sl_store *s = fixture_store(&f, "check", true);
        TURN_UNTIL(&f, sl_store_hopeless(s));
        if (strcasestr(sl_store_reason(s), name) == NULL)
            fail_msg("without %s: %s", *word, sl_store_reason(s));
        sl_store_free(s);
        tried++;
    }
    assert_true(tried > 40);
    permit_all_but(words, NULL);
    struct sl_store *s = fixture_store(&f, "check", true);
    TURN_UNTIL(&f, sl_store_state(s) == SL_STORE_UP);
    sl_store_free(s);
}

static void the_documented_rules_suffice(void **state)
{
    (void)state;
    char *words[128];
    documented_rules(words);
    permit_all_but(words, NULL);
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
    AWAIT(&f, sl_store_update(f.store, "acl", fixture_fence(&f, "acl"), &id, -1, &c, 1, on_updated, NULL));
    assert_int_equal(got.err, SL_OK);
    AWAIT(&f, sl_store_batch(f.store, "acl", fixture_fence(&f, "acl"), -1, &g, n, NULL, on_batched, &n));
    assert_int_equal(got.err, SL_OK);
    struct sl_record_key key = {{1}, {2}, 1000};
    AWAIT(&f, sl_store_batch(f.store, "acl", fixture_fence(&f, "acl"), -1, &g, n, &key, on_batched, &n));
    assert_int_equal(got.err, SL_OK);
    key.id[0]++;
    AWAIT(&f, sl_store_remember(f.store, "acl", fixture_fence(&f, "acl"), &key, SL_SPAN("answer"),
                                on_remembered, NULL));
    assert_int_equal(got.err, SL_OK);
    AWAIT(&f, sl_store_load(f.store, "acl", &id, NULL, 0, on_load, NULL));
    assert_int_equal(got.len, 1);
    AWAIT(&f, sl_store_status(f.store, "acl", fixture_fence(&f, "acl"), &id, 1, on_status, NULL));
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
    static struct sl_feed_shown shown[2];
    struct sl_feed_setup feed = {.connection = {.loop = f.loop,
                                                .options = &f.options,
                                                .identity = &f.identity,
                                                .role = "feed",
                                                .clerk = f.clerk,
                                                .mail = &f.mail},
                                 .shown = shown,
                                 .pools = pools};
    struct sl_feed *f2 = sl_feed_new(&feed);
    TURN_UNTIL(&f, sl_feed_state(f2) == SL_STORE_UP);
    const struct sl_feed_shown before = shown[0];
    shown[0].fingerprint = 7;
    sl_feed_show(f2, 0, &before);
    TURN_UNTIL(&f, strstr(cli(&f.server, "pubsub channels '*:0000000000000007:*'"), "acl") != NULL);
    sl_feed_free(f2);
    f.options.wait_replicas = 1;
    f.options.command_timeout_ms = 100;
    AWAIT(&f, sl_store_update(f.store, "acl", fixture_fence(&f, "acl"), &id, -1, &c, 1, on_updated, NULL));
    assert_int_equal(got.err, SL_ERR_OUTCOME_UNKNOWN); /* WAIT itself was permitted: */
    assert_string_equal(cli(&f.server, "info errorstats | grep -c NOPERM"), "0");
}

#define T(name) FIXTURE_TEST(name, begin, &f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(persistence_is_verified),           T(a_server_that_becomes_unfit),
        T(what_redis_answers_makes_it_unfit), T(a_primary_that_becomes_a_replica),
        T(passwords_and_permissions),         T(each_documented_right_is_missed),
        T(the_documented_rules_suffice),
    };
    return cmocka_run_group_tests_name("store verification", tests, NULL, NULL);
}
