/* Metrics: the text to the letter, sums over slabs, and the rules of the exposition format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/metric.h"

static const char *const results[] = {"ok", "failed", NULL};
static const uint64_t bounds[] = {10, 100, 0};

enum { REQUESTS, UPDATES, FILL, AGE, WAIT, IDS };
static const struct sl_metric_def defs[IDS] = {
    [REQUESTS] = {.name = "requests_total", .type = SL_COUNTER, .help = "Requests answered"},
    [UPDATES] = {.name = "updates_total",
                 .type = SL_COUNTER,
                 .help = "Updates",
                 .label = "result",
                 .label_values = results},
    [FILL] = {.name = "fill", .type = SL_GAUGE, .help = "Entries in the ring"},
    [AGE] = {.name = "age_seconds", .type = SL_GAUGE, .help = "Age", .scale = 1e-3},
    [WAIT] =
        {.name = "wait_seconds", .type = SL_HISTOGRAM, .help = "Waiting", .bounds = bounds, .scale = 0.01},
};
static const struct sl_metric_table table = {defs, IDS};

static int teardown(void **state)
{
    (void)state;
    sl_metric_registry_free();
    return 0;
}

static char *rendered(void)
{
    struct sl_buf b;
    sl_buf_init(&b, 1 << 20);
    sl_metric_render(&b);
    assert_false(b.failed);
    sl_buf_putc(&b, '\0');
    return b.data;
}

static void test_two_slabs_summed(void **state)
{
    (void)state;
    struct sl_metric_slab *a = sl_metric_slab_new(&table, ""), *b = sl_metric_slab_new(&table, "");
    sl_metric_add(a, REQUESTS, 3);
    sl_metric_add(b, REQUESTS, 4);
    sl_metric_add_label(a, UPDATES, 0, 5);
    sl_metric_add_label(b, UPDATES, 1, 6);
    sl_metric_add_label(b, UPDATES, 0, 1);
    sl_metric_set(a, FILL, 1000);
    sl_metric_set(a, FILL, 7);
    sl_metric_set(b, AGE, 1500);
    sl_metric_observe(a, WAIT, 10); /* a bound belongs to its bucket */
    sl_metric_observe(b, WAIT, 11);
    sl_metric_observe(b, WAIT, 100);
    sl_metric_observe(b, WAIT, 101);
    char *text = rendered();
    assert_string_equal(text, "# HELP statuslist_requests_total Requests answered\n"
                              "# TYPE statuslist_requests_total counter\n"
                              "statuslist_requests_total 7\n"
                              "# HELP statuslist_updates_total Updates\n"
                              "# TYPE statuslist_updates_total counter\n"
                              "statuslist_updates_total{result=\"ok\"} 6\n"
                              "statuslist_updates_total{result=\"failed\"} 6\n"
                              "# HELP statuslist_fill Entries in the ring\n"
                              "# TYPE statuslist_fill gauge\n"
                              "statuslist_fill 7\n"
                              "# HELP statuslist_age_seconds Age\n"
                              "# TYPE statuslist_age_seconds gauge\n"
                              "statuslist_age_seconds 1.5\n"
                              "# HELP statuslist_wait_seconds Waiting\n"
                              "# TYPE statuslist_wait_seconds histogram\n"
                              "statuslist_wait_seconds_bucket{le=\"0.1\"} 1\n"
                              "statuslist_wait_seconds_bucket{le=\"1\"} 3\n"
                              "statuslist_wait_seconds_bucket{le=\"+Inf\"} 4\n"
                              "statuslist_wait_seconds_sum 2.22\n"
                              "statuslist_wait_seconds_count 4\n");
    free(text);
    assert_int_equal(sl_metric_sum(&table, REQUESTS), 7);
    assert_int_equal(sl_metric_sum(&table, UPDATES), 12);
}

static const char *find(const char *text, const char *line)
{
    const char *at = strstr(text, line);
    if (at == NULL)
        fail_msg("no line: %s", line);
    return at;
}

static void test_labels_stay_apart(void **state)
{
    (void)state;
    struct sl_metric_slab *a = sl_metric_slab_new(&table, "pool=\"a\""),
                          *b = sl_metric_slab_new(&table, "pool=\"b\""),
                          *again = sl_metric_slab_new(&table, "pool=\"a\"");
    sl_metric_add(a, REQUESTS, 1);
    sl_metric_add(b, REQUESTS, 10);
    sl_metric_add(again, REQUESTS, 100);
    sl_metric_set_label(b, UPDATES, 1, 2);
    sl_metric_observe(b, WAIT, 5);
    char *text = rendered();
    /* One group a metric: HELP and TYPE once, all its samples after them. */
    find(text, "# TYPE statuslist_requests_total counter\n"
               "statuslist_requests_total{pool=\"a\"} 101\n"
               "statuslist_requests_total{pool=\"b\"} 10\n"
               "# HELP statuslist_updates_total ");
    find(text, "statuslist_updates_total{pool=\"a\",result=\"failed\"} 0\n");
    find(text, "statuslist_updates_total{pool=\"b\",result=\"failed\"} 2\n");
    find(text, "statuslist_wait_seconds_bucket{pool=\"b\",le=\"0.1\"} 1\n");
    find(text, "statuslist_wait_seconds_sum{pool=\"b\"} 0.05\n");
    find(text, "statuslist_wait_seconds_count{pool=\"b\"} 1\n");
    assert_null(strstr(find(text, "# HELP statuslist_fill") + 1, "# HELP statuslist_fill"));
    free(text);
    assert_int_equal(sl_metric_sum(&table, REQUESTS), 111);
}

