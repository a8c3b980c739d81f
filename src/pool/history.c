#include "pool/history.h"

#include <string.h>

/* An answer of a former lineage must not raise `least`: the numbers of a new one begin far above those of its
 * parent, but those of another branch may lie above it. */
void sl_history_saw(struct sl_history *h, struct sl_lineage lineage, uint64_t change)
{
    if (h == NULL || !sl_lineage_equal(h->lineage, lineage))
        return;
    uint64_t least = atomic_load_explicit(&h->least, memory_order_relaxed);
    while (change > least && !atomic_compare_exchange_weak_explicit(
                                 &h->least, &least, change, memory_order_relaxed, memory_order_relaxed))
        ;
}

bool sl_history_is_of(const struct sl_history *h, const char *run_id, const char *replid)
{
    return h != NULL && strcmp(h->run_id, run_id) == 0 && strcmp(h->replid, replid) == 0;
}
