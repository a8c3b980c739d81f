/* The hand-over file: what it carries, and every form in which it is not taken. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "store/handover.h"

static char directory[64], path[96], text[512];
static struct sl_handover_scope scope;
static const struct sl_handed first = {.pool = "demo",
                                       .run = "0123456789abcdef",
                                       .list = {{1}},
                                       .position = 7},
                              second = {
                                  .pool = "b_c", .run = "0123456789abcdef", .list = {{2}}, .position = 0};

static int begin(void **state)
{
    (void)state;
    sl_log_set_level(SL_ERROR + 1);
    snprintf(directory, sizeof directory, "/dev/shm/sl-handover-XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/hand-over", directory);
    assert_true(sl_handover_scope_of(5, &scope));
    return 0;
}

static int end(void **state)
{
    (void)state;
    chmod(directory, 0700);
    unlink(path);
    rmdir(path);
    rmdir(directory);
    return 0;
}

static struct sl_handover *open_it(void)
{
    struct sl_buf why;
    sl_buf_over(&why, text, sizeof text);
    struct sl_handover *h = sl_handover_open(directory, &scope, &why);
    (void)sl_buf_cstr(&why);
    return h;
}

/* A process that leaves two lists. */
static void leave_two(void)
{
    struct sl_handover *h = open_it();
    uint32_t slot = SL_HANDOVER_NONE, other = SL_HANDOVER_NONE;
    assert_non_null(h);
    assert_string_equal(text, "");
    assert_int_equal(sl_handover_slots(h), 0);
    assert_true(sl_handover_put(h, &slot, &first));
    assert_true(sl_handover_put(h, &other, &second));
    assert_int_not_equal(slot, other);
    sl_handover_close(h);
}

static void expect_list(const struct sl_handed *found, const struct sl_handed *left)
{
    assert_string_equal(found->pool, left->pool);
    assert_string_equal(found->run, left->run);
    assert_memory_equal(&found->list, &left->list, sizeof left->list);
    assert_int_equal(found->position, left->position);
}

static void expect_two(struct sl_handover *h)
{
    assert_non_null(h);
    assert_string_equal(text, "");
    assert_int_equal(sl_handover_slots(h), 2);
    expect_list(sl_handover_at(h, 0), &first);
    expect_list(sl_handover_at(h, 1), &second);
}

/* The file that is there is not taken, and the reason is said; a file of one's own is begun all the same. */
static void expect_refused(const char *reason)
{
    struct sl_handover *h = open_it();
    assert_non_null(h);
    if (strstr(text, reason) == NULL)
        fail_msg("%s is not in: %s", reason, text);
    assert_int_equal(sl_handover_slots(h), 0);
    sl_handover_close(h);
    h = open_it();
    assert_non_null(h);
    assert_string_equal(text, ""); /* the wrong one has gone */
    assert_int_equal(sl_handover_slots(h), 0);
    sl_handover_close(h);
}

/* The directory is not used. */
static void expect_unusable(const char *reason)
{
    assert_null(open_it());
    if (strstr(text, reason) == NULL)
        fail_msg("%s is not in: %s", reason, text);
}

static void what_one_leaves_the_next_one_finds_once(void **state)
{
    (void)state;
    struct stat st;
    leave_two();
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    ino_t before = st.st_ino;
    struct sl_handover *h = open_it();
    expect_two(h);
    assert_int_equal(stat(path, &st), 0);
    assert_int_not_equal(st.st_ino, before); /* it was consumed, and another one written */
    sl_handover_close(h);
    h = open_it(); /* what was not inherited is still there */
    expect_two(h);
    struct sl_handed mine = first;
    uint32_t slot = 0;
    memcpy(mine.run, "fedcba9876543210", 17);
    mine.position = 9;
    assert_true(sl_handover_put(h, &slot, &mine));
    sl_handover_drop(h, 1);
    sl_handover_close(h);
    h = open_it();
    assert_int_equal(sl_handover_slots(h), 1);
    expect_list(sl_handover_at(h, 0), &mine);
    sl_handover_close(h);
}

static void slots_are_used_again(void **state)
{
    (void)state;
    struct sl_handover *h = open_it();
    uint32_t slots[100];
    for (uint32_t i = 0; i < 100; i++) {
        slots[i] = SL_HANDOVER_NONE;
        assert_true(sl_handover_put(h, &slots[i], &first));
    }
    sl_handover_drop(h, slots[40]);
    sl_handover_drop(h, slots[7]);
    sl_handover_drop(h, SL_HANDOVER_NONE);
    uint32_t one = SL_HANDOVER_NONE, other = SL_HANDOVER_NONE, more = SL_HANDOVER_NONE;
    assert_true(sl_handover_put(h, &one, &second) && sl_handover_put(h, &other, &second) &&
                sl_handover_put(h, &more, &second));
    assert_int_equal(one, slots[7]);
    assert_int_equal(other, slots[40]);
    assert_int_equal(more, 100);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 102 * SL_HANDOVER_RECORD);
    sl_handover_close(h);
}

static void nothing_is_written_without_one(void **state)
{
    (void)state;
    uint32_t slot = SL_HANDOVER_NONE;
    assert_true(sl_handover_put(NULL, &slot, &first));
    assert_int_equal(slot, SL_HANDOVER_NONE);
    sl_handover_drop(NULL, 0);
    assert_int_equal(sl_handover_slots(NULL), 0);
    sl_handover_close(NULL);
}

/* ---- the file */

static void change_byte(off_t at)
{
    char c;
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &c, 1, at), 1);
    c ^= 1;
    assert_int_equal(pwrite(fd, &c, 1, at), 1);
    close(fd);
}

