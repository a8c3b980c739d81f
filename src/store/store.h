/* One Redis connection with typed operations. Keys, fields, scripts and their failure behaviour:
 * docs/redis.md.
 *
 * Owner: one loop thread; every function is for that thread, every callback runs on its loop, never inside
 * the call that caused it. An operation that is refused says so by its return value; its callback is not
 * called.
 *
 * Outcome of a write. SL_ERR_UNAVAILABLE: it did not happen. SL_ERR_OUTCOME_UNKNOWN: it was sent, and then
 * the connection broke or no reply came in time. A script that answers with an error of its own has written
 * nothing. A write is never sent again. The only failure of a read is SL_ERR_UNAVAILABLE.
 *
 * Predecessors: after AUTH the first commands name the connection `statuslistd:<instance>:<run>:<role>` and
 * kill every client of the same instance that belongs to another run, or to this run and role; no operation
 * is sent before Redis has replied, so a write that an earlier connection gave up cannot arrive after a later
 * one.
 *
 * Bounded: at most SL_STORE_INFLIGHT operations await replies; beyond that SL_ERR_UNAVAILABLE at once. */
#pragma once
#include "base/err.h"
#include "base/uuid.h"
#include "core/history.h"
#include "core/order.h"
#include "loop/crew.h"
#include "loop/loop.h"
#include "store/fitness.h"
#include "store/metrics.h"
#include "store/options.h"
#include "store/state.h"

#define SL_STORE_INFLIGHT 4096
#define SL_REPLID_MAX 40 /* hex characters of master_replid, and of run_id */

/* ---- connection */

struct sl_store_identity {
    char instance[SL_UUID_TEXT + 1]; /* kept in the storage directory: the same over restarts */
    char run[17];                    /* this process: hex nonce */
};

/* With redis.tls.enabled: the context for new connections. The owner may exchange it at any time, and frees
 * the former one once every thread with a store has finished its current loop turn. */
struct sl_store_tls {
    struct ssl_ctx_st *_Atomic context; /* SSL_CTX, immutable */
};

typedef void(sl_store_state_cb)(void *arg, enum sl_store_state state);

struct sl_store_setup {
    struct sl_loop *loop;
    const struct sl_redis_options *options; /* outlives the store */
    struct sl_store_tls *tls;               /* outlives the store; NULL without TLS */
    const struct sl_store_identity *identity;
    const char *role;        /* "worker-0", "keeper", "loader", "feed": unique in the process */
    struct sl_crew *clerk;   /* resolves host names off the loop */
    struct sl_mailbox *mail; /* of the loop's thread: resolver jobs come back as mail of kind SL_STORE_MAIL */
    struct sl_metric_slab *metrics; /* of sl_store_metric_table; one writer, this loop */
    bool verifies;                  /* checks the server at every connect and every 10 s (the keeper's) */
    struct sl_fitness
        *fitness;             /* of the process: outlives the store; NULL: always fit (not if it verifies) */
    const char *const *pools; /* for `verifies`: names, NULL-terminated, outlive the store; may be NULL */
    sl_store_state_cb *on_state;
    void *arg;
};

/* A host name is resolved: the mailbox's owner passes mail of this kind on to sl_store_mail. */
#define SL_STORE_MAIL SL_MAIL_RANGE_STORE
void sl_store_mail(struct sl_mail *mail);

struct sl_store *
sl_store_new(const struct sl_store_setup *setup); /* starts to connect at the loop's next turn */
enum sl_store_state sl_store_state(const struct sl_store *s);
/* Why the store is not UP, e.g. "appendfsync is everysec, must be always"; "" when it is UP. Valid until the
 * next state change. */
const char *sl_store_reason(const struct sl_store *s);
/* True when retrying cannot help (wrong persistence, MOVED, wrong password): a start is refused. */
bool sl_store_hopeless(const struct sl_store *s);
/* Why Redis is not at present what the options promise, e.g. "appendfsync is no, must be always": operations
 * that must be durable are refused (SL_OP_DURABLE). NULL: it is. Valid as long as the process' fitness. */
