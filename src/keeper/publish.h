/* Publication: when a list is signed, and how its token gets into the slot that the workers read.
 *
 * A list is idle, queued, being loaded from Redis, or being signed by a publisher thread; never twice at a
 * time. It becomes due by a change (update-interval after its last publication), by renewal (in the second
 * half of its token's life), or because a request waits for its first token. A change that comes during a
 * publication is scheduled when that ends (sl_keeper_schedule). The story of each step: publish.c. */
#pragma once
#include "base/err.h"
#include "keeper/lists.h"
#include "loop/loop.h"

struct sl_cold_mail;
struct sl_mail;

enum sl_publish_state { SL_PUBLISH_IDLE, SL_PUBLISH_QUEUED, SL_PUBLISH_LOADING, SL_PUBLISH_SIGNING };

/* Of one list. Times are monotonic. */
struct sl_publication {
    /* The highest version that the keeper has heard of: numbers of one history of the data, since the pool is
     * opened anew where it is another. A hint may be wrong: what a load brings counts. */
    uint64_t committed, load_committed; /* now; when the load under way began */
    uint64_t published_ns;              /* 0: never */
    uint64_t queued_ns, loading_ns;
    uint64_t edition; /* the pool's when the token was signed */
    int64_t last_iat;
    struct sl_timer due; /* next publication, or the last token's expiry if the list is retired */
    enum sl_publish_state state;
    uint8_t loads;             /* of the publication under way */
    bool for_change;           /* it was due by a change: where there is none nothing is signed */
    bool doubted;              /* Redis' record does not contain what is remembered: to be loaded */
    bool urgent;               /* a request waits for the first token */
    bool retired;              /* in Redis: the token is not renewed */
    bool dropped;              /* its keys are gone from Redis */
    struct sl_cold_mail *cold; /* workers that wait for the first token */
};

/* Of one pool. */
struct sl_pool_publications {
    uint32_t lists, unpublished; /* without the retired */
    uint64_t token_bytes;
    bool list_missing; /* Redis did not have a list that was to be loaded: perhaps it was retired */
};

/* Of the keeper. */
struct sl_publications {
    int64_t wall_offset_ms; /* wall clock minus monotonic: a step of the wall clock is a change of this */
};

/* A publication has ended, well or not. `first`: the list has just got its first token. */
typedef void(sl_publication_ended_cb)(struct sl_klist *t, bool first);
/* Redis does not have what was shown of a list of this pool. */
typedef void(sl_list_behind_cb)(struct sl_kpool *p);

void sl_keeper_publications_init(struct sl_keeper *k);
void sl_keeper_publications_free(struct sl_keeper *k);

/* A list was learnt of, with this version. */
void sl_keeper_add_publication(struct sl_klist *t, uint64_t version);
/* The list is retired in Redis: its token is shown until it expires, and then the list is unknown. */
void sl_keeper_stop_renewal(struct sl_klist *t);
void sl_keeper_note_dropped(struct sl_klist *t);
/* Redis has this version since `when_ns`, as far as the caller knows: at most one load comes of it. */
void sl_keeper_committed(struct sl_klist *t, uint64_t version, uint64_t when_ns);
/* Redis has this version, and not a later one that was heard of before. */
void sl_keeper_found_version(struct sl_klist *t, uint64_t version);
/* Redis' record does not contain what is remembered: the list is loaded, to be certain. */
void sl_keeper_doubt_list(struct sl_klist *t);
/* The list has no token and needs one. `urgent`: a request waits for it. */
void sl_keeper_want_token(struct sl_klist *t, bool urgent);
/* Shutdown has begun: what workers have promised is published at once, while they still serve. */
void sl_keeper_publish_owed(struct sl_keeper *k);
/* Decides anew when an idle list is published next. */
void sl_keeper_schedule(struct sl_klist *t);
/* Starts what is queued, as far as the bounds allow. */
void sl_keeper_pump(struct sl_keeper *k);
void sl_keeper_sign_done(struct sl_keeper *k, struct sl_mail *mail);

/* A worker asks for a list that has no token; one message per worker and list. */
void sl_keeper_ask_token(struct sl_keeper *k, struct sl_cold_mail *mail);
/* No token is to be had now: answers all workers that wait, for any list. */
void sl_keeper_refuse_tokens(struct sl_keeper *k);

/* Every sweep: the lag fades, and a step of the wall clock is noticed. */
void sl_keeper_watch_clocks(struct sl_keeper *k);

bool sl_keeper_is_retired(const struct sl_klist *t);
bool sl_keeper_is_dropped(const struct sl_klist *t);
/* It is being loaded or signed, perhaps at a version that Redis has lost. */
bool sl_keeper_is_under_way(const struct sl_klist *t);
uint32_t sl_keeper_list_count(const struct sl_kpool *p);
bool sl_keeper_list_missing(const struct sl_kpool *p);
void sl_keeper_clear_list_missing(struct sl_kpool *p);
void sl_keeper_publication_gauges(const struct sl_kpool *p);
