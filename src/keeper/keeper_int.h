/* What the keeper's files share among themselves. */
#pragma once
#include "base/ending.h"
#include "core/order.h"
#include "keeper/keeper.h"
#include "pool/mail.h"
#include "pool/metrics.h"
#include "store/feed.h"
#include "token/build.h"

#define LARGE_LIST                                                                                           \
    (256u * 1024) /* bytes: loaded on a connection of their own, so that they delay no command */

enum sl_publish_state { PUBLISH_IDLE, PUBLISH_QUEUED, PUBLISH_LOADING, PUBLISH_SIGNING };

/* A list with the keeper's own part. */
struct sl_klist {
    struct sl_list list; /* first: what the other threads see */
    struct sl_kpool *pool;
    uint64_t committed;    /* highest version that was heard of */
    uint64_t unseen_ns;    /* when the first version above the published one was heard of; 0: none */
    uint64_t published_ns; /* monotonic; 0: never */
    uint64_t queued_ns;    /* when it last became due */
    uint64_t edition;      /* kpool.edition under which its token was signed */
    int64_t last_iat;
    struct sl_timer due; /* next publication: change or renewal */
    enum sl_publish_state state;
    bool urgent;      /* somebody waits for its first token */
    bool rolled_back; /* Redis has an older version than we have published; told once */
    uint32_t reading; /* kpool.reading that has shown it last */
    bool behind;      /* keeper/mend.c: to be mended; asked for in this round */
    bool mend_asked;
    bool retired, dropped; /* keeper/lease.c: in Redis; and its keys are gone */
    uint32_t held;         /* kpool.holding that has shown references of it last */
    struct sl_klist *next_ready;
    struct sl_cold_mail *cold;
    char text[]; /* uri, json prefix */
};

/* Indices taken and not yet handed on: of one list, waiting for its first token or for room. */
struct segment {
    struct segment *next;
    struct sl_klist *list; /* NULL: its list is published */
    uint32_t at, count;
    uint64_t slots[];
};

/* A pool's life after each connect: CLOSED -> OPENING -> (ADOPTING) -> LISTING -> (MENDING) -> SYNCED; takes
 * only in SYNCED. */
enum sl_pool_state { POOL_CLOSED, POOL_OPENING, POOL_ADOPTING, POOL_LISTING, POOL_MENDING, POOL_SYNCED };

struct sl_kpool {
    struct sl_keeper *keeper;
    struct sl_pool *shared; /* what the other threads see */
    const struct sl_pool_options *options;
    struct sl_metric_slab *metrics;
    struct sl_buf aggregation_uri; /* empty: not in the tokens */
    enum sl_pool_state state;
    bool started; /* was SYNCED once */
    /* agree.c */
    struct sl_buf agreed_text;      /* what all instances must have in common, as text */
    uint64_t asked_fingerprint;     /* of the text that is being compared */
    bool agreed;                    /* was compared once and found good: the pool may be opened */
    bool agreeing, due_agree;       /* under way; to be asked again at the next sweep */
    char differs[SL_KEEPER_WHY];    /* "": not at present */
    uint64_t since;                 /* last change number that was read */
    uint64_t newest;                /* highest that a record had: Redis never has less, unless it went back */
    char replid[SL_REPLID_MAX + 1]; /* the epoch that `since` and the ring's references are of */
    bool sweeping, sweep_again;
    /* Redis may have gone back: all lists are read, compared with what is known, and mended. */
    bool checking;
    uint32_t reading; /* counts such readings */
    bool mend_failed;
    uint32_t mend_at; /* of the table: how far mending came */
    unsigned mending; /* lists under way */
    size_t mending_bytes;
    uint64_t mark; /* embedded Redis: last take counter made durable */
    bool mark_known;
    bool marking;
    struct segment *to_mark; /* waits for its mark */
    /* refill */
    bool taking;
    uint32_t asked; /* of the last take */
    bool filling;   /* it was cut short: go on to capacity */
    /* How much is taken: references handed to ring and waiters; how many of them had left at the last look.
     */
    uint64_t handed, left, left_ns;
    struct sl_timer retry;
    struct segment *stock, **stock_end;
    uint64_t stock_count;
    struct sl_reservation *waiters, **waiters_end;
    uint64_t waiting; /* references that the waiters still lack */
    /* lease.c: which lists have ended */
    uint32_t holding, look_at; /* counts; of the table: how far the present round came */
    bool looking, missed;      /* missed: Redis does not have a list that is known */
    uint64_t look_sent_ns, round_ns;
    uint64_t leased_ns; /* until when what is ready may be handed out; 0: from now on */
    /* spares */
    bool precreating;
    struct sl_timer spares;
    struct sl_level_chooser levels;
    uint64_t edition;        /* counts the changes of key and claims: tokens of another one are replaced */
    struct sl_ending ending; /* what was told of the certificate's */
    uint32_t lists, unpublished;
    uint64_t token_bytes;
};

