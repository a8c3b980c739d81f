#include "worker/keyed.h"

#include <stdlib.h>

#include "base/assert.h"
#include "pool/metrics.h"
#include "worker/connection.h"
#include "worker/reserve.h"

struct sl_keyed {
    struct sl_pool_worker *worker;
    struct sl_pool *pool;
    struct sl_record_key key;
    sl_keyed_cb *done; /* NULL: cancelled */
    void *arg;
    struct sl_reservation *reservation; /* waiting with the keeper */
    struct sl_hold hold;                /* worker/connection.h: the present step was not sent yet */
    bool released, tried;               /* tried: Redis refused it once, for its history */
    struct sl_lineage sent;
    struct sl_buf answer;
    uint32_t forgotten; /* sl_pool.forgotten before the references were taken */
    uint32_t amount;    /* 0: it only looks */
    uint64_t slots[];
};

void sl_count_keyed(struct sl_pool_worker *w, const struct sl_pool *p, enum sl_err err, bool repeated)
{
    enum sl_keyed_result result = SL_KEYED_FAILED;
    if (err == SL_OK)
        result = repeated ? SL_KEYED_REPEATED : SL_KEYED_FIRST;
    else if (err == SL_ERR_IDEMPOTENCY_KEY_REUSED)
        result = SL_KEYED_REUSED;
    else if (err == SL_ERR_OUTCOME_UNKNOWN)
        result = SL_KEYED_UNKNOWN;
    sl_metric_add_label(w->metrics[p->number], SL_PW_KEYED, result, 1);
}

/* ---- the answer as bytes: per run uint16 length of the URI, the URI, uint32 count, uint32 indices */

static void put_le(struct sl_buf *b, uint32_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        sl_buf_putc(b, (char)(v >> (8 * i)));
}

static uint32_t get_le(const char *at, unsigned bytes)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint32_t)(uint8_t)at[i] << (8 * i);
    return v;
}

static void write_answer(struct sl_keyed *k)
{
    const struct sl_table *table = k->worker->shared->table;
    for (uint32_t at = 0, end; at < k->amount; at = end) {
        uint32_t number = sl_ring_slot_list(k->slots[at]);
        struct sl_span uri = sl_table_at(table, number)->uri;
        for (end = at; end < k->amount && sl_ring_slot_list(k->slots[end]) == number;)
            end++;
        put_le(&k->answer, (uint32_t)uri.len, 2);
        sl_buf_put(&k->answer, uri.at, uri.len);
        put_le(&k->answer, end - at, 4);
        for (uint32_t i = at; i < end; i++)
            put_le(&k->answer, sl_ring_slot_index(k->slots[i]), 4);
    }
}

bool sl_answer_next(struct sl_span *answer, struct sl_answer_run *ret)
{
    if (answer->len < 2)
        return false;
    size_t uri = get_le(answer->at, 2);
    if (answer->len < 2 + uri + 4)
        return false;
    size_t count = get_le(answer->at + 2 + uri, 4), head = 2 + uri + 4;
    if ((answer->len - head) / 4 < count)
        return false;
    *ret = (struct sl_answer_run){sl_span(answer->at + 2, uri), (uint32_t)count, answer->at + head};
    *answer = sl_span(answer->at + head + 4 * count, answer->len - head - 4 * count);
    return true;
}

uint32_t sl_answer_index(const struct sl_answer_run *run, uint32_t i)
{
    sl_assert(i < run->count);
    return get_le(run->indices + (size_t)4 * i, 4);
}

/* ---- the steps */

static void finish_keyed(struct sl_keyed *k, enum sl_err err, struct sl_span answer, bool repeated)
{
    if (err != SL_OK || answer.len > 0) /* otherwise a recall has found nothing */
        sl_count_keyed(k->worker, k->pool, err, repeated);
    if (k->done != NULL)
        k->done(k->arg, err, answer);
    sl_buf_free(&k->answer);
    free(k);
}

static void fail_keyed(struct sl_keyed *k, enum sl_err err)
{
    finish_keyed(k, err, sl_span(NULL, 0), false);
}

/* The client has not seen these references, and they are bound to no key. */
static void give_back_references(struct sl_keyed *k)
{
    struct sl_reservation *reservation =
        sl_xcalloc(1, sizeof *reservation + k->amount * sizeof reservation->slots[0]);
    *reservation = (struct sl_reservation){.pool = k->pool, .have = k->amount, .forgotten = k->forgotten};
    memcpy(reservation->slots, k->slots, k->amount * sizeof reservation->slots[0]);
    reservation->mail.kind = SL_MAIL_RETURN;
    sl_mailbox_send(k->worker->shared->keeper, &reservation->mail);
}

static void bind_answer(struct sl_keyed *k);
static void on_bind_released(void *arg);
static void on_recall_released(void *arg);

/* Nothing has happened. True: the present step is sent once more. */
static bool try_again(struct sl_keyed *k, sl_released_cb *on_step_released)
{
    if (k->tried)
        return false;
    k->tried = true;
    k->hold = (struct sl_hold){.on_released = on_step_released, .arg = k};
    k->worker->awaited++;
    sl_hold_refused(k->worker, k->pool, k->sent, &k->hold);
    return true;
}

static void on_bound(void *arg, enum sl_err err, const struct sl_remembered *remembered)
{
    struct sl_keyed *k = arg;
    k->worker->awaited--;
    if (err == SL_OK && remembered->bound) {
        finish_keyed(k, SL_OK, sl_span(k->answer.data, k->answer.len), false);
        return;
    }
    if (err == SL_ERR_HISTORY && try_again(k, on_bind_released))
        return;
    err = err == SL_ERR_HISTORY ? SL_ERR_UNAVAILABLE : err;
    if (err != SL_ERR_OUTCOME_UNKNOWN)
        give_back_references(k);
    if (err == SL_OK && !remembered->other)
        finish_keyed(k, SL_OK, remembered->answer, true);
    else
        fail_keyed(k, err == SL_OK ? SL_ERR_IDEMPOTENCY_KEY_REUSED : err);
}

