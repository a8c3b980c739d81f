/* PATCH /status-lists/batch-update: many statuses of one pool, all or none. Redis looks for the answer that
 * an Idempotency-Key has before it looks at anything else. A batch that names a list which nobody knows any
 * more never comes so far, so the answer is looked for here. */
#include <stdlib.h>

#include "http/admit.h"
#include "http/call_update.h"
#include "http/committed.h"
#include "http/idempotency.h"
#include "http/pending.h"
#include "http/respond.h"
#include "http/routes.h"
#include "worker/batch.h"
#include "worker/keyed.h"

static const char key_reused[] = "The Idempotency-Key was used with a different body: send a new key";

struct batch_call {
    struct sl_pending_call pending;
    struct sl_claim *claim;
    struct sl_audit audit;
};

/* Why the worker refused the entry at `position`. */
static void refuse_entry(const struct sl_call *c, enum sl_err err, uint32_t position)
{
    char why[SL_WHY];
    snprintf(why, sizeof why, "statusListReferences[%u]: %s; nothing was changed", position,
             err == SL_ERR_FORBIDDEN      ? "the current status is final"
             : err == SL_ERR_LIST_RETIRED ? "the list is retired: its statuses can no longer change"
                                          : sl_err_title(err));
    sl_respond_error(c, err, why);
}

static void on_batched(void *arg, enum sl_err err, const struct sl_batch_result *result)
{
    struct batch_call *o = arg;
    const struct sl_call *c = &o->pending.call;
    sl_claim_release(o->claim);
    sl_pending_arrived(&o->pending, err);
    if (err == SL_OK)
        sl_respond_committed(&o->pending, result->list, result->heads, result->lists);
    else if (err == SL_ERR_UNAVAILABLE || err == SL_ERR_OUTCOME_UNKNOWN)
        sl_respond_error(c, err, sl_explain_update(c, err));
    else if (err == SL_ERR_IDEMPOTENCY_KEY_REUSED)
        sl_respond_error(c, err, key_reused);
    else
        refuse_entry(c, err, result->position);
}

static void start_batch(const struct sl_call *c, const struct sl_identity *who, struct sl_pool *pool,
                        const struct sl_batch_entry *entries, size_t n)
{
    struct sl_record_key key;
    struct sl_claim *claim = NULL;
    enum sl_keyed_request keyed = sl_claim_key(c, who, sl_call_entity(c), &key, &claim);
    if (keyed == SL_KEYED_ANSWERED)
        return;
    struct batch_call *o = sl_pending_new(c, sizeof *o);
    o->claim = claim;
    o->audit = sl_audit_batch(c, who, pool, entries, n);
    o->pending.audit = &o->audit;
    o->pending.cancel = sl_batch_cancel;
    if (!c->t->draining)
        o->pending.wait = sl_batch_start(c->t->worker, pool, entries, (uint32_t)n,
                                         keyed == SL_KEYED_YES ? &key : NULL, on_batched, o);
    if (o->pending.wait == NULL) {
        sl_claim_release(claim);
        sl_respond_error(c, SL_ERR_UNAVAILABLE,
                         sl_explain_unfit(c, "Nothing was changed", "the store is not available"));
    }
}

/* ---- a list is unknown: perhaps the batch was answered when it was not */

struct recall_call {
    struct sl_pending_call pending;
    struct sl_claim *claim;
    struct sl_record_key key;
    struct sl_identity who;
    uint32_t entries;
    unsigned pool, end; /* the pools whose records are looked at: this one, and those up to the end */
    char why[2 * SL_WHY];
};

static void end_recall(struct recall_call *recall, enum sl_err err, const char *why)
{
    sl_claim_release(recall->claim);
    sl_respond_error(&recall->pending.call, err, why);
}

static void ask_next_pool(struct recall_call *recall);

static void on_recalled(void *arg, enum sl_err err, struct sl_span answer)
{
    struct recall_call *recall = arg;
    recall->pending.wait = NULL;
    if (err == SL_OK && answer.len > 0) {
        sl_claim_release(recall->claim);
        sl_respond_empty(&recall->pending.call, 204);
    } else if (err == SL_OK) {
        recall->pool++;
        ask_next_pool(recall);
    } else if (err == SL_ERR_IDEMPOTENCY_KEY_REUSED) {
        end_recall(recall, err, key_reused);
    } else {
        end_recall(
            recall, SL_ERR_UNAVAILABLE,
            sl_explain_unfit(&recall->pending.call, "Nothing was changed", "the store is not available"));
    }
}

static void ask_next_pool(struct recall_call *recall)
{
    const struct sl_call *c = &recall->pending.call;
    while (recall->pool < recall->end && !sl_identity_can_use(&recall->who, recall->pool))
        recall->pool++;
    if (recall->pool == recall->end) {
        end_recall(recall, SL_ERR_NO_SUCH_REFERENCE, recall->why);
        return;
    }
    struct sl_pool *pool = &c->t->http->shared->pools[recall->pool];
    if (!sl_admit(c, &recall->who, pool, SL_LIMIT_UPDATES, recall->entries)) {
        sl_claim_release(recall->claim);
        return;
    }
    if (!c->t->draining)
        recall->pending.wait = sl_keyed_recall(c->t->worker, pool, &recall->key, on_recalled, recall);
    if (recall->pending.wait == NULL)
        on_recalled(recall, SL_ERR_UNAVAILABLE, sl_span(NULL, 0));
}

