/* Typed messages between threads: many senders, one receiver, no lock. A message is a struct of the sender's
 * that begins with struct sl_mail; it belongs to the receiver from the moment it is sent until the receiver
 * has handled it.
 *
 * A lock-free stack that the receiver takes whole and reverses (R. K. Treiber, IBM RJ 5118, 1986), so
 * messages of one sender arrive in order. Only the send that finds the stack empty writes to the eventfd. The
 * queue is bounded by its senders: each kind of message states how many of it can exist (e.g. one per
 * request, one per pool and worker). */
#pragma once
#include <stdatomic.h>
#include "loop/loop.h"

struct sl_mail {
    struct sl_mail *next; /* the mailbox's while the message is under way */
    int kind;             /* an enum of the two layers that talk */
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
