/* PATCH /status-lists/batch-update. */
#include "http/audit.h"

#include <stdlib.h>

#include "pool/update.h"

struct batch_op {
    struct op op;
    struct claim *claim;
    struct audit audit;
};

static void on_batched(void *arg, enum sl_err err, const struct sl_batch_result *r)
{
    struct batch_op *b = arg;
    struct op *o = &b->op;
    char why[SL_WHY];
    o->waiting = NULL;
    sl_claim_release(b->claim);
    sl_audit_write(&o->call, &b->audit, err);
    if (err == SL_OK) {
        sl_respond_committed(o, r->list, r->versions, r->lists);
    } else if (err == SL_ERR_UNAVAILABLE || err == SL_ERR_OUTCOME_UNKNOWN) {
        sl_respond_error(&o->call, err, sl_explain_update(err));
    } else if (err == SL_ERR_IDEMPOTENCY_KEY_REUSED) {
        sl_respond_error(&o->call, err, "The Idempotency-Key belongs to a batch with another body");
    } else {
        snprintf(why, sizeof why, "statusListReferences[%u]: %s; nothing was changed", r->position,
                 err == SL_ERR_FORBIDDEN      ? "the present status is final"
                 : err == SL_ERR_LIST_RETIRED ? "the list is retired: its statuses change no more"
                                              : sl_err_title(err));
        sl_respond_error(&o->call, err, why);
    }
}

static void cancel_batch(void *waiting)
{
    sl_batch_cancel(waiting);
}

static void batch_gone(struct op *op)
{
    sl_audit_gone(op, &((struct batch_op *)op)->audit);
}

static void start_batch(const struct call *c, const struct sl_identity *who, struct sl_pool *pool,
                        const struct sl_batch_entry *entries, size_t n)
{
    struct sl_record_key key;
    struct claim *claim = NULL;
    enum sl_keyed_request k = sl_claim_key(c, who, sl_entity(c), &key, &claim);
    if (k == SL_KEYED_ANSWERED)
        return;
    struct batch_op *o = (struct batch_op *)sl_call_park(c, sizeof *o);
    o->claim = claim;
    o->audit = sl_audit_batch(c, who, pool, entries, n);
    o->op.cancel = cancel_batch;
    o->op.gone = batch_gone;
    o->op.waiting = c->t->draining ? NULL
                                   : sl_batch_start(c->t->pool, pool, entries, (uint32_t)n,
                                                    k == SL_KEYED_YES ? &key : NULL, on_batched, o);
    if (o->op.waiting == NULL) {
        sl_claim_release(claim);
        sl_respond_error(c, SL_ERR_UNAVAILABLE, "Nothing was changed: the store is not available");
    }
}

/* False: refused and answered. */
static bool batch_entry(const struct call *c, const struct sl_identity *who, const struct sl_update_entry *e,
                        size_t i, const struct sl_pool *pool, struct sl_batch_entry *ret)
{
    struct sl_shared *shared = c->t->http->shared;
    char why[SL_WHY], full[2 * SL_WHY];
    struct sl_list *l = sl_table_find(shared->table, &e->list);
    enum sl_err err = SL_OK;
    if (l == NULL && !atomic_load_explicit(&shared->authoritative, memory_order_acquire)) {
        sl_respond_error(c, SL_ERR_UNAVAILABLE, "Nothing was changed: not all lists are known yet");
        return false;
    }
    if (l == NULL || !sl_is_theirs(who, l, e->uri)) {
        err = SL_ERR_NO_SUCH_REFERENCE;
        snprintf(why, sizeof why, "no such status list");
    } else if (pool != NULL && l->pool != pool) {
        err = SL_ERR_MALFORMED_REQUEST;
        snprintf(why, sizeof why, "all lists of a batch must be of one pool");
    } else {
        err = sl_check_entry(l, e->index, e->value, why);
    }
    if (err != SL_OK) {
        snprintf(full, sizeof full, "statusListReferences[%zu]: %s; nothing was changed", i, why);
        sl_respond_error(c, err, full);
        return false;
    }
    *ret = (struct sl_batch_entry){l, e->index, (uint8_t)e->value};
    return true;
}

void sl_call_batch(struct call *c)
{
    struct sl_identity who;
    struct sl_body *body;
    size_t n;
    if (!sl_read_update(c, true, &who, &body))
        return;
    const struct sl_update_entry *e = sl_body_entries(body, &n);
    struct sl_batch_entry *entries = calloc(n + 1, sizeof *entries);
    if (entries == NULL) {
        sl_respond_error(c, SL_ERR_INTERNAL, NULL);
        sl_body_free(body);
        return;
    }
    size_t i = 0;
    while (i < n && batch_entry(c, &who, &e[i], i, i > 0 ? entries[0].list->pool : NULL, &entries[i]))
        i++;
    if (i == n && n == 0)
        sl_respond_empty(c, 204);
    else if (i == n && sl_audit_may(c) && sl_may_update(c, &who, entries[0].list->pool, (uint32_t)n))
        start_batch(c, &who, entries[0].list->pool, entries, n);
    free(entries);
    sl_body_free(body);
}
