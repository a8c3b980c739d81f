/* A binary heap of timers by due time (J. W. J. Williams, CACM 7(6), 1964). Internal to the loop layer. */
#pragma once
#include "loop/loop.h"

struct sl_timers {
    struct sl_timer **heap; /* heap[0] is unused: positions count from 1 */
    uint32_t count, cap;
};

struct sl_timer *sl_timers_first(const struct sl_timers *t); /* NULL when empty */
void sl_timers_insert(struct sl_timers *t, struct sl_timer *timer);
void sl_timers_remove(struct sl_timers *t, struct sl_timer *timer);
void sl_timers_free(struct sl_timers *t);
