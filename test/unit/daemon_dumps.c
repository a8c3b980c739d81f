/* Core dumps: none by default, as before where the configuration wants them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/dumps.h"

static rlim_t limit(void)
{
    struct rlimit r;
    assert_int_equal(getrlimit(RLIMIT_CORE, &r), 0);
    return r.rlim_cur;
}

static void test_forbidden_and_allowed_again(void **state)
{
    (void)state;
    struct rlimit some = {.rlim_cur = 4096, .rlim_max = RLIM_INFINITY};
    if (setrlimit(RLIMIT_CORE, &some) != 0) { /* a machine that allows less */
        assert_int_equal(getrlimit(RLIMIT_CORE, &some), 0);
        some.rlim_cur = some.rlim_max;
        assert_int_equal(setrlimit(RLIMIT_CORE, &some), 0);
    }
    assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0);
    struct sl_dumps before = sl_dumps_forbid();
    assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
    assert_int_equal(limit(), 0);
    sl_dumps_allow(&before);
    assert_int_equal(prctl(PR_GET_DUMPABLE), 1);
    assert_int_equal(limit(), some.rlim_cur);
}

static void test_what_was_forbidden_before_stays_so(void **state)
{
    (void)state;
    assert_int_equal(prctl(PR_SET_DUMPABLE, 0), 0);
    struct sl_dumps before = sl_dumps_forbid();
    sl_dumps_allow(&before);
    assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
    assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0);
}

/* WCOREDUMP is the kernel's own word on whether there was one. */
static void test_a_process_that_forbade_them_leaves_none(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)sl_dumps_forbid();
        signal(SIGQUIT, SIG_DFL); /* a background job of a shell ignores it */
        raise(SIGQUIT);           /* a core by default, and no handler catches it */
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGQUIT);
    assert_false(WCOREDUMP(status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forbidden_and_allowed_again),
        cmocka_unit_test(test_what_was_forbidden_before_stays_so),
        cmocka_unit_test(test_a_process_that_forbade_them_leaves_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
