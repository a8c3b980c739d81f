#include "worker/update.h"

#include <stdlib.h>

#include "base/assert.h"
#include "pool/metrics.h"
#include "worker/connection.h"
#include "worker/pace.h"

#define GATHER_MAX 2000 /* requests in one flush: bounds the time that one script holds Redis */

struct sl_update {
    struct sl_list *list;
    uint32_t index;
    uint8_t value;
    uint32_t sequence;  /* the order of arrival in its flush */
    bool tried;         /* Redis refused it once, for its history */
    sl_update_cb *done; /* NULL: cancelled */
    void *arg;
    struct sl_update *next;
};

/* Per pool. */
struct sl_gather {
    struct sl_pool_worker *worker;
    struct sl_pool *pool;
    struct sl_update *first, **end;
    uint32_t pending;
    /* worker/connection.h. What Redis has refused goes before what has come since. */
    struct sl_update *refused_first, **refused_end;
    struct sl_hold hold;
    bool holding, released; /* released: held no second time */
    struct sl_pace pace;
    unsigned calls[SL_PACE_FLIGHTS]; /* script calls per flight that await their reply; oldest first */
    struct sl_timer timer;
    /* Calls that the store did not take: `refusal` answers them, since sl_update_start must not. */
    struct update_group *refused;
    struct sl_timer refusal;
};

/* One script call: the updates of one list in one flush. */
struct update_group {
    struct sl_gather *gather;
    struct sl_list *list;
    struct sl_lineage sent;    /* under which it was */
    struct update_group *next; /* in sl_gather.refused */
    enum sl_err err;
    uint32_t count;
    struct sl_update *updates[];
};

static void flush_gathered(struct sl_gather *g);

static void finish_update(struct sl_update *u, enum sl_err err, struct sl_head head)
{
    if (u->done != NULL)
        u->done(u->arg, err, head);
    free(u);
}

static void count_result(struct sl_gather *g, enum sl_update_result result)
{
    sl_metric_add_label(g->worker->metrics[g->pool->number], SL_PW_UPDATES, result, 1);
}

void sl_send_changed(struct sl_pool_worker *w, struct sl_list *list, struct sl_head head)
{
    struct sl_changed_mail *mail = sl_xcalloc(1, sizeof *mail);
    *mail = (struct sl_changed_mail){.mail.kind = SL_MAIL_CHANGED,
                                     .list = list->number,
                                     .version = head.version,
                                     .committed_ns = sl_mono_ns(sl_loop_clock(w->loop))};
    sl_mailbox_send(w->shared->keeper, &mail->mail);
}

static void answer_update(struct update_group *group, uint32_t i, enum sl_err err,
                          const struct sl_updated *updated)
{
    struct sl_gather *g = group->gather;
    struct sl_head head = {.version = 0};
    if (updated != NULL)
        head = (struct sl_head){updated->at, updated->version};
    if (err == SL_OK)
        err = sl_result_err((enum sl_result)updated->results[i]);
    else if (err == SL_ERR_NO_SUCH_LIST)
        err = SL_ERR_NO_SUCH_REFERENCE;
    if (err == SL_OK)
        count_result(g, updated->results[i] == SL_RESULT_CHANGED ? SL_UPDATED_CHANGED : SL_UPDATED_SAME);
    else if (err == SL_ERR_OUTCOME_UNKNOWN)
        count_result(g, SL_UPDATED_UNKNOWN);
    else
        count_result(g, err == SL_ERR_UNAVAILABLE ? SL_UPDATED_FAILED : SL_UPDATED_REFUSED);
    finish_update(group->updates[i], err, head);
}

static uint64_t now_ns(const struct sl_gather *g)
{
    return sl_mono_ns(sl_loop_clock(g->worker->loop));
}

static void take_step(struct sl_gather *g, enum sl_pace_step next)
{
    if (next == SL_PACE_SEND)
        flush_gathered(g);
    else if (next == SL_PACE_TIMER)
        sl_timer_start(g->worker->loop, &g->timer,
                       sl_pace_wait_ns(&g->pace, now_ns(g), sl_store_rtt_ns(g->worker->store)));
}

