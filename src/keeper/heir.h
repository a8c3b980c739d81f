/* Taking over the lists of the process before, which are in the hand-over file. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct sl_keeper;
struct sl_kpool;

/* Of one pool. */
struct sl_heir {
    uint32_t
        *slots; /* in the hand-over file: lists that the process before has left, and that are not ours yet */
    uint32_t count;
    uint32_t drops; /* how often references had been dropped when Redis was asked */
    bool asking;
};

/* Each pool gets its lists; those of pools that are not configured are left behind. */
void sl_keeper_heirs_init(struct sl_keeper *k);
void sl_keeper_heir_free(struct sl_kpool *p);
/* True: there is nothing to take over (any more). Otherwise Redis is asked, and the pool refilled afterwards.
 */
bool sl_keeper_inherit(struct sl_kpool *p);
bool sl_keeper_is_inheriting(const struct sl_kpool *p);
