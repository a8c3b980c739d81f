/* A keeper and workers on a fake store, as the daemon puts them together: either all on one loop of the
 * calling thread, so that a test decides when each of them moves, or each on a thread of its own. */
#pragma once
#include "base/steady.h"
#include "fake_redis.h"
#include "loop/crew.h"
#include "keeper/keeper.h"
#include "pool/metrics.h"
#include "worker/batch.h"
#include "worker/connection.h"
#include "worker/reserve.h"
#include "worker/update.h"
#include "worker/wait.h"
#include "worker/worker.h"
#include "token/build.h"

#define FIXTURE_WORKERS 4
#define FIXTURE_POOLS 2

struct fixture;
struct fixture_estate;

struct fixture_worker {
    struct fixture *fixture;
    unsigned id;
    struct sl_loop *loop; /* of its own in a threaded fixture */
    struct sl_mailbox mail;
    struct sl_pool_worker pool;
    struct sl_store *store;
    struct sl_thread *thread;
    bool hold_turns; /* turn messages wait until fixture_release_turns */
    struct sl_mail *turns;
    struct sl_timer end;
    void *test; /* the test's own */
};

struct fixture_setup {
    unsigned workers, pools; /* 0: one */
    uint64_t seed;
    bool threads;
    bool no_runtime; /* nothing is handed over to a later fixture, or taken from an earlier one */
    bool no_keeper;  /* messages to the keeper go to on_keeper_mail */
    void (*on_keeper_mail)(void *arg, struct sl_mail *m);
    void *arg;
    bool steady; /* the loops' clock is a steady one, which the keeper judges */
    void (*configure)(struct sl_pool_options *o, struct sl_redis_options *redis);
    const struct fixture_estate *estate; /* of an earlier fixture: its storage and redis are used again */
};

struct fixture {
    struct fixture_setup s;
    char storage[64], runtime[64];
    struct sl_handover *handover;
    struct fake_redis *redis;
    bool keeps;
    struct sl_clock clock; /* the system's */
    struct sl_steady steady;
    struct sl_metric_slab *clock_metrics;
    uint64_t random;
    _Atomic int64_t wall_step_ms;
    _Atomic uint64_t passed_ms; /* by fixture_pass */
    struct sl_timer nudge;
    struct sl_loop *loop; /* the keeper's, and the workers' unless threaded */
    struct sl_pool_options options[FIXTURE_POOLS];
    char names[FIXTURE_POOLS][16];
    struct sl_shared shared;
    struct sl_mailbox keeper_mail;
    struct sl_keeper *keeper;
    struct sl_thread *keeper_thread;
    struct sl_store_identity identity;
    struct sl_crew *clerk, *publishers;
    struct fixture_worker workers[FIXTURE_WORKERS];
    struct sl_mailbox *worker_mail[FIXTURE_WORKERS];
    struct sl_metric_slab *metrics[FIXTURE_POOLS];
    _Atomic bool started, keeper_ended;
    _Atomic unsigned workers_ended;
    bool gave_back;
    char fatal[1024];
};

/* Does not wait until the keeper has started: fixture_start does. */
struct fixture *fixture_new(const struct fixture_setup *setup);
/* Ends everything as the daemon does; what the rings hold goes back to the store, if that is up. */
void fixture_end(struct fixture *f);
int fixture_teardown(void **state); /* ends *state, of a test whose setup has put it there */
/* Ends it, but keeps storage and redis for a later fixture, whose end frees them. */
struct fixture_estate {
    char storage[64], runtime[64];
    struct fake_redis *redis;
};
struct fixture_estate fixture_die(struct fixture *f);

void fixture_turn(struct fixture *f);
void fixture_for(struct fixture *f, unsigned ms);
/* Advances both clocks; timers that are due fire in the next turns. Not with threads. */
void fixture_pass(struct fixture *f, unsigned ms);
/* Turns the loop until `holds` is true; false after `ms`. */
bool fixture_until(struct fixture *f, bool (*holds)(struct fixture *f, void *arg), void *arg, unsigned ms);
/* Waits until the keeper has started and every ring is full. */
void fixture_start(struct fixture *f);
/* Runs fn(arg) in the loop of that mailbox's owner: a worker's or the keeper's. */
void fixture_call(struct sl_mailbox *to, void (*fn)(void *arg), void *arg);
void fixture_release_turns(struct fixture_worker *w);
/* Without a keeper, which does this otherwise (new: as the fake is now): the history that workers may write
 * under. fixture_new shows one. */
void fixture_show_history(struct fixture *f, unsigned pool);
void fixture_hide_history(struct fixture *f, unsigned pool);

uint64_t fixture_metric(const struct fixture *f, unsigned pool, unsigned id);
uint64_t fixture_metric_label(const struct fixture *f, unsigned pool, unsigned id, unsigned value);