const char *sl_store_unfit(const struct sl_store *s);
/* The server at the other end, as INFO last said: two connections are to the same running server iff their
 * run ids are equal, and see the same data iff the replication ids are equal too. "" before the first INFO of
 * a connection. */
struct sl_store_server {
    char run_id[SL_REPLID_MAX + 1], replid[SL_REPLID_MAX + 1];
};
const struct sl_store_server *sl_store_server(const struct sl_store *s);
/* Asks again who it is. `done` is called after the answer, unless the connection ends before it. The store
 * is UP; one question at a time. */
typedef void(sl_server_cb)(void *arg);
void sl_store_ask_server(struct sl_store *s, sl_server_cb *done, void *arg);
/* Ends the connection, and connects anew. */
void sl_store_redial(struct sl_store *s, const char *why);
unsigned sl_store_inflight(const struct sl_store *s);
uint64_t sl_store_rtt_ns(const struct sl_store *s); /* smoothed round trip of updates; 0 before the first */
/* Waits at most `deadline_ns` for the replies that are due, then closes; on_state(CLOSED) reports the end. */
void sl_store_drain(struct sl_store *s, uint64_t deadline_ns);
void sl_store_free(struct sl_store *s); /* at once: callbacks get OUTCOME_UNKNOWN / UNAVAILABLE; NULL ok */

/* ---- records */

enum sl_list_state { SL_LIST_OPEN, SL_LIST_FULL, SL_LIST_SEALED, SL_LIST_RETIRED };

/* A list as Redis has it. Spans are valid during the callback only. */
struct sl_list_record {
    struct sl_uuid id;
    struct sl_span uri;
    uint8_t seed[SL_ORDER_SEED];
    uint32_t size;
    uint8_t bits;
    enum sl_list_state state;
    uint32_t cursor;
    uint64_t version;     /* 0: never changed */
    uint64_t change;      /* number of its last change in the pool: 1, 2, ... */
    struct sl_lineage at; /* `version` is one of this lineage */
    struct sl_line line;  /* what the list contains; its own head {at, version} too */
};

/* A list of which Redis has no whole record: somebody else has written there, or has removed it. */
struct sl_damaged_list {
    struct sl_span id; /* as Redis has it */
    const char *field; /* the first that is missing or not what it must be; "record": there is none */
};

/* A list that the script may create if it needs one. */
struct sl_list_draft {
    struct sl_uuid id;
    struct sl_span uri;
    uint8_t seed[SL_ORDER_SEED];
};

/* What a caller takes for the present history when it changes a list. Where the data have another one, or
 * not all of this, the operation writes nothing and its error is SL_ERR_HISTORY: the pool has to be opened
 * anew. Each answer tells the number of its change, below which the data must not fall from then on. */
struct sl_fence {
    struct sl_lineage lineage;
    uint64_t least; /* number of the newest change that the caller has seen in it */
    bool marks; /* indices that are acknowledged are marked, for sl_pool_opened.marks_ms after an opening */
};

/* ---- operations of the keeper */

/* The options that all instances of a pool must share. Each feed advertises the fingerprint of its pools'
 * options (sl_feed_show). Redis has the options of the last instance that started while no living one had
 * different ones. */
#define SL_SHARED_MAX 8192
struct sl_shared_options {
    struct sl_span text;  /* compared byte by byte; at most SL_SHARED_MAX */
    uint64_t fingerprint; /* its fingerprint */
    uint32_t size;        /* size and bits never change once the pool was opened */
    unsigned bits;
    uint32_t ttl_ms;         /* the longest ttl of a token that the caller gives out, or would */
    uint32_t default_ttl_ms; /* of a text that says none */
};
struct sl_agreed {
    uint32_t size; /* of the pool; 0: it was never opened */
    uint8_t bits;
    struct sl_span text;  /* as it was before; empty: none */
    struct sl_span other; /* a living instance with different options; empty: none */
    /* Tokens with a longer ttl than any living instance has were given out: how long they may still be used,
     * by who fetched one in the last moment, and by who got that one from a cache in its last moment. */
    uint64_t kept_ms, cached_ms;
};
/* Compares; with `write`, stores the options unless `other`, size or bits forbid it. */
typedef void(sl_agreed_cb)(void *arg, enum sl_err err, const struct sl_agreed *agreed);
SL_CHECKED enum sl_err sl_store_agree(struct sl_store *s, const char *pool,
                                      const struct sl_shared_options *mine, bool write, sl_agreed_cb *done,
                                      void *arg);

