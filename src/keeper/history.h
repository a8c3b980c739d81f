/* The history of a pool's data (core/history.h) that this process has opened: what the next opening tells
 * Redis about it, and what the workers see of it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/span.h"
#include "core/history.h"
#include "pool/history.h"

struct sl_fence;
struct sl_keeper;
struct sl_kpool;
struct sl_pool_known;
struct sl_pool_opened;

/* Of the keeper. */
struct sl_company {
    uint64_t redial_ns;   /* not before that */
    uint64_t patience_ns; /* until the one after that */
};

/* Of one pool. */
struct sl_khistory {
    bool opened; /* at least once: before that the rest is 0 */
    /* As Redis answered when the pool was last opened. */
    struct sl_lineage lineage, parent;
    uint64_t begun, parent_end;
    char run_id[SL_SERVER_ID + 1], replid[SL_SERVER_ID + 1];
    uint64_t marks_until_ns;
    bool drawn;    /* that opening began a new lineage */
    bool suspect;  /* it did not, and the lineage was ours already, or is below one that we know */
    uint64_t seen; /* the highest change number of the lineage that the keeper has seen */
};

void sl_keeper_history_free(struct sl_kpool *p);

/* For the next opening. `back`: a list in Redis does not contain what this process remembers of it;
 * `highest`: sl_keeper_highest_lineage. */
struct sl_pool_known sl_keeper_known_history(const struct sl_kpool *p, bool back, struct sl_lineage highest);
/* Redis has answered to `known`. Where the history is another one, or of another server, the workers write no
 * more until sl_keeper_show_history. True: the data may have gone back since the last opening, so all lists
 * have to be compared. */
bool sl_keeper_note_history(struct sl_kpool *p, const struct sl_pool_known *known,
                            const struct sl_pool_opened *opened);
/* In which the pool was last opened. */
struct sl_lineage sl_keeper_lineage(const struct sl_kpool *p);
/* Lists that do not contain what this process remembers are a surprise: Redis has to begin a new lineage
 * before they are joined. */
bool sl_keeper_is_suspect(const struct sl_kpool *p);
/* An answer under the present lineage had this change number. */
void sl_keeper_saw_change(struct sl_kpool *p, uint64_t change);
/* The highest that the keeper or a worker has seen under the present lineage. */
uint64_t sl_keeper_seen_change(const struct sl_kpool *p);
/* Whether a reply speaks of the history that the pool was opened with. */
bool sl_keeper_is_history(const struct sl_kpool *p, struct sl_span replid, struct sl_lineage lineage);
/* What the keeper's own changes name. */
struct sl_fence sl_keeper_fence(const struct sl_kpool *p);
/* Redis is not what it was taken for: the workers write no more until the pool was opened anew. */
void sl_keeper_hide_history(struct sl_kpool *p);
/* The connection was made anew: workers do not write under the history of another server, whether or not the
 * pool can be opened on this one. */
void sl_keeper_leave_server(struct sl_kpool *p);
/* All lists are known, compared, and restored: the workers may write. */
void sl_keeper_show_history(struct sl_kpool *p);
/* The connection for large loads leads to another server than the one for commands: what it loads may be of
 * another history, and is not asked for. Every sweep such a connection is dialled anew. */
bool sl_keeper_loader_strays(const struct sl_keeper *k);
void sl_keeper_watch_loader(struct sl_keeper *k);
/* Most workers lead to another server and stay there: then the keeper's own connection is the one that
 * differs, and is dialled anew, each time after a longer while. Every sweep. */
void sl_keeper_watch_workers(struct sl_keeper *k);
/* For how long marks are still kept. */
uint64_t sl_keeper_marks_left_ns(const struct sl_kpool *p);
