/* The history of a pool's data that the keeper has opened and compared with what this process knows
 * (core/history.h). Workers write under it, and under no other: what they send names its lineage and `least`,
 * and goes over a connection to the same server with the same data. */
#pragma once
#include <stdatomic.h>
#include "core/history.h"

#define SL_SERVER_ID 40 /* hex characters of a server's run id, and of its replication id */

/* Made by the keeper, never changed but for `least`, and freed once every worker has finished the loop turn
 * in which it was replaced: a worker may use what it loaded until its present turn ends. */
struct sl_history {
    struct sl_lineage lineage;
    /* Of the server that has it. A worker's connection with another run id is to another server; with another
     * replication id it is older than this history. */
    char run_id[SL_SERVER_ID + 1], replid[SL_SERVER_ID + 1];
    /* The highest change number of this lineage that any thread has had an answer with. */
    _Atomic uint64_t least;
    uint64_t marks_until_ns;  /* monotonic: until then accepted changes are marked */
    struct sl_history *older; /* the keeper's: they wait to be freed */
};

/* An answer under this lineage had `change`. `h` may be NULL, or of another lineage by now: then it says
 * nothing. Any thread. */
void sl_history_saw(struct sl_history *h, struct sl_lineage lineage, uint64_t change);
/* A connection to the server with these ids may carry changes. NULL: no. */
bool sl_history_is_of(const struct sl_history *h, const char *run_id, const char *replid);
