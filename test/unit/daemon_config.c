/* A configuration file with mistakes: which lines are refused, and in which words. */
#include "config_file.h"

static void expect_errors(const char *text, const char *errors)
{
    struct loaded l = load(text);
    assert_string_equal(l.errors.data, errors);
    unload(&l);
}

#include "daemon_config_mistakes.h"

/* Each row is one file with one mistake; the line is counted in the file that the row's kind makes of it. */
static void test_every_mistake_has_its_line(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        const struct mistake *m = &mistakes[i];
        char text[4096], error[2048];
        static const char *const before[] = {"", "app:\n",
                                             "app:\n  status-list-pools:\n    p:\n      api-key: " KEY "\n"};
        static const char *const after[] = {"", "  status-list-pools: {p: {api-key: " KEY "}}\n", ""};
        snprintf(text, sizeof text, "%s%s%s", before[m->where], m->text, after[m->where]);
        snprintf(error, sizeof error, FILE_NAME ":%s\n", m->error);
        struct loaded l = load(text);
        if (strcmp(l.errors.data, error) != 0) {
            print_error("row %zu:\n%s\nsays\n%swants\n%s", i, text, l.errors.data, error);
            wrong++;
        }
        unload(&l);
    }
    assert_int_equal(wrong, 0);
}

static void test_all_mistakes_at_once_in_order(void **state)
{
    (void)state;
    expect_errors(
        "app:\n"
        "  ...\n"
        "  wrokers: 2\n"
        "  workers: 1000\n"
        "  listen: {public: nowhere}\n"
        "  status-list-pools:\n"
        "    Tests:\n"
        "      size: 99999\n"
        "      prefetch: {threshold: 10, threshold: 20}\n"
        "    b: {api-key: " KEY ", bits: 3, ttl: 20m, retired: *yes}\n"
        "extra: true\n",
        FILE_NAME
        ":2: ...: ends the document in YAML, it does not stand for something left out; expected the line to "
        "be removed\n" FILE_NAME ":3: app.wrokers: unknown key; did you mean workers?\n" FILE_NAME
        ":4: app.workers: '1000' is out of range; expected a whole number from 1 to 256, or auto\n" FILE_NAME
        ":5: app.listen.public: 'nowhere' is not an address; expected host:port, [v6]:port, *:port or "
        "unix:/path\n" FILE_NAME
        ":7: app.status-list-pools.Tests: is not a valid name for a pool; expected 1 to 64 "
        "of the characters a-z, 0-9, _ and -\n" FILE_NAME
        ":7: app.status-list-pools.Tests.api-key: missing; expected api-key, api-keys, api-key-file, "
        "api-key-sha256 or jwt-auth.keys\n" FILE_NAME
        ":8: app.status-list-pools.Tests.size: 99999 entries of 1 bits are not "
        "whole bytes; expected a multiple of 8, like 100000\n" FILE_NAME
        ":9: app.status-list-pools.Tests.prefetch.threshold: given twice, first in line 9; expected it "
        "once\n" FILE_NAME
        ":10: yaml: an alias (*name) is not supported; expected the value written out\n" FILE_NAME
        ":10: app.status-list-pools.b.bits: '3' is not valid; expected 1, 2, 4 or 8\n" FILE_NAME
        ":10: app.status-list-pools.b.ttl: 20m is more than a quarter of list-lifetime 1h (default); "
        "expected at most 15m\n" FILE_NAME ":11: extra: unknown key; expected app as the only root key\n");
}

static void expect_one(const char *text, size_t n, const char *error)
{
    struct loaded l = load_bytes(text, n);
    assert_string_equal(l.errors.data, error);
    unload(&l);
}

