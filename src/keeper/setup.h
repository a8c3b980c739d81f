/* What the keeper is given, and what it reports to its owner. */
#pragma once
#include "loop/crew.h"
#include "pool/pool.h"
#include "store/handover.h"
#include "store/store.h"

/* The keeper's connections to Redis, and their roles. */
enum { SL_KEEPER_COMMANDS, SL_KEEPER_LOADER, SL_KEEPER_FEED, SL_KEEPER_CONNECTIONS };
extern const char *const sl_keeper_roles[SL_KEEPER_CONNECTIONS];

/* Bytes, with the NUL, of the sentence that on_fatal and sl_keeper_check_options give. */
#define SL_KEEPER_WHY 1024

typedef void(sl_keeper_started_cb)(void *arg);
typedef void(sl_keeper_fatal_cb)(void *arg, const char *why);
typedef void(sl_keeper_gave_back_cb)(void *arg);
/* The options that were asked about differ from those of other instances: `why` names what differs. */
typedef void(sl_keeper_differs_cb)(void *arg, unsigned pool, const char *why);
typedef void(sl_keeper_checked_cb)(void *arg);

struct sl_keeper_setup {
    struct sl_loop *loop;
    struct sl_mailbox *mail;  /* shared->keeper; its owner passes messages to sl_keeper_mail */
    struct sl_shared *shared; /* pools with options, key and ring; the table */
    const struct sl_redis_options *redis;
    struct sl_store_tls *redis_tls;   /* NULL without TLS to Redis */
    struct sl_fitness *redis_fitness; /* of the process; its judge is the keeper */
    const struct sl_store_identity *identity;
    struct sl_handover *handover; /* NULL: lists are not handed over to the next process */
    struct sl_crew *clerk;        /* blocking work: name resolution */
    struct sl_crew *publishers;   /* their thread state is a struct sl_token_builder */
    unsigned publisher_count;
    const char *public_url;
    struct sl_mailbox *const *workers; /* where turn messages go */
    unsigned worker_count;
    struct sl_metric_slab *store_metrics[SL_KEEPER_CONNECTIONS]; /* of sl_store_metric_table */
    struct sl_metric_slab *const *pool_metrics;                  /* per pool, of sl_keeper_metric_table */
    struct sl_metric_slab *clock_metrics;                        /* of sl_clock_metric_table; or NULL */
    struct sl_steady *steady; /* the loops' clock, for the keeper to judge; NULL: it is believed as it is */
    /* Once: every pool is known, references are ready or on their way. */
    sl_keeper_started_cb *on_started;
    /* Before on_started only: the process must not run like this. */
    sl_keeper_fatal_cb *on_fatal;
    void *arg;
};