/* Tokens that were replaced, waiting for a turn of every worker. */
struct retired {
    struct sl_token **tokens;
    uint32_t *lists;
    size_t count, cap;
};

struct sl_keeper {
    struct sl_keeper_setup setup;
    struct sl_shared *shared;
    struct sl_loop *loop;
    const struct sl_clock *clock;
    struct sl_store *store, *loader;
    struct sl_feed *feed;
    const char **channels;  /* pool names, NULL-terminated: the feed's */
    uint64_t *fingerprints; /* of each pool's shared options: likewise */
    struct {
        unsigned out;
        char why[SL_KEEPER_WHY];
        void (*done)(void *arg, const char *why);
        void *arg;
    } may; /* of sl_keeper_may: one at a time */
    struct sl_timer sweep;
    struct sl_kpool *pools;
    bool started, draining;
    bool store_failed; /* the connection for commands was lost, or not made, since it was last up */
    bool names_checked;
    /* publishing */
    struct sl_klist *ready, **ready_end;
    unsigned ready_count, active;
    size_t active_bytes;
    uint64_t lag_ns, cost_ns; /* lag.c: longest from due to published, fading; of compressing and signing */
    uint64_t progress_ns;     /* when a publication last ended, or began after none was to do */
    int64_t wall_offset_ms;   /* wall minus monotonic at the last look: a step is noticed by its change */
    struct retired retiring, on_turn; /* gathering; under way */
    struct sl_turn_mail *turns;       /* per worker */
    unsigned turns_out;
    /* lookups */
    uint64_t lookup_second;
    unsigned lookups;
    struct sl_lookup_mail *early;   /* wait for the first reading of the pools */
    struct sl_lookup_mail *looking; /* under way, one per id */
    /* workers with a new connection: wait for pools opened after they came; for those being opened */
    struct sl_confirm_mail *confirm_next, *confirm_asked;
    /* giving back */
    unsigned giving_back;
    struct sl_timer give_up;
    void (*gave_back)(void *arg);
    void *gave_back_arg;
};

/* Jobs of the crews come back as mail. */
enum { MAIL_SIGNED = 100, MAIL_MARKED, MAIL_UNPACKED };

/* lists.c */
struct sl_klist *sl_keeper_learn(struct sl_kpool *p,
                                 const struct sl_list_record *r); /* NULL: cannot be kept */
