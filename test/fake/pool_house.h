/* A keeper and workers on a fake store, as the daemon puts them together: either all on one loop of the
 * calling thread, so that a test decides when each of them moves, or each on a thread of its own. */
#pragma once
#include "fake_redis.h"
#include "loop/crew.h"
#include "keeper/keeper.h"
#include "pool/metrics.h"
#include "worker/reserve.h"
#include "worker/update.h"
#include "worker/wait.h"
#include "token/build.h"

#define HOUSE_WORKERS 4
#define HOUSE_POOLS 2

struct house;
struct house_estate;

struct house_worker {
    struct house *house;
    unsigned id;
    struct sl_loop *loop; /* of its own in a threaded house */
    struct sl_mailbox mail;
    struct sl_pool_worker pool;
    struct sl_store *store;
    struct sl_thread *thread;
    bool hold_turns; /* turn messages wait until house_release_turns */
    struct sl_mail *turns;
    struct sl_timer end;
    void *test; /* the test's own */
};

struct house_setup {
    unsigned workers, pools; /* 0: one */
    uint64_t seed;
    bool threads;
    bool no_keeper; /* messages to the keeper go to on_keeper_mail */
    void (*on_keeper_mail)(void *arg, struct sl_mail *m);
    void *arg;
    void (*configure)(struct sl_pool_options *o, struct sl_redis_options *redis);
    const struct house_estate *estate; /* of a predecessor: its storage and redis are used again */
};

struct house {
    struct house_setup s;
    char storage[64];
    struct fake_redis *redis;
    bool keeps;
    struct sl_clock clock;
    uint64_t random;
    _Atomic int64_t wall_step_ms;
    _Atomic uint64_t passed_ms; /* by house_pass */
    struct sl_timer nudge;
    struct sl_loop *loop; /* the keeper's, and everybody's unless threaded */
    struct sl_pool_options options[HOUSE_POOLS];
    char names[HOUSE_POOLS][16];
    struct sl_shared shared;
    struct sl_mailbox keeper_mail;
    struct sl_keeper *keeper;
    struct sl_thread *keeper_thread;
    struct sl_store_identity identity;
    struct sl_crew *clerk, *publishers;
    struct house_worker workers[HOUSE_WORKERS];
    struct sl_mailbox *worker_mail[HOUSE_WORKERS];
    struct sl_metric_slab *metrics[HOUSE_POOLS];
    _Atomic bool started, keeper_ended;
    _Atomic unsigned workers_ended;
    bool gave_back;
    char fatal[1024];
};

/* Does not wait for anything; see house_start. */
struct house *house_new(const struct house_setup *setup);
/* Ends everything as the daemon does; what the rings hold goes back to the store, if that is up. */
void house_end(struct house *h);
/* Ends it, but storage and redis stay for a successor, whose end frees them. */
struct house_estate {
    char storage[64];
    struct fake_redis *redis;
};
struct house_estate house_die(struct house *h);

void house_turn(struct house *h);
void house_for(struct house *h, unsigned ms);
/* So much time has passed, by both clocks; what is due comes with the next turns. Not with threads. */
void house_pass(struct house *h, unsigned ms);
/* Turns the loop until it holds; false after `ms`. */
bool house_until(struct house *h, bool (*holds)(struct house *h, void *arg), void *arg, unsigned ms);
/* Until the keeper has started and every ring is full. */
void house_start(struct house *h);
/* Runs fn(arg) in the loop of that mailbox's owner: a worker's or the keeper's. */
void house_call(struct sl_mailbox *to, void (*fn)(void *arg), void *arg);
void house_release_turns(struct house_worker *w);

uint64_t house_metric(const struct house *h, unsigned pool, unsigned id);
uint64_t house_metric_label(const struct house *h, unsigned pool, unsigned id, unsigned value);
