/* A real redis-server in a temporary directory, and a loop with a clerk: what every test of the store stands
 * on. */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/assert.h"
#include "base/log.h"
#include "store/feed.h"

struct server {
    char dir[64], socket[96];
    int pid;
};

struct bench {
    struct server server;
    struct sl_loop *loop;
    struct sl_crew *clerk;
    struct sl_mailbox mail;
    struct sl_redis_options options;
    struct sl_store_identity identity;
    struct sl_store *store;
};

__attribute__((unused)) static void server_start(struct server *s, const char *const *extra)
{
    char *argv[64] = {
        "redis-server", "--port",     "0",       "--unixsocket", "redis.sock", "--dir",
        "./",           "--save",     "",        "--appendonly", "yes",        "--appendfsync",
        "always",       "--loglevel", "warning", "--logfile",    "log",        "--maxmemory-policy",
        "noeviction",   NULL};
    int argc = 19, parent = getpid();
    for (; extra != NULL && *extra != NULL; extra++)
        argv[argc++] = (char *)*extra;
    argv[argc] = NULL;
    unlink(s->socket);
    s->pid = fork();
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent || chdir(s->dir) != 0)
            _exit(1);
        execvp("redis-server", argv);
        _exit(127);
    }
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof un.sun_path, "%s", s->socket);
    for (int i = 0; i < 500; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        int rc = connect(fd, (struct sockaddr *)&un, sizeof un);
        close(fd);
        if (rc == 0)
            return;
        usleep(10000);
    }
    fail_msg("redis-server does not listen");
}

__attribute__((unused)) static void server_stop(struct server *s, int sig)
{
    if (s->pid > 0) {
        kill(s->pid, SIGCONT);
        kill(s->pid, sig);
        waitpid(s->pid, NULL, 0);
    }
    s->pid = 0;
}

/* One command line for redis-cli; its output without the last newline. */
__attribute__((unused, format(printf, 2, 3))) static const char *cli(const struct server *s, const char *fmt,
                                                                     ...)
{
    static char out[65536];
    char command[4096];
    int n = snprintf(command, sizeof command, "redis-cli -s %s ", s->socket);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(command + n, sizeof command - (size_t)n, fmt, ap);
    va_end(ap);
    FILE *p = popen(command, "r");
    size_t len = fread(out, 1, sizeof out - 1, p);
    pclose(p);
    while (len > 0 && out[len - 1] == '\n')
        len--;
    out[len] = '\0';
    return out;
}

__attribute__((unused)) static void bench_mail(void *arg, struct sl_mail *m)
{
    (void)arg;
    assert_int_equal(m->kind, SL_STORE_MAIL);
    sl_store_mail(m);
}

__attribute__((unused)) static void new_identity(struct sl_store_identity *id)
{
    struct sl_uuid u = sl_uuid_v4(&sl_clock_system);
    sl_uuid_text(&u, id->instance);
    id->instance[SL_UUID_TEXT] = '\0';
    snprintf(id->run, sizeof id->run, "%016llx",
             (unsigned long long)sl_random_below(&sl_clock_system, UINT64_MAX));
}

__attribute__((unused)) static struct sl_store *bench_store_as(struct bench *b, const char *role,
                                                               const struct sl_store_identity *identity)
{
    struct sl_store_setup setup = {.loop = b->loop,
                                   .options = &b->options,
                                   .identity = identity,
                                   .role = role,
                                   .clerk = b->clerk,
                                   .mail = &b->mail};
    return sl_store_new(&setup);
}

__attribute__((unused)) static struct sl_store *bench_store(struct bench *b, const char *role, bool verifies)
{
    struct sl_store_setup setup = {.loop = b->loop,
                                   .options = &b->options,
                                   .identity = &b->identity,
                                   .role = role,
                                   .clerk = b->clerk,
                                   .mail = &b->mail,
                                   .verifies = verifies};
    return sl_store_new(&setup);
}

/* Turns until `cond`; fails the test after five seconds. */
#define TURN_UNTIL(b, cond)                                                                                  \
    do {                                                                                                     \
        uint64_t end_ = sl_mono_ns(&sl_clock_system) + 5 * SL_NS_PER_S;                                      \
        while (!(cond)) {                                                                                    \
            assert_true(sl_mono_ns(&sl_clock_system) < end_);                                                \
            sl_loop_turn((b)->loop, 20);                                                                     \
        }                                                                                                    \
    } while (0)