/* What a process knows of a pool's history, from its last opening (all 0 at the first one) and since. */
struct sl_pool_known {
    bool first;                /* this process has not opened the pool yet */
    bool back;                 /* a list in Redis does not contain what the process remembers of it */
    struct sl_lineage lineage; /* of the last opening */
    uint64_t least;            /* number of the newest change that the process has seen in it */
    uint64_t begun;            /* as the last opening reported them: */
    struct sl_lineage parent;
    uint64_t parent_end;
    struct sl_lineage highest; /* of all that the process knows: of the pool and of lists */
    uint64_t random;           /* new at each call */
};
/* Whether opening a pool has begun a new lineage, and why. */
enum sl_drawn {
    SL_DRAWN_NOT,
    SL_DRAWN_REPLID, /* the server is another, or has restarted or failed over */
    SL_DRAWN_FIRST,  /* a process opens the pool for the first time */
    SL_DRAWN_BACK, /* the data do not contain the process' lineage, or less of it than the process has seen */
    SL_DRAWN_LIST  /* the process said that a list went back */
};
/* Opens a pool: registers its name, fixes size and bits at the first call ever.
 * The caller judges a difference. */
struct sl_pool_opened {
    uint32_t size; /* size and bits that the pool has */
    uint8_t bits;
    uint64_t lists;            /* how many lists it has */
    uint64_t change;           /* the number of its last change */
    struct sl_span replid;     /* Redis' replication id */
    struct sl_span run_id;     /* of the server's process */
    struct sl_lineage lineage; /* in which the pool's lists are written from now on; {0, 0}: it has none */
    enum sl_drawn drawn;
    /* Since the process' own lineage at least one was begun because the data may have gone back, so every
     * list is to be compared; otherwise only what has changed since `least` is new. */
    bool fork;
    uint64_t begun;           /* the number of changes with which the lineage began */
    struct sl_lineage parent; /* {0, 0}: none */
    uint64_t parent_end;      /* the number of changes with which that ended */
    uint64_t marks_ms;        /* for how long from now on indices that are acknowledged have to be marked */
};
typedef void(sl_pool_opened_cb)(void *arg, enum sl_err err, const struct sl_pool_opened *opened);
/* `known` NULL: the caller takes no part in the pool's history, and begins no lineage. */
SL_CHECKED enum sl_err sl_store_open_pool(struct sl_store *s, const char *pool, uint32_t size, unsigned bits,
                                          const struct sl_pool_known *known, sl_pool_opened_cb *done,
                                          void *arg);

/* All pool names that were ever opened in this database. */
typedef void(sl_pool_names_cb)(void *arg, enum sl_err err, const struct sl_span *names, size_t n);
SL_CHECKED enum sl_err sl_store_pool_names(struct sl_store *s, sl_pool_names_cb *done, void *arg);

/* What the feeds of other living instances show (sl_feed_shown), of every pool of the database. An instance
 * of a version that does not show it is not among them. */
struct sl_tempo {
    struct sl_span pool, instance;
    uint32_t update_ms, ttl_ms;
};
typedef void(sl_tempos_cb)(void *arg, enum sl_err err, const struct sl_tempo *tempos, size_t n);
SL_CHECKED enum sl_err sl_store_tempos(struct sl_store *s, sl_tempos_cb *done, void *arg);

/* Lists have owners. Only the process that made a list takes from it, and it says from where: it remembers
 * how many reservations it has taken, so that nothing that happens to Redis gives an index twice. The owner
 * is `run` of the connection's identity. */
struct sl_position {
    struct sl_uuid list;
    uint32_t position; /* reservations k = 0 .. position-1 were taken */
};
struct sl_block {
    struct sl_list_record list; /* as after the call */
    uint32_t from, count;       /* reservations k = from .. from+count-1: indices order(seed, k) */
    const uint32_t *returned;   /* indices given back earlier, given out again */
    uint32_t returned_count;
};