/* Redis has `version`, less than was published: counted, and told once until it has caught up. */
void sl_keeper_rolled_back(struct sl_klist *t, uint64_t version, uint64_t published);
struct sl_klist *sl_keeper_list(struct sl_keeper *k, uint32_t number);
void sl_keeper_draft(struct sl_keeper *k, struct sl_list_draft *d, char *text, size_t room);
#define URI_ROOM 2048
/* sync.c */
void sl_keeper_store_up(struct sl_keeper *k);
void sl_keeper_open(struct sl_kpool *p);
void sl_keeper_store_down(struct sl_keeper *k);
void sl_keeper_sweep(struct sl_kpool *p);
void sl_keeper_update_authority(struct sl_keeper *k);
void sl_keeper_synced(struct sl_kpool *p);
/* agree.c */
void sl_keeper_agree(struct sl_kpool *p); /* compares with what the other instances have; see kpool.agreed */
void sl_keeper_show(struct sl_kpool *p);  /* options are new: shows them, and compares */
/* mend.c */
bool sl_keeper_in_doubt(const struct sl_kpool *p); /* nothing is loaded before it was compared, and mended */
void sl_keeper_mend_start(struct sl_kpool *p);     /* all lists were read */
void sl_keeper_mend(struct sl_kpool *p);           /* goes on, if there is something to go on with */
void sl_keeper_unpacked(struct sl_keeper *k, struct sl_mail *m);
/* confirm.c */
void sl_keeper_confirm_asked(struct sl_keeper *k, struct sl_confirm_mail *m);
void sl_keeper_confirm_opening(struct sl_keeper *k);
void sl_keeper_confirm(struct sl_keeper *k); /* a pool is synced, or draining has begun */
/* lookup.c */
void sl_keeper_lookup(struct sl_keeper *k, struct sl_lookup_mail *m);
void sl_keeper_answer_early(struct sl_keeper *k, enum sl_err err);
/* take.c */
void sl_keeper_refill(struct sl_kpool *p);
void sl_keeper_distribute(struct sl_kpool *p);
void sl_keeper_enqueue(struct sl_kpool *p, struct sl_reservation *r);
void sl_keeper_returned(struct sl_kpool *p, struct sl_reservation *r);
/* Drops what is ready: Redis has lost changes, and with them perhaps the lists of these references. */
void sl_keeper_forget(struct sl_kpool *p);
void sl_keeper_answer_waiters(struct sl_kpool *p, bool only_gone);
void sl_keeper_marked(struct sl_keeper *k, struct sl_mail *m);
void sl_keeper_refill_free(struct sl_kpool *p);
/* spares.c */
void sl_keeper_precreate(struct sl_kpool *p);
/* publish.c */
void sl_keeper_committed(struct sl_klist *t, uint64_t version, uint64_t when_ns);
void sl_keeper_want_token(struct sl_klist *t); /* as soon as possible */
/* Decides anew when an idle list is published next. */
void sl_keeper_schedule(struct sl_klist *t);
void sl_keeper_pump(struct sl_keeper *k);
void sl_keeper_signed(struct sl_keeper *k, struct sl_mail *m);
/* publish.c: the due timer of an idle list. */
void sl_keeper_start_due(struct sl_klist *t, uint64_t delay_ns);
/* lease.c */
void sl_keeper_ended(struct sl_klist *t); /* it is retired in Redis, or gone from there */
/* False: it is a list as others. True: the end of a retired, idle one is scheduled, or was now. */
bool sl_keeper_let_end(struct sl_klist *t);
void sl_keeper_watch_life(struct sl_kpool *p);  /* every sweep */
void sl_keeper_make_urgent(struct sl_klist *t); /* somebody waits */
/* cold.c */
void sl_keeper_cold(struct sl_keeper *k, struct sl_cold_mail *m);
void sl_keeper_answer_cold(struct sl_klist *t, enum sl_err err);
/* lag.c */
struct sl_token_cost;
void sl_keeper_count_publication(struct sl_klist *t, const struct sl_token_spec *spec,
                                 const struct sl_token_cost *cost, const struct sl_token *old);
void sl_keeper_due(struct sl_klist *t);        /* it is queued from now on */
void sl_keeper_tell_lag(struct sl_keeper *k);  /* to the workers: after each change of what it stands on */
void sl_keeper_judge_lag(struct sl_keeper *k); /* every sweep */
/* certificates.c */
bool sl_keeper_expired(const struct sl_kpool *p); /* its certificate has ended */
void sl_keeper_watch_certificates(struct sl_keeper *k);
void sl_keeper_watch_wall(struct sl_keeper *k);
/* reload.c */
void sl_keeper_name_aggregation(struct sl_kpool *p);
/* reclaim.c */
void sl_keeper_retire(struct sl_keeper *k, struct sl_klist *t, struct sl_token *old);
void sl_keeper_turned(struct sl_keeper *k);
void sl_keeper_retire_free(struct sl_keeper *k);