__attribute__((unused)) static void bench_up(struct bench *b)
{
    TURN_UNTIL(b, sl_store_state(b->store) == SL_STORE_UP);
}

__attribute__((unused)) static void bench_begin(struct bench *b, const char *const *extra)
{
    memset(b, 0, sizeof *b);
    signal(SIGPIPE, SIG_IGN);
    sl_log_set_level(getenv("SL_TEST_LOG") != NULL ? SL_DEBUG : SL_ERROR + 1);
    strcpy(b->server.dir, "/tmp/sl-store-XXXXXX");
    assert_non_null(mkdtemp(b->server.dir));
    snprintf(b->server.socket, sizeof b->server.socket, "%s/redis.sock", b->server.dir);
    server_start(&b->server, extra);
    b->loop = sl_loop_new(&sl_clock_system);
    b->clerk = sl_crew_new("clerk", 1, NULL, NULL, NULL);
    sl_mailbox_init(&b->mail, bench_mail, b);
    sl_mailbox_attach(&b->mail, b->loop);
    b->options = (struct sl_redis_options){
        .host = "localhost", .port = 6379, .socket = b->server.socket, .command_timeout_ms = 10000};
    new_identity(&b->identity);
    b->store = bench_store(b, "keeper", true);
}

__attribute__((unused)) static void remove_tree(const char *dir)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
}

__attribute__((unused)) static void bench_end(struct bench *b)
{
    sl_store_free(b->store);
    sl_loop_turn(b->loop, 0);
    sl_crew_free(b->clerk);
    for (struct sl_mail *m = sl_mailbox_take(&b->mail), *next; m != NULL; m = next) {
        next = m->next;
        sl_store_mail(m);
    }
    sl_mailbox_detach(&b->mail);
    sl_mailbox_close(&b->mail);
    sl_loop_free(b->loop);
    server_stop(&b->server, SIGKILL);
    remove_tree(b->server.dir);
}

/* ---- operations, awaited
 * ----------------------------------------------------------------------------------- */

struct got {
    bool done;
    enum sl_err err;
    struct sl_pool_opened pool;
    int64_t number;
    struct sl_taken taken;
    struct sl_block blocks[16];
    uint32_t returned[4096];
    struct sl_list_record records[512];
    size_t count;
    bool none;
    uint64_t newest, version;
    bool changed;
    char results[20000];
    struct sl_batched batched;
    uint64_t versions[64];
    bool flags[64];
    uint8_t value;
    uint8_t bytes[100000];
    size_t len;
    char replid[SL_REPLID_MAX + 1];
    char uri[256];
};

static struct got got;

#define AWAIT(b, call)                                                                                       \
    do {                                                                                                     \
        memset(&got, 0, sizeof got);                                                                         \
        got.err = (call);                                                                                    \
        if (got.err == SL_OK) {                                                                              \
            assert_false(got.done); /* never inside the call */                                              \
            TURN_UNTIL(b, got.done);                                                                         \
        }                                                                                                    \
    } while (0)

static void mark_done(enum sl_err err)
{
    assert_false(got.done);
    got.done = true;
    got.err = err;
}

__attribute__((unused)) static void on_pool(void *arg, enum sl_err err, const struct sl_pool_opened *r)
{
    (void)arg;
    mark_done(err);
    if (err == SL_OK) {
        got.pool = *r;
        memcpy(got.replid, r->replid.at, r->replid.len);
    }
}

__attribute__((unused)) static void on_number(void *arg, enum sl_err err, int64_t n)
{
    (void)arg;
    mark_done(err);
    got.number = n;
}

__attribute__((unused)) static void on_accepted(void *arg, enum sl_err err, uint32_t n)
{
    on_number(arg, err, n);
}

__attribute__((unused)) static void on_taken(void *arg, enum sl_err err, const struct sl_taken *r)
{
    (void)arg;
    mark_done(err);
    if (err != SL_OK)
        return;
    got.taken = *r;
    uint32_t used = 0;
    assert_true(r->block_count <= 16);
    for (uint32_t i = 0; i < r->block_count; i++) {
        got.blocks[i] = r->blocks[i];
        memcpy(got.returned + used, r->blocks[i].returned, r->blocks[i].returned_count * sizeof(uint32_t));
        got.blocks[i].returned = got.returned + used;
        used += r->blocks[i].returned_count;
    }
    got.taken.blocks = got.blocks;
}