/* Makes lists of another run the caller's, which is its heir: that run has ended, and no other process may
 * name it. Reports the lists that are the caller's now, with the position from which it goes on (`from`,
 * count is 0), and the indices that were given back to them: these are reported once, to whoever asks first.
 */
struct sl_inherited {
    const struct sl_block *blocks;
    uint32_t block_count;
};
typedef void(sl_inherited_cb)(void *arg, enum sl_err err, const struct sl_inherited *inherited);
SL_CHECKED enum sl_err sl_store_inherit(struct sl_store *s, const char *pool, const char run[static 17],
                                        const struct sl_position *lists, uint32_t n, sl_inherited_cb *done,
                                        void *arg);

/* Takes up to `want` indices of the lists named, in that order. Lists of versions without owners are sealed
 * on the way, once no instance of such a version lives. */
struct sl_taken {
    const struct sl_uuid
        *over; /* of the lists named: those that have nothing left, or are not the caller's */
    uint32_t over_count;
    uint32_t sealed; /* lists without an owner that this take sealed */
    const struct sl_block *blocks;
    uint32_t block_count;
};
typedef void(sl_taken_cb)(void *arg, enum sl_err err, const struct sl_taken *taken);
SL_CHECKED enum sl_err sl_store_take(struct sl_store *s, const char *pool, uint32_t want,
                                     const struct sl_position *lists, uint32_t n, sl_taken_cb *done,
                                     void *arg);

/* Makes the drafts that the pool does not have yet, for the caller. Reports those of the drafts that the
 * caller may take from. The outcome is unknown until `wait-replicas` replicas have them: the same drafts may
 * be sent again. */
typedef void(sl_precreated_cb)(void *arg, enum sl_err err, const struct sl_list_record *made, size_t n);
SL_CHECKED enum sl_err sl_store_precreate(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                                          const struct sl_list_draft *drafts, size_t n,
                                          sl_precreated_cb *done, void *arg);

/* Gives indices of one list back, for an heir. The caller hands out nothing of the list any more. Refused
 * (accepted = 0) when the list is not the caller's, or is sealed. */
typedef void(sl_given_back_cb)(void *arg, enum sl_err err, uint32_t accepted);
SL_CHECKED enum sl_err sl_store_give_back(struct sl_store *s, const char *pool,
                                          const struct sl_position *list, const uint32_t *indices, uint32_t n,
                                          sl_given_back_cb *done, void *arg);

/* Joins a state of a list that the caller remembers with what Redis has of it, index by index: the later
 * lineage wins, within one the side that has more of it, and final statuses win over all. Joining twice, or
 * in another order, makes no difference, so all instances may mend at once. */
enum sl_mended {
    SL_MENDED_NOT, /* Redis contains the state */
    SL_MENDED_NEW, /* the list was gone, and is made again: sealed, for which indices were given is not known
                    */
    SL_MENDED_RAISED, /* what Redis had is an ancestor of the state */
    SL_MENDED_JOINED, /* both had something of their own */
    SL_MENDED_LATE,   /* marks or lineages that are needed are no longer kept: only final statuses were taken.
                         What   the caller shows is not contained, and is given up */
    SL_MENDED_RETIRED, /* the list is or was retired: nothing */
    /* Nothing was done yet: */
    SL_MENDED_IN_PIECES, /* the list is long, and is joined in pieces */
    SL_MENDED_AGAIN,     /* the list is not what it was at the first piece: the join has to begin again */
    SL_MENDED_CROWDED    /* the same, in a new lineage: too much was set in this one since it began */
};
struct sl_mend {
    struct sl_uuid list;
    struct sl_span uri;
    struct sl_head head; /* all of one moment, as a load brought them: */
    struct sl_line line;
    struct sl_span bytes;
    const struct sl_marks *marks;
    unsigned marks_count;
    int final;      /* final status of the pool; < 0: none */
    unsigned width; /* bits of a status */
    size_t longest; /* bytes of a list that is joined in one call */
};
struct sl_mended_list {
    enum sl_mended what;
    struct sl_head head; /* of the list now */
    uint64_t change;     /* number of the change */
    struct sl_span seen; /* IN_PIECES: what the list was, for the pieces; during the callback */
};
/* A mended list's version is ahead by this (2^20) of every version from before, so an instance that has seen
 * one of those knows that the list was mended. The scripts get the number from here. */
