/* A configuration that was read again beside the one in force: each key by its flag, pools by their names. */
#include "config_file.h"

#include "daemon/config_follow.h"
#include "daemon/config_int.h"
#include "token/digest.h"

static const char before_text[] =
    "app:\n"
    "  status-list-pools:\n"
    "    a: {api-key: first-key, signer: {generate: true}}\n"
    "    b: {api-keys: [second-key, third-key], signer: {generate: true}}\n"
    "    c: {api-key: fourth-key, ttl: 5s, issuer: 'https://c.example', signer: {generate: true}}\n";

/* Everything that can be is different. */
static const char after_text[] =
    "app:\n"
    "  public-url: http://example.com/x\n"
    "  listen: {public: 127.0.0.1:1, issuer: 127.0.0.1:2, ops: 127.0.0.1:3}\n"
    "  limits: {body: 2MiB, batch-entries: 5, connections: 6}\n"
    "  workers: 200\n"
    "  storage-directory: /elsewhere\n"
    "  shutdown: {delay: 2s, deadline: 3s}\n"
    "  redis: {host: far, port: 1, username: u, password: hidden, database: 3, persistence-strategy: "
    "disabled,\n"
    "    wait-replicas: 2, assume-persistence: true, command-timeout: 4s}\n"
    "  status-list-pools:\n"
    "    new: {api-key: fifth-key, signer: {generate: true}}\n"
    "    b:\n"
    "      api-key: second-key\n"
    "      issuer: https://b.example\n"
    "      aggregation-uri: true\n"
    "      size: 800\n"
    "      bits: 2\n"
    "      final-status: 1\n"
    "      precreation: {lists: 9, check-delay: 9s}\n"
    "      prefetch: {threshold: 9, capacity: 99, on-underflow: fail, underflow-timeout: 9s}\n"
    "      update-interval: 9s\n"
    "      list-lifetime: 9h\n"
    "      ttl: 9s\n"
    "      retired: true\n"
    "      signer: {pem: {key: k, certificate: c, password-file: w}, header: {x5c: false, kid: false, jwk: "
    "true, eddsa: Ed25519}}\n"
    "    a: {api-key: first-key, signer: {pkcs12: {keystore: k, password-file: w}}}\n";

struct followed {
    struct loaded before, after, plain; /* plain: `after` as it was read */
    struct sl_buf warnings, changed;
};

static struct followed follow(const char *before, const char *after, size_t room)
{
    struct followed f = {.before = load(before), .after = load(after), .plain = load(after)};
    assert_true(f.before.ok && f.after.ok);
    sl_buf_init(&f.warnings, 1 << 20);
    sl_buf_init(&f.changed, room);
    sl_config_follow(f.after.config, f.before.config, &f.warnings);
    sl_config_changes(f.before.config, f.after.config, &f.changed);
    sl_buf_putc(&f.warnings, '\0');
    assert_true(f.changed.len <= room);
    return f;
}

static void let_go(struct followed *f)
{
    unload(&f->before); /* first: nothing of it may be in use by the other */
    unload(&f->after);
    unload(&f->plain);
    sl_buf_free(&f->warnings);
    sl_buf_free(&f->changed);
}

static bool mentions(const struct sl_buf *b, const char *text)
{
    return b->len > 0 && memmem(b->data, b->len, text, strlen(text)) != NULL;
}

/* How many rows differ between before and after. */
static unsigned check_rows(struct followed *f, const struct sl_scope *scope, const struct sl_section *before,
                           const struct sl_section *after, const struct sl_section *plain, const char *path)
{
    unsigned differ = 0;
    for (size_t i = 0; i < sl_scope_size(scope); i++) {
        struct sl_row row = sl_scope_row(scope, i);
        const void *was = sl_section_options(before, row), *is = sl_section_options(after, row),
                   *said = sl_section_options(plain, row);
        char key[256], full[400];
        struct sl_buf b;
        sl_buf_over(&b, key, sizeof key);
        sl_row_path(row, &b);
        snprintf(full, sizeof full, "%s.%s", path, key);
        bool reloads = row.option->flags & SL_OPT_RELOAD;
        if (!sl_option_same(row.option, is, reloads ? said : was))
            fail_msg("%s is neither as before nor as it should be", full);
        if (sl_option_same(row.option, was, said))
            continue;
        differ++;
        if (mentions(&f->changed, full) != reloads)
            fail_msg("%s is %s said to have changed", full, reloads ? "not" : "wrongly");
        snprintf(full, sizeof full, "%s.%s: %s", path, key,
                 row.option->flags & SL_OPT_FIXED
                     ? "cannot change while the pool has lists, so the next start would not open"
                     : "takes effect only at the next start");
        if (mentions(&f->warnings, full) == reloads)
            fail_msg("%s: the warning is %s", full, reloads ? "wrong" : "missing");
    }
    return differ;
}

