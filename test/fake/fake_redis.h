/* What the fake store keeps in memory, with the semantics of the store's scripts: takes, cursors, returned
 * indices, owners, versions, changes. Shared by all fake connections that were made with its options; locked
 * by each of its functions, but for those that say otherwise.
 *
 * A connection executes an operation when it is sent and delivers the reply later, so a reply that is lost or
 * held stands for an operation that has happened. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include "loop/mailbox.h"
#include "store/metrics.h"
#include "store/store.h"

#define FAKE_ANY SL_OP_COUNT /* an operation of any kind */

/* Of a list: indices that were acknowledged in a lineage. */
#define FAKE_MARKS 32
struct fake_marks {
    struct sl_lineage lineage;
    uint8_t *bits;
};

struct fake_pool;

/* The part of a list that a restored backup takes back. */
struct fake_fields {
    enum sl_list_state state;
    uint32_t cursor;
    uint64_t version, change;
    struct sl_lineage at;
    struct sl_line line;
    struct fake_marks marks[FAKE_MARKS];
    unsigned marks_count;
    char owner[17]; /* empty: nobody may take from it */
    uint8_t *data;
    uint32_t *returned;
    uint32_t returned_count;
    int64_t reserved_ms, retired_ms; /* 0: not known; not retired */
    bool gone;                       /* its keys were dropped: it is not found any more */
};

struct fake_list {
    struct fake_pool *pool;
    struct sl_uuid id;
    char *uri;
    uint8_t seed[SL_ORDER_SEED];
    struct fake_fields now, saved;
};

#define FAKE_PARENTS 15
#define FAKE_FOLDED 64

struct fake_counters {
    uint64_t change;
    uint32_t lists;
    int64_t watched_ms, looked_ms;
    /* The history: the present lineage, the number of changes with which it began, the epoch in which that
     * was; its ancestors, each with the number with which it ended, and those that were folded. */
    struct sl_lineage lineage, folded[FAKE_FOLDED];
    uint64_t begun, noted;
    struct sl_head parents[FAKE_PARENTS];
    unsigned parent_count, folded_count;
};

struct fake_pool {
    char name[64];
    uint32_t size;
    unsigned bits;
    char shared[1024], other[64]; /* options of its instances; those of an instance that the test invents */
    /* What the feeds of other instances show, and what `agree` says of tokens with a longer ttl. */
    struct sl_tempo peers[4];
    unsigned peer_count;
    uint64_t kept_ms, cached_ms;
    struct fake_counters now, saved;
    struct fake_list **lists; /* in order of creation; beyond now.lists: lost by a restore */
    uint32_t known;           /* lists ever made, all in `lists` or `buried` */
};

/* What is bound to an idempotency key; never expires, and a restore does not take it back. */
struct fake_answer {
    struct fake_answer *next;
    char pool[64];
    struct sl_record_key key;
    void *bytes;
    size_t len;
};

/* A connection or a feed: a change of the fake's state reaches all of them. */
struct fake_end {
    struct fake_end *next;
    struct sl_mailbox *box;
    bool is_feed;
};

enum fake_mail { FAKE_POKE = 1, FAKE_VERSION };

struct fake_version_mail {
    struct sl_mail mail;
    char pool[64];
    struct sl_uuid list;
    uint64_t version;
};

struct fake_redis {
    struct sl_redis_options options; /* first: a connection finds us through its options */
    pthread_mutex_t lock;
    const struct sl_clock *clock;
    uint64_t epoch, run, random;
    struct fake_pool **pools;
    unsigned pool_count;
    struct fake_list **buried;
    uint32_t buried_count;
    struct fake_end *ends;
    struct fake_answer *answers;
    /* behaviour */
    _Atomic bool up, feed_up, hopeless, feed_hopeless;
    _Atomic(const char *) unfit; /* NULL: fit; else why */
    _Atomic uint64_t delay_ns;
    _Atomic int64_t clock_ms; /* how far its wall clock is ahead */
    _Atomic uint32_t held;    /* a bit per enum sl_store_op: replies that wait */
    unsigned fail_kind, fail_count;
    enum sl_err fail_err;
    unsigned refuse_kind, refuse_count;
    /* Joins in pieces: the latest one, and how many pieces and ends are refused. */
    struct {
        unsigned begun, misfits, again, crowded;
        size_t bytes, seen_len;
        char seen[16];
    } joins;
    /* evidence */
    _Atomic uint64_t counts[SL_OP_COUNT];
};

struct fake_redis *fake_redis_new(const struct sl_clock *clock, uint64_t seed);
void fake_redis_free(struct fake_redis *f); /* after its connections */

/* ---- behaviour ---- */

void fake_set_up(struct fake_redis *f, bool up); /* seen at the next turn of each connection's loop */
void fake_set_feed_up(struct fake_redis *f, bool up);
void fake_set_delay(struct fake_redis *f, uint64_t ns);
/* Replies to that kind wait until fake_release; those of other kinds may overtake them. */
void fake_hold(struct fake_redis *f, enum sl_store_op kind);
void fake_release(struct fake_redis *f);
/* The next n operations of that kind answer `err`; with OUTCOME_UNKNOWN every second one has happened. */
void fake_fail(struct fake_redis *f, unsigned kind, unsigned n, enum sl_err err);
/* The next n calls of that kind are refused at once, by their return value. */
void fake_refuse(struct fake_redis *f, unsigned kind, unsigned n);
/* A restart without loss; while it is up: a failover and back, which no connection notices. */
void fake_new_epoch(struct fake_redis *f);
void fake_save(struct fake_redis *f);
void fake_restore(struct fake_redis *f); /* everything as it was saved, under a new epoch */
void fake_go_back(struct fake_redis *f); /* the same under the present epoch */
/* What is and what was saved change places, under a new epoch: two branches of one past. Of the same lists.
 */
