/* The mail between workers and keeper. Neither sees the other's folder: what they say to each other stands
 * here, and in the atomics of pool/pool.h. */
#pragma once
#include <stdatomic.h>
#include "base/err.h"
#include "base/uuid.h"
#include "core/history.h"
#include "loop/loop.h"
#include "loop/mailbox.h"

struct sl_list;
struct sl_pool;
struct sl_pool_worker;

/* Messages. Each is a question that comes back to its sender as the answer, so the sender frees it. */
enum sl_pool_mail {
    /* worker -> keeper */
    SL_MAIL_REFILL = SL_MAIL_RANGE_POOL, /* sl_pool.refill_mail: one per pool; does not come back */
    SL_MAIL_RESERVE,                     /* struct sl_reservation: one per waiting request */
    SL_MAIL_RETURN,  /* struct sl_reservation whose request has gone, with its references */
    SL_MAIL_CHANGED, /* struct sl_changed_mail: one per update call; freed by the keeper */
    SL_MAIL_COLD,    /* struct sl_cold_mail: one per worker and list */
    SL_MAIL_REOPEN,  /* struct sl_reopen_mail: one per worker and pool */
    SL_MAIL_LOOKUP,  /* struct sl_lookup_mail: one per waiting request */
    /* keeper -> worker */
    SL_MAIL_TURN, /* struct sl_turn_mail: one per worker */
};

struct sl_changed_mail {
    struct sl_mail mail;
    uint32_t list; /* number */
    uint64_t version;
    uint64_t committed_ns; /* monotonic: when the reply came */
};

struct sl_cold_mail {
    struct sl_mail mail;
    struct sl_mailbox *reply_to;
    uint32_t list;
    enum sl_err err;           /* the answer: OK (the slot has a token), NO_SUCH_LIST or UNAVAILABLE */
    struct sl_cold_mail *next; /* the keeper's chain */
};

/* Redis has refused a change because the history is another one. The answer: the pool was opened anew and
 * compared (its history may be as before), or that takes longer than the command timeout. */
struct sl_reopen_mail {
    struct sl_mail mail;
    struct sl_mailbox *reply_to;
    unsigned pool;             /* number */
    struct sl_lineage refused; /* under which the change was sent */
    bool elsewhere;            /* nothing was sent: the worker's connection leads to another server */
    bool opened;               /* the answer: there is a history to write under */
    struct sl_reopen_mail *next;
};

#define SL_LOOKUPS_PER_S 100 /* ids that the keeper asks Redis for; more than that are UNAVAILABLE */

struct sl_lookup_mail {
    struct sl_mail mail;
    struct sl_mailbox *reply_to;
    struct sl_uuid id;
    enum sl_err err; /* OK, NO_SUCH_LIST, UNAVAILABLE */
    struct sl_list *list;
    /* the keeper's */
    unsigned asked;                     /* pools whose answer is awaited */
    struct sl_lookup_mail *next, *same; /* the next id; the next question for this id */
};

/* Tells a worker that tokens were replaced. Once it has come back from every worker, an old token is used
 * only by holders of a share. The worker releases the shares that it keeps for the lists named. */
struct sl_turn_mail {
    struct sl_mail mail;
    struct sl_mailbox *reply_to;
    const uint32_t *lists; /* the keeper's memory, until the answer */
    size_t count;
};

/* OK with `n` slots (core/ring.h), or why there are none. */
typedef void(sl_reserve_cb)(void *arg, enum sl_err err, const uint64_t *slots, uint32_t n);

/* A reservation that waits. The fields are of the side that has the message, but for `gone`. */
struct sl_reservation {
    struct sl_mail mail;
    struct sl_mailbox *reply_to;
    struct sl_pool *pool;
    uint32_t amount;
    /* the worker's, always */
    struct sl_pool_worker *worker;
    sl_reserve_cb *done;
    void *arg;
    struct sl_timer deadline;
    struct sl_reservation *newer, *older; /* the worker's list of those under way */
    /* set by the worker when the request has gone, read by the keeper */
    _Atomic bool gone;
    /* the keeper's while it has the message */
    struct sl_reservation *next;
    enum sl_err err;
    uint32_t have;
    uint32_t forgotten; /* the pool's counter before its references were taken: they come back to no other */
    uint64_t slots[];
};
