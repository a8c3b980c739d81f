/* What the tests of the store stand on: a real redis-server in a temporary directory, a loop and a clerk.
 * Operations are awaited by AWAIT, which leaves their result in `got`. */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

struct fixture {
    struct server server;
    struct sl_loop *loop;
    struct sl_crew *clerk;
    struct sl_mailbox mail;
    struct sl_redis_options options;
    struct sl_store_identity identity;
    struct sl_fitness fitness;
    struct sl_store *store;
    /* What fixture_fence has found. */
    struct {
        char pool[16];
        struct sl_fence fence;
    } fences[8];
    unsigned fence_count;
};

void server_start(struct server *s, const char *const *extra);
void server_stop(struct server *s, int sig);

/* Runs redis-cli with these arguments; returns its output without the last newline. */
__attribute__((format(printf, 2, 3))) const char *cli(const struct server *s, const char *fmt, ...);
void new_identity(struct sl_store_identity *id);
struct sl_store *fixture_store_as(struct fixture *f, const char *role,
                                  const struct sl_store_identity *identity);
struct sl_store *fixture_store(struct fixture *f, const char *role, bool verifies);

/* Turns until `cond`; fails the test after five seconds. */
#define TURN_UNTIL(f, cond)                                                                                  \
    do {                                                                                                     \
        uint64_t end_ = sl_mono_ns(&sl_clock_system) + 5 * SL_NS_PER_S;                                      \
        while (!(cond)) {                                                                                    \
            assert_true(sl_mono_ns(&sl_clock_system) < end_);                                                \
            sl_loop_turn((f)->loop, 20);                                                                     \
        }                                                                                                    \
    } while (0)

void fixture_up(struct fixture *f);
void fixture_begin(struct fixture *f, const char *const *extra);
void remove_directory(const char *dir);
void fixture_end(struct fixture *f);
/* A test with a fixture `f` of its own: `setup` (fixture_setup, or one that does more) finds it in *state. */
#define FIXTURE_TEST(test, setup, f)                                                                         \
    cmocka_unit_test_prestate_setup_teardown(test, setup, fixture_teardown, f)
int fixture_setup(void **state); /* its store is UP */
int fixture_teardown(void **state);

/* ---- operations, awaited ---- */

struct got {
    bool done;
    enum sl_err err;
    struct sl_pool_opened pool;
    int64_t number;
    struct sl_taken taken;
    struct sl_block blocks[16];
    struct sl_uuid over[16];
    uint32_t returned[4096];
    struct sl_list_record records[512];
    size_t count;
    bool none;
    struct sl_lineage lineage;
    uint64_t newest, last, version, change;
    uint32_t looked;
    int64_t time_ms;
    struct {
        char id[64], field[16];
    } damaged[16];
    size_t damaged_count;
    bool changed;
    char results[20000];
    struct sl_batched batched;
    uint64_t versions[64];
    struct sl_lineage ats[64];
    bool flags[64];
    uint8_t value;
    uint8_t bytes[100000];
    size_t len;
    struct sl_loaded loaded; /* its spans are gone */
    struct {
        struct sl_lineage lineage;
        uint8_t bits[20000];
        size_t len;
    } marks[4];
    char replid[SL_REPLID_MAX + 1];
    char uri[256];
};

extern struct got got;

#define AWAIT(f, call)                                                                                       \
    do {                                                                                                     \
        memset(&got, 0, sizeof got);                                                                         \
        got.err = (call);                                                                                    \
        if (got.err == SL_OK) {                                                                              \
            assert_false(got.done); /* never inside the call */                                              \
            TURN_UNTIL(f, got.done);                                                                         \
        }                                                                                                    \
    } while (0)

void mark_done(enum sl_err err);
void on_pool(void *arg, enum sl_err err, const struct sl_pool_opened *r);
void on_number(void *arg, enum sl_err err, int64_t n);
void on_accepted(void *arg, enum sl_err err, uint32_t n);
void on_taken(void *arg, enum sl_err err, const struct sl_taken *r);
void on_inherited(void *arg, enum sl_err err, const struct sl_inherited *r);
void on_records(void *arg, enum sl_err err, const struct sl_list_record *made, size_t n);
void on_changes(void *arg, enum sl_err err, const struct sl_changes *r);
void on_record(void *arg, enum sl_err err, const struct sl_described *r);
void on_piece(void *arg, enum sl_err err, bool fits);
void on_load(void *arg, enum sl_err err, const struct sl_loaded *r);
void on_updated(void *arg, enum sl_err err, const struct sl_updated *r);
void on_batched(void *arg, enum sl_err err, const struct sl_batched *r);
void on_status(void *arg, enum sl_err err, uint8_t value, struct sl_head head);

struct remembered {
    bool other, bound;
    char answer[64];
};

extern struct remembered remembered;
void on_remembered(void *arg, enum sl_err err, const struct sl_remembered *r);
struct sl_list_draft draft(void);

/* Opens the pool and makes one list; returns its id. */
/* Of the pool's present history, which is begun where there is none. It is asked for once. */
const struct sl_fence *fixture_fence(struct fixture *f, const char *pool);
/* The pools have other histories now. */
void fixture_forget_fences(struct fixture *f);
struct sl_uuid fixture_list(struct fixture *f, const char *pool, uint32_t size, unsigned bits);
/* Of one list, whose owner has taken `position` of its reservations: takes, gives back, makes it this run's.
 */
struct sl_position at(const struct sl_uuid *list, uint32_t position);
void fixture_take(struct fixture *f, const char *pool, const struct sl_uuid *list, uint32_t position,
                  uint32_t want);
uint32_t fixture_give_back(struct fixture *f, const char *pool, const struct sl_uuid *list, uint32_t position,
                           const uint32_t *indices, uint32_t n); /* how many were accepted */
void fixture_inherit(struct fixture *f, const char *pool, const char *run, const struct sl_uuid *list,
                     uint32_t position);
void on_mended(void *arg, enum sl_err err, const struct sl_mended_list *mended);
