#include "worker/reserve.h"

#include <stdlib.h>

#include "base/assert.h"
#include "pool/metrics.h"

static void ask_refill(struct sl_pool_worker *w, struct sl_pool *p)
{
    if (atomic_load_explicit(&p->refill_wanted, memory_order_relaxed) ||
        atomic_exchange_explicit(&p->refill_wanted, true, memory_order_acq_rel))
        return;
    p->refill_mail.kind = SL_MAIL_REFILL;
    sl_mailbox_send(w->shared->keeper, &p->refill_mail);
}

static bool lease_over(const struct sl_pool_worker *w, const struct sl_pool *p)
{
    return atomic_load_explicit(&p->held_until_ns, memory_order_relaxed) != 0 &&
           sl_pool_lease_over(p, sl_mono_ns(sl_loop_clock(w->loop)));
}

bool sl_reserve_forgotten(const struct sl_pool_worker *w, const struct sl_pool *p, uint32_t forgotten)
{
    return sl_pool_lease_over(p, sl_mono_ns(sl_loop_clock(w->loop))) ||
           atomic_load_explicit(&p->forgotten, memory_order_acquire) != forgotten;
}

bool sl_reserve_now(struct sl_pool_worker *w, struct sl_pool *p, uint32_t n, uint64_t *slots)
{
    const struct sl_pool_options *options = sl_pool_options(p);
    uint64_t left;
    if (n > options->threshold || lease_over(w, p))
        return false;
    /* Under `fail` only amounts over the threshold queue, so a small one overtakes no other. */
    if (options->on_underflow == SL_UNDERFLOW_DELAY &&
        atomic_load_explicit(&p->queued, memory_order_acquire) != 0)
        return false;
    if (!sl_ring_pop(p->ring, n, slots, &left)) {
        ask_refill(w, p);
        return false;
    }
    if (left < options->threshold || left < atomic_load_explicit(&p->ahead, memory_order_relaxed))
        ask_refill(w, p);
    sl_metric_add(w->metrics[p->number], SL_PW_RESERVED, n);
    return true;
}

bool sl_reserve_queues(const struct sl_pool *p, uint32_t n)
{
    return n > sl_pool_options(p)->threshold || sl_pool_options(p)->on_underflow == SL_UNDERFLOW_DELAY;
}

void sl_reserve_count_underflow(struct sl_pool_worker *w, const struct sl_pool *p)
{
    sl_metric_add(w->metrics[p->number], SL_PW_UNDERFLOWS, 1);
}

static void unlink_reservation(struct sl_reservation *r)
{
    if (r->newer != NULL)
        r->newer->older = r->older;
    else
        r->worker->reservations = r->older;
    if (r->older != NULL)
        r->older->newer = r->newer;
}

/* The request no longer waits for the answer; the message is still with the keeper. */
static void detach_reservation(struct sl_reservation *r)
{
    atomic_store_explicit(&r->gone, true, memory_order_relaxed);
    sl_timer_stop(r->worker->loop, &r->deadline);
    unlink_reservation(r);
}

static void fail_reservation(struct sl_reservation *r, enum sl_err err)
{
    detach_reservation(r);
    sl_reserve_count_underflow(r->worker, r->pool);
    r->done(r->arg, err, NULL, 0);
}

static void on_reserve_deadline(void *arg)
{
    struct sl_reservation *r = arg;
    bool fail = sl_pool_options(r->pool)->on_underflow == SL_UNDERFLOW_FAIL;
    fail_reservation(r, fail ? SL_ERR_RATE_LIMIT_REACHED : SL_ERR_UNAVAILABLE);
}

struct sl_reservation *sl_reserve_wait(struct sl_pool_worker *w, struct sl_pool *p, uint32_t n,
                                       sl_reserve_cb *done, void *arg)
{
    struct sl_reservation *r = sl_xcalloc(1, sizeof *r + n * sizeof r->slots[0]);
    *r = (struct sl_reservation){.mail.kind = SL_MAIL_RESERVE,
                                 .reply_to = w->mail,
                                 .pool = p,
                                 .amount = n,
                                 .worker = w,
                                 .done = done,
                                 .arg = arg};
    sl_timer_init(&r->deadline, on_reserve_deadline, r);
    sl_timer_start(w->loop, &r->deadline, sl_pool_options(p)->underflow_timeout_ms * SL_NS_PER_MS);
    r->older = w->reservations;
    if (r->older != NULL)
        r->older->newer = r;
    w->reservations = r;
    w->awaited++;
    sl_metric_add(w->metrics[p->number], SL_PW_RESERVE_WAITS, 1);
    atomic_fetch_add_explicit(&p->queued, 1, memory_order_acq_rel);
    sl_mailbox_send(w->shared->keeper, &r->mail);
    return r;
}

void sl_reserve_cancel(void *reservation)
{
    detach_reservation(reservation);
}

void sl_reserve_answered(struct sl_pool_worker *w, struct sl_reservation *r)
{
    w->awaited--;
    if (atomic_load_explicit(&r->gone, memory_order_relaxed)) {
        if (r->have > 0) { /* the references go back; the keeper frees the message */
            r->mail.kind = SL_MAIL_RETURN;
            sl_mailbox_send(w->shared->keeper, &r->mail);
        } else {
            free(r);
        }
        return;
    }
    detach_reservation(r);
    if (r->err == SL_OK && sl_reserve_forgotten(w, r->pool, r->forgotten)) {
        r->err = SL_ERR_UNAVAILABLE;
        r->have = 0;
    }
    if (r->err == SL_OK)
        sl_metric_add(w->metrics[r->pool->number], SL_PW_RESERVED, r->have);
    r->done(r->arg, r->err, r->slots, r->have);
    free(r);
}

void sl_reservations_drain(struct sl_pool_worker *w)
{
    while (w->reservations != NULL)
        fail_reservation(w->reservations, SL_ERR_UNAVAILABLE);
}