static void a_torn_file_is_not_taken(void **state)
{
    (void)state;
    static const off_t places[] = {0,        40,       50,       100,       127,       128,
                                   128 + 64, 128 + 80, 128 + 96, 128 + 110, 128 + 120, 383};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        leave_two();
        change_byte(places[i]);
        expect_refused(places[i] == 0    ? "no hand-over file"
                       : places[i] == 40 ? "another boot"
                       : places[i] == 50 ? "another Redis"
                                         : "torn");
    }
    for (off_t n = 0; n < 3 * SL_HANDOVER_RECORD; n += 13) { /* cut short */
        leave_two();
        assert_int_equal(truncate(path, n), 0);
        if (n % SL_HANDOVER_RECORD != 0 || n == 0)
            expect_refused("wrong length");
    }
    leave_two();
    assert_int_equal(truncate(path, 100 * SL_HANDOVER_RECORD + 1), 0);
    expect_refused("wrong length");
    leave_two();
    assert_int_equal(truncate(path, 100 << 20), 0);
    expect_refused("too large");
}

static void a_file_of_another_boot_or_redis_is_not_taken(void **state)
{
    (void)state;
    leave_two();
    scope.boot[3] ^= 1;
    expect_refused("another boot");
    leave_two();
    scope.database++;
    expect_refused("another Redis");
}

static void only_a_file_of_ours_is_taken(void **state)
{
    (void)state;
    char other[128];
    snprintf(other, sizeof other, "%s/other", directory);
    leave_two();
    assert_int_equal(chmod(path, 0640), 0);
    expect_refused("mode");
    leave_two();
    assert_int_equal(link(path, other), 0);
    expect_refused("more than one name");
    assert_int_equal(unlink(other), 0);
    leave_two();
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink("other", path), 0);
    expect_refused("opened");
    assert_int_equal(unlink(other), 0);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_refused("regular file");
    if (geteuid() == 0) {
        leave_two();
        assert_int_equal(chown(path, 12345, 12345), 0);
        expect_refused("another user");
    }
}

static void what_cannot_be_removed_is_not_taken(void **state)
{
    (void)state;
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_unusable("cannot be removed");
}

/* ---- the directory */

static void one_process_at_a_time(void **state)
{
    (void)state;
    leave_two();
    struct sl_handover *h = open_it();
    expect_two(h);
    expect_unusable("used by another process");
    sl_handover_close(h);
    h = open_it(); /* and it has taken nothing away */
    expect_two(h);
    sl_handover_close(h);
}

static void only_a_directory_of_ours_in_memory_is_used(void **state)
{
    (void)state;
    char here[64];
    leave_two();
    assert_int_equal(chmod(directory, 0770), 0);
    expect_unusable("other users");
    assert_int_equal(chmod(directory, 0702), 0);
    expect_unusable("other users");
    assert_int_equal(chmod(directory, 0700), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(directory, 12345, 12345), 0);
        expect_unusable("another user");
        assert_int_equal(chown(directory, 0, 0), 0);
    }
    memcpy(here, directory, sizeof here);
    snprintf(directory, sizeof directory, "/var/tmp/sl-handover-XXXXXX");
    assert_non_null(mkdtemp(directory));
    expect_unusable("not in memory");
    rmdir(directory);
    expect_unusable("No such file");
    memcpy(directory, here, sizeof here);
    struct sl_handover *h = open_it();
    expect_two(h);
    sl_handover_close(h);
}

/* ---- what cannot be written */

/* In a process of its own: the limit of a file's size stands for a full file system. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit = {bytes, bytes};
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        _exit(9);
}

static int in_child(int (*what)(void))
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(what());
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

/* 0, or the number of the step that went wrong. */
static int fill(struct sl_handover *h)
{
    uint32_t slot = SL_HANDOVER_NONE, more = SL_HANDOVER_NONE;
    if (!sl_handover_put(h, &slot, &first))
        return 1;
    limit_files(2 * SL_HANDOVER_RECORD);
    if (!sl_handover_put(h, &slot, &second)) /* in place */
        return 2;
    if (access(path, F_OK) != 0)
        return 3;
    if (!sl_handover_put(h, &more, &second)) /* no room: the file is given up, the list may be used */
        return 4;
    if (access(path, F_OK) == 0)
        return 5;
    return sl_handover_put(h, &slot, &first) ? 0 : 6;
}

static int fill_and_close(void)
{
    struct sl_handover *h = open_it();
    int wrong = h == NULL ? 7 : fill(h);
    sl_handover_close(h);
    return wrong;
}

static void a_file_that_cannot_be_written_is_given_up(void **state)
{
    (void)state;
    assert_int_equal(in_child(fill_and_close), 0);
    struct sl_handover *h = open_it();
    assert_int_equal(sl_handover_slots(h), 0);
    sl_handover_close(h);
}

static int fill_at_the_start(void)
{
    limit_files(SL_HANDOVER_RECORD / 2);
    struct sl_handover *h = open_it();
    return h == NULL && strstr(text, "cannot write") != NULL && access(path, F_OK) != 0 ? 0 : 1;
}

static void without_room_for_the_file_there_is_none(void **state)
{
    (void)state;
    leave_two();
    assert_int_equal(in_child(fill_at_the_start), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_one_leaves_the_next_one_finds_once),
        T(slots_are_used_again),
        T(nothing_is_written_without_one),
        T(a_torn_file_is_not_taken),
        T(a_file_of_another_boot_or_redis_is_not_taken),
        T(only_a_file_of_ours_is_taken),
        T(what_cannot_be_removed_is_not_taken),
        T(one_process_at_a_time),
        T(only_a_directory_of_ours_in_memory_is_used),
        T(a_file_that_cannot_be_written_is_given_up),
        T(without_room_for_the_file_there_is_none),
    };
    return cmocka_run_group_tests_name("hand-over file", tests, NULL, NULL);
}