#define SL_MEND_JUMP 1048576u
/* `mend` is copied; what it points to lives until the callback. SL_ERR_HISTORY also where the state's lineage
 * is not below the pool's: opening the pool anew with `back` and `highest` begins one that is higher. */
typedef void(sl_mended_cb)(void *arg, enum sl_err err, const struct sl_mended_list *mended);
SL_CHECKED enum sl_err sl_store_mend(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                                     const struct sl_mend *mend, sl_mended_cb *done, void *arg);

/* A join in pieces: the same `mend` in each call, and the pieces one after the other, each when the one
 * before it is there. They are put together beside the list, and expire a minute after the last one. */
#define SL_SEEN_MAX (SL_LINE_TEXT + 256)
struct sl_pieces {
    struct sl_span seen; /* as `mend` has answered */
    uint64_t random;     /* of this join */
};
/* `fits` false: the join has to begin again. */
typedef void(sl_joined_piece_cb)(void *arg, enum sl_err err, bool fits);
/* The piece is mend->bytes[from .. from+len-1]. `from` and, but for the last piece, `len` are multiples of 8.
 */
SL_CHECKED enum sl_err sl_store_join_piece(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                                           const struct sl_mend *mend, const struct sl_pieces *pieces,
                                           size_t from, size_t len, sl_joined_piece_cb *done, void *arg);
/* The pieces take the place of the list. `bound`: at how many places statuses may have been set since the
 * lineage began, at most; < 0: any number. */
SL_CHECKED enum sl_err sl_store_join_end(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                                         const struct sl_mend *mend, const struct sl_pieces *pieces,
                                         int bound, sl_mended_cb *done, void *arg);

/* Retires lists. The caller vouches for the lists whose references it still holds (`held`), and asks for
 * others
 * (`asked`). A full or sealed list is retired `after_ms` after the last instance vouched for it, counted from
 * a time since which some instance has always been looking. `keep_ms` later its keys are dropped; its id is
 * kept for ever. Reports which of the lists asked for are retired, and which are gone. Open lists among them
 * whose owner has not asked for them for a day are sealed. */
struct sl_retire {
    uint64_t after_ms; /* 0: none is retired now */
    uint64_t lease_ms, keep_ms;
    const struct sl_uuid *ids; /* `held` of them, then `asked` */
    uint32_t held, asked;
};
struct sl_retired {
    const struct sl_uuid *retired, *gone;
    size_t retired_count, gone_count;
    uint32_t abandoned; /* lists that were sealed */
    uint32_t corrected; /* times that lay in the future, from a wrong clock of Redis, and were put right */
};
typedef void(sl_retired_cb)(void *arg, enum sl_err err, const struct sl_retired *retired);
SL_CHECKED enum sl_err sl_store_retire(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                                       const struct sl_retire *question, sl_retired_cb *done, void *arg);

/* Lists whose last change is numbered above `since`, in order; a new list is a change. since = 0 reads all
 * lists. At most `limit` are looked at; `looked` = limit: there may be more, behind `last`. */
struct sl_changes {
    uint64_t newest; /* number of the pool's last change; below `since`: Redis has lost changes */
    struct sl_span replid;
    struct sl_lineage lineage; /* the pool's; {0, 0}: it has none */
    const struct sl_list_record *lists;
    size_t count;
    const struct sl_damaged_list *damaged; /* those whose records are not whole */
    size_t damaged_count;
    uint32_t looked;
    uint64_t last;   /* the number of the last change that was looked at; 0: none was */
    int64_t time_ms; /* Redis' wall clock */
};
typedef void(sl_changes_cb)(void *arg, enum sl_err err, const struct sl_changes *changes);
SL_CHECKED enum sl_err sl_store_changes(struct sl_store *s, const char *pool, uint64_t since, uint32_t limit,
                                        sl_changes_cb *done, void *arg);