/* Sends the step, or holds it until the connection leads to the data that the keeper has opened: a record
 * that is bound elsewhere would be lost, and its key give other references. False: neither. */
static bool send_step(struct sl_keyed *k, struct sl_span answer, sl_remembered_cb *done,
                      sl_released_cb *on_step_released)
{
    struct sl_fence fence;
    enum sl_may_write may = sl_may_write(k->worker, k->pool, &fence);
    if (may == SL_MAY_LATER && !k->released) {
        k->hold = (struct sl_hold){.on_released = on_step_released, .arg = k};
        sl_hold(k->worker, k->pool, &k->hold);
    } else if (may != SL_MAY_WRITE || sl_store_remember(k->worker->store, k->pool->name, &fence, &k->key,
                                                        answer, done, k) != SL_OK) {
        return false;
    }
    k->sent = may == SL_MAY_WRITE ? fence.lineage : k->sent;
    k->worker->awaited++;
    return true;
}

static void on_bind_released(void *arg)
{
    struct sl_keyed *k = arg;
    k->worker->awaited--;
    k->released = true;
    bind_answer(k);
}

static void bind_answer(struct sl_keyed *k)
{
    bool over = sl_reserve_forgotten(k->worker, k->pool, k->forgotten);
    if (k->answer.len == 0)
        write_answer(k);
    if (!over && !k->answer.failed &&
        send_step(k, sl_span(k->answer.data, k->answer.len), on_bound, on_bind_released))
        return;
    give_back_references(k);
    fail_keyed(k, SL_ERR_UNAVAILABLE);
}

static void on_reserved(void *arg, enum sl_err err, const uint64_t *slots, uint32_t n)
{
    struct sl_keyed *k = arg;
    k->reservation = NULL;
    if (err != SL_OK) {
        fail_keyed(k, err);
        return;
    }
    sl_assert(n == k->amount);
    memcpy(k->slots, slots, n * sizeof slots[0]);
    k->forgotten =
        atomic_load_explicit(&k->pool->forgotten, memory_order_acquire); /* they were taken since */
    bind_answer(k);
}

static void take_references(struct sl_keyed *k)
{
    k->forgotten = atomic_load_explicit(&k->pool->forgotten, memory_order_acquire);
    if (sl_pool_options(k->pool)->retired) {
        fail_keyed(k, SL_ERR_POOL_RETIRED);
    } else if (k->done == NULL || k->worker->draining) {
        fail_keyed(k, SL_ERR_UNAVAILABLE);
    } else if (sl_reserve_now(k->worker, k->pool, k->amount, k->slots)) {
        bind_answer(k);
    } else if (!sl_reserve_queues(k->pool, k->amount)) {
        sl_reserve_count_underflow(k->worker, k->pool);
        fail_keyed(k, SL_ERR_RATE_LIMIT_REACHED);
    } else {
        k->reservation = sl_reserve_wait(k->worker, k->pool, k->amount, on_reserved, k);
    }
}

static void on_recalled(void *arg, enum sl_err err, const struct sl_remembered *remembered)
{
    struct sl_keyed *k = arg;
    k->worker->awaited--;
    k->released = false;
    if (err == SL_ERR_HISTORY && try_again(k, on_recall_released))
        return;
    if (err != SL_OK) /* also OUTCOME_UNKNOWN: reading changes nothing */
        fail_keyed(k, SL_ERR_UNAVAILABLE);
    else if (remembered->other)
        fail_keyed(k, SL_ERR_IDEMPOTENCY_KEY_REUSED);
    else if (remembered->answer.len > 0 || k->amount == 0)
        finish_keyed(k, SL_OK, remembered->answer, true);
    else
        take_references(k);
}

static void on_recall_released(void *arg)
{
    struct sl_keyed *k = arg;
    k->worker->awaited--;
    k->released = true;
    if (k->done == NULL || !send_step(k, sl_span("", 0), on_recalled, NULL))
        fail_keyed(k, SL_ERR_UNAVAILABLE);
}

struct sl_keyed *sl_keyed_reserve(struct sl_pool_worker *w, struct sl_pool *p,
                                  const struct sl_record_key *key, uint32_t n, sl_keyed_cb *done, void *arg)
{
    struct sl_keyed *k = sl_xcalloc(1, sizeof *k + n * sizeof k->slots[0]);
    *k = (struct sl_keyed){.worker = w, .pool = p, .key = *key, .done = done, .arg = arg, .amount = n};
    sl_buf_init(&k->answer, SIZE_MAX);
    if (!send_step(k, sl_span("", 0), on_recalled, on_recall_released)) {
        sl_buf_free(&k->answer);
        free(k);
        return NULL;
    }
    return k;
}

struct sl_keyed *sl_keyed_recall(struct sl_pool_worker *w, struct sl_pool *p, const struct sl_record_key *key,
                                 sl_keyed_cb *done, void *arg)
{
    return sl_keyed_reserve(w, p, key, 0, done, arg);
}

void sl_keyed_cancel(void *keyed)
{
    struct sl_keyed *k = keyed;
    k->done = NULL;
    if (k->reservation == NULL)
        return; /* the reply from Redis ends it */
    sl_reserve_cancel(k->reservation);
    fail_keyed(k, SL_ERR_UNAVAILABLE);
}
