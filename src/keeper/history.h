/* The history of a pool's data (core/history.h) that this process has opened, and what the workers see of it.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/history.h"
#include "base/span.h"
#include "pool/history.h"

struct sl_kpool;

/* Of one pool. */
struct sl_khistory {
    /* As Redis answered when the pool was last opened. */
    struct sl_lineage lineage;
    char run_id[SL_SERVER_ID + 1], replid[SL_SERVER_ID + 1];
    uint64_t seen; /* the highest change number of it that the keeper has seen */
};

void sl_keeper_history_free(struct sl_kpool *p);

/* Redis has answered with this history. True: there was another one before, or it was of another server; then
 * the workers write no more until sl_keeper_show_history. */
bool sl_keeper_note_history(struct sl_kpool *p, struct sl_lineage lineage, const char *run_id,
                            struct sl_span replid, uint64_t change);
/* An answer under the present lineage had this change number. */
void sl_keeper_saw_change(struct sl_kpool *p, uint64_t change);
/* The highest that the keeper or a worker has seen under the present lineage. */
uint64_t sl_keeper_seen_change(const struct sl_kpool *p);
/* Whether a reply speaks of the replication id under which the pool was opened. An empty one says nothing. */
bool sl_keeper_same_replid(const struct sl_kpool *p, struct sl_span replid);
/* The workers write no more: Redis may have lost something that is not restored yet. */
void sl_keeper_hide_history(struct sl_kpool *p);
/* All lists are known, compared, and restored: the workers may write. */
void sl_keeper_show_history(struct sl_kpool *p);
