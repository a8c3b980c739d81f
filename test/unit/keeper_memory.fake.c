/* A life of a keeper and a worker in which one allocation fails: each in turn, every time in a process of its
 * own. Either the life goes on to its right end (what can be refused is refused, what can be done later is
 * done later), or the process ends with one line that says why: nothing else, and no leak. */
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/assert.h"
#include "fixture.h"
#include "short.h"

#define NOT_MET 7 /* exit status: it was right, and memory was never short */

/* ---- the life ---- */

struct life {
    struct fixture *f;
    unsigned answers;
    enum sl_err reserved, updated, batched, cold, found;
    struct sl_list *list;
    uint64_t slot;
};

static void on_reserved(void *arg, enum sl_err err, const uint64_t *slots, uint32_t n)
{
    struct life *l = arg;
    l->answers++;
    l->reserved = err;
    sl_assert((err == SL_OK) == (n == 20));
    if (err == SL_OK)
        l->slot = slots[0];
}

static void on_gone(void *arg, enum sl_err err, const uint64_t *slots, uint32_t n)
{
    (void)arg, (void)err, (void)slots, (void)n;
    sl_assert(!"the answer to a request that is gone");
}

static void on_updated(void *arg, enum sl_err err, struct sl_head head)
{
    struct life *l = arg;
    (void)head;
    l->answers++;
    l->updated = err;
}

static void on_batched(void *arg, enum sl_err err, const struct sl_batch_result *r)
{
    struct life *l = arg;
    (void)r;
    l->answers++;
    l->batched = err;
}

static void on_cold(void *arg, enum sl_err err)
{
    struct life *l = arg;
    l->answers++;
    l->cold = err;
}

static void on_found(void *arg, enum sl_err err, struct sl_list *list)
{
    struct life *l = arg;
    sl_assert((err == SL_OK) == (list != NULL));
    l->answers++;
    l->found = err;
}

static bool answered(struct fixture *f, void *arg)
{
    struct life *l = arg;
    (void)f;
    return l->answers == 5;
}

static bool is_published(struct fixture *f, void *arg)
{
    struct life *l = arg;
    struct sl_token *t = sl_list_token(l->list);
    (void)f;
    return t != NULL && t->version >= 2;
}

static void live(void)
{
    struct life l = {.f = fixture_new(&(struct fixture_setup){.seed = 5})};
    uint64_t slots[8];
    fixture_start(l.f);
    struct sl_pool_worker *w = &l.f->workers[0].pool;
    struct sl_pool *p = &l.f->shared.pools[0];
    if (!sl_reserve_now(w, p, 3, slots)) /* the ring may be a little late */
        fixture_for(l.f, 1);
    l.list = sl_table_at(l.f->shared.table, 0);
    struct sl_uuid unknown = {.bytes = {1, 2, 3}};
    struct sl_batch_entry entries[2] = {{l.list, 8, 1}, {l.list, 9, 1}};
    sl_reserve_wait(w, p, 20, on_reserved, &l);
    sl_reserve_cancel(sl_reserve_wait(w, p, 12, on_gone, &l)); /* its references come back */
    sl_update_start(w, l.list, 7, 1, on_updated, &l);
    sl_batch_start(w, p, entries, 2, NULL, on_batched, &l);
    sl_wait_token(w, l.list, on_cold, &l);
    sl_lookup_start(w, &unknown, on_found, &l);
    sl_assert(fixture_until(l.f, answered, &l, 20000));
    sl_assert(l.reserved == SL_OK || l.reserved == SL_ERR_UNAVAILABLE);
    sl_assert(l.updated == SL_OK && l.batched == SL_OK);
    sl_assert(l.cold == SL_OK || l.cold == SL_ERR_UNAVAILABLE);
    sl_assert(l.found == SL_ERR_NO_SUCH_LIST || l.found == SL_ERR_UNAVAILABLE);
    sl_assert(fixture_until(l.f, is_published, &l, 20000));
    fixture_end(l.f);
}

/* ---- one process per failing request ---- */

static int child(unsigned nth)
{
    alarm(60);
    short_of_memory(nth);
    live();
    bool met = short_was_met();
    short_of_memory(0);
    return met ? 0 : NOT_MET; /* and a leak would be a status of its own */
}

struct outcome {
    int status;
    char said[4096];
};

static void run_child(unsigned nth, struct outcome *ret)
{
    int ends[2];
    size_t n = 0;
    char number[16];
    assert_int_equal(pipe(ends), 0);
    snprintf(number, sizeof number, "%u", nth);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl("/proc/self/exe", "pool_memory", number, (char *)NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    close(ends[1]);
    for (ssize_t got = 1; got > 0 && n + 1 < sizeof ret->said;) {
        got = read(ends[0], ret->said + n, sizeof ret->said - 1 - n);
        n += got > 0 ? (size_t)got : 0;
    }
    ret->said[n] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(pid, &ret->status, 0), pid);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static void each_request_fails_once(void **state)
{
    (void)state;
    unsigned ended = 0, went_on = 0;
    char folder[] = "/dev/shm/sl-memory-XXXXXX"; /* what an ended process leaves */
    assert_non_null(mkdtemp(folder));
    setenv("SL_TEST_FOLDER", folder, 1);
    for (unsigned nth = 1;; nth++) {
        struct outcome o;
        run_child(nth, &o);
        bool aborted = WIFSIGNALED(o.status) && WTERMSIG(o.status) == SIGABRT;
        const char *end = strchr(o.said, '\n');
        bool said_so = end != NULL && end[1] == '\0' && strstr(o.said, "memory") != NULL;
        if (WIFEXITED(o.status) && WEXITSTATUS(o.status) == NOT_MET)
            break;
        bool right = WIFEXITED(o.status) && WEXITSTATUS(o.status) == 0;
        if (!right && !(aborted && said_so))
            fail_msg("request %u: status %x\n%s", nth, (unsigned)o.status, o.said);
        ended += aborted;
        went_on += right;
    }
    assert_int_equal(nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    print_message("%u lives went on, %u ended with a word\n", went_on, ended);
    assert_true(went_on >= 5 && ended >= 50);
}

int main(int argc, char **argv)
{
    if (argc == 2)
        return child((unsigned)strtoul(argv[1], NULL, 10));
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_request_fails_once)};
    return cmocka_run_group_tests_name("pool memory", tests, NULL, NULL);
}