__attribute__((unused)) static void on_records(void *arg, enum sl_err err, const struct sl_list_record *made,
                                               size_t n)
{
    (void)arg;
    mark_done(err);
    got.count = n;
    for (size_t i = 0; i < n && err == SL_OK; i++)
        got.records[i] = made[i];
}

__attribute__((unused)) static void on_changes(void *arg, enum sl_err err, const struct sl_changes *r)
{
    if (err == SL_OK) {
        on_records(arg, err, r->lists, r->count);
        got.newest = r->newest;
    } else {
        mark_done(err);
    }
}

__attribute__((unused)) static void on_record(void *arg, enum sl_err err, const struct sl_list_record *r)
{
    (void)arg;
    mark_done(err);
    got.none = r == NULL;
    if (r != NULL) {
        got.records[0] = *r;
        memcpy(got.uri, r->uri.at, r->uri.len);
    }
}

__attribute__((unused)) static void on_load(void *arg, enum sl_err err, uint64_t version,
                                            struct sl_span bytes)
{
    (void)arg;
    mark_done(err);
    got.version = version;
    got.len = bytes.len;
    assert_true(bytes.len <= sizeof got.bytes);
    if (bytes.len > 0)
        memcpy(got.bytes, bytes.at, bytes.len);
}

__attribute__((unused)) static void on_updated(void *arg, enum sl_err err, const struct sl_updated *r)
{
    (void)arg;
    mark_done(err);
    if (err == SL_OK) {
        got.version = r->version;
        got.changed = r->changed;
        static const char letters[] = {[SL_RESULT_SAME] = '0',
                                       [SL_RESULT_CHANGED] = '1',
                                       [SL_RESULT_FINAL] = 'F',
                                       [SL_RESULT_OUTSIDE] = 'I',
                                       [SL_RESULT_RETIRED] = 'T'};
        assert_true(r->count < sizeof got.results);
        for (uint32_t i = 0; i < r->count; i++)
            got.results[i] = letters[r->results[i]];
    }
}

__attribute__((unused)) static void on_batched(void *arg, enum sl_err err, const struct sl_batched *r)
{
    mark_done(err);
    if (err != SL_OK)
        return;
    got.batched = *r;
    uint32_t groups = *(const uint32_t *)arg;
    for (uint32_t i = 0; i < groups && r->refused == SL_OK; i++) {
        got.versions[i] = r->versions[i];
        got.flags[i] = r->changed[i];
    }
}

__attribute__((unused)) static void on_status(void *arg, enum sl_err err, uint8_t value, uint64_t version)
{
    (void)arg;
    mark_done(err);
    got.value = value;
    got.version = version;
}

static struct {
    bool other, bound;
    char answer[64];
} remembered __attribute__((unused));

__attribute__((unused)) static void on_remembered(void *arg, enum sl_err err, const struct sl_remembered *r)
{
    (void)arg;
    mark_done(err);
    memset(&remembered, 0, sizeof remembered);
    if (err != SL_OK)
        return;
    remembered.other = r->other;
    remembered.bound = r->bound;
    assert_true(r->answer.len < sizeof remembered.answer);
    if (r->answer.len > 0)
        memcpy(remembered.answer, r->answer.at, r->answer.len);
}

__attribute__((unused)) static struct sl_list_draft draft(void)
{
    static char uris[64][64];
    static unsigned next;
    struct sl_list_draft d;
    d.id = sl_uuid_v4(&sl_clock_system);
    char *uri = uris[next++ % 64], text[SL_UUID_TEXT];
    sl_uuid_text(&d.id, text);
    snprintf(uri, 64, "http://l/%.36s", text);
    d.uri = sl_span(uri, strlen(uri));
    sl_random(&sl_clock_system, d.seed, sizeof d.seed);
    return d;
}

/* Opens the pool and makes one list; its id. */
__attribute__((unused)) static struct sl_uuid bench_list(struct bench *b, const char *pool, uint32_t size,
                                                         unsigned bits)
{
    struct sl_list_draft d = draft();
    AWAIT(b, sl_store_open_pool(b->store, pool, size, bits, on_pool, NULL));
    assert_int_equal(got.err, SL_OK);
    AWAIT(b, sl_store_precreate(b->store, pool, 1, &d, 1, on_records, NULL));
    assert_int_equal(got.err, SL_OK);
    assert_int_equal(got.count, 1);
    return d.id;
}

__attribute__((unused)) static void on_mended(void *arg, enum sl_err err, uint64_t version,
                                              enum sl_mended what)
{
    (void)arg;
    mark_done(err);
    got.version = version;
    got.number = what;
}
