/* PATCH /status-lists/update, GET /status-lists/status. */
#include "http/audit.h"

#include <stdlib.h>

#include "pool/update.h"
#include "pool/wait.h"

struct sl_span sl_entity(const struct call *c)
{
    return sl_span(c->req->entity.base, c->req->entity.len);
}

bool sl_read_update(const struct call *c, bool batch, struct sl_identity *ret_who, struct sl_body **ret)
{
    char why[SL_WHY];
    if (!sl_authenticate(c, ret_who))
        return false;
    if (!c->f->has_content_type || !sl_content_is_json(c->f->content_type)) {
        sl_respond_error(c, SL_ERR_UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json");
        return false;
    }
    uint32_t most = c->t->http->options->limits.batch_entries;
    enum sl_err err =
        batch ? sl_body_batch(sl_entity(c), most, why, ret) : sl_body_update(sl_entity(c), why, ret);
    if (err != SL_OK)
        sl_respond_error(c, err, why);
    return err == SL_OK;
}

bool sl_is_theirs(const struct sl_identity *who, const struct sl_list *l, struct sl_span uri)
{
    return sl_span_eq(l->uri, uri) && sl_may_use(who, l->pool->number);
}

enum sl_err sl_check_entry(const struct sl_list *l, uint32_t index, uint32_t value, char why[static SL_WHY])
{
    unsigned most = (1u << l->bits) - 1;
    if (index >= l->size) {
        snprintf(why, SL_WHY, "index must be between 0 and %u", l->size - 1);
        return SL_ERR_INDEX_OUT_OF_BOUNDS;
    }
    if (value > most) {
        snprintf(why, SL_WHY, "value must be between 0 and %u: the list has %u bits per entry", most,
                 l->bits);
        return SL_ERR_VALUE_OUT_OF_RANGE;
    }
    return SL_OK;
}

const char *sl_explain_update(enum sl_err err)
{
    switch (err) {
    case SL_ERR_FORBIDDEN:
        return "The present status is final and cannot be replaced";
    case SL_ERR_LIST_RETIRED:
        return "The list is retired: its last reference was given out longer ago than retire-after, and its "
               "statuses change no more";
    case SL_ERR_UNAVAILABLE:
        return "The status was not changed: the store is not available";
    case SL_ERR_OUTCOME_UNKNOWN:
        return "The status may or may not have been changed: setting the same value again is safe";
    default:
        return NULL;
    }
}

/* A call about one list that may have to be looked up first. */
struct list_op {
    struct op op;
    struct sl_identity who;
    struct sl_uuid id;
    struct sl_span uri;   /* in the request's pool */
    struct sl_list *list; /* once it was found */
    uint32_t index, value;
    struct audit audit;
    void (*go)(struct list_op *o, struct sl_list *l);
};

static void on_updated(void *arg, enum sl_err err, uint64_t version)
{
    struct list_op *o = arg;
    o->op.waiting = NULL;
    sl_audit_write(&o->op.call, &o->audit, err);
    if (err == SL_OK)
        sl_respond_committed(&o->op, &o->list, &version, 1);
    else
        sl_respond_error(&o->op.call, err, sl_explain_update(err));
}

static void cancel_update(void *waiting)
{
    sl_update_cancel(waiting);
}

static void update_gone(struct op *op)
{
    sl_audit_gone(op, &((struct list_op *)op)->audit);
}

static void update_list(struct list_op *o, struct sl_list *l)
{
    const struct call *c = &o->op.call;
    char why[SL_WHY];
    enum sl_err err = sl_check_entry(l, o->index, o->value, why);
    if (err != SL_OK) {
        sl_respond_error(c, err, why);
        return;
    }
    if (!sl_audit_may(c) || !sl_may_update(c, &o->who, l->pool, 1))
        return;
    if (sl_audits(c))
        o->audit = sl_audit_update(c, &o->who, l, o->index, o->value);
    o->list = l;
    o->op.cancel = cancel_update;
    o->op.gone = update_gone;
    o->op.waiting =
        c->t->draining ? NULL : sl_update_start(c->t->pool, l, o->index, (uint8_t)o->value, on_updated, o);
    if (o->op.waiting == NULL)
        sl_respond_error(c, SL_ERR_UNAVAILABLE, sl_explain_update(SL_ERR_UNAVAILABLE));
}

static void found(struct list_op *o, struct sl_list *l)
{
    if (l != NULL && sl_is_theirs(&o->who, l, o->uri))
        o->go(o, l);
    else
        sl_respond_error(&o->op.call, SL_ERR_NO_SUCH_REFERENCE, NULL);
}

static void on_looked_up(void *arg, enum sl_err err, struct sl_list *l)
{
    struct list_op *o = arg;
    o->op.waiting = NULL;
    if (err == SL_ERR_UNAVAILABLE)
        sl_respond_error(&o->op.call, err, "The list cannot be looked up now");
    else
        found(o, l);
}

static void cancel_lookup(void *waiting)
{
    sl_lookup_cancel(waiting);
}

static void find_list(struct list_op *o)
{
    struct sl_shared *shared = o->op.call.t->http->shared;
    struct sl_list *l = sl_table_find(shared->table, &o->id);
    if (l != NULL || o->op.call.t->draining ||
        atomic_load_explicit(&shared->authoritative, memory_order_acquire)) {
        found(o, l);
        return;
    }
    o->op.cancel = cancel_lookup;
    o->op.waiting = sl_lookup_start(o->op.call.t->pool, &o->id, on_looked_up, o);
}

static struct list_op *list_op_new(const struct call *c, const struct sl_identity *who,
                                   const struct sl_uuid *id, struct sl_span uri,
                                   void (*go)(struct list_op *o, struct sl_list *l))
{
    struct list_op *o = (struct list_op *)sl_call_park(c, sizeof *o);
    char *copy = sl_pool_alloc(c, uri.len + 1);
    memcpy(copy, uri.at, uri.len);
    o->who = sl_identity_keep(c, who);
    o->id = *id;
    o->uri = sl_span(copy, uri.len);
    o->go = go;
    return o;
}

void sl_call_update(struct call *c)
{
    struct sl_identity who;
    struct sl_body *body;
    size_t n;
    if (!sl_read_update(c, false, &who, &body))
        return;
    const struct sl_update_entry *e = sl_body_entries(body, &n);
    struct list_op *o = list_op_new(c, &who, &e->list, e->uri, update_list);
    o->index = e->index;
    o->value = e->value;
    sl_body_free(body);
    find_list(o);
}

/* ---- reading one */

static void on_status(void *arg, enum sl_err err, uint8_t value, uint64_t version)
{
    struct list_op *o = arg;
    const struct call *c = &o->op.call;
    o->op.waiting = NULL;
    if (err != SL_OK) {
        err = err == SL_ERR_NO_SUCH_LIST ? SL_ERR_NO_SUCH_REFERENCE : SL_ERR_UNAVAILABLE;
        sl_respond_error(c, err, err == SL_ERR_UNAVAILABLE ? "The store is not available" : NULL);
        return;
    }
    struct sl_buf b;
    sl_buf_over(&b, sl_pool_alloc(c, 6 * o->uri.len + 160), 6 * o->uri.len + 160);
    sl_buf_puts(&b, "{\"uri\":");
    sl_buf_json(&b, o->uri);
    sl_buf_puts(&b, ",\"index\":");
    sl_buf_u64(&b, o->index);
    sl_buf_puts(&b, ",\"value\":");
    sl_buf_u64(&b, value);
    sl_buf_puts(&b, ",\"version\":");
    sl_buf_u64(&b, version);
    const struct sl_token *token = sl_list_token(o->list);
    sl_buf_puts(&b, ",\"publishedVersion\":");
    if (token != NULL)
        sl_buf_u64(&b, token->version);
    else
        sl_buf_puts(&b, "null");
    sl_buf_putc(&b, '}');
    sl_add_header(c, "cache-control", SL_SPAN("no-store"));
    sl_respond_json(c, b.data, b.len);
}

static void cancel_status(void *waiting)
{
    sl_status_cancel(waiting);
}

static void status_of(struct list_op *o, struct sl_list *l)
{
    const struct call *c = &o->op.call;
    char why[SL_WHY];
    enum sl_err err = sl_check_entry(l, o->index, 0, why);
    if (err != SL_OK) {
        sl_respond_error(c, err, why);
        return;
    }
    o->list = l;
    o->op.cancel = cancel_status;
    o->op.waiting = c->t->draining ? NULL : sl_status_start(c->t->pool, l, o->index, on_status, o);
    if (o->op.waiting == NULL)
        sl_respond_error(c, SL_ERR_UNAVAILABLE, "The store is not available");
}

/* The value of a required query parameter, decoded into the request's pool. False: refused and answered. */
static bool parameter(const struct call *c, const char *name, struct sl_span *ret)
{
    struct sl_span raw;
    char why[SL_WHY];
    size_t len = 0;
    if (sl_query_get(c->query, name, &raw) != SL_OK || raw.len == 0) {
        snprintf(why, sizeof why, "%s must be given once: ask /status-lists/status?uri=...&index=...", name);
        sl_respond_error(c, SL_ERR_MALFORMED_REQUEST, why);
        return false;
    }
    char *text = sl_pool_alloc(c, raw.len);
    if (!sl_percent_decode(raw, text, &len)) {
        snprintf(why, sizeof why, "%s is not percent-encoded correctly", name);
        sl_respond_error(c, SL_ERR_MALFORMED_REQUEST, why);
        return false;
    }
    *ret = sl_span(text, len);
    return true;
}

void sl_call_status(struct call *c)
{
    struct sl_identity who;
    struct sl_span uri, index;
    struct sl_uuid id;
    uint64_t i;
    if (!sl_authenticate(c, &who) || !parameter(c, "uri", &uri) || !parameter(c, "index", &index))
        return;
    if (!sl_parse_u64(index, UINT32_MAX, &i)) {
        sl_respond_error(c, SL_ERR_MALFORMED_REQUEST, "index must be a whole number from 0 to 4294967295");
        return;
    }
    if (uri.len < SL_UUID_TEXT ||
        !sl_uuid_parse(sl_span(uri.at + uri.len - SL_UUID_TEXT, SL_UUID_TEXT), &id)) {
        sl_respond_error(c, SL_ERR_NO_SUCH_REFERENCE, "uri does not end in a list id");
        return;
    }
    struct list_op *o = list_op_new(c, &who, &id, uri, status_of);
    o->index = (uint32_t)i;
    find_list(o);
}