static void on_timer(void *arg)
{
    struct sl_gather *g = arg;
    if (sl_pace_expired(&g->pace, g->pending))
        flush_gathered(g);
}

/* Calls of one connection are answered in order, so flights end in order. */
static void end_flight(struct sl_gather *g)
{
    const struct sl_store *store = g->worker->store;
    uint64_t rtt = store != NULL ? sl_store_rtt_ns(store) : 0;
    g->calls[0] = g->calls[1];
    enum sl_pace_step next = sl_pace_replied(&g->pace, g->pending, now_ns(g), sl_thread_cpu_ns(), rtt);
    if (store != NULL)
        take_step(g, next);
    else if (g->pace.in_flight == 0 && g->pending > 0)
        flush_gathered(g); /* the worker has ended its store: they are refused */
}

static void on_released(void *arg)
{
    struct sl_gather *g = arg;
    g->holding = false;
    g->released = true;
    if (g->pace.in_flight == 0) /* otherwise the reply decides */
        flush_gathered(g);
}

static void hold_gather(struct sl_gather *g)
{
    g->holding = true;
    g->hold.on_released = on_released;
    g->hold.arg = g;
}

/* Nothing has happened. Each update gets a second try. */
static void try_again(struct update_group *group)
{
    struct sl_gather *g = group->gather;
    bool again = false;
    for (uint32_t i = 0; i < group->count; i++) {
        struct sl_update *u = group->updates[i];
        if (u->tried) {
            answer_update(group, i, SL_ERR_UNAVAILABLE, NULL);
            continue;
        }
        again = u->tried = true;
        u->next = NULL;
        *g->refused_end = u;
        g->refused_end = &u->next;
        g->pending++;
    }
    if (again && !g->holding) {
        hold_gather(g);
        sl_hold_refused(g->worker, g->pool, group->sent, &g->hold);
    }
}

static void on_updated(void *arg, enum sl_err err, const struct sl_updated *updated)
{
    struct update_group *group = arg;
    struct sl_gather *g = group->gather;
    sl_assert(g->pace.in_flight > 0 && g->calls[0] > 0);
    if (err == SL_OK) {
        struct sl_head head = {updated->at, updated->version};
        sl_history_saw(sl_pool_history(g->pool), group->sent, updated->change);
        if (updated->changed)
            sl_send_changed(g->worker, group->list, head);
    }
    for (uint32_t i = 0; i < group->count && err != SL_ERR_HISTORY; i++)
        answer_update(group, i, err, updated);
    if (err == SL_ERR_HISTORY)
        try_again(group);
    free(group);
    if (--g->calls[0] == 0)
        end_flight(g);
}

/* True: its reply will come. `fence` NULL: it may not be sent. */
static bool send_group(struct update_group *group, const struct sl_fence *fence)
{
    struct sl_gather *g = group->gather;
    struct sl_change *changes = sl_xcalloc(group->count, sizeof *changes);
    for (uint32_t i = 0; i < group->count; i++)
        changes[i] = (struct sl_change){group->updates[i]->index, group->updates[i]->value};
    enum sl_err err = SL_ERR_UNAVAILABLE;
    if (fence != NULL) {
        group->sent = fence->lineage;
        err =
            sl_store_update(g->worker->store, g->pool->name, fence, &group->list->id,
                            sl_pool_options(g->pool)->final_status, changes, group->count, on_updated, group);
    }
    free(changes);
    if (err == SL_OK)
        return true;
    group->err = err;
    group->next = g->refused;
    g->refused = group;
    sl_timer_start(g->worker->loop, &g->refusal, 0);
    return false;
}

static void on_refusal(void *arg)
{
    struct sl_gather *g = arg;
    while (g->refused != NULL) {
        struct update_group *group = g->refused;
        g->refused = group->next;
        for (uint32_t i = 0; i < group->count; i++)
            answer_update(group, i, group->err, NULL);
        free(group);
    }
    if (g->pace.in_flight == 0 && g->pending > 0)
        flush_gathered(g);
}

