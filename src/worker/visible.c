#include "worker/visible.h"

#include <stdlib.h>

#include "base/assert.h"
#include "core/status_list.h"

#define LOOK_NS (50 * SL_NS_PER_MS)
/* A worker may answer with the token that was replaced until its loop turn ends. */
#define TURN_MS 100

/* Milliseconds that publishing takes from when the list may be published until its token has the change; 0:
 * unknown. Twice the time of a publication, since one that lacks the change may be under way; and what the
 * other lists of the same request take, which may come before this one. */
static uint64_t publishing_ms(const struct sl_shared *shared, const struct sl_list *list, uint32_t lists)
{
    uint64_t lag = atomic_load_explicit(&shared->publish_lag_ns, memory_order_relaxed);
    uint64_t cost = atomic_load_explicit(&shared->publish_cost_ns, memory_order_relaxed);
    size_t bytes = sl_status_bytes(list->size, list->bits);
    if (lag == 0)
        return 0;
    if (bytes >= SL_LARGE_LIST) {
        cost = bytes / 1024 * atomic_load_explicit(&shared->publish_kib_ns, memory_order_relaxed);
        lag += cost;
    }
    if (bytes > SL_LARGE_AT_ONCE)
        lag += atomic_load_explicit(&shared->publish_large_ns, memory_order_relaxed);
    return (2 * lag + lists * cost) / SL_NS_PER_MS + 1;
}

/* The end of the last token without the change, at any instance. One that is signed now may lack it, and
 * another instance may sign one until it has heard of the change. */
static int64_t end_without(const struct sl_shared *shared, const struct sl_list *list, bool under_way,
                           int64_t published_ms)
{
    int64_t end_ms = atomic_load_explicit(&list->latest_exp, memory_order_acquire) * 1000;
    if (shared->alone && !under_way && sl_list_token(list) != NULL)
        return end_ms;
    int64_t next_ms = published_ms + sl_pool_options(list->pool)->list_lifetime_ms;
    return next_ms > end_ms ? next_ms : end_ms;
}

/* The longest of all living instances. False: not known. */
static bool longest_interval(const struct sl_pool_worker *w, const struct sl_pool *p, uint64_t *ret_ms)
{
    uint32_t own_ms = sl_pool_options(p)->update_interval_ms, others_ms = 0;
    if (!w->shared->alone) {
        uint64_t until_ns = atomic_load_explicit(&p->others_until_ns, memory_order_acquire);
        others_ms = atomic_load_explicit(&p->others_ms, memory_order_relaxed);
        if (sl_mono_ns(sl_loop_clock(w->loop)) >= until_ns)
            return false;
    }
    *ret_ms = own_ms > others_ms ? own_ms : others_ms;
    return true;
}

