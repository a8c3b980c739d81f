/* The options that all instances of a pool must share: advertised to the others, compared before the pool is
 * opened, and again with every new subscription and every change of options. */
#pragma once
#include "base/buf.h"
#include "store/feed.h"
#include "keeper/setup.h"

struct sl_keeper;
struct sl_kpool;

/* Of one pool. */
struct sl_agreement {
    struct sl_buf text;             /* the shared options of this process, a line each */
    struct sl_feed_shown asked;     /* what is being compared */
    bool agreed;                    /* was compared once without a difference: the pool may be opened */
    bool asking;                    /* a comparison is under way */
    bool due;                       /* compare again at the next sweep */
    char difference[SL_KEEPER_WHY]; /* "": none at present */
    char misfit[SL_KEEPER_WHY];     /* how the pool in Redis has another size or bits; "": it has not */
};

/* Of the keeper. */
struct sl_agreements {
    struct sl_feed_shown *shown; /* by pool number, by the feed */
    /* The question of sl_keeper_check_options. */
    struct {
        unsigned awaited; /* answers of Redis */
        sl_keeper_differs_cb *differs;
        sl_keeper_checked_cb *done;
        void *arg;
    } question;
};

/* The first comparison of a pool found no difference while the pool was closed. */
typedef void(sl_keeper_agreed_cb)(struct sl_kpool *p);
/* The options of a pool that was not opened yet differ from those of another instance. */
typedef void(sl_keeper_refused_cb)(struct sl_kpool *p);

void sl_keeper_agreements_init(struct sl_keeper *k);
void sl_keeper_agreements_free(struct sl_keeper *k);
/* The pool's options are new: shows them, and compares them if those have changed that must be shared. */
void sl_keeper_advertise_options(struct sl_kpool *p);
/* Compares with the options of the other instances, now or at the next sweep. */
void sl_keeper_check_agreement(struct sl_kpool *p);
/* Every sweep. */
void sl_keeper_retry_agreement(struct sl_kpool *p);
/* What the feed shows, by pool number; alive as long as the keeper. */
const struct sl_feed_shown *sl_keeper_shown(const struct sl_keeper *k);
bool sl_keeper_has_agreed(const struct sl_kpool *p);
/* The pool in Redis turned out to have another size or bits when it was opened, as a sentence; "": it has
 * not. Logged when it is new. */
void sl_keeper_note_misfit(struct sl_kpool *p, const char *why);
/* What differs now, as a sentence; "": nothing. */
const char *sl_keeper_difference(const struct sl_kpool *p);
/* Why the pool was never opened: what differs; "": it was opened, or nothing stands against it. */
const char *sl_keeper_refusal(const struct sl_kpool *p);
