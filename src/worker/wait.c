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

static void finish_wait(struct sl_waiter *waiting, enum sl_err err)
{
    sl_wait_cb *done = waiting->done;
    void *arg = waiting->arg;
    sl_wait_cancel(waiting);
    done(arg, err);
}

static void on_wait_deadline(void *arg)
{
    finish_wait(arg, SL_ERR_UNAVAILABLE);
}

static struct sl_parked *parked_for(struct sl_pool_worker *w, struct sl_list *list)
{
    w->parked = sl_by_number(w->parked, &w->parked_cap, list->number, sizeof(struct sl_parked *));
    struct sl_parked *parked = w->parked[list->number];
    if (parked == NULL) {
        parked = w->parked[list->number] = sl_xcalloc(1, sizeof *parked);
        parked->mail =
            (struct sl_cold_mail){.mail.kind = SL_MAIL_COLD, .reply_to = w->mail, .list = list->number};
        w->awaited++;
        sl_mailbox_send(w->shared->keeper, &parked->mail.mail);
    }
    return parked;
}

struct sl_waiter *sl_wait_token(struct sl_pool_worker *w, struct sl_list *list, sl_wait_cb *done, void *arg)
{
    struct sl_parked *parked = parked_for(w, list);
    struct sl_waiter *waiting = sl_xcalloc(1, sizeof *waiting);
    *waiting = (struct sl_waiter){.worker = w,
                                  .parked = parked,
                                  .done = done,
                                  .arg = arg,
                                  .next = parked->first,
                                  .link = &parked->first};
    if (parked->first != NULL)
        parked->first->link = &waiting->next;
    parked->first = waiting;
    sl_timer_init(&waiting->deadline, on_wait_deadline, waiting);
    sl_timer_start(w->loop, &waiting->deadline, SL_COLD_WAIT_MS * SL_NS_PER_MS);
    return waiting;
}

void sl_wait_cancel(void *waiter)
{
    struct sl_waiter *waiting = waiter;
    sl_timer_stop(waiting->worker->loop, &waiting->deadline);
    *waiting->link = waiting->next;
    if (waiting->next != NULL)
        waiting->next->link = waiting->link;
    free(waiting);
}

void sl_wait_answered(struct sl_pool_worker *w, struct sl_cold_mail *mail)
{
    struct sl_parked *parked = sl_container_of(mail, struct sl_parked, mail);
    w->awaited--;
    w->parked[mail->list] = NULL;
    while (parked->first != NULL)
        finish_wait(parked->first, mail->err);
    free(parked);
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
    struct sl_lookup *question = sl_xcalloc(1, sizeof *question);
    *question =
        (struct sl_lookup){.worker = w, .done = done, .arg = arg, .next = w->lookups, .link = &w->lookups};
    question->mail = (struct sl_lookup_mail){.mail.kind = SL_MAIL_LOOKUP, .reply_to = w->mail, .id = *id};
    if (w->lookups != NULL)
        w->lookups->link = &question->next;
    w->lookups = question;
    w->awaited++;
    sl_mailbox_send(w->shared->keeper, &question->mail.mail);
    return question;
}

void sl_lookup_cancel(void *lookup)
{
    struct sl_lookup *question = lookup;
    question->done = NULL;
}

void sl_lookup_answered(struct sl_pool_worker *w, struct sl_lookup_mail *mail)
{
    struct sl_lookup *question = sl_container_of(mail, struct sl_lookup, mail);
    w->awaited--;
    *question->link = question->next;
    if (question->next != NULL)
        question->next->link = question->link;
    if (question->done != NULL)
        question->done(question->arg, mail->err, mail->list);
    free(question);
}

void sl_waits_drain(struct sl_pool_worker *w)
{
    for (uint32_t i = 0; i < w->parked_cap; i++)
        while (w->parked[i] != NULL && w->parked[i]->first != NULL)
            finish_wait(w->parked[i]->first, SL_ERR_UNAVAILABLE);
    for (struct sl_lookup *question = w->lookups; question != NULL; question = question->next) {
        sl_lookup_cb *done = question->done;
        question->done = NULL;
        if (done != NULL)
            done(question->arg, SL_ERR_UNAVAILABLE, NULL);
    }
}

void sl_waits_free(struct sl_pool_worker *w)
{
    free(w->parked);
    w->parked = NULL;
    w->parked_cap = 0;
}
