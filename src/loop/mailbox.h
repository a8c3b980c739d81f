/* Typed messages between threads: many senders, one receiver, no lock. A message is a struct of the sender's
 * with a struct sl_mail in it; it belongs to the receiver from the moment it is sent until the receiver
 * has handled it.
 *
 * A lock-free stack that the receiver takes whole and reverses (R. K. Treiber, IBM RJ 5118, 1986), so
 * messages of one sender arrive in order. Only the send that finds the stack empty writes to the eventfd. The
 * queue is bounded by its senders: each kind of message states how many of it can exist (e.g. one per
 * request, one per pool and worker). */
#pragma once
#include <stdatomic.h>
#include "loop/loop.h"

/* Where the kinds of each layer's messages begin. One mailbox carries messages of several layers, and its
 * owner passes each on by its kind. */
enum sl_mail_range {
    SL_MAIL_RANGE_POOL = 1,     /* between workers and keeper: enum sl_pool_mail (pool/mail.h) */
    SL_MAIL_RANGE_KEEPER = 100, /* the keeper's jobs: keeper/keeper_int.h */
    SL_MAIL_RANGE_DAEMON = 500, /* of the main thread: enum sl_daemon_mail (daemon/daemon_int.h) */
    SL_MAIL_RANGE_STORE = 1000, /* the store's jobs: SL_STORE_MAIL (store/store.h) */
    SL_MAIL_RANGE_TESTS = 2000,
};

struct sl_mail {
    struct sl_mail *next; /* the mailbox's while the message is under way */
    int kind;             /* in the range of the layer that sent it */
};

struct sl_mailbox {
    _Atomic(struct sl_mail *) head;
    int event_fd;
    void (*on_mail)(void *arg, struct sl_mail *m);
    void *arg;
    struct sl_watch *watch;
};

/* May be initialised before its loop exists, so that others can have its address; mail waits. */
void sl_mailbox_init(struct sl_mailbox *b, void (*on_mail)(void *arg, struct sl_mail *m), void *arg);
/* The receiver's thread: from now on the loop delivers. */
void sl_mailbox_attach(struct sl_mailbox *b, struct sl_loop *l);
/* The receiver's thread: delivers what waits, now. */
void sl_mailbox_drain(struct sl_mailbox *b);
/* Stops delivery; the descriptor stays open, so that late senders are harmless. */
void sl_mailbox_detach(struct sl_mailbox *b);
/* After all senders have ended. Mail that still waits is the caller's: see sl_mailbox_take. */
void sl_mailbox_close(struct sl_mailbox *b);
/* Everything that waits, in order, linked by `next`. The receiver's thread, or any once the threads have
 * ended. */
struct sl_mail *sl_mailbox_take(struct sl_mailbox *b);
/* Blocks until there is mail: for a thread without a loop. */
void sl_mailbox_wait(struct sl_mailbox *b);

/* Any thread. */
void sl_mailbox_send(struct sl_mailbox *b, struct sl_mail *m);