static int by_list(const void *left, const void *right)
{
    const struct sl_update *one = *(struct sl_update *const *)left,
                           *other = *(struct sl_update *const *)right;
    if (one->list->number != other->list->number)
        return one->list->number < other->list->number ? -1 : 1;
    return one->sequence < other->sequence ? -1 : one->sequence > other->sequence;
}

static uint32_t take_pending(struct sl_gather *g, struct sl_update **out)
{
    uint32_t n = 0;
    bool sorted = true;
    while (g->first != NULL && n < GATHER_MAX) {
        struct sl_update *u = g->first;
        g->first = u->next;
        u->sequence = n;
        sorted = sorted && (n == 0 || out[n - 1]->list->number <= u->list->number);
        out[n++] = u;
    }
    if (g->first == NULL)
        g->end = &g->first;
    g->pending -= n;
    if (!sorted)
        qsort(out, n, sizeof out[0], by_list);
    return n;
}

/* What Redis has refused first. */
static void put_refused_first(struct sl_gather *g)
{
    if (g->refused_first == NULL)
        return;
    *g->refused_end = g->first;
    if (g->first == NULL)
        g->end = g->refused_end;
    g->first = g->refused_first;
    g->refused_first = NULL;
    g->refused_end = &g->refused_first;
}

static void flush_gathered(struct sl_gather *g)
{
    struct sl_update *all[GATHER_MAX];
    struct sl_fence fence;
    sl_timer_stop(g->worker->loop, &g->timer);
    if (g->holding || g->pending == 0)
        return;
    enum sl_may_write may = sl_may_write(g->worker, g->pool, &fence);
    if (may == SL_MAY_LATER && !g->released) {
        hold_gather(g);
        sl_hold(g->worker, g->pool, &g->hold);
        return;
    }
    g->released = false;
    put_refused_first(g);
    uint32_t n = take_pending(g, all);
    unsigned calls = 0;
    sl_metric_observe(g->worker->metrics[g->pool->number], SL_PW_GROUP_SIZE, n);
    for (uint32_t at = 0; at < n;) {
        uint32_t end = at;
        while (end < n && all[end]->list == all[at]->list)
            end++;
        struct update_group *group = sl_xcalloc(1, sizeof *group + (end - at) * sizeof group->updates[0]);
        *group = (struct update_group){.gather = g, .list = all[at]->list, .count = end - at};
        memcpy(group->updates, all + at, (end - at) * sizeof all[0]);
        calls += send_group(group, may == SL_MAY_WRITE ? &fence : NULL);
        at = end;
    }
    if (calls == 0)
        return;
    g->calls[g->pace.in_flight] = calls;
    sl_pace_sent(&g->pace, n, now_ns(g));
}

struct sl_update *sl_update_start(struct sl_pool_worker *w, struct sl_list *list, uint32_t index,
                                  uint8_t value, sl_update_cb *done, void *arg)
{
    struct sl_gather *g = &w->gathers[list->pool->number];
    struct sl_fence fence;
    if (sl_may_write(w, list->pool, &fence) == SL_MAY_NOT ||
        sl_store_inflight(w->store) >= SL_STORE_INFLIGHT - 1) {
        count_result(g, SL_UPDATED_FAILED);
        return NULL;
    }
    struct sl_update *u = sl_xcalloc(1, sizeof *u);
    *u = (struct sl_update){.list = list, .index = index, .value = value, .done = done, .arg = arg};
    *g->end = u;
    g->end = &u->next;
    g->pending++;
    take_step(g, sl_pace_arrived(&g->pace, g->pending));
    return u;
}

void sl_update_cancel(void *update)
{
    struct sl_update *u = update;
    u->done = NULL;
}