static struct sl_section pool_section(struct sl_config *c, size_t i)
{
    return (struct sl_section){.scope = &sl_pool_scope, .objects = {&c->pools[i], &c->keys[i]}};
}

static void each_key_by_its_flag(void **state)
{
    (void)state;
    struct followed f = follow(before_text, after_text, 4096);
    struct sl_section before = {.scope = &sl_app_scope, .objects = {f.before.config}},
                      after = {.scope = &sl_app_scope, .objects = {f.after.config}},
                      plain = {.scope = &sl_app_scope, .objects = {f.plain.config}};
    assert_true(check_rows(&f, &sl_app_scope, &before, &after, &plain, "app") >= 18);
    /* b is the second pool in both, a the first of the one and the third of the other */
    struct sl_section b[] = {pool_section(f.before.config, 1), pool_section(f.after.config, 1),
                             pool_section(f.plain.config, 1)};
    assert_true(check_rows(&f, &sl_pool_scope, &b[0], &b[1], &b[2], "app.status-list-pools.b") >= 20);
    struct sl_section a[] = {pool_section(f.before.config, 0), pool_section(f.after.config, 0),
                             pool_section(f.plain.config, 2)};
    assert_int_equal(check_rows(&f, &sl_pool_scope, &a[0], &a[1], &a[2], "app.status-list-pools.a"), 3);
    assert_false(mentions(&f.warnings, "hidden"));
    assert_true(mentions(&f.warnings, "redis.password: takes effect only at the next start; until then "
                                      "the value stays absent"));
    let_go(&f);
}

static void pools_keep_their_places(void **state)
{
    (void)state;
    struct followed f = follow(before_text, after_text, 4096);
    const struct sl_config *c = f.after.config;
    static const char *const names[] = {"a", "b", "c"};
    assert_int_equal(c->pool_count, 3);
    assert_int_equal(c->credentials->pool_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(c->pools[i].name, names[i]);
        assert_int_equal(c->departed[i], i == 2);
    }
    assert_int_equal(c->pools[2].ttl_ms, 5000);
    assert_string_equal(c->pools[2].issuer, "https://c.example");
    assert_int_equal(c->credentials->generation, f.before.config->credentials->generation + 1);
    assert_true(sl_pool_credentials_same(c->credentials->pools[0], f.before.config->credentials->pools[0]));
    assert_true(sl_pool_credentials_same(c->credentials->pools[1], f.plain.config->credentials->pools[1]));
    assert_false(sl_pool_credentials_same(c->credentials->pools[1], f.before.config->credentials->pools[1]));
    assert_true(sl_pool_credentials_same(c->credentials->pools[2], f.before.config->credentials->pools[2]));
    assert_true(mentions(&f.warnings, "app.status-list-pools.c: is gone from the file"));
    assert_true(mentions(&f.warnings, "app.status-list-pools.new: is new"));
    assert_true(mentions(&f.changed, "app.status-list-pools.b.(credentials)"));
    assert_false(mentions(&f.changed, "app.status-list-pools.a.(credentials)"));
    let_go(&f);
}

/* One reload after the other; a pool comes back. */
static void from_one_to_the_next(void **state)
{
    (void)state;
    struct followed f = follow(before_text, after_text, 4096);
    struct loaded again = load(before_text);
    struct sl_buf warnings, changed;
    sl_buf_init(&warnings, 1 << 20);
    sl_buf_init(&changed, 4096);
    sl_config_follow(again.config, f.after.config, &warnings);
    sl_config_changes(f.after.config, again.config, &changed);
    assert_false(again.config->departed[2]);
    assert_int_equal(warnings.len, 0); /* what was never put in force is as it was */
    assert_true(mentions(&changed, "app.status-list-pools.b.ttl"));
    assert_false(mentions(&changed, "app.status-list-pools.c"));
    assert_int_equal(again.config->credentials->generation, f.before.config->credentials->generation + 2);
    sl_buf_free(&warnings);
    sl_buf_free(&changed);
    unload(&again);
    let_go(&f);
}

static void nothing_has_changed(void **state)
{
    (void)state;
    struct followed f = follow(before_text, before_text, 4096);
    assert_int_equal(f.changed.len, 0);
    assert_int_equal(f.warnings.len, 1);
    let_go(&f);
}

/* Without room for all that has changed it ends in dots, whatever the room is. */
static void little_room(void **state)
{
    (void)state;
    struct followed f;
    for (size_t room = 10; room < 600; room += 7) {
        f = follow(before_text, after_text, room);
        assert_false(f.changed.failed);
        assert_true(f.changed.len >= 5 && memcmp(f.changed.data + f.changed.len - 5, ", ...", 5) == 0);
        let_go(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_key_by_its_flag), cmocka_unit_test(pools_keep_their_places),
        cmocka_unit_test(from_one_to_the_next), cmocka_unit_test(nothing_has_changed),
        cmocka_unit_test(little_room),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
