/* Three things can be wrong with a connection that is up. There is no history: the pool is being opened. The
 * server is the history's and its replication id is another one: the connection is older than the history, or
 * the history than the server's data; INFO tells which. The server is another one: one of two that call
 * themselves primary; the keeper is asked to look, and a connection that stays apart is dialled anew. */
#include "worker/connection.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/container_of.h"
#include "base/log.h"
#include "pool/metrics.h"

#define LOOK_NS (500 * SL_NS_PER_MS) /* the worker looks by itself, also when nobody writes */
/* A connection that leads elsewhere for so many looks is dialled anew; twice as many each time. */
#define PATIENCE 3
#define PATIENCE_MAX 48
#define ASK_AGAIN_NS (200 * SL_NS_PER_MS) /* of a server that was apart at the last answer */

/* Of one pool. */
struct sl_pool_doubt {
    struct sl_reopen_mail mail;
    bool asked; /* the mail is with the keeper */
    bool told;  /* it has come back since the first request was held */
    bool apart; /* and then this connection led to another server */
    uint64_t told_ns;
    struct sl_hold *first, **end;
};

enum standing { SAME, NO_HISTORY, OLDER, ELSEWHERE };

static enum standing standing_of(const struct sl_pool_worker *w, const struct sl_history *h)
{
    const struct sl_store_server *server = sl_store_server(w->store);
    if (h == NULL)
        return NO_HISTORY;
    if (sl_history_is_of(h, server->run_id, server->replid))
        return SAME;
    return sl_history_is_of(h, server->run_id, h->replid) ? OLDER : ELSEWHERE;
}

static bool is_up(const struct sl_pool_worker *w)
{
    return w->store != NULL && sl_store_state(w->store) == SL_STORE_UP;
}

static uint64_t now_ns(const struct sl_pool_worker *w)
{
    return sl_mono_ns(sl_loop_clock(w->loop));
}

enum sl_may_write sl_may_write(struct sl_pool_worker *w, struct sl_pool *p, struct sl_fence *ret_fence)
{
    const struct sl_pool_doubt *d = &w->doubts[p->number];
    struct sl_history *h = sl_pool_history(p);
    if (!is_up(w))
        return SL_MAY_NOT;
    switch (standing_of(w, h)) {
    case SAME:
        *ret_fence = (struct sl_fence){.lineage = h->lineage,
                                       .least = atomic_load_explicit(&h->least, memory_order_relaxed),
                                       .marks = now_ns(w) < h->marks_until_ns};
        return SL_MAY_WRITE;
    case ELSEWHERE:
        return d->apart && now_ns(w) - d->told_ns < ASK_AGAIN_NS ? SL_MAY_NOT : SL_MAY_LATER;
    case NO_HISTORY:
    case OLDER:
        break;
    }
    return SL_MAY_LATER;
}

/* ---- settling it */

static void release_all(struct sl_pool_doubt *d)
{
    struct sl_hold *hold = d->first;
    d->first = NULL;
    d->end = &d->first;
    d->told = false;
    while (hold != NULL) {
        struct sl_hold *next = hold->next;
        hold->on_released(hold->arg);
        hold = next;
    }
}

static void ask_keeper(struct sl_pool_worker *w, struct sl_pool_doubt *d, struct sl_lineage refused,
                       bool elsewhere)
{
    if (d->asked)
        return;
    d->asked = true;
    d->mail.mail.kind = SL_MAIL_REOPEN;
    d->mail.reply_to = w->mail;
    d->mail.pool = (unsigned)(d - w->doubts);
    d->mail.refused = refused;
    d->mail.elsewhere = elsewhere;
    w->awaited++;
    sl_mailbox_send(w->shared->keeper, &d->mail.mail);
}

static void ask_keeper_of(struct sl_pool_worker *w, struct sl_pool *p)
{
    const struct sl_history *h = sl_pool_history(p);
    ask_keeper(w, &w->doubts[p->number], h != NULL ? h->lineage : (struct sl_lineage){0},
               standing_of(w, h) == ELSEWHERE);
}

/* Redis has said who it is. What is still not the same is a matter for the keeper, once. */
static void on_server(void *arg)
{
    struct sl_pool_worker *w = arg;
    w->asking_server = false;
    for (unsigned i = 0; i < w->shared->pool_count; i++) {
        struct sl_pool_doubt *d = &w->doubts[i];
        if (d->asked || d->first == NULL)
            continue;
        if (!d->told && standing_of(w, sl_pool_history(&w->shared->pools[i])) != SAME)
            ask_keeper_of(w, &w->shared->pools[i]);
        else
            release_all(d);
    }
}

static void settle(struct sl_pool_worker *w, struct sl_pool *p)
{
    if (standing_of(w, sl_pool_history(p)) != OLDER) {
        ask_keeper_of(w, p);
    } else if (!w->asking_server) {
        w->asking_server = true;
        sl_store_ask_server(w->store, on_server, w);
    }
}