static int64_t later(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

/* When the last token with a longer ttl cannot be used any more that was given out in this process, and in
 * one before. */
static int64_t kept_until_ms(const struct sl_list *list, unsigned ttls)
{
    return atomic_load_explicit(ttls > 1 ? &list->cached_until_ms : &list->kept_until_ms,
                                memory_order_acquire);
}

static int64_t kept_before_ms(const struct sl_list *list, unsigned ttls)
{
    return atomic_load_explicit(ttls > 1 ? &list->pool->cached_until_ms : &list->pool->kept_until_ms,
                                memory_order_acquire);
}

int64_t sl_visible_by(const struct sl_pool_worker *w, const struct sl_list *list, struct sl_head head,
                      uint32_t lists, unsigned ttls)
{
    const struct sl_pool_options *options = sl_pool_options(list->pool);
    const struct sl_shared *shared = w->shared;
    uint64_t publishing = publishing_ms(shared, list, lists);
    /* Before the token: a publication that begins later loads this version. */
    bool under_way = atomic_load_explicit(&list->under_way, memory_order_acquire);
    const struct sl_token *token = sl_list_token(list);
    uint64_t interval_ms;
    if (publishing == 0 || atomic_load_explicit(&list->withheld, memory_order_acquire) ||
        !longest_interval(w, list->pool, &interval_ms))
        return 0;
    uint64_t ttl_ms = options->ttl_ms;
    if (token != NULL && token->ttl * UINT64_C(1000) > ttl_ms)
        ttl_ms = token->ttl * UINT64_C(1000);
    int64_t now_ms = sl_wall_ms(sl_loop_clock(w->loop));
    bool everywhere = shared->alone && token != NULL && sl_token_covers(token, head);
    uint64_t wait_ms = TURN_MS;
    if (!everywhere)
        wait_ms += SL_SWEEP_NS / SL_NS_PER_MS + interval_ms + publishing;
    int64_t at_ms = later(now_ms + (int64_t)(wait_ms + ttl_ms * ttls), kept_until_ms(list, ttls) + TURN_MS);
    int64_t end_ms = everywhere ? at_ms : end_without(shared, list, under_way, now_ms + (int64_t)publishing);
    at_ms = later(end_ms < at_ms ? end_ms : at_ms, kept_before_ms(list, ttls));
    return (at_ms + 999) / 1000;
}

bool sl_is_published(const struct sl_list *list, struct sl_head head)
{
    const struct sl_token *token = sl_list_token(list);
    return token != NULL && sl_token_covers(token, head) &&
           !atomic_load_explicit(&list->withheld, memory_order_acquire);
}

/* ---- waiting for it */

struct sl_follower {
    struct sl_pool_worker *worker;
    struct sl_list *list;
    struct sl_head head;
    sl_follow_cb *done;
    void *arg;
    struct sl_timer deadline;
    uint64_t deadline_ns;
    struct sl_follower *next, **link; /* of the same list */
};

static void finish_follow(struct sl_follower *f, bool published)
{
    sl_follow_cb *done = f->done;
    void *arg = f->arg;
    sl_follow_cancel(f);
    done(arg, published);
}

/* Turn messages announce tokens that were replaced, but not the first token of a list: for that one, look
 * every LOOK_NS. */
static void arm_deadline(struct sl_follower *f)
{
    uint64_t now = sl_mono_ns(sl_loop_clock(f->worker->loop));
    uint64_t left = f->deadline_ns > now ? f->deadline_ns - now : 0;
    bool at_once = sl_is_published(f->list, f->head) || f->worker->draining;
    if (sl_list_token(f->list) == NULL && left > LOOK_NS)
        left = LOOK_NS;
    sl_timer_start(f->worker->loop, &f->deadline, at_once ? 0 : left);
}

static void on_follow_deadline(void *arg)
{
    struct sl_follower *f = arg;
    bool published = sl_is_published(f->list, f->head);
    if (published || f->worker->draining || sl_mono_ns(sl_loop_clock(f->worker->loop)) >= f->deadline_ns)
        finish_follow(f, published);
    else
        arm_deadline(f);
}

static struct sl_follower **followers_of(struct sl_pool_worker *w, uint32_t list)
{
    if (list >= w->followers_cap) {
        uint32_t cap = w->followers_cap ? w->followers_cap : 64;
        while (cap <= list)
            cap *= 2;
        struct sl_follower **old = w->followers;
        w->followers = sl_xcalloc(cap, sizeof(struct sl_follower *));
        for (uint32_t i = 0; i < w->followers_cap; i++) {
            w->followers[i] = old[i];
            if (old[i] != NULL)
                old[i]->link = &w->followers[i];
        }
        free(old);
        w->followers_cap = cap;
    }
    return &w->followers[list];
}

struct sl_follower *sl_follow(struct sl_pool_worker *w, struct sl_list *list, struct sl_head head,
                              uint64_t wait_ns, sl_follow_cb *done, void *arg)
{
    struct sl_follower **first = followers_of(w, list->number), *f = sl_xcalloc(1, sizeof *f);
    *f = (struct sl_follower){
        .worker = w, .list = list, .head = head, .done = done, .arg = arg, .next = *first, .link = first};
    f->deadline_ns = sl_mono_ns(sl_loop_clock(w->loop)) + wait_ns;
    if (*first != NULL)
        (*first)->link = &f->next;
    *first = f;
    sl_timer_init(&f->deadline, on_follow_deadline, f);
    arm_deadline(f);
    return f;
}

void sl_follow_cancel(void *follower)
{
    struct sl_follower *f = follower;
    sl_timer_stop(f->worker->loop, &f->deadline);
    *f->link = f->next;
    if (f->next != NULL)
        f->next->link = f->link;
    free(f);
}

/* Takes the followers off the list before it calls them: `done` may follow the same list again. */
void sl_followers_look(struct sl_pool_worker *w, uint32_t list)
{
    if (list >= w->followers_cap)
        return;
    struct sl_follower *reached = NULL, **end = &reached;
    for (struct sl_follower **link = &w->followers[list]; *link != NULL;) {
        struct sl_follower *f = *link;
        if (!sl_is_published(f->list, f->head)) {
            link = &f->next;
            continue;
        }
        *link = f->next;
        if (f->next != NULL)
            f->next->link = link;
        f->next = NULL;
        f->link = end;
        *end = f;
        end = &f->next;
    }
    while (reached != NULL) {
        reached->link = &reached;
        finish_follow(reached, true);
    }
}

void sl_followers_drain(struct sl_pool_worker *w)
{
    for (uint32_t i = 0; i < w->followers_cap; i++)
        while (w->followers[i] != NULL)
            finish_follow(w->followers[i], sl_is_published(w->followers[i]->list, w->followers[i]->head));
}

void sl_followers_free(struct sl_pool_worker *w)
{
    free(w->followers);
    w->followers = NULL;
    w->followers_cap = 0;
}
