/* A journal: many writers, rotation, reopening, and a file that cannot be written for a while. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "loop/journal.h"

static char folder[64], path[96];

static int begin(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/sl-journal-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/record", folder);
    return 0;
}

static int end(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
    sl_metric_registry_free();
    return 0;
}

static struct sl_journal *journal(uint64_t max_size, unsigned keep, bool drops)
{
    char text[512];
    struct sl_buf why;
    struct sl_journal *j = NULL;
    sl_buf_over(&why, text, sizeof text);
    struct sl_journal_setup s = {.path = path,
                                 .max_size = max_size,
                                 .keep = keep,
                                 .flush_ms = 10,
                                 .drops = drops,
                                 .metrics = sl_metric_slab_new(&sl_journal_metric_table, "")};
    assert_true(sl_journal_new(&s, &why, &j));
    return j;
}

static unsigned count_lines(const char *file)
{
    FILE *f = fopen(file, "r");
    unsigned n = 0;
    assert_non_null(f);
    for (char line[256]; fgets(line, sizeof line, f) != NULL; n++)
        assert_int_equal(line[strlen(line) - 1], '\n');
    fclose(f);
    return n;
}

static void *write_many(void *arg)
{
    for (unsigned i = 0; i < 2000; i++)
        sl_journal_put(arg, "a line of some length\n", 22, 1);
    return NULL;
}

static void many_writers_and_rotation(void **state)
{
    (void)state;
    struct sl_journal *j = journal(22 * 100, 1000, false);
    pthread_t t[4];
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, write_many, j), 0);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    sl_journal_free(j);
    unsigned all = count_lines(path);
    for (unsigned i = 1; i <= 79; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s.%u", path, i);
        assert_int_equal(count_lines(name), 100);
        all += 100;
    }
    assert_int_equal(all, 8000);
    assert_int_equal(sl_metric_sum(&sl_journal_metric_table, SL_JM_LINES), 8000);
    assert_int_equal(sl_metric_sum(&sl_journal_metric_table, SL_JM_ROTATIONS), 79);
    assert_int_equal(sl_metric_sum(&sl_journal_metric_table, SL_JM_LOST), 0);
}

static void wait_for(struct sl_journal *j, bool failing)
{
    uint64_t until = sl_mono_ns(&sl_clock_system) + 10 * SL_NS_PER_S;
    while (sl_journal_failing(j) != failing) {
        assert_true(sl_mono_ns(&sl_clock_system) < until);
        usleep(2000);
    }
}

/* Where the file should be there is a folder, for a while. */
static void what_cannot_be_written_waits(void **state)
{
    (void)state;
    struct sl_journal *j = journal(1 << 20, 3, false);
    sl_journal_put(j, "one\n", 4, 1);
    assert_false(sl_journal_full(j));
    wait_for(j, false);
    char other[128];
    snprintf(other, sizeof other, "%s/other", folder);
    while (count_lines(path) == 0)
        usleep(1000);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    sl_journal_reopen(j);
    sl_journal_put(j, "two\nthree\n", 10, 2);
    wait_for(j, true);
    assert_true(sl_journal_full(j));
    assert_int_not_equal(sl_journal_error(j), 0);
    assert_int_equal(rmdir(path), 0);
    wait_for(j, false);
    assert_false(sl_journal_full(j));
    sl_journal_free(j);
    assert_int_equal(count_lines(path), 2);
    assert_int_equal(count_lines(other), 1);
    assert_int_equal(sl_metric_sum(&sl_journal_metric_table, SL_JM_FAILURES), 1);
}

static void what_waits_is_bounded_where_it_may_be_dropped(void **state)
{
    (void)state;
    struct sl_journal *j = journal(1 << 20, 3, true);
    static char kilobyte[1024];
    memset(kilobyte, 'x', sizeof kilobyte);
    kilobyte[1023] = '\n';
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    sl_journal_reopen(j);
    for (unsigned i = 0; i < SL_JOURNAL_BACKLOG / 1024 + 500; i++)
        sl_journal_put(j, kilobyte, sizeof kilobyte, 1);
    wait_for(j, true);
    assert_int_equal(rmdir(path), 0);
    wait_for(j, false);
    sl_journal_free(j);
    assert_in_range(sl_metric_sum(&sl_journal_metric_table, SL_JM_LOST), 400, 499);
    assert_in_range(sl_metric_sum(&sl_journal_metric_table, SL_JM_LINES), SL_JOURNAL_BACKLOG / 1024 + 1,
                    SL_JOURNAL_BACKLOG / 1024 + 100);
}

/* A folder is in the place of the second full file: the kept files stay where they are, and the file grows
 * past its size; the thread tries again when it has grown by as much once more. */
static void a_full_file_that_cannot_be_renamed_goes_on(void **state)
{
    (void)state;
    char first[128], second[128], inside[160];
    snprintf(first, sizeof first, "%s.1", path);
    snprintf(second, sizeof second, "%s.2", path);
    snprintf(inside, sizeof inside, "%s/inside", second);
    FILE *f = fopen(first, "w");
    assert_non_null(f);
    fputs("from before\n", f);
    fclose(f);
    assert_int_equal(mkdir(second, 0700), 0);
    assert_int_equal(mkdir(inside, 0700), 0);
    struct sl_journal *j = journal(22 * 100, 2, false);
    write_many(j);
    sl_journal_free(j);
    assert_int_equal(count_lines(path), 2000);
    assert_int_equal(count_lines(first), 1);
    assert_int_equal(sl_metric_sum(&sl_journal_metric_table, SL_JM_ROTATIONS), 0);
    assert_int_equal(rmdir(inside), 0);
    assert_int_equal(rmdir(second), 0);
    j = journal(22 * 100, 2, false);
    sl_journal_put(j, "a line of some length\n", 22, 1);
    sl_journal_free(j);
    assert_int_equal(count_lines(path), 1);
    assert_int_equal(count_lines(first), 2000);
    assert_int_equal(count_lines(second), 1);
}

/* A pipe, as /dev/stdout of a container is one: there is nothing to sync. */
static void what_cannot_be_synced_is_written(void **state)
{
    (void)state;
    char text[8];
    assert_int_equal(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    struct sl_journal *j = journal(1 << 20, 3, false);
    sl_journal_put(j, "one\n", 4, 1);
    sl_journal_free(j);
    assert_int_equal(read(fd, text, sizeof text), 4);
    close(fd);
    assert_int_equal(sl_metric_sum(&sl_journal_metric_table, SL_JM_FAILURES), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_writers_and_rotation, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_waits, begin, end),
        cmocka_unit_test_setup_teardown(a_full_file_that_cannot_be_renamed_goes_on, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_synced_is_written, begin, end),
        cmocka_unit_test_setup_teardown(what_waits_is_bounded_where_it_may_be_dropped, begin, end),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
