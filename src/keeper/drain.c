/* Shutdown has three steps. At first only readiness changes: whoever sends requests here looks elsewhere, and
 * until he does everything is as before. Then the workers finish: waiting requests are answered and nothing
 * new is taken. After they have ended no reservation comes: takes under way come back, rings and stock are
 * emptied, and the references go back to Redis, one call per list. */
#include "keeper/drain.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "keeper/keeper_int.h"

#define POLL_NS (5 * SL_NS_PER_MS)

void sl_keeper_leave(struct sl_keeper *k)
{
    k->leaving = true;
}

void sl_keeper_begin_drain(struct sl_keeper *k)
{
    k->leaving = k->draining = true;
    SL_EACH_KPOOL (p, k) {
        sl_keeper_answer_waiters(p, false);
        sl_keeper_answer_reopens(p);
    }
    sl_keeper_answer_early(k, SL_ERR_UNAVAILABLE);
    sl_keeper_refuse_tokens(k);
    sl_keeper_publish_owed(k);
}

static void finish_giving_back(struct sl_keeper *k)
{
    sl_timer_stop(k->loop, &k->giving_back.give_up);
    sl_keeper_gave_back_cb *done = k->giving_back.done;
    k->giving_back.done = NULL;
    if (done != NULL)
        done(k->giving_back.arg);
}

static void end_call(struct sl_keeper *k)
{
    if (--k->giving_back.out == 0)
        finish_giving_back(k);
}

/* One call to Redis: the indices of one list. */
struct give_call {
    struct sl_kpool *pool;
    uint32_t count;
};

static void on_given_back(void *arg, enum sl_err err, uint32_t accepted)
{
    struct give_call *call = arg;
    struct sl_kpool *p = call->pool;
    if (err == SL_OK)
        sl_metric_add(p->metrics, SL_KM_GIVEN_BACK, accepted);
    if (err != SL_OK || accepted < call->count)
        sl_log(SL_WARN, "pool", "could not give references back: their indices stay unused",
               SL_KS("pool", p->shared->name),
               SL_KU("references", call->count - (err == SL_OK ? accepted : 0)),
               SL_KS("code", sl_err_code(err)));
    free(call);
    end_call(p->keeper);
}

static int by_slot(const void *left, const void *right)
{
    uint64_t one = *(const uint64_t *)left, other = *(const uint64_t *)right;
    return one < other ? -1 : one > other;
}

static void give_list(struct sl_kpool *p, const uint64_t *slots, uint32_t n)
{
    struct sl_keeper *k = p->keeper;
    struct sl_klist *t = sl_keeper_list(k, sl_ring_slot_list(slots[0]));
    struct give_call *call = sl_xcalloc(1, sizeof *call);
    uint32_t *indices = sl_xcalloc(n, sizeof *indices);
    for (uint32_t i = 0; i < n; i++)
        indices[i] = sl_ring_slot_index(slots[i]);
    *call = (struct give_call){p, n};
    k->giving_back.out++;
    struct sl_position list = sl_keeper_position(t);
    sl_keeper_leave_list(t);
    enum sl_err err = sl_store_give_back(k->store, p->shared->name, &list, indices, n, on_given_back, call);
    free(indices);
    if (err != SL_OK)
        on_given_back(call, err, 0);
}

static uint64_t *collect_references(struct sl_kpool *p, uint32_t *ret_count)
{
    uint64_t fill = sl_ring_fill(p->shared->ring), left;
    uint64_t *slots = sl_xcalloc(fill + sl_keeper_stock_count(p) + 1, sizeof *slots);
    uint32_t n = 0;
    if (fill > 0 && sl_ring_pop(p->shared->ring, (uint32_t)fill, slots, &left))
        n = (uint32_t)fill;
    for (const struct sl_segment *segment = sl_keeper_stock(p); segment != NULL; segment = segment->next) {
        memcpy(slots + n, segment->slots + segment->at, (segment->count - segment->at) * sizeof slots[0]);
        n += segment->count - segment->at;
    }
    *ret_count = n;
    return slots;
}

static void give_pool(struct sl_kpool *p)
{
    uint32_t n;
    uint64_t *slots = collect_references(p, &n);
    qsort(slots, n, sizeof slots[0], by_slot);
    for (uint32_t at = 0, end; at < n; at = end) {
        for (end = at; end < n && sl_ring_slot_list(slots[end]) == sl_ring_slot_list(slots[at]);)
            end++;
        give_list(p, slots + at, end - at);
    }
    free(slots);
}

static void on_give_up(void *arg)
{
    sl_log(SL_WARN, "pool", "could not give references back in time: their indices stay unused");
    finish_giving_back(arg);
}

static void on_poll(void *arg)
{
    struct sl_keeper *k = arg;
    SL_EACH_KPOOL (p, k) {
        if (sl_keeper_is_taking(p)) {
            sl_timer_start(k->loop, &k->giving_back.poll, POLL_NS);
            return;
        }
    }
    k->giving_back.out++; /* held until every list was asked for */
    SL_EACH_KPOOL (p, k)
        give_pool(p);
    end_call(k);
}

void sl_keeper_give_back(struct sl_keeper *k, uint64_t deadline_ns, sl_keeper_gave_back_cb *done, void *arg)
{
    struct sl_giving_back *giving_back = &k->giving_back;
    k->leaving = k->draining = k->ending = true;
    giving_back->done = done;
    giving_back->arg = arg;
    sl_timer_init(&giving_back->give_up, on_give_up, k);
    sl_timer_start(k->loop, &giving_back->give_up, deadline_ns);
    sl_timer_stop(k->loop, &k->sweep);
    sl_timer_init(&giving_back->poll, on_poll, k);
    sl_timer_start(k->loop, &giving_back->poll, 0);
}

void sl_keeper_drain_free(struct sl_keeper *k)
{
    sl_timer_stop(k->loop, &k->giving_back.give_up);
    sl_timer_stop(k->loop, &k->giving_back.poll);
}