/* One list by id: its record, or what is wrong with that; neither: the pool has no such list. */
struct sl_described {
    const struct sl_list_record *list;
    const struct sl_damaged_list *damaged;
};
typedef void(sl_described_cb)(void *arg, enum sl_err err, const struct sl_described *found);
SL_CHECKED enum sl_err sl_store_describe(struct sl_store *s, const char *pool, const struct sl_uuid *list,
                                         sl_described_cb *done, void *arg);

/* The indices that were acknowledged in a lineage, as a status list of one bit each; may be shorter. */
struct sl_marks {
    struct sl_lineage lineage;
    struct sl_span bits;
};
/* A list's state, all of one moment: what can be joined with another state of the list later. */
struct sl_loaded {
    struct sl_head head;
    struct sl_line line;          /* contains `head` */
    struct sl_span bytes;         /* may be shorter than the list: the rest is 0 */
    const struct sl_marks *marks; /* of the lineages named, those that have any */
    size_t marks_count;
    unsigned more;   /* lineages of the line that were not named, and may have marks: name the line's */
    uint64_t now_ms; /* by the clock of Redis, since 1970 */
};
/* SL_ERR_NO_SUCH_LIST when it is gone, SL_ERR_INTERNAL when its record is damaged. `named`: the lineages
 * whose marks are wanted, at most SL_LINE_MAX. */
typedef void(sl_loaded_cb)(void *arg, enum sl_err err, const struct sl_loaded *loaded);
SL_CHECKED enum sl_err sl_store_load(struct sl_store *s, const char *pool, const struct sl_uuid *list,
                                     const struct sl_lineage *named, unsigned n, sl_loaded_cb *done,
                                     void *arg);

/* ---- operations of the workers */

struct sl_change {
    uint32_t index;
    uint8_t value;
};

/* What a script says of one entry, or of a call as a whole. On the wire each is one letter, the same in every
 * script: store/decode.c. */
enum sl_result {
    SL_RESULT_SAME,          /* the entry has that status already */
    SL_RESULT_CHANGED,       /* the entry has it from now on */
    SL_RESULT_FINAL,         /* refused: the present status is final, and another */
    SL_RESULT_OUTSIDE,       /* refused: no such index */
    SL_RESULT_NO_LIST,       /* refused: no such list */
    SL_RESULT_RETIRED,       /* refused: the list is retired */
    SL_RESULT_VALUE,         /* refused: the value does not fit the list */
    SL_RESULT_OTHER_REQUEST, /* refused: the key is bound to another request */
    SL_RESULT_WRITTEN,       /* the call has written what it was given */
    SL_RESULT_REPEATED,      /* an earlier call had written it */
    SL_RESULT_REFUSED,       /* the call has written nothing; a reason follows */
    SL_RESULT_NOTHING,       /* the call only looked, and found nothing */
    SL_RESULT_CURRENT,       /* not written: Redis has that version, or a later one */
    SL_RESULT_RAISED,        /* the call has put newer bytes into a list */
    SL_RESULT_JOINED,        /* the same, and the list had something of its own */
    SL_RESULT_LATE,          /* too late to put anything but final statuses into a list */
    SL_RESULT_PRESENT,       /* not written: the list exists, and the caller must not touch it */
    SL_RESULT_OTHER_SHAPE,   /* not written: the pool or the list has another size, status width or URI */
    SL_RESULT_IN_PIECES,     /* not written: the list is too long for one call */
    SL_RESULT_AGAIN,         /* not written: what was put together does not fit any more */
    SL_RESULT_CROWDED        /* not written: too much was set meanwhile */
};
/* The error that a refusal is; SL_OK for every other result. */
static inline enum sl_err sl_result_err(enum sl_result result)
{
    switch (result) {
    case SL_RESULT_FINAL:
        return SL_ERR_FORBIDDEN;
    case SL_RESULT_OUTSIDE:
        return SL_ERR_INDEX_OUT_OF_BOUNDS;
    case SL_RESULT_NO_LIST:
        return SL_ERR_NO_SUCH_REFERENCE;
    case SL_RESULT_RETIRED:
        return SL_ERR_LIST_RETIRED;
    case SL_RESULT_VALUE:
        return SL_ERR_VALUE_OUT_OF_RANGE;
    case SL_RESULT_OTHER_REQUEST:
        return SL_ERR_IDEMPOTENCY_KEY_REUSED;
    case SL_RESULT_SAME:
    case SL_RESULT_CHANGED:
    case SL_RESULT_WRITTEN:
    case SL_RESULT_REPEATED:
    case SL_RESULT_REFUSED:
    case SL_RESULT_NOTHING:
    case SL_RESULT_CURRENT:
    case SL_RESULT_RAISED:
    case SL_RESULT_JOINED:
    case SL_RESULT_LATE:
    case SL_RESULT_PRESENT:
    case SL_RESULT_OTHER_SHAPE:
    case SL_RESULT_IN_PIECES:
    case SL_RESULT_AGAIN:
    case SL_RESULT_CROWDED:
        break;
    }
    return SL_OK;
}

