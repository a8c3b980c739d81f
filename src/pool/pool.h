/* A pool as the threads share it: its options, its ring, the counters that workers and keeper both read. */
#pragma once
#include <stdatomic.h>
#include "base/clock.h"
#include "core/ring.h"
#include "loop/mailbox.h"
#include "pool/history.h"
#include "pool/list.h"
#include "pool/options.h"
#include "token/key.h"

/* The keeper reads at least this often what has changed in Redis. `Status-Visible-By` counts on it: every
 * instance learns of a version within this time even where the feed has lost its message. */
#define SL_SWEEP_NS (2 * SL_NS_PER_S)

struct sl_pool {
    const char *name; /* of the configuration at start */
    /* Replaced by a reload, see sl_pool_options; the options that cannot change keep their values. */
    _Atomic(const struct sl_pool_options *) options;
    /* What may be written under; NULL while the keeper does not know, or while what Redis lost is being
     * restored. Written by the keeper, see sl_pool_history. */
    _Atomic(struct sl_history *) history;
    unsigned number;    /* index in the configuration at start */
    struct sl_key *key; /* the keeper's once it runs */
    struct sl_ring *ring;
    /* The one refill message of the pool. The worker that turns `refill_wanted` from false to true sends it;
     * the keeper turns it back. */
    struct sl_mail refill_mail;
    _Alignas(64) _Atomic bool refill_wanted;
    /* Under load: refill below this, as if it were prefetch.threshold. Written by the keeper. */
    _Atomic uint32_t ahead;
    /* How often the references that were ready were dropped, see keeper/stock.h. */
    _Atomic uint32_t forgotten;
    /* Until when references that are ready may be handed out, by the monotonic clock; 0: for ever. A machine
     * that wakes from a suspend finds that the time is over. Written by the keeper (keeper/lease.c). */
    _Atomic uint64_t held_until_ns;
    /* Every list of it is known: it was enumerated and the feed is up. Written by the keeper. */
    _Atomic bool enumerated;
    /* How many of its lists were retired. */
    _Atomic uint32_t ended;
    /* Reservations in the keeper's queue: while there are any, new ones queue too. */
    _Atomic uint32_t queued;
    /* The longest update-interval of the other living instances, and until when that holds, by the monotonic
     * clock; written by the keeper (keeper/tempos.c), which is to be read after the time. */
    _Atomic uint32_t others_ms;
    _Atomic uint64_t others_until_ns;
    /* How long tokens may be used that had a longer ttl, and were given out by a process that has ended, as
     * in struct sl_list. Written by the keeper. */
    _Atomic int64_t kept_until_ms, cached_until_ms;
};

/* The options in force. A caller may use what it was given until its present loop turn ends, not across
 * turns: those that a reload replaces are freed once every thread has finished one. */
static inline const struct sl_pool_options *sl_pool_options(const struct sl_pool *p)
{
    return atomic_load_explicit(&p->options, memory_order_acquire);
}

/* The history in force, for the present loop turn; NULL: changes are refused. */
static inline struct sl_history *sl_pool_history(const struct sl_pool *p)
{
    return atomic_load_explicit(&p->history, memory_order_acquire);
}

/* The lists of references that were taken before `now_ns` may be retired: none may be handed out. */
static inline bool sl_pool_lease_over(const struct sl_pool *p, uint64_t now_ns)
{
    uint64_t until = atomic_load_explicit(&p->held_until_ns, memory_order_acquire);
    return until != 0 && now_ns >= until;
}

/* What workers and keeper have in common. Once the threads run, only atomic fields change. */
struct sl_shared {
    struct sl_pool *pools;
    unsigned pool_count;
    struct sl_table *table;
    struct sl_mailbox *keeper; /* where workers send */
    /* True while the set of ids is authoritative: every pool was enumerated and the feed is up. */
    _Atomic bool authoritative;
    /* Lists whose record in Redis is damaged: while there are some, the keeper is asked for an unknown id. */
    _Atomic uint32_t damaged;
    /* A token whose iat is further ahead than this, in seconds, comes from a clock that was wrong. Written by
     * the keeper. */
    _Atomic int64_t ahead_s;
    /* Tokens whose iat is later are the only ones of their list that can have it. INT64_MAX: other instances
     * sign the same lists. Written by the keeper. */
    _Atomic int64_t dated_from_s;
    /* Only this process uses the database: Redis is its own. Set at the start. */
    bool alone;
    /* The longest that a due publication of a small list takes at present until it is in its slot; 0:
     * unknown, since the store fails. What one more list adds to it, a KiB more of a large one, and what all
     * very large lists need together (keeper/queue.h). Written by the keeper. */
    _Atomic uint64_t publish_lag_ns, publish_cost_ns, publish_kib_ns, publish_large_ns;
    /* Workers whose own connection to Redis is not up, or leads to another server: they refuse updates. */
    _Atomic uint32_t workers_down;
    /* Those that were dialled anew because they lead to another server, and do not lead to the keeper's yet.
     */
    _Atomic uint32_t workers_apart;
};

/* Whether a list that the table lacks is known not to exist. */
static inline bool sl_knows_all_lists(const struct sl_shared *s)
{
    return atomic_load_explicit(&s->authoritative, memory_order_acquire) &&
           atomic_load_explicit(&s->damaged, memory_order_acquire) == 0;
}

/* What readers may see of the list at `now_s`. NULL: it has no token, or one from the future. */
static inline struct sl_token *sl_shown_token(const struct sl_shared *s, const struct sl_list *list,
                                              int64_t now_s)
{
    struct sl_token *token = sl_list_token(list);
    int64_t ahead_s = atomic_load_explicit(&s->ahead_s, memory_order_relaxed);
    return token != NULL && token->iat - ahead_s > now_s ? NULL : token;
}

/* The pool of this name; NULL when the configuration has none. */
struct sl_pool *sl_pool_named(const struct sl_shared *shared, struct sl_span name);