struct sl_gather *sl_gathers_new(struct sl_pool_worker *w)
{
    struct sl_gather *all = sl_xcalloc(w->shared->pool_count, sizeof *all);
    for (unsigned i = 0; i < w->shared->pool_count; i++) {
        all[i] = (struct sl_gather){.worker = w,
                                    .pool = &w->shared->pools[i],
                                    .end = &all[i].first,
                                    .refused_end = &all[i].refused_first};
        sl_timer_init(&all[i].timer, on_timer, &all[i]);
        sl_timer_init(&all[i].refusal, on_refusal, &all[i]);
    }
    return all;
}

void sl_gathers_flush(struct sl_pool_worker *w)
{
    for (unsigned i = 0; i < w->shared->pool_count; i++)
        if (w->gathers[i].pending > 0 && w->gathers[i].pace.in_flight == 0)
            flush_gathered(&w->gathers[i]);
}

bool sl_gathers_idle(const struct sl_pool_worker *w)
{
    for (unsigned i = 0; i < w->shared->pool_count; i++)
        if (w->gathers[i].pending > 0 || w->gathers[i].pace.in_flight > 0 || w->gathers[i].refused != NULL)
            return false;
    return true;
}

void sl_gathers_stop(struct sl_pool_worker *w)
{
    for (unsigned i = 0; i < w->shared->pool_count; i++) {
        if (w->gathers[i].refused != NULL)
            on_refusal(&w->gathers[i]);
        sl_timer_stop(w->loop, &w->gathers[i].timer);
        sl_timer_stop(w->loop, &w->gathers[i].refusal);
    }
}

void sl_gathers_free(struct sl_pool_worker *w)
{
    free(w->gathers);
    w->gathers = NULL;
}

/* ---- reading a status */

struct sl_status {
    struct sl_pool_worker *worker;
    struct sl_list *list;
    uint32_t index;
    struct sl_lineage sent;
    struct sl_hold hold;
    bool released, tried;
    sl_status_cb *done; /* NULL: cancelled */
    void *arg;
};

static bool ask_status(struct sl_status *s);

static void finish_status(struct sl_status *s, enum sl_err err, uint8_t value, struct sl_head head)
{
    s->worker->awaited--;
    if (s->done != NULL)
        s->done(s->arg, err, value, head);
    free(s);
}

static void fail_status(struct sl_status *s)
{
    finish_status(s, SL_ERR_UNAVAILABLE, 0, (struct sl_head){.version = 0});
}

static void on_status_released(void *arg)
{
    struct sl_status *s = arg;
    s->released = true;
    if (s->done == NULL || !ask_status(s))
        fail_status(s);
}

static void on_status(void *arg, enum sl_err err, uint8_t value, struct sl_head head)
{
    struct sl_status *s = arg;
    if (err != SL_ERR_HISTORY) {
        finish_status(s, err, value, head);
    } else if (s->tried) {
        fail_status(s);
    } else {
        s->tried = true;
        sl_hold_refused(s->worker, s->list->pool, s->sent, &s->hold);
    }
}

/* Data that may be older than what somebody was told are not answered: the read is held like a change.
 * False: it cannot be asked. */
static bool ask_status(struct sl_status *s)
{
    struct sl_fence fence;
    enum sl_may_write may = sl_may_write(s->worker, s->list->pool, &fence);
    if (may == SL_MAY_LATER && !s->released) {
        sl_hold(s->worker, s->list->pool, &s->hold);
        return true;
    }
    if (may != SL_MAY_WRITE)
        return false;
    s->sent = fence.lineage;
    return sl_store_status(s->worker->store, s->list->pool->name, &fence, &s->list->id, s->index, on_status,
                           s) == SL_OK;
}

struct sl_status *sl_status_start(struct sl_pool_worker *w, struct sl_list *list, uint32_t index,
                                  sl_status_cb *done, void *arg)
{
    struct sl_status *s = sl_xcalloc(1, sizeof *s);
    *s = (struct sl_status){.worker = w, .list = list, .index = index, .done = done, .arg = arg};
    s->hold = (struct sl_hold){.on_released = on_status_released, .arg = s};
    if (!ask_status(s)) {
        free(s);
        return NULL;
    }
    w->awaited++;
    return s;
}

void sl_status_cancel(void *status)
{
    struct sl_status *s = status;
    s->done = NULL;
}
