/* Threads that do what a loop must not: compress and sign, resolve names, sync files. A job runs on one
 * crew thread, then its struct comes back to the sender's mailbox as mail. The callers bound the number of
 * jobs: each thing that waits has one job struct. */
#pragma once
#include "loop/mailbox.h"

struct sl_job {
    struct sl_mail mail; /* first; `kind` is the sender's, kept for the way back */
    void (*work)(struct sl_job *job, void *thread_state); /* on a crew thread */
    struct sl_mailbox *reply_to;
};

struct sl_crew;

/* `threads` >= 1 named name-0.. ; thread_state_new / _free run on each crew thread (may be NULL). Signals are
 * blocked. */
struct sl_crew *sl_crew_new(const char *name, unsigned threads, void *(*thread_state_new)(void *arg),
                            void (*thread_state_free)(void *state), void *arg);
/* Any one thread at a time that owns the job; goes to the thread with the fewest jobs. */
void sl_crew_submit(struct sl_crew *c, struct sl_job *job);
unsigned sl_crew_pending(const struct sl_crew *c); /* submitted and not yet in the mailbox it goes back to */
/* Finishes what was submitted, then joins. NULL ok. */
void sl_crew_free(struct sl_crew *c);

/* Starts a thread with all signals blocked and a name (at most 15 bytes); ends the process on failure. */
struct sl_thread;
struct sl_thread *sl_thread_start(const char *name, void (*run)(void *arg), void *arg);
void sl_thread_join(struct sl_thread *t); /* frees it */
