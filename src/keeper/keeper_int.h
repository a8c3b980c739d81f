/* The composition: what the keeper has in all, per pool, and per list. Each part's struct belongs to the
 * file that declares it: other files call its functions. keeper.c sets up the members that are not structs
 * of a part. */
#pragma once
#include "base/container_of.h"
#include "keeper/agree.h"
#include "keeper/certificates.h"
#include "keeper/clocks.h"
#include "keeper/damage.h"
#include "keeper/drain.h"
#include "keeper/history.h"
#include "keeper/heir.h"
#include "keeper/keeper.h"
#include "keeper/lag.h"
#include "keeper/learn.h"
#include "keeper/lease.h"
#include "keeper/lists.h"
#include "keeper/lookup.h"
#include "keeper/mend.h"
#include "keeper/owed.h"
#include "keeper/own.h"
#include "keeper/tempos.h"
#include "keeper/publish.h"
#include "keeper/queue.h"
#include "keeper/reclaim.h"
#include "keeper/remember.h"
#include "keeper/sign.h"
#include "keeper/slot.h"
#include "keeper/state.h"
#include "keeper/stock.h"
#include "keeper/sync.h"
#include "keeper/take.h"
#include "pool/mail.h"
#include "pool/metrics.h"
#include "store/feed.h"

/* A list with the keeper's own part. */
struct sl_klist {
    struct sl_list list; /* what the other threads see */
    struct sl_kpool *pool;
    struct sl_publication publication;
    struct sl_queue_place place;
    struct sl_owed owed;
    struct sl_memory memory;
    struct sl_comparison comparison;
    struct sl_list_mending mending;
    struct sl_holding holding;
    char text[]; /* its URI and JSON prefix */
};

/* NULL of NULL. */
static inline struct sl_klist *sl_klist_of(struct sl_list *list)
{
    return list != NULL ? sl_container_of(list, struct sl_klist, list) : NULL;
}

/* A pool with the keeper's own part. */
struct sl_kpool {
    struct sl_keeper *keeper;
    struct sl_pool *shared; /* what the other threads see */
    const struct sl_pool_options *options;
    struct sl_metric_slab *metrics;
    struct sl_kpool_state state;
    struct sl_khistory history;
    struct sl_certificate certificate;
    struct sl_signing signing;
    struct sl_pool_publications publications;
    struct sl_memories memories;
    struct sl_interval interval;
    struct sl_pool_tempos tempos;
    struct sl_stock stock;
    struct sl_ownership own;
    struct sl_heir heir;
    struct sl_take take;
    struct sl_mending mending;
    struct sl_lease lease;
    struct sl_damage damage;
    struct sl_agreement agreement;
    struct sl_sync sync;
};

/* News that goes up: set by keeper.c, called by the part that declares the type. */
struct sl_keeper_hooks {
    sl_publication_ended_cb *publication_ended;
    sl_list_behind_cb *behind;
    sl_keeper_mended_cb *mended;
    sl_keeper_agreed_cb *agreed;
    sl_keeper_refused_cb *refused;
    sl_keeper_owns_cb *owns;
    sl_keeper_other_history_cb *other_history;
};

struct sl_keeper {
    struct sl_keeper_setup setup;
    struct sl_keeper_hooks hooks;
    struct sl_shared *shared;
    struct sl_loop *loop;
    const struct sl_clock *clock;
    struct sl_store *store, *loader;
    struct sl_feed *feed;  /* NULL while it is being made */
    const char **channels; /* pool names, NULL-terminated: the feed's */
    struct sl_kpool *pools;
    struct sl_timer sweep;
    bool started;
    bool leaving;      /* at shutdown: not ready any more, and all else goes on */
    bool draining;     /* then: nothing new is taken; what workers still serve is published */
    bool ending;       /* no worker is left */
    bool store_failed; /* the connection for commands was lost, or not made, since it was last up */
    struct sl_clocks clocks;
    struct sl_lag lag;
    struct sl_reclaim reclaim;
    struct sl_queue queue;
    struct sl_publications publications;
    struct sl_lookups lookups;
    struct sl_agreements agreements;
    struct sl_tempos tempos;
    struct sl_company company;
    struct sl_syncs syncs;
    struct sl_giving_back giving_back;
};

/* A name that is declared cannot stand in parentheses. NOLINTBEGIN(bugprone-macro-parentheses) */
#define SL_EACH_KPOOL(p, k)                                                                                  \
    for (struct sl_kpool *p = (k)->pools; p < (k)->pools + (k)->shared->pool_count; p++)
/* Lists of all pools, by number. */
#define SL_EACH_KLIST(t, k)                                                                                  \
    for (struct sl_klist *t = sl_keeper_next_list(k, NULL); t != NULL; t = sl_keeper_next_list(k, t))
/* NOLINTEND(bugprone-macro-parentheses) */

/* Jobs of the crews, which come back as mail. */
enum { SL_KEEPER_MAIL_SIGNED = SL_MAIL_RANGE_KEEPER, SL_KEEPER_MAIL_UNPACKED };
