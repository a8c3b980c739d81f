#include "loop/timers.h"

#include <stdlib.h>

#include "base/assert.h"

static void place_timer(struct sl_timers *t, uint32_t at, struct sl_timer *timer)
{
    t->heap[at] = timer;
    timer->position = at;
}

static void sift_up(struct sl_timers *t, uint32_t at, struct sl_timer *timer)
{
    for (; at > 1 && t->heap[at / 2]->due_ns > timer->due_ns; at /= 2)
        place_timer(t, at, t->heap[at / 2]);
    place_timer(t, at, timer);
}

static void sift_down(struct sl_timers *t, uint32_t at, struct sl_timer *timer)
{
    for (uint32_t child; (child = at * 2) <= t->count; at = child) {
        if (child < t->count && t->heap[child + 1]->due_ns < t->heap[child]->due_ns)
            child++;
        if (t->heap[child]->due_ns >= timer->due_ns)
            break;
        place_timer(t, at, t->heap[child]);
    }
    place_timer(t, at, timer);
}

struct sl_timer *sl_timers_first(const struct sl_timers *t)
{
    return t->count > 0 ? t->heap[1] : NULL;
}

void sl_timers_insert(struct sl_timers *t, struct sl_timer *timer)
{
    sl_assert(timer->position == 0);
    if (t->count + 1 >= t->cap) {
        t->cap = t->cap ? t->cap * 2 : 64;
        t->heap = sl_xrealloc(t->heap, t->cap * sizeof *t->heap);
    }
    sift_up(t, ++t->count, timer);
}

void sl_timers_remove(struct sl_timers *t, struct sl_timer *timer)
{
    uint32_t at = timer->position;
    sl_assert(at >= 1 && at <= t->count && t->heap[at] == timer);
    struct sl_timer *last = t->heap[t->count--];
    timer->position = 0;
    if (last == timer)
        return;
    if (at > 1 && t->heap[at / 2]->due_ns > last->due_ns)
        sift_up(t, at, last);
    else
        sift_down(t, at, last);
}

void sl_timers_free(struct sl_timers *t)
{
    free(t->heap);
    *t = (struct sl_timers){0};
}