static void test_files_that_are_no_configuration(void **state)
{
    (void)state;
    size_t n = (1 << 20) + 1;
    char *big = malloc(n);
    assert_non_null(big);
    memset(big, '#', n);
    expect_one(big, n, FILE_NAME ": yaml: the file is too large; expected at most 1MiB\n");
    expect_one(big, n - 1, FILE_NAME ":1: app: missing; expected the root key app with a map\n");
    memset(big, '[', n);
    expect_one(big, n - 1, FILE_NAME ":1: yaml: nested too deeply; expected at most 16 levels\n");
    for (size_t i = 0; i < n; i++)
        big[i] = (char)(i % 256);
    expect_one(big, 4096,
               FILE_NAME
               ":1: yaml: is not text (it has control characters or is not UTF-8); expected a YAML file\n");
    memcpy(big, "app:\n  x: 1\n  workers: \0\n", 25);
    expect_one(big, 25,
               FILE_NAME
               ":3: yaml: is not text (it has control characters or is not UTF-8); expected a YAML file\n");
    memset(big, '\n', n);
    memcpy(big, "app: [", 6);
    for (size_t i = 6; i + 1 < 500000; i += 2)
        memcpy(big + i, "1,", 2);
    expect_one(big, n - 1, FILE_NAME ":1: yaml: too many values; expected at most 200000\n");
    free(big);
    unlink(FILE_NAME);
    struct loaded l = load_path(FILE_NAME);
    assert_string_equal(l.errors.data, FILE_NAME
                        ": yaml: cannot be read (No such file or directory); expected a readable file\n");
    unload(&l);
    l = load_path("/tmp");
    assert_string_equal(l.errors.data,
                        "/tmp: yaml: cannot be read (Is a directory); expected a readable file\n");
    unload(&l);
}

static void test_errors_are_counted_beyond_a_hundred(void **state)
{
    (void)state;
    struct sl_buf text;
    sl_buf_init(&text, 1 << 20);
    sl_buf_puts(&text, "app:\n  status-list-pools: {p: {api-key: " KEY "}}\n");
    for (int i = 0; i < 5000; i++)
        sl_buf_printf(&text, "  unknown%d: 1\n", i);
    struct loaded l = load_bytes(text.data, text.len);
    size_t lines = 0;
    for (const char *at = l.errors.data; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, 101);
    assert_non_null(strstr(l.errors.data, FILE_NAME ": and 4900 more\n"));
    unload(&l);
    sl_buf_free(&text);
}

static void expect_seed(const char *name, enum sl_underflow underflow, unsigned line)
{
    char path[512], warning[2048];
    snprintf(path, sizeof path, SL_TEST_DATA "/config/%s", name);
    struct loaded l = load_path(path);
    assert_string_equal(l.errors.data, "");
    snprintf(warning, sizeof warning,
             "%s:2" NEAR_URL
             "%s:%u: app.status-list-pools.tests.signer.generate: names no key: the service generates one in "
             "storage-directory, which verifiers must be told to trust\n",
             path, path, line);
    assert_string_equal(l.warnings.data, warning);
    assert_int_equal(l.config->pool_count, 1);
    const struct sl_pool_options *p = &l.config->pools[0];
    assert_string_equal(p->name, "tests");
    assert_string_equal(p->issuer, "http://localhost:8080");
    assert_int_equal(p->size, 50000);
    assert_int_equal(p->bits, 1);
    assert_int_equal(p->precreation_lists, 1);
    assert_int_equal(p->check_delay_ms, 40000);
    assert_int_equal(p->threshold, 1000);
    assert_int_equal(p->capacity, 10000);
    assert_int_equal(p->on_underflow, underflow);
    assert_true(p->signer.generate);
    assert_int_equal(l.config->redis.mode, SL_REDIS_EXTERNAL);
    assert_int_equal(l.config->redis.persistence, SL_PERSIST_ALWAYS);
    unload(&l);
}

static void test_the_files_of_the_load_scenarios(void **state)
{
    (void)state;
    expect_seed("seed_delay.yaml", SL_UNDERFLOW_DELAY, 7);
    expect_seed("seed_delay_word.yaml", SL_UNDERFLOW_DELAY, 6);
    expect_seed("seed_fail.yaml", SL_UNDERFLOW_FAIL, 7);
    expect_seed("seed_fail_word.yaml", SL_UNDERFLOW_FAIL, 6);
    const char *const excerpts[] = {"seed_delay_excerpt.yaml", "seed_fail_excerpt.yaml"};
    for (int i = 0; i < 2; i++) {
        char path[512], errors[2048];
        snprintf(path, sizeof path, SL_TEST_DATA "/config/%s", excerpts[i]);
        struct loaded l = load_path(path);
        const char *why = "ends the document in YAML, it does not stand for something left out; expected the "
                          "line to be removed";
        snprintf(errors, sizeof errors, "%s:3: ...: %s\n%s:20: ...: %s\n", path, why, path, why);
        assert_string_equal(l.errors.data, errors);
        unload(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_mistake_has_its_line),
        cmocka_unit_test(test_all_mistakes_at_once_in_order),
        cmocka_unit_test(test_files_that_are_no_configuration),
        cmocka_unit_test(test_errors_are_counted_beyond_a_hundred),
        cmocka_unit_test(test_the_files_of_the_load_scenarios),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