/* The history may be newer than the connection now: then Redis is asked who it is before the requests go. */
void sl_doubt_answered(struct sl_pool_worker *w, struct sl_reopen_mail *mail)
{
    struct sl_pool_doubt *d = sl_container_of(mail, struct sl_pool_doubt, mail);
    struct sl_pool *p = &w->shared->pools[mail->pool];
    enum standing standing = is_up(w) ? standing_of(w, sl_pool_history(p)) : NO_HISTORY;
    w->awaited--;
    d->asked = false;
    d->apart = standing == ELSEWHERE;
    d->told_ns = now_ns(w);
    if (standing == OLDER && d->first != NULL && !d->told) {
        d->told = true;
        settle(w, p);
    } else {
        release_all(d);
    }
}

static void add_hold(struct sl_pool_doubt *d, struct sl_hold *hold)
{
    hold->next = NULL;
    *d->end = hold;
    d->end = &hold->next;
}

void sl_hold(struct sl_pool_worker *w, struct sl_pool *p, struct sl_hold *hold)
{
    add_hold(&w->doubts[p->number], hold);
    settle(w, p);
}

void sl_hold_refused(struct sl_pool_worker *w, struct sl_pool *p, struct sl_lineage sent,
                     struct sl_hold *hold)
{
    sl_metric_add(w->metrics[p->number], SL_PW_HISTORY_REFUSALS, 1);
    add_hold(&w->doubts[p->number], hold);
    ask_keeper(w, &w->doubts[p->number], sent, false);
}

/* ---- looking by itself */

static enum standing worst_standing(const struct sl_pool_worker *w, struct sl_pool **ret_pool)
{
    enum standing worst = SAME;
    for (unsigned i = 0; i < w->shared->pool_count; i++) {
        struct sl_pool *p = &w->shared->pools[i];
        const struct sl_history *h = sl_pool_history(p);
        enum standing standing = h != NULL ? standing_of(w, h) : SAME; /* the keeper tells of those itself */
        if (standing > worst) {
            worst = standing;
            *ret_pool = p;
        }
    }
    return worst;
}

static void note_down(struct sl_pool_worker *w, bool down)
{
    if (down == w->down)
        return;
    w->down = down;
    if (down)
        atomic_fetch_add_explicit(&w->shared->workers_down, 1, memory_order_relaxed);
    else
        atomic_fetch_sub_explicit(&w->shared->workers_down, 1, memory_order_relaxed);
}

/* It was dialled anew, or is about to be; until it leads where the keeper's does. */
static void note_apart(struct sl_pool_worker *w, bool apart)
{
    if (apart == w->apart)
        return;
    w->apart = apart;
    if (apart)
        atomic_fetch_add_explicit(&w->shared->workers_apart, 1, memory_order_relaxed);
    else
        atomic_fetch_sub_explicit(&w->shared->workers_apart, 1, memory_order_relaxed);
}

/* It stays with the other server after it was dialled anew: each time it is left alone for longer. */
static void look_elsewhere(struct sl_pool_worker *w, struct sl_pool *p)
{
    if (++w->looks_apart < w->patience)
        return;
    w->looks_apart = 0;
    w->patience = w->patience < PATIENCE_MAX ? 2 * w->patience : PATIENCE_MAX;
    note_apart(w, true);
    sl_log(SL_WARN, "redis", "a worker's connection leads to another server than the keeper's: dialling anew",
           SL_KS("pool", p->name), SL_KS("server", sl_store_server(w->store)->run_id));
    sl_store_redial(w->store, "the keeper's connection leads to another server");
}

static void on_look(void *arg)
{
    struct sl_pool_worker *w = arg;
    struct sl_pool *p = NULL;
    enum standing worst = is_up(w) ? worst_standing(w, &p) : SAME;
    sl_timer_start(w->loop, &w->look, LOOK_NS);
    note_down(w, !is_up(w) || worst != SAME);
    if (worst == ELSEWHERE) {
        look_elsewhere(w, p);
        return;
    }
    w->looks_apart = 0;
    if (worst == OLDER)
        settle(w, p);
    else if (is_up(w))
        w->patience = PATIENCE;
    if (is_up(w))
        note_apart(w, false);
}

void sl_pool_worker_connection(struct sl_pool_worker *w, bool up)
{
    struct sl_pool *p = NULL;
    w->looks_apart = 0;
    note_down(w, !up || worst_standing(w, &p) != SAME);
    if (up)
        return;
    w->asking_server = false;
    for (unsigned i = 0; i < w->shared->pool_count; i++)
        release_all(&w->doubts[i]);
}

/* ---- life */

struct sl_pool_doubt *sl_doubts_new(struct sl_pool_worker *w)
{
    struct sl_pool_doubt *all = sl_xcalloc(w->shared->pool_count, sizeof *all);
    for (unsigned i = 0; i < w->shared->pool_count; i++)
        all[i].end = &all[i].first;
    w->patience = PATIENCE;
    sl_timer_init(&w->look, on_look, w);
    sl_timer_start(w->loop, &w->look, LOOK_NS);
    return all;
}

void sl_doubts_stop(struct sl_pool_worker *w)
{
    sl_timer_stop(w->loop, &w->look);
    for (unsigned i = 0; i < w->shared->pool_count; i++)
        release_all(&w->doubts[i]);
}

void sl_doubts_free(struct sl_pool_worker *w)
{
    free(w->doubts);
    w->doubts = NULL;
}