/* Sets statuses of one list in order, each with a result of its own. version: the list's after it.
 * SL_ERR_NO_SUCH_LIST when the list is gone. final < 0: no status is final. */
struct sl_updated {
    uint64_t version;
    bool changed; /* also where an index was only marked for the first time */
    uint32_t count;
    const uint8_t *results; /* an enum sl_result per change */
    struct sl_lineage at;   /* of `version` */
    uint64_t change;        /* number of the change */
};
typedef void(sl_updated_cb)(void *arg, enum sl_err err, const struct sl_updated *updated);
SL_CHECKED enum sl_err sl_store_update(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                                       const struct sl_uuid *list, int final, const struct sl_change *changes,
                                       uint32_t n, sl_updated_cb *done, void *arg);

/* The key of a record in Redis that binds a request to its first answer. It is kept under `id` for `keep_ms`,
 * counted from the first answer; `fingerprint` distinguishes requests that use the same id. */
#define SL_RECORD_ID 32
struct sl_record_key {
    uint8_t id[SL_RECORD_ID];
    uint8_t fingerprint[SL_RECORD_ID];
    uint32_t keep_ms;
};

/* Binds `answer` to the key if nothing is bound to it yet, and reports the first answer, by whichever
 * instance. An empty `answer` only looks. Under OUTCOME_UNKNOWN `answer` may be bound, now or later. */
struct sl_remembered {
    bool other;            /* the key belongs to a request with another fingerprint: nothing was bound */
    bool bound;            /* by this call */
    struct sl_span answer; /* bound before; empty: nothing was */
};
typedef void(sl_remembered_cb)(void *arg, enum sl_err err, const struct sl_remembered *remembered);
SL_CHECKED enum sl_err sl_store_remember(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                                         const struct sl_record_key *key, struct sl_span answer,
                                         sl_remembered_cb *done, void *arg);

/* All or nothing over many lists of one pool: the whole batch is validated, as if applied in order, then
 * written. With a key (NULL: none) a batch is bound to it in the same step; one that is repeated writes
 * nothing and gets the first answer. So equal requests must send their groups in equal order. */
struct sl_batch_group {
    struct sl_uuid list;
    const struct sl_change *changes;
    const uint32_t *positions; /* of each change in the caller's request, for the error */
    uint32_t count;
};
struct sl_batched {
    enum sl_err refused;         /* not SL_OK: an error of sl_result_err, and nothing was written */
    uint32_t refused_position;   /* the caller's position of the entry that was refused */
    const uint64_t *versions;    /* per group, after the batch */
    const bool *changed;         /* per group */
    bool repeated;               /* an earlier batch under the same key was written, this one was not */
    const struct sl_lineage *at; /* per group: of the version */
    uint64_t change;             /* number of the last change; 0 when repeated */
};
typedef void(sl_batched_cb)(void *arg, enum sl_err err, const struct sl_batched *batched);
SL_CHECKED enum sl_err sl_store_batch(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                                      int final, const struct sl_batch_group *groups, uint32_t n,
                                      const struct sl_record_key *key, sl_batched_cb *done, void *arg);

/* The status as Redis has it, and the list's head. SL_ERR_HISTORY: it may be older than what was seen. */
typedef void(sl_status_cb)(void *arg, enum sl_err err, uint8_t value, struct sl_head head);
SL_CHECKED enum sl_err sl_store_status(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                                       const struct sl_uuid *list, uint32_t index, sl_status_cb *done,
                                       void *arg);