enum { LATENCY, SIZE, OTHER_IDS };
static const struct sl_metric_def other_defs[OTHER_IDS] = {
    [LATENCY] = {.name = "latency_seconds",
                 .type = SL_HISTOGRAM,
                 .help = "Latency",
                 .bounds = sl_metric_latency_bounds,
                 .scale = 1e-9},
    [SIZE] = {.name = "flush_size", .type = SL_HISTOGRAM, .help = "Size", .bounds = sl_metric_size_bounds},
};
static const struct sl_metric_table other = {other_defs, OTHER_IDS};

/* The lines of the text format 0.0.4. */
static void check_lines(char *text)
{
    regex_t comment, sample;
    char *save = NULL;
    assert_int_equal(regcomp(&comment, "^# (HELP [a-z_]+ .+|TYPE [a-z_]+ (counter|gauge|histogram))$",
                             REG_EXTENDED | REG_NOSUB),
                     0);
    assert_int_equal(
        regcomp(&sample,
                "^[a-zA-Z_:][a-zA-Z0-9_:]*"
                "(\\{[a-zA-Z_][a-zA-Z0-9_]*=\"[^\"\\\\]*\"(,[a-zA-Z_][a-zA-Z0-9_]*=\"[^\"\\\\]*\")*\\})?"
                " [0-9]+(\\.[0-9]+)?(e[+-][0-9]+)?$",
                REG_EXTENDED | REG_NOSUB),
        0);
    assert_int_equal(text[strlen(text) - 1], '\n');
    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
        if (regexec(line[0] == '#' ? &comment : &sample, line, 0, NULL, 0) != 0)
            fail_msg("not in the format: %s", line);
    regfree(&comment);
    regfree(&sample);
}

/* Buckets: `le` ascends, counts never fall, the last is +Inf and equals the count. */
static void check_buckets(const char *text, const char *name, uint64_t count)
{
    char prefix[100];
    double last_le = -1;
    unsigned long long last = 0, n = 0;
    const char *at = text;
    snprintf(prefix, sizeof prefix, "\n%s_bucket{le=\"", name);
    while ((at = strstr(at, prefix)) != NULL) {
        at += strlen(prefix);
        char *end;
        double le = strtod(at, &end); /* reads +Inf too */
        assert_memory_equal(end, "\"} ", 3);
        n = strtoull(end + 3, NULL, 10);
        assert_true(le > last_le);
        assert_true(n >= last);
        last_le = le;
        last = n;
    }
    assert_true(isinf(last_le));
    assert_int_equal(n, count);
    snprintf(prefix, sizeof prefix, "\n%s_count %llu\n", name, n);
    find(text, prefix);
}

static void test_exposition_is_valid(void **state)
{
    (void)state;
    struct sl_metric_slab *s = sl_metric_slab_new(&other, "");
    sl_metric_slab_new(&table, "pool=\"tests\"");
    for (uint64_t ns = 1; ns < 100000000000; ns *= 3)
        sl_metric_observe(s, LATENCY, ns);
    for (uint64_t n = 1; n <= 20000; n++)
        sl_metric_observe(s, SIZE, n);
    char *text = rendered();
    find(text, "statuslist_latency_seconds_bucket{le=\"5e-05\"} 10\n"); /* 3^0 .. 3^9 ns are below 50 us */
    find(text, "statuslist_latency_seconds_bucket{le=\"10\"} 21\n");    /* 3^20 ns = 3.5 s; 3^21 = 10.46 s */
    find(text, "statuslist_flush_size_bucket{le=\"16384\"} 16384\n");
    find(text, "statuslist_flush_size_sum 200010000\n");
    check_buckets(text, "statuslist_latency_seconds", 24);
    check_buckets(text, "statuslist_flush_size", 20000);
    check_lines(text);
    free(text);
}

static void test_nothing_registered(void **state)
{
    (void)state;
    struct sl_buf b;
    sl_buf_init(&b, 100);
    sl_metric_render(&b);
    assert_false(b.failed);
    assert_int_equal(b.len, 0);
    assert_int_equal(sl_metric_sum(&table, REQUESTS), 0);
    sl_buf_free(&b);
}

static void test_cells_on_cache_lines_of_their_own(void **state)
{
    (void)state;
    struct sl_metric_slab *a = sl_metric_slab_new(&table, ""), *b = sl_metric_slab_new(&table, "");
    assert_int_equal((uintptr_t)a->cells % 64, 0);
    assert_int_equal((uintptr_t)b->cells % 64, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_two_slabs_summed, teardown),
        cmocka_unit_test_teardown(test_labels_stay_apart, teardown),
        cmocka_unit_test_teardown(test_exposition_is_valid, teardown),
        cmocka_unit_test_teardown(test_nothing_registered, teardown),
        cmocka_unit_test_teardown(test_cells_on_cache_lines_of_their_own, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
