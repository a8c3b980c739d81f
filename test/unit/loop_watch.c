/* Foreign descriptors on the loop: level-triggered reading, one-shot writing, freeing from inside. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/loop.h"

struct end {
    struct sl_watch *watch;
    int fd;
    unsigned reads, writes;
    size_t got, chunk;
    bool ask_again, frees;
};

struct pair {
    struct sl_loop *loop;
    struct end a;
    int b; /* the other side, blocking */
};

static struct pair pair_new(void)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    struct pair p = {.loop = sl_loop_new(&sl_clock_system), .a = {.fd = fds[0], .chunk = 4096}, .b = fds[1]};
    return p;
}

static void pair_free(struct pair *p)
{
    sl_watch_free(p->a.watch);
    close(p->b);
    sl_loop_free(p->loop);
}

static void on_readable(void *arg)
{
    struct end *e = arg;
    char bytes[4096];
    e->reads++;
    ssize_t n = read(e->fd, bytes, e->chunk);
    if (n > 0)
        e->got += (size_t)n;
    if (e->frees) {
        sl_watch_free(e->watch);
        e->watch = NULL;
    } else if (n == 0) {
        sl_watch_read(e->watch, NULL);
    }
}

static void on_writable(void *arg)
{
    struct end *e = arg;
    e->writes++;
    if (e->ask_again)
        sl_watch_write(e->watch, on_writable);
}

static void turns(struct pair *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        sl_loop_turn(p->loop, 2);
}

static void readable_is_off_until_asked_for_and_level_triggered(void **state)
{
    (void)state;
    struct pair p = pair_new();
    p.a.watch = sl_watch_new(p.loop, p.a.fd, &p.a);
    p.a.chunk = 10;
    assert_int_equal(write(p.b, "0123456789012345678901234", 25), 25);
    turns(&p, 3);
    assert_int_equal(p.a.reads, 0);
    assert_false(sl_watch_reading(p.a.watch));
    sl_watch_read(p.a.watch, on_readable);
    assert_true(sl_watch_reading(p.a.watch));
    turns(&p, 6); /* the callback reads ten bytes at a time: it is called until nothing is left */
    assert_int_equal(p.a.got, 25);
    assert_int_equal(p.a.reads, 3);
    sl_watch_read(p.a.watch, NULL);
    assert_int_equal(write(p.b, "x", 1), 1);
    turns(&p, 3);
    assert_int_equal(p.a.reads, 3);
    sl_watch_read(p.a.watch, on_readable);
    turns(&p, 3);
    assert_int_equal(p.a.got, 26);
    pair_free(&p);
}

static void end_of_file_is_readable(void **state)
{
    (void)state;
    struct pair p = pair_new();
    p.a.watch = sl_watch_new(p.loop, p.a.fd, &p.a);
    sl_watch_read(p.a.watch, on_readable);
    shutdown(p.b, SHUT_WR);
    turns(&p, 3);
    assert_int_equal(p.a.reads, 1);
    assert_int_equal(p.a.got, 0);
    pair_free(&p);
}

static void writable_comes_once_and_may_be_asked_again(void **state)
{
    (void)state;
    struct pair p = pair_new();
    p.a.watch = sl_watch_new(p.loop, p.a.fd, &p.a);
    assert_false(sl_watch_writing(p.a.watch));
    sl_watch_write(p.a.watch, on_writable);
    assert_true(sl_watch_writing(p.a.watch));
    sl_watch_write(p.a.watch, on_writable); /* asking twice is asking once */
    turns(&p, 4);
    assert_int_equal(p.a.writes, 1);
    assert_false(sl_watch_writing(p.a.watch));
    p.a.ask_again = true;
    sl_watch_write(p.a.watch, on_writable);
    turns(&p, 5);
    assert_true(p.a.writes > 3);
    pair_free(&p);
}

static void writable_waits_for_room(void **state)
{
    (void)state;
    struct pair p = pair_new();
    static char block[65536];
    size_t sent = 0;
    for (ssize_t n; (n = write(p.a.fd, block, sizeof block)) > 0;)
        sent += (size_t)n;
    assert_int_equal(errno, EAGAIN);
    p.a.watch = sl_watch_new(p.loop, p.a.fd, &p.a);
    sl_watch_write(p.a.watch, on_writable);
    turns(&p, 3);
    assert_int_equal(p.a.writes, 0);
    while (sent > 0) {
        ssize_t n = read(p.b, block, sizeof block);
        assert_true(n > 0);
        sent -= (size_t)n;
    }
    turns(&p, 3);
    assert_int_equal(p.a.writes, 1);
    pair_free(&p);
}

static void callback_may_free_its_watch_which_closes_the_descriptor(void **state)
{
    (void)state;
    struct pair p = pair_new();
    p.a.watch = sl_watch_new(p.loop, p.a.fd, &p.a);
    p.a.frees = true;
    sl_watch_read(p.a.watch, on_readable);
    assert_int_equal(write(p.b, "x", 1), 1);
    turns(&p, 3);
    assert_int_equal(p.a.reads, 1);
    assert_null(p.a.watch);
    char byte;
    assert_int_equal(read(p.b, &byte, 1), 0); /* the other side sees the end */
    pair_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readable_is_off_until_asked_for_and_level_triggered),
        cmocka_unit_test(end_of_file_is_readable),
        cmocka_unit_test(writable_comes_once_and_may_be_asked_again),
        cmocka_unit_test(writable_waits_for_room),
        cmocka_unit_test(callback_may_free_its_watch_which_closes_the_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
