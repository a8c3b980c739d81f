#include "worker/wait.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/by_number.h"
#include "base/container_of.h"

struct sl_waiter {
    struct sl_pool_worker *worker;
    struct sl_parked *parked;
    sl_wait_cb *done;
    void *arg;
    struct sl_timer deadline;
    struct sl_waiter *next, **link;
};

/* The requests of this worker that wait for one list. */
struct sl_parked {
    struct sl_cold_mail mail;
    struct sl_waiter *first;
};

static void finish_wait(struct sl_waiter *x, enum sl_err err)
{
    sl_wait_cb *done = x->done;
    void *arg = x->arg;
    sl_wait_cancel(x);
    done(arg, err);
}

static void on_wait_deadline(void *arg)
{
    finish_wait(arg, SL_ERR_UNAVAILABLE);
}

static struct sl_parked *parked_for(struct sl_pool_worker *w, struct sl_list *l)
{
    w->parked = sl_by_number(w->parked, &w->parked_cap, l->number, sizeof(struct sl_parked *));
    struct sl_parked *p = w->parked[l->number];
    if (p == NULL) {
        p = w->parked[l->number] = sl_xcalloc(1, sizeof *p);
        p->mail = (struct sl_cold_mail){.mail.kind = SL_MAIL_COLD, .reply_to = w->mail, .list = l->number};
        w->awaited++;
        sl_mailbox_send(w->shared->keeper, &p->mail.mail);
    }
    return p;
}

struct sl_waiter *sl_wait_token(struct sl_pool_worker *w, struct sl_list *l, sl_wait_cb *done, void *arg)
{
    struct sl_parked *p = parked_for(w, l);
    struct sl_waiter *x = sl_xcalloc(1, sizeof *x);
    *x = (struct sl_waiter){
        .worker = w, .parked = p, .done = done, .arg = arg, .next = p->first, .link = &p->first};
    if (p->first != NULL)
        p->first->link = &x->next;
    p->first = x;
    sl_timer_init(&x->deadline, on_wait_deadline, x);
    sl_timer_start(w->loop, &x->deadline, SL_COLD_WAIT_MS * SL_NS_PER_MS);
    return x;
}

void sl_wait_cancel(void *waiter)
{
    struct sl_waiter *x = waiter;
    sl_timer_stop(x->worker->loop, &x->deadline);
    *x->link = x->next;
    if (x->next != NULL)
        x->next->link = x->link;
    free(x);
}

void sl_wait_answered(struct sl_pool_worker *w, struct sl_cold_mail *m)
{
    struct sl_parked *p = sl_container_of(m, struct sl_parked, mail);
    w->awaited--;
    w->parked[m->list] = NULL;
    while (p->first != NULL)
        finish_wait(p->first, m->err);
    free(p);
}

/* ---- unknown ids */

struct sl_lookup {
    struct sl_lookup_mail mail;
    struct sl_pool_worker *worker;
    sl_lookup_cb *done; /* NULL: cancelled */
    void *arg;
    struct sl_lookup *next, **link;
};

struct sl_lookup *sl_lookup_start(struct sl_pool_worker *w, const struct sl_uuid *id, sl_lookup_cb *done,
                                  void *arg)
{
    struct sl_lookup *x = sl_xcalloc(1, sizeof *x);
    *x = (struct sl_lookup){.worker = w, .done = done, .arg = arg, .next = w->lookups, .link = &w->lookups};
    x->mail = (struct sl_lookup_mail){.mail.kind = SL_MAIL_LOOKUP, .reply_to = w->mail, .id = *id};
    if (w->lookups != NULL)
        w->lookups->link = &x->next;
    w->lookups = x;
    w->awaited++;
    sl_mailbox_send(w->shared->keeper, &x->mail.mail);
    return x;
}

void sl_lookup_cancel(void *lookup)
{
    struct sl_lookup *x = lookup;
    x->done = NULL;
}

void sl_lookup_answered(struct sl_pool_worker *w, struct sl_lookup_mail *m)
{
    struct sl_lookup *x = sl_container_of(m, struct sl_lookup, mail);
    w->awaited--;
    *x->link = x->next;
    if (x->next != NULL)
        x->next->link = x->link;
    if (x->done != NULL)
        x->done(x->arg, m->err, m->list);
    free(x);
}

void sl_waits_drain(struct sl_pool_worker *w)
{
    for (uint32_t i = 0; i < w->parked_cap; i++)
        while (w->parked[i] != NULL && w->parked[i]->first != NULL)
            finish_wait(w->parked[i]->first, SL_ERR_UNAVAILABLE);
    for (struct sl_lookup *x = w->lookups; x != NULL; x = x->next) {
        sl_lookup_cb *done = x->done;
        x->done = NULL;
        if (done != NULL)
            done(x->arg, SL_ERR_UNAVAILABLE, NULL);
    }
}

void sl_waits_free(struct sl_pool_worker *w)
{
    free(w->parked);
    w->parked = NULL;
    w->parked_cap = 0;
}
