/* The embedded redis-server and the instance's identity. */
#include "store_fixture.h"

#include <sys/file.h>

#include "store/embedded.h"
#include "store/identity.h"

static struct {
    char dir[64], path[128];
    struct sl_loop *loop;
    char why_text[512];
    struct sl_buf why;
} t;

static int begin(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    sl_log_set_level(getenv("SL_TEST_LOG") != NULL ? SL_DEBUG : SL_ERROR + 1);
    strcpy(t.dir, "/tmp/sl-embed-XXXXXX");
    assert_non_null(mkdtemp(t.dir));
    t.loop = sl_loop_new(&sl_clock_system);
    sl_buf_over(&t.why, t.why_text, sizeof t.why_text - 1);
    return 0;
}

static int end(void **state)
{
    (void)state;
    sl_loop_free(t.loop);
    remove_directory(t.dir);
    return 0;
}

static const char *ask(const char *command)
{
    struct server s = {.pid = 0};
    snprintf(s.socket, sizeof s.socket, "%s/redis/redis.sock", t.dir);
    return cli(&s, "%s 2>&1", command);
}

static void wait_for_pong(void)
{
    for (int i = 0; i < 200 && strcmp(ask("ping"), "PONG") != 0; i++)
        usleep(20000);
    assert_string_equal(ask("ping"), "PONG");
}

static void it_serves_with_the_right_persistence(void **state)
{
    (void)state;
    struct sl_embedded *e;
    assert_true(sl_embedded_start(t.loop, t.dir, &t.why, &e));
    wait_for_pong();
    assert_string_equal(ask("config get appendfsync | xargs"), "appendfsync always");
    assert_string_equal(ask("config get appendonly | xargs"), "appendonly yes");
    assert_string_equal(ask("config get no-appendfsync-on-rewrite | xargs"), "no-appendfsync-on-rewrite no");
    assert_string_equal(ask("config get port | xargs"), "port 0");
    struct stat st;
    snprintf(t.path, sizeof t.path, "%s/redis", t.dir);
    assert_int_equal(stat(t.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(stat(sl_embedded_socket(e), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    ask("set k v");
    sl_embedded_stop(e);
    assert_true(sl_embedded_start(t.loop, t.dir, &t.why, &e)); /* the lock is free, the data is there */
    wait_for_pong();
    assert_string_equal(ask("get k"), "v");
    sl_embedded_stop(e);
}

static void it_is_started_again_after_a_crash(void **state)
{
    (void)state;
    struct sl_embedded *e;
    assert_true(sl_embedded_start(t.loop, t.dir, &t.why, &e));
    wait_for_pong();
    int first = sl_embedded_pid(e);
    kill(first, SIGKILL);
    uint64_t until = sl_mono_ns(&sl_clock_system) + 5 * SL_NS_PER_S;
    while (sl_embedded_restarts(e) == 0 && sl_mono_ns(&sl_clock_system) < until)
        sl_loop_turn(t.loop, 50);
    assert_int_equal(sl_embedded_restarts(e), 1);
    assert_int_not_equal(sl_embedded_pid(e), first);
    wait_for_pong();
    kill(sl_embedded_pid(e), SIGKILL);
    while (sl_embedded_pid(e) != 0)
        sl_loop_turn(t.loop, 50);
    sl_embedded_stop(e); /* between two lives */
}

static void one_directory_serves_one(void **state)
{
    (void)state;
    struct sl_embedded *e, *second = NULL;
    assert_true(sl_embedded_start(t.loop, t.dir, &t.why, &e));
    assert_false(sl_embedded_start(t.loop, t.dir, &t.why, &second));
    assert_null(second);
    assert_non_null(strstr(t.why_text, "is in use by another redis-server"));
    sl_embedded_stop(e);
}

static void what_it_needs_is_named(void **state)
{
    (void)state;
    struct sl_embedded *e = NULL;
    char *path = strdup(getenv("PATH"));
    setenv("PATH", "/nonexistent", 1);
    assert_false(sl_embedded_start(t.loop, t.dir, &t.why, &e));
    setenv("PATH", path, 1);
    free(path);
    assert_non_null(strstr(t.why_text, "no redis-server in PATH"));
    sl_buf_over(&t.why, t.why_text, sizeof t.why_text - 1);
    assert_false(sl_embedded_start(t.loop, "/nonexistent/storage", &t.why, &e));
    assert_non_null(strstr(t.why_text, "cannot use the directory"));
    char longer[200];
    memset(longer, 'x', sizeof longer);
    memcpy(longer, "/tmp/", 5);
    longer[sizeof longer - 1] = '\0';
    sl_buf_over(&t.why, t.why_text, sizeof t.why_text - 1);
    assert_false(sl_embedded_start(t.loop, longer, &t.why, &e));
    assert_non_null(strstr(t.why_text, "longer than 107 bytes"));
}

/* A process that starts it and is killed without warning: the server ends too, and lets the lock go only
 * then. */
static void it_dies_with_its_parent(void **state)
{
    (void)state;
    int fds[2], server = 0;
    assert_int_equal(pipe(fds), 0);
    int pid = fork();
    if (pid == 0) {
        struct sl_loop *loop = sl_loop_new(&sl_clock_system);
        struct sl_embedded *e;
        int child = sl_embedded_start(loop, t.dir, &t.why, &e) ? sl_embedded_pid(e) : 0;
        if (write(fds[1], &child, sizeof child) != sizeof child)
            _exit(1);
        for (;;)
            sl_loop_turn(loop, 1000);
    }
    assert_int_equal(read(fds[0], &server, sizeof server), sizeof server);
    assert_true(server > 0);
    wait_for_pong();
    kill(server, SIGSTOP); /* an orphan that is slow to die holds the lock */
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    snprintf(t.path, sizeof t.path, "%s/redis/lock", t.dir);
    int lock = open(t.path, O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), -1);
    close(lock);
    kill(server, SIGCONT);
    struct sl_embedded *e;
    assert_true(sl_embedded_start(t.loop, t.dir, &t.why, &e)); /* waits for the orphan */
    wait_for_pong();
    sl_embedded_stop(e);
    close(fds[0]);
    close(fds[1]);
}

static void the_identity_stays_and_the_run_changes(void **state)
{
    (void)state;
    struct sl_store_identity one, two;
    struct stat st;
    assert_true(sl_store_identity_load(t.dir, &sl_clock_system, &t.why, &one));
    assert_true(sl_store_identity_load(t.dir, &sl_clock_system, &t.why, &two));
    assert_string_equal(one.instance, two.instance);
    assert_string_not_equal(one.run, two.run);
    assert_int_equal(strlen(one.run), 16);
    snprintf(t.path, sizeof t.path, "%s/instance-id", t.dir);
    assert_int_equal(stat(t.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(truncate(t.path, 20), 0);
    assert_false(sl_store_identity_load(t.dir, &sl_clock_system, &t.why, &one));
    assert_non_null(strstr(t.why_text, "does not hold a UUID"));
    sl_buf_over(&t.why, t.why_text, sizeof t.why_text - 1);
    assert_false(sl_store_identity_load("/nonexistent", &sl_clock_system, &t.why, &one));
    assert_non_null(strstr(t.why_text, "cannot read or create"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(it_serves_with_the_right_persistence),
        T(it_is_started_again_after_a_crash),
        T(one_directory_serves_one),
        T(what_it_needs_is_named),
        T(it_dies_with_its_parent),
        T(the_identity_stays_and_the_run_changes),
    };
    return cmocka_run_group_tests_name("store embedded", tests, NULL, NULL);
}