/* `pool`: that of the entries before; NULL: there are none. `why`: without an answer the batch is refused. */
static void recall_batch(const struct sl_call *c, const struct sl_identity *who, const struct sl_pool *pool,
                         size_t entries, const char *why)
{
    struct sl_record_key key;
    struct sl_claim *claim = NULL;
    enum sl_keyed_request keyed = sl_claim_key(c, who, sl_call_entity(c), &key, &claim);
    if (keyed == SL_KEYED_NONE)
        sl_respond_error(c, SL_ERR_NO_SUCH_REFERENCE, why);
    if (keyed != SL_KEYED_YES)
        return;
    struct recall_call *recall = sl_pending_new(c, sizeof *recall);
    recall->claim = claim;
    recall->key = key;
    recall->who = sl_identity_keep(c, who);
    recall->entries = (uint32_t)entries;
    recall->pool = pool != NULL ? pool->number : 0;
    recall->end = pool != NULL ? pool->number + 1 : c->t->http->shared->pool_count;
    recall->pending.cancel = sl_keyed_cancel;
    snprintf(recall->why, sizeof recall->why, "%s", why);
    ask_next_pool(recall);
}

/* ---- reading a batch */

/* Of `entries`, the one numbered i. False: refused and answered, or to be answered. */
static bool read_entry(const struct sl_call *c, const struct sl_identity *who,
                       const struct sl_update_entry *entry, size_t i, size_t entries,
                       const struct sl_pool *pool, struct sl_batch_entry *ret)
{
    struct sl_shared *shared = c->t->http->shared;
    char why[SL_WHY], full[2 * SL_WHY];
    struct sl_list *list = sl_table_find(shared->table, &entry->list);
    enum sl_err err = SL_OK;
    if (list == NULL && (c->t->draining || !sl_knows_all_lists(shared))) {
        sl_respond_error(
            c, SL_ERR_UNAVAILABLE,
            c->t->draining ? "Nothing was changed: the service is shutting down"
                           : "Nothing was changed: not all lists are known at the moment, try again shortly");
        return false;
    }
    if (list == NULL || !sl_is_theirs(who, list, entry->uri)) {
        err = SL_ERR_NO_SUCH_REFERENCE;
        bool named =
            list != NULL && sl_identity_can_use(who, list->pool->number) && list->uri.len < SL_WHY / 2;
        snprintf(why, sizeof why, "%s%.*s", named ? "the URI of this list is " : "no such status list",
                 named ? (int)list->uri.len : 0, named ? list->uri.at : "");
    } else if (pool != NULL && list->pool != pool) {
        err = SL_ERR_MALFORMED_REQUEST;
        snprintf(why, sizeof why, "all lists of a batch must belong to one pool");
    } else {
        err = sl_check_entry(list, entry->index, entry->value, why);
    }
    if (err != SL_OK) {
        snprintf(full, sizeof full, "statusListReferences[%zu]: %s; nothing was changed", i, why);
        if (list == NULL)
            recall_batch(c, who, pool, entries, full);
        else
            sl_respond_error(c, err, full);
        return false;
    }
    *ret = (struct sl_batch_entry){list, entry->index, (uint8_t)entry->value};
    return true;
}

/* False: one was refused, and the call is answered. */
static bool read_entries(const struct sl_call *c, const struct sl_identity *who,
                         const struct sl_update_entry *entry, size_t n, struct sl_batch_entry *ret)
{
    for (size_t i = 0; i < n; i++)
        if (!read_entry(c, who, &entry[i], i, n, i > 0 ? ret[0].list->pool : NULL, &ret[i]))
            return false;
    return true;
}

static void set_all(const struct sl_call *c, const struct sl_identity *who,
                    const struct sl_update_entry *entry, size_t n)
{
    if (n == 0) {
        sl_respond_error(c, SL_ERR_MALFORMED_REQUEST,
                         "\"statusListReferences\" is empty; send at least one entry");
        return;
    }
    struct sl_batch_entry *entries = calloc(n, sizeof *entries);
    if (entries == NULL)
        sl_respond_error(c, SL_ERR_INTERNAL, NULL);
    else if (read_entries(c, who, entry, n, entries) &&
             sl_admit(c, who, entries[0].list->pool, SL_LIMIT_UPDATES, (uint32_t)n))
        start_batch(c, who, entries[0].list->pool, entries, n);
    free(entries);
}

void sl_call_batch(struct sl_call *c)
{
    struct sl_identity who;
    struct sl_body *body;
    size_t n;
    if (!sl_read_update(c, true, &who, &body))
        return;
    const struct sl_update_entry *entry = sl_body_entries(body, &n);
    set_all(c, &who, entry, n);
    sl_body_free(body);
}