void fake_change_over(struct fake_redis *f);

/* The ids of the server as it is now. */
void fake_server(struct fake_redis *f, struct sl_store_server *ret);

/* ---- evidence ---- */

uint64_t fake_count(const struct fake_redis *f, enum sl_store_op kind); /* operations that were sent */
uint8_t fake_status(struct fake_redis *f, const struct sl_uuid *list, uint32_t index);
uint64_t fake_version(struct fake_redis *f, const struct sl_uuid *list);
/* Indices taken of a list and not given back. */
uint32_t fake_outstanding(struct fake_redis *f, const struct sl_uuid *list);
/* A change by another instance. */
void fake_change(struct fake_redis *f, const struct sl_uuid *list, uint32_t index, uint8_t value);
uint32_t fake_list_count(struct fake_redis *f, const char *pool);
void fake_list_id(struct fake_redis *f, const char *pool, uint32_t i, struct sl_uuid *ret);

/* ---- what the scripts do; the caller has the lock ---- */

struct fake_pool *fake_pool(struct fake_redis *f, const char *name); /* made when it is not there */
struct sl_span fake_replid(const struct fake_redis *f, char text[static SL_REPLID_MAX + 1]);
struct fake_list *fake_find(struct fake_redis *f, const struct sl_uuid *list);
struct fake_list *fake_find_or_gone(struct fake_redis *f, const struct sl_uuid *list);
struct fake_list *fake_create(struct fake_redis *f, struct fake_pool *p, const struct sl_list_draft *d,
                              const char *owner);
struct sl_list_record fake_record(const struct fake_list *l);
void fake_changed(struct fake_redis *f, struct fake_list *l);
uint32_t fake_spares(struct fake_redis *f, const struct fake_pool *p);
/* Begins a lineage where that is due; fills in what `ret` says of the history, and `change`. */
void fake_open(struct fake_redis *f, struct fake_pool *p, const struct sl_pool_known *known,
               struct sl_pool_opened *ret);
/* `blocks` has room for `n`; what it points to is the caller's to free. */
uint32_t fake_take(struct fake_redis *f, const char *run, uint32_t want, const struct sl_position *lists,
                   uint32_t n, struct sl_taken *ret, struct sl_block *blocks, struct sl_uuid *over);
uint32_t fake_inherit(struct fake_redis *f, const char *ended, const char *heir,
                      const struct sl_position *lists, uint32_t n, struct sl_block *blocks);
uint32_t fake_give_back(struct fake_list *l, const char *run, const uint32_t *indices, uint32_t n);
/* False: the history is another one. */
bool fake_passes(const struct fake_pool *p, const struct sl_fence *fence);
/* The list has changed: its version, line and change number. */
void fake_touch(struct fake_redis *f, struct fake_list *l);
/* Marks the index in the present lineage; true: for the first time. */
bool fake_mark(struct fake_list *l, uint32_t index);
/* False: the caller remembers a lineage that the pool does not know to be over. */
bool fake_mend(struct fake_redis *f, struct fake_pool *p, const struct sl_mend *mend,
               struct sl_mended_list *ret);
/* Pieces are counted, and the end joins the whole, as `mend` would: what scripts do with the bytes is tested
 * on a real Redis. */
bool fake_join_piece(struct fake_redis *f, const struct sl_mend *mend, const struct sl_pieces *pieces,
                     size_t from, size_t len);
bool fake_join_end(struct fake_redis *f, struct fake_pool *p, const struct sl_mend *mend,
                   const struct sl_pieces *pieces, int bound, struct sl_mended_list *ret);
size_t fake_marks_bytes(const struct fake_list *l);
/* `ids` has room for all requested ones; the answer points into it. */
void fake_retire(struct fake_redis *f, struct fake_pool *p, const struct sl_retire *question,
                 struct sl_uuid *ids, struct sl_retired *ret);
/* An enum sl_result per change; whether something changed. `fence` may be NULL; whether it passes is the
 * caller's question. */
bool fake_update(struct fake_redis *f, struct fake_list *l, const struct sl_fence *fence, int final,
                 const struct sl_change *c, uint32_t n, uint8_t *results);
void fake_batch(struct fake_redis *f, const struct sl_fence *fence, int final,
                const struct sl_batch_group *groups, uint32_t n, struct sl_batched *ret, uint64_t *versions,
                bool *changed, struct sl_lineage *at);
struct fake_answer *fake_recall(struct fake_redis *f, const char *pool, const struct sl_record_key *key);
void fake_bind(struct fake_redis *f, const char *pool, const struct sl_record_key *key, const void *bytes,
               size_t len);
void fake_batch_again(const struct fake_answer *known, const struct sl_record_key *key, uint32_t n,
                      struct sl_batched *ret, uint64_t *versions, bool *changed);
bool fake_draw(struct fake_redis *f, unsigned one_in);
