/* Whether Redis is fit, as all threads of a process share it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/log.h"
#include "store/fitness.h"

static void what_is_judged_counts(void **state)
{
    (void)state;
    struct sl_fitness f;
    sl_fitness_init(&f, sl_metric_slab_new(&sl_fitness_metric_table, ""));
    assert_null(sl_fitness_reason(&f));
    sl_fitness_doubt(&f, NULL); /* only a check */
    assert_null(sl_fitness_reason(&f));
    assert_true(atomic_load(&f.doubted));
    sl_fitness_doubt(&f, "one");
    sl_fitness_doubt(&f, "two"); /* the first doubt stands */
    assert_string_equal(sl_fitness_reason(&f), "one");
    sl_fitness_judge(&f, "three", false);
    assert_string_equal(sl_fitness_reason(&f), "three");
    const char *held = sl_fitness_reason(&f); /* by another thread, say */
    sl_fitness_gauges(&f);
    assert_int_equal(sl_metric_sum(&sl_fitness_metric_table, SL_FITNESS_M_UNFIT), 1);
    sl_fitness_judge(&f, NULL, false);
    assert_null(sl_fitness_reason(&f));
    assert_string_equal(held, "three");
    sl_fitness_judge(&f, "three", false);
    assert_ptr_equal(sl_fitness_reason(&f), held); /* each text once */
    sl_fitness_judge(&f, NULL, false);
    sl_fitness_gauges(&f);
    assert_int_equal(sl_metric_sum(&sl_fitness_metric_table, SL_FITNESS_M_UNFIT), 0);
    sl_fitness_free(&f);
}

static uint64_t counted(struct sl_fitness *f, uint64_t acknowledged, const char *reason, bool risky)
{
    uint64_t before = sl_metric_sum(&sl_fitness_metric_table, SL_FITNESS_M_ACKNOWLEDGED);
    atomic_fetch_add(&f->acknowledged, acknowledged);
    sl_fitness_judge(f, reason, risky);
    return sl_metric_sum(&sl_fitness_metric_table, SL_FITNESS_M_ACKNOWLEDGED) - before;
}

static void what_was_acknowledged_since_the_last_good_check(void **state)
{
    (void)state;
    struct sl_fitness f;
    sl_fitness_init(&f, sl_metric_slab_new(&sl_fitness_metric_table, ""));
    assert_int_equal(counted(&f, 5, NULL, false), 0);
    assert_int_equal(counted(&f, 3, "appendonly is no", true), 3);
    assert_int_equal(counted(&f, 1, "appendonly is no", true), 1); /* was on its way */
    assert_int_equal(counted(&f, 0, "appendonly is no", true), 0);
    assert_int_equal(counted(&f, 2, "OOM", false), 0); /* what Redis refuses is not acknowledged */
    assert_int_equal(counted(&f, 0, NULL, false), 0);
    assert_int_equal(counted(&f, 7, "appendonly is no", true), 7);
    sl_fitness_free(&f);
}

static void reasons_without_end(void **state)
{
    (void)state;
    struct sl_fitness f;
    sl_fitness_init(&f, NULL);
    char text[32];
    for (int i = 0; i < 3 * SL_FITNESS_TEXTS; i++) {
        snprintf(text, sizeof text, "reason %d", i);
        sl_fitness_judge(&f, text, true);
        if (i < SL_FITNESS_TEXTS)
            assert_string_equal(sl_fitness_reason(&f), text);
        else
            assert_non_null(strstr(sl_fitness_reason(&f), "the log says what is wrong"));
    }
    sl_fitness_gauges(&f);
    sl_fitness_free(&f);
}

int main(void)
{
    sl_log_set_level(SL_ERROR + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_judged_counts),
        cmocka_unit_test(what_was_acknowledged_since_the_last_good_check),
        cmocka_unit_test(reasons_without_end),
    };
    return cmocka_run_group_tests_name("store fitness", tests, NULL, NULL);
}
