/* Timers, and a binary heap of them by due time (J. W. J. Williams, CACM 7(6), 1964). The heap is internal to
 * the loop layer: others start and stop a timer with loop/loop.h. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct sl_timer {
    void (*on_due)(void *arg);
    void *arg;
    uint64_t due_ns;   /* CLOCK_BOOTTIME */
    uint32_t position; /* in the heap, counted from 1; 0 = not running */
};

static inline void sl_timer_init(struct sl_timer *timer, void (*on_due)(void *arg), void *arg)
{
    *timer = (struct sl_timer){.on_due = on_due, .arg = arg};
}

static inline bool sl_timer_running(const struct sl_timer *timer)
{
    return timer->position != 0;
}

/* ---- the heap */

struct sl_timers {
    struct sl_timer **heap; /* heap[0] is unused: positions count from 1 */
    uint32_t count, cap;
};

struct sl_timer *sl_timers_first(const struct sl_timers *t); /* NULL when empty */
void sl_timers_insert(struct sl_timers *t, struct sl_timer *timer);
void sl_timers_remove(struct sl_timers *t, struct sl_timer *timer);
void sl_timers_free(struct sl_timers *t);
