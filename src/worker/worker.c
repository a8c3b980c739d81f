#include "worker/worker.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/container_of.h"
#include "pool/metrics.h"
#include "worker/connection.h"
#include "worker/reserve.h"
#include "worker/update.h"
#include "worker/visible.h"
#include "worker/wait.h"

void sl_pool_worker_metrics(struct sl_pool_worker *w, const struct sl_shared *shared)
{
    w->metrics = sl_xcalloc(shared->pool_count, sizeof *w->metrics);
    for (unsigned i = 0; i < shared->pool_count; i++) {
        char labels[128];
        snprintf(labels, sizeof labels, "pool=\"%s\"", shared->pools[i].name);
        w->metrics[i] = sl_metric_slab_new(&sl_pool_worker_metric_table, labels);
    }
}

void sl_pool_worker_init(struct sl_pool_worker *w, struct sl_loop *loop, struct sl_mailbox *mail,
                         struct sl_shared *shared)
{
    w->loop = loop;
    w->mail = mail;
    w->shared = shared;
    w->gathers = sl_gathers_new(w);
    w->doubts = sl_doubts_new(w);
}

void sl_pool_worker_on_replaced(struct sl_pool_worker *w, sl_replaced_cb *on_replaced, void *arg)
{
    w->on_replaced = on_replaced;
    w->arg = arg;
}

void sl_pool_worker_count_limited(struct sl_pool_worker *w, const struct sl_pool *pool, unsigned limit)
{
    sl_metric_add_label(w->metrics[pool->number], SL_PW_LIMITED, limit, 1);
}

static void answer_turn(struct sl_pool_worker *w, struct sl_turn_mail *turn)
{
    if (w->on_replaced != NULL)
        for (size_t i = 0; i < turn->count; i++)
            w->on_replaced(w->arg, turn->lists[i]);
    for (size_t i = 0; i < turn->count; i++)
        sl_followers_look(w, turn->lists[i]);
    sl_mailbox_send(turn->reply_to, &turn->mail);
}

void sl_pool_worker_mail(struct sl_pool_worker *w, struct sl_mail *mail)
{
    switch ((enum sl_pool_mail)mail->kind) {
    case SL_MAIL_RESERVE:
        sl_reserve_answered(w, sl_container_of(mail, struct sl_reservation, mail));
        return;
    case SL_MAIL_COLD:
        sl_wait_answered(w, sl_container_of(mail, struct sl_cold_mail, mail));
        return;
    case SL_MAIL_LOOKUP:
        sl_lookup_answered(w, sl_container_of(mail, struct sl_lookup_mail, mail));
        return;
    case SL_MAIL_REOPEN:
        sl_doubt_answered(w, sl_container_of(mail, struct sl_reopen_mail, mail));
        return;
    case SL_MAIL_TURN:
        answer_turn(w, sl_container_of(mail, struct sl_turn_mail, mail));
        return;
    case SL_MAIL_REFILL:
    case SL_MAIL_RETURN:
    case SL_MAIL_CHANGED:
        break;
    }
    sl_assert(!"mail that is not for a worker");
}

const char *sl_pool_worker_unfit(const struct sl_pool_worker *w)
{
    return w->store != NULL ? sl_store_unfit(w->store) : NULL;
}

void sl_pool_worker_drain(struct sl_pool_worker *w)
{
    w->draining = true;
    sl_reservations_drain(w);
    sl_waits_drain(w);
    sl_followers_drain(w);
    sl_gathers_flush(w);
}

bool sl_pool_worker_idle(const struct sl_pool_worker *w)
{
    return w->awaited == 0 && sl_gathers_idle(w);
}

void sl_pool_worker_stop(struct sl_pool_worker *w)
{
    w->store = NULL;
    w->on_replaced = NULL;
    sl_doubts_stop(w);
    sl_gathers_stop(w);
}

void sl_pool_worker_free(struct sl_pool_worker *w)
{
    sl_gathers_free(w);
    sl_doubts_free(w);
    sl_waits_free(w);
    sl_followers_free(w);
    free(w->metrics);
}
