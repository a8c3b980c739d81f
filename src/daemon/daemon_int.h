/* The whole process: what its threads share, in the order in which it is made. The main thread owns it. */
#pragma once
#include "base/ending.h"
#include "base/steady.h"
#include "daemon/config.h"
#include "daemon/reload.h"
#include "daemon/tls.h"
#include "daemon/worker.h"
#include "keeper/keeper.h"
#include "loop/crew.h"
#include "store/embedded.h"

/* What the main thread's mailbox carries. */
enum sl_daemon_mail {
    SL_DAEMON_LEAVE =
        SL_MAIL_RANGE_DAEMON, /* to the keeper: the end was asked for, `shutdown.delay` begins */
    SL_DAEMON_DRAIN,          /* to workers and keeper: it is over */
    SL_DAEMON_GIVE_BACK,
    SL_DAEMON_STARTED,
    SL_DAEMON_FATAL,
    SL_DAEMON_WORKER_ENDED,
    SL_DAEMON_KEEPER_ENDED,
    SL_DAEMON_CHECK_OPTIONS, /* to the keeper, and back: do other instances run with other options? */
    SL_DAEMON_RELOAD         /* to a worker or the keeper, and back */
};

struct sl_keeper_thread {
    struct sl_mailbox mail;
    struct sl_thread *thread;
    struct sl_loop *loop;
    struct sl_keeper *keeper;
    struct sl_http_thread *http;
    struct sl_metric_slab *store_metrics[SL_KEEPER_CONNECTIONS], **pool_metrics, *clock_metrics;
    struct sl_sockets ops;
    struct sl_mail leave, drain, give_back; /* from the main thread */
    struct sl_mail started, fatal, ended;   /* to it */
    char why[SL_KEEPER_WHY];                /* of `fatal` */
    struct sl_timer end_tick;
    uint64_t end_until_ns;
};

struct sl_daemon {
    const struct sl_config *config; /* as at start; `reload` has what a reload replaced */
    struct sl_steady steady;        /* the clock of all loops */
    struct sl_loop *loop;           /* the main thread's */
    struct sl_mailbox mail;
    struct sl_embedded *embedded;
    struct sl_redis_options redis; /* the configuration's, with the embedded server's socket */
    struct sl_store_tls redis_tls;
    struct sl_fitness redis_fitness;
    struct sl_store_identity identity;
    struct sl_shared shared;
    struct sl_http *http;
    struct sl_journal *journal; /* the audit record, or NULL */
    struct sl_crew *clerk, *publishers;
    unsigned publisher_count;
    struct sl_keeper_thread keeper;
    struct sl_worker *workers;
    struct sl_mailbox **worker_mail;
    struct sl_mail *worker_drain, *worker_ended;
    unsigned workers_left;
    struct sl_tls_set tls;                           /* a share of what is in force */
    struct sl_tls_set tls_replaced;                  /* by the last renewal; kept until the next one */
    struct sl_ending tls_told[SL_TLS_LISTENERS + 1]; /* the last: of what is shown to Redis */
    struct sl_timer tls_watch, tls_renewal;
    struct sl_reload reload;
    struct sl_timer delay;
    enum {
        DAEMON_STARTING,
        DAEMON_RUNNING,
        DAEMON_DELAYING,
        DAEMON_DRAINING,
        DAEMON_GIVING_BACK,
        DAEMON_ENDED
    } state;
    int exit_code;
    int storage_lock;             /* flock on the storage directory; -1: none */
    struct sl_handover *handover; /* of the runtime directory, or NULL */
};

/* Parts without a header of their own. */
bool sl_listen_all(
    struct sl_daemon *d); /* listen.c: binds every address; false and a log line when one fails */
bool sl_storage_open(struct sl_daemon *d); /* storage.c: makes the directory, locks it, reads the identity */
/* runtime.c: takes the runtime directory and what the process before has left there; says so when it cannot.
 */
void sl_runtime_open(struct sl_daemon *d);
void sl_keeper_thread_init(struct sl_daemon *d);
void sl_keeper_thread_start(struct sl_daemon *d);
void sl_keeper_thread_free(struct sl_daemon *d);
