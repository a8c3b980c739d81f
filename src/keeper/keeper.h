/* The keeper: one thread that refills rings, precreates lists, learns of changed versions, and decides what
 * is published and when. It owns the Redis connections for commands, for large loads and the subscription.
 *
 * Every function but the mailbox's send is for the keeper's thread. */
#pragma once
#include "base/buf.h"
#include "loop/crew.h"
#include "pool/pool.h"
#include "store/store.h"

/* The keeper's connections to Redis, and their roles. */
enum { SL_KEEPER_COMMANDS, SL_KEEPER_LOADER, SL_KEEPER_FEED, SL_KEEPER_CONNECTIONS };
extern const char *const sl_keeper_roles[SL_KEEPER_CONNECTIONS];

/* Bytes, with the NUL, of the sentence that on_fatal and sl_keeper_may give. */
#define SL_KEEPER_WHY 1024

struct sl_keeper_setup {
    struct sl_loop *loop;
    struct sl_mailbox *mail;  /* shared->keeper; its owner passes messages to sl_keeper_mail */
    struct sl_shared *shared; /* pools with options, key and ring; the table */
    const struct sl_redis_options *redis;
    struct sl_store_tls *redis_tls; /* NULL without TLS to Redis */
    const struct sl_store_identity *identity;
    struct sl_crew *clerk;      /* blocking work: name resolution, marks */
    struct sl_crew *publishers; /* their thread state is a struct sl_token_builder */
    unsigned publisher_count;
    const char *storage, *public_url;
    struct sl_mailbox *const *workers; /* where turn messages go */
    unsigned worker_count;
    struct sl_metric_slab *store_metrics[SL_KEEPER_CONNECTIONS]; /* of sl_store_metric_table */
    struct sl_metric_slab *const *pool_metrics;                  /* per pool, of sl_keeper_metric_table */
    void (*on_started)(void *arg); /* once: every pool is known, references are ready or on their way */
    void (*on_fatal)(void *arg,
                     const char *why); /* before on_started only: the process must not run like this */
    void *arg;
};

struct sl_keeper;

struct sl_keeper *sl_keeper_new(const struct sl_keeper_setup *setup);
void sl_keeper_mail(struct sl_keeper *k, struct sl_mail *m);
/* Takes over the options that are now in force (sl_pool_options) and, by pool number, the keys, of which it
 * takes shares. Lists whose tokens would now look different are signed again little by little. */
void sl_keeper_reload(struct sl_keeper *k, struct sl_key *const *keys);

/* Whether the pools could get these options, by pool number, while other instances live. `done` is called
 * once, in this call or later: `why` names what differs, "" when nothing does or nobody can tell. Both
 * outlive the answer; one question at a time. */
void sl_keeper_may(struct sl_keeper *k, const struct sl_pool_options *options,
                   void (*done)(void *arg, const char *why), void *arg);

/* Readiness: false, and the first condition that fails as a sentence. For fetches: every pool known, no list
 * without a fresh token. For issuers also: store up, persistence as configured, references ready. */
bool sl_keeper_ready_fetch(struct sl_keeper *k, struct sl_buf *why);
bool sl_keeper_ready_issuer(struct sl_keeper *k, struct sl_buf *why);
/* Brings gauges up to date; before /metrics is rendered. */
void sl_keeper_gauges(struct sl_keeper *k);

/* From now on: not ready, waiting reservations and cold requests are answered UNAVAILABLE, nothing new is
 * taken. */
void sl_keeper_begin_drain(struct sl_keeper *k);
/* After the workers have ended: waits for takes under way, empties the rings and gives back what they held,
 * once; then `done`. At most `deadline_ns`. */
void sl_keeper_give_back(struct sl_keeper *k, uint64_t deadline_ns, void (*done)(void *arg), void *arg);
/* Whether turn messages are with the workers: they are the keeper's memory, so it is not freed before they
 * came back. */
bool sl_keeper_turning(const struct sl_keeper *k);
/* Frees lists and tokens too; rings and keys are the shared struct's owner's. No job may be pending with a
 * crew. */
void sl_keeper_free(struct sl_keeper *k);
