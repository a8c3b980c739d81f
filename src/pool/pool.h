/* A pool as the threads share it, and the mail between workers and keeper. */
#pragma once
#include <stdatomic.h>
#include "base/err.h"
#include "base/metric.h"
#include "core/ring.h"
#include "loop/mailbox.h"
#include "pool/list.h"
#include "pool/options.h"
#include "token/key.h"

struct sl_pool {
    const char *name; /* of the configuration at start */
    /* Replaced by a reload, see sl_pool_options; the options that cannot change keep their values. */
    _Atomic(const struct sl_pool_options *) options;
    unsigned number;    /* index in the configuration at start */
    struct sl_key *key; /* the keeper's once it runs */
    struct sl_ring *ring;
    /* One message for all: who turns `refill_wanted` from false to true sends it; the keeper turns it back.
     */
    struct sl_mail refill_mail;
    _Alignas(64) _Atomic bool refill_wanted;
    _Atomic uint32_t ahead; /* as prefetch.threshold, while more than that is needed; written by the keeper */
    _Atomic uint32_t forgotten; /* how often what was ready was dropped, see sl_keeper_forget */
    _Atomic uint32_t ended;     /* how many of its lists were retired */
    _Atomic uint32_t
        queued; /* reservations in the keeper's queue: while there are any, newcomers queue too */
};

/* The options in force. A caller may use what it was given until its present loop turn ends, not across
 * turns: those that a reload replaces are freed once every thread has finished one. */
static inline const struct sl_pool_options *sl_pool_options(const struct sl_pool *p)
{
    return atomic_load_explicit(&p->options, memory_order_acquire);
}

/* What the threads of the pool layer have in common. Immutable once the threads run, but for what is atomic.
 */
struct sl_shared {
    struct sl_pool *pools;
    unsigned pool_count;
    struct sl_table *table;
    struct sl_mailbox *keeper; /* where workers send */
    /* True while the set of ids is authoritative: every pool was enumerated and the feed is up. */
    _Atomic bool authoritative;
    /* How long a publication that is due takes to be in its slot, at most, as things are; 0: no telling, the
     * store or the signer is not well. And what one more list adds to it. Written by the keeper. */
    _Atomic uint64_t publish_lag_ns, publish_cost_ns;
    /* Workers whose own connection to Redis is not up, or not confirmed: they refuse updates. */
    _Atomic uint32_t workers_down;
};

/* The pool of this name; NULL when the configuration has none. */
struct sl_pool *sl_pool_named(const struct sl_shared *shared, struct sl_span name);

/* Messages. Each is a question that comes back to its sender as the answer, so whoever sent it frees it. */
enum sl_pool_mail {
    /* worker -> keeper */
    SL_MAIL_REFILL = 1, /* sl_pool.refill_mail, of which there is one per pool; does not come back */
    SL_MAIL_RESERVE,    /* struct sl_reservation: one per waiting request */
    SL_MAIL_RETURN,     /* struct sl_reservation whose request has gone, with its references */
    SL_MAIL_CHANGED,    /* struct sl_changed_mail: one per update call; freed by the keeper */
    SL_MAIL_COLD,       /* struct sl_cold_mail: one per worker and list */
    SL_MAIL_CONFIRM,    /* struct sl_confirm_mail: one per worker */
    SL_MAIL_LOOKUP,     /* struct sl_lookup_mail: one per waiting request */
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
    enum sl_err err; /* the answer: OK (the slot has a token) or UNAVAILABLE */
    void *next;      /* the keeper's chain */
};

/* A worker's connection is new; the answer: what Redis lost since the former one is known and mended. */
struct sl_confirm_mail {
    struct sl_mail mail;
    struct sl_mailbox *reply_to;
    uint64_t connection; /* the worker's count */
    struct sl_confirm_mail *next;
};

struct sl_lookup_mail {
    struct sl_mail mail;
    struct sl_mailbox *reply_to;
    struct sl_uuid id;
    enum sl_err err; /* OK, NO_SUCH_LIST, UNAVAILABLE */
    struct sl_list *list;
    /* the keeper's */
    unsigned asked;                     /* pools whose answer is awaited */
    struct sl_lookup_mail *next, *same; /* the next id; the next who asks for this one */
};

/* Tells a worker that tokens were replaced. Once it has come back from every worker, nobody uses the old
 * tokens any more but with a share of his own. The worker lets go of the shares that it keeps for the lists
 * named. */
struct sl_turn_mail {
    struct sl_mail mail;
    struct sl_mailbox *reply_to;
    const uint32_t *lists; /* the keeper's memory, until the answer */
    size_t count;
};
