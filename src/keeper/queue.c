#include "keeper/queue.h"

#include "base/assert.h"
#include "keeper/keeper_int.h"

bool sl_queue_is_large(size_t bytes)
{
    return bytes >= SL_LARGE_LIST && bytes <= SL_LARGE_AT_ONCE;
}

static bool is_very_large(size_t bytes)
{
    return bytes > SL_LARGE_AT_ONCE;
}

static unsigned most_at_once(const struct sl_keeper *k)
{
    return 4 * k->setup.publisher_count + 16;
}

void sl_queue_count_list(struct sl_klist *t)
{
    struct sl_queue *q = &t->pool->keeper->queue;
    size_t bytes = sl_keeper_raw_bytes(t);
    if (is_very_large(bytes)) {
        q->very_large_bytes += bytes;
        return;
    }
    q->largest = bytes > q->largest ? bytes : q->largest;
    if (sl_queue_is_large(bytes))
        q->large_bytes += bytes;
}

struct sl_klist *sl_queue_next(struct sl_keeper *k, const struct sl_klist *t)
{
    return t != NULL ? t->place.next : k->queue.first;
}

/* Most lists join at an end: behind the last, where the search begins, or before all. */
void sl_queue_add(struct sl_klist *t, uint64_t since_ns)
{
    struct sl_queue *q = &t->pool->keeper->queue;
    struct sl_klist *before = since_ns == 0 ? NULL : q->last;
    t->place.since_ns = since_ns;
    while (before != NULL && before->place.since_ns > since_ns)
        before = before->place.before;
    t->place.before = before;
    t->place.next = before != NULL ? before->place.next : q->first;
    if (t->place.next != NULL)
        t->place.next->place.before = t;
    else
        q->last = t;
    if (before != NULL)
        before->place.next = t;
    else
        q->first = t;
    q->queued++;
}

void sl_queue_remove(struct sl_klist *t)
{
    struct sl_queue *q = &t->pool->keeper->queue;
    sl_assert(q->queued > 0);
    if (t->place.before != NULL)
        t->place.before->place.next = t->place.next;
    else
        q->first = t->place.next;
    if (t->place.next != NULL)
        t->place.next->place.before = t->place.before;
    else
        q->last = t->place.before;
    t->place.next = t->place.before = NULL;
    q->queued--;
}

bool sl_queue_has_room(const struct sl_keeper *k, const struct sl_klist *t)
{
    const struct sl_queue *q = &k->queue;
    size_t bytes = sl_keeper_raw_bytes(t);
    if (is_very_large(bytes))
        return !q->very_large;
    return q->active < most_at_once(k) &&
           (!sl_queue_is_large(bytes) || q->active_bytes + bytes <= SL_LARGE_AT_ONCE);
}

void sl_queue_begin(struct sl_klist *t)
{
    struct sl_queue *q = &t->pool->keeper->queue;
    size_t bytes = sl_keeper_raw_bytes(t);
    q->active++;
    if (is_very_large(bytes))
        q->very_large = true;
    else if (sl_queue_is_large(bytes))
        q->active_bytes += bytes;
}

void sl_queue_end(struct sl_klist *t)
{
    struct sl_queue *q = &t->pool->keeper->queue;
    size_t bytes = sl_keeper_raw_bytes(t);
    sl_assert(q->active > 0);
    q->active--;
    if (is_very_large(bytes))
        q->very_large = false;
    else if (sl_queue_is_large(bytes))
        q->active_bytes -= bytes;
}

void sl_queue_note_work(struct sl_klist *t, bool owes)
{
    struct sl_queue *q = &t->pool->keeper->queue;
    size_t bytes = sl_keeper_raw_bytes(t);
    if (owes == t->place.in_work)
        return;
    t->place.in_work = owes;
    q->work_lists = owes ? q->work_lists + 1 : q->work_lists - 1;
    if (sl_queue_is_large(bytes))
        q->work_bytes = owes ? q->work_bytes + bytes : q->work_bytes - bytes;
}

unsigned sl_queue_length(const struct sl_keeper *k)
{
    return k->queue.queued;
}

unsigned sl_queue_work(const struct sl_keeper *k)
{
    return k->queue.work_lists;
}

uint64_t sl_queue_very_large_bytes(const struct sl_keeper *k)
{
    return k->queue.very_large_bytes;
}

unsigned sl_queue_unfinished(const struct sl_keeper *k)
{
    return k->queue.queued + k->queue.active;
}

/* Those that owe a publication already, and as many younger ones as may be under way when the list is due. A
 * very large one takes a publisher of its own, if there are two. */
uint64_t sl_queue_bytes_ahead(const struct sl_keeper *k)
{
    const struct sl_queue *q = &k->queue;
    uint64_t most = (uint64_t)most_at_once(k) * q->largest;
    uint64_t under_way = q->large_bytes < SL_LARGE_AT_ONCE ? q->large_bytes : SL_LARGE_AT_ONCE;
    if (under_way > most)
        under_way = most;
    return q->work_bytes + under_way + (k->setup.publisher_count == 1 ? q->very_large_bytes : 0);
}
