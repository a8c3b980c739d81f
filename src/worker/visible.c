#include "worker/visible.h"

#include <stdlib.h>

#include "base/assert.h"

#define LOOK_NS (50 * SL_NS_PER_MS)

int64_t sl_visible_by(const struct sl_pool_worker *w, const struct sl_list *list, uint64_t version,
                      uint32_t lists, unsigned ttls)
{
    const struct sl_pool_options *options = sl_pool_options(list->pool);
    uint64_t lag = atomic_load_explicit(&w->shared->publish_lag_ns, memory_order_relaxed);
    uint64_t cost = atomic_load_explicit(&w->shared->publish_cost_ns, memory_order_relaxed);
    /* Before the token: a publication that begins later loads this version. */
    bool under_way = atomic_load_explicit(&list->under_way, memory_order_acquire);
    const struct sl_token *token = sl_list_token(list);
    if (lag == 0 || atomic_load_explicit(&list->withheld, memory_order_acquire))
        return 0;
    uint64_t ttl_ms = options->ttl_ms;
    if (token != NULL && token->ttl * UINT64_C(1000) > ttl_ms)
        ttl_ms = token->ttl * UINT64_C(1000);
    uint64_t now_ms = (uint64_t)sl_wall_ms(sl_loop_clock(w->loop)), at_ms = now_ms + ttl_ms * ttls;
    bool there = token != NULL && token->version >= version;
    if (!there)
        at_ms += options->update_interval_ms + (2 * lag + lists * cost + SL_SWEEP_NS) / SL_NS_PER_MS;
    int64_t at = (int64_t)((at_ms + 999) / 1000),
            exp = atomic_load_explicit(&list->latest_exp, memory_order_acquire);
    return !there && token != NULL && !under_way && exp < at ? exp : at;
}

bool sl_is_published(const struct sl_list *list, uint64_t version)
{
    const struct sl_token *token = sl_list_token(list);
    return token != NULL && token->version >= version &&
           !atomic_load_explicit(&list->withheld, memory_order_acquire);
}

/* ---- waiting for it */

struct sl_follower {
    struct sl_pool_worker *worker;
    struct sl_list *list;
    uint64_t version;
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
    bool at_once = sl_is_published(f->list, f->version) || f->worker->draining;
    if (sl_list_token(f->list) == NULL && left > LOOK_NS)
        left = LOOK_NS;
    sl_timer_start(f->worker->loop, &f->deadline, at_once ? 0 : left);
}

static void on_follow_deadline(void *arg)
{
    struct sl_follower *f = arg;
    bool published = sl_is_published(f->list, f->version);
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

struct sl_follower *sl_follow(struct sl_pool_worker *w, struct sl_list *list, uint64_t version,
                              uint64_t wait_ns, sl_follow_cb *done, void *arg)
{
    struct sl_follower **first = followers_of(w, list->number), *f = sl_xcalloc(1, sizeof *f);
    *f = (struct sl_follower){.worker = w,
                              .list = list,
                              .version = version,
                              .done = done,
                              .arg = arg,
                              .next = *first,
                              .link = first};
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
        if (!sl_is_published(f->list, f->version)) {
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
            finish_follow(w->followers[i], sl_is_published(w->followers[i]->list, w->followers[i]->version));
}

void sl_followers_free(struct sl_pool_worker *w)
{
    free(w->followers);
    w->followers = NULL;
    w->followers_cap = 0;
}
