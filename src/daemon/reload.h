/* SIGHUP: the configuration file is read again, with all files that it names, and checked as at start. Only
 * if the file itself is good does anything change; otherwise the log says why. A file that it names, and that
 * cannot be used, harms only its owner: a pool keeps its signing key, a listener or the connection to Redis
 * its TLS, and a credential that cannot be read opens nothing. So one tenant's mistake never stops the
 * others, and a key that has leaked can always be taken away.
 *
 * First the keeper compares the options that all instances of a pool must share: Redis shows it the other
 * running instances. A pool whose options differ keeps those that it has.
 *
 * What is in force is immutable. A reload makes another set and exchanges the pointers to it (options and
 * credentials: any thread reads them, pool/pool.h and http/server.h; keys: the keeper's message). Then each
 * worker and the keeper get one message, and when all have sent theirs back, no thread uses the former set
 * any more and it is freed. One reload at a time; a signal that arrives during a reload is handled after it.
 *
 * All of it is the main thread's. */
#pragma once
#include <stdbool.h>
#include "base/metric.h"
#include "daemon/tls.h"
#include "loop/mailbox.h"
#include "keeper/keeper.h"

struct sl_config;
struct sl_daemon;
struct sl_key;

struct sl_settings {
    struct sl_config *config;
    struct sl_key **keys; /* by pool number: a share each */
    size_t key_count;
    struct sl_tls_set tls; /* of those in force: struct sl_daemon has it */
};

struct sl_reload {
    struct sl_settings now;    /* config NULL: the one at start, which lives as long as the process */
    struct sl_settings before; /* until all messages are back */
    struct sl_settings next;   /* while the keeper checks whether other instances forbid it */
    struct sl_mail check;      /* that question */
    char **why_not;            /* its answer by pool number; NULL: nothing stands against it */
    bool checking;             /* the keeper has not answered yet */
    struct sl_mail *mails;     /* per worker, then the keeper's */
    unsigned awaited;
    bool again;
    struct sl_buf changed, kept; /* what the reload under way changes, and what it cannot */
    struct sl_metric_slab *metrics;
};

/* Before the threads start; `now.keys` are those that were loaded for them. */
void sl_reload_init(struct sl_daemon *d);
void sl_reload_free(struct sl_daemon *d); /* after the threads have ended */

/* Now, or when the service has started or the reload under way has ended. */
void sl_reload_ask(struct sl_daemon *d);
/* The service has started: a reload that was asked for before begins. */
void sl_reload_started(struct sl_daemon *d);
/* The keeper has answered: `why_not` is filled. */
void sl_reload_checked(struct sl_daemon *d);
/* A thread has sent its message back. */
void sl_reload_answered(struct sl_daemon *d);
