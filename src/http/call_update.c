/* PATCH /status-lists/update and GET /status-lists/status: calls about one entry of one list. The list is
 * looked up in the table; while the table may lack lists, the keeper is asked as well. */
#include "http/call_update.h"

#include <stdlib.h>

#include "base/number.h"
#include "http/admit.h"
#include "http/committed.h"
#include "http/edge_query.h"
#include "http/pending.h"
#include "http/respond.h"
#include "http/routes.h"
#include "worker/update.h"
#include "worker/wait.h"

bool sl_read_update(const struct sl_call *c, bool batch, struct sl_identity *ret_who, struct sl_body **ret)
{
    char why[SL_WHY];
    if (!sl_authenticate(c, ret_who))
        return false;
    if (!c->f->has_content_type || !sl_content_is_json(c->f->content_type)) {
        sl_respond_error(c, SL_ERR_UNSUPPORTED_MEDIA_TYPE,
                         "Send a JSON body with Content-Type: application/json");
        return false;
    }
    uint32_t most = c->t->http->options->limits.batch_entries;
    enum sl_err err = batch ? sl_body_batch(sl_call_entity(c), most, why, ret)
                            : sl_body_update(sl_call_entity(c), why, ret);
    if (err != SL_OK)
        sl_respond_error(c, err, why);
    return err == SL_OK;
}

bool sl_is_theirs(const struct sl_identity *who, const struct sl_list *list, struct sl_span uri)
{
    return sl_span_eq(list->uri, uri) && sl_identity_can_use(who, list->pool->number);
}

enum sl_err sl_check_entry(const struct sl_list *list, uint32_t index, uint32_t value,
                           char why[static SL_WHY])
{
    unsigned most = (1u << list->bits) - 1;
    if (index >= list->size) {
        snprintf(why, SL_WHY, "index must be between 0 and %u", list->size - 1);
        return SL_ERR_INDEX_OUT_OF_BOUNDS;
    }
    if (value > most) {
        snprintf(why, SL_WHY, "value must be between 0 and %u: the list has %u bits per entry", most,
                 list->bits);
        return SL_ERR_VALUE_OUT_OF_RANGE;
    }
    return SL_OK;
}

const char *sl_explain_update(const struct sl_call *c, enum sl_err err)
{
    switch (err) {
    case SL_ERR_FORBIDDEN:
        return "The current status is final and cannot be changed";
    case SL_ERR_LIST_RETIRED:
        return "The list is retired: its last reference was reserved more than retire-after ago, so its "
               "statuses can no longer change";
    case SL_ERR_UNAVAILABLE:
        return sl_explain_unfit(c, "The status was not changed", "the store is not available");
    case SL_ERR_OUTCOME_UNKNOWN:
        return "The status may or may not have been changed: setting the same value again is safe";
    default:
        return NULL;
    }
}

#define STATUS_ROOM 190 /* of a status in JSON, after the URI */

struct list_call;
typedef void(found_cb)(struct list_call *o, struct sl_list *list);

struct list_call {
    struct sl_pending_call pending;
    struct sl_identity who;
    struct sl_uuid id;
    struct sl_span uri; /* in the request's pool */
    uint32_t index, value;
    found_cb *on_found;
    struct sl_list *list; /* NULL until it was found */
    struct sl_audit audit;
};

/* ---- looking the list up */

/* The caller may use the list, so it may hear how the URI differs: another scheme, host or port. A URI that
 * has no room in an error (http/respond.h) is not shown. */
static void refuse_uri(const struct sl_call *c, const struct sl_list *list)
{
    static const char text[] = "The URI of this list is ";
    size_t n = sizeof text - 1;
    if (n + list->uri.len > SL_DETAIL) {
        sl_respond_error(c, SL_ERR_NO_SUCH_REFERENCE, NULL);
        return;
    }
    char *detail = sl_call_alloc(c, n + list->uri.len + 1);
    memcpy(detail, text, n);
    memcpy(detail + n, list->uri.at, list->uri.len);
    detail[n + list->uri.len] = '\0';
    sl_respond_error(c, SL_ERR_NO_SUCH_REFERENCE, detail);
}

static void go_on_with(struct list_call *o, struct sl_list *list)
{
    const struct sl_call *c = &o->pending.call;
    if (list != NULL && sl_is_theirs(&o->who, list, o->uri))
        o->on_found(o, list);
    else if (list != NULL && sl_identity_can_use(&o->who, list->pool->number))
        refuse_uri(c, list);
    else
        sl_respond_error(c, SL_ERR_NO_SUCH_REFERENCE, NULL);
}

static void on_looked_up(void *arg, enum sl_err err, struct sl_list *list)
{
    struct list_call *o = arg;
    sl_pending_arrived(&o->pending, err);
    if (err == SL_ERR_UNAVAILABLE)
        sl_respond_error(&o->pending.call, err,
                         "The list cannot be looked up at the moment: try again shortly");
    else
        go_on_with(o, list);
}

static void find_list(struct list_call *o)
{
    const struct sl_call *c = &o->pending.call;
    struct sl_shared *shared = c->t->http->shared;
    struct sl_list *list = sl_table_find(shared->table, &o->id);
    if (list != NULL || (!c->t->draining && sl_knows_all_lists(shared))) {
        go_on_with(o, list);
        return;
    }
    if (c->t->draining) {
        sl_respond_error(c, SL_ERR_UNAVAILABLE, "The service is shutting down");
        return;
    }
    o->pending.cancel = sl_lookup_cancel;
    o->pending.wait = sl_lookup_start(c->t->worker, &o->id, on_looked_up, o);
}

static struct list_call *list_call_new(const struct sl_call *c, const struct sl_identity *who,
                                       const struct sl_uuid *id, struct sl_span uri, found_cb *on_found)
{
    struct list_call *o = sl_pending_new(c, sizeof *o);
    char *copy = sl_call_alloc(c, uri.len + 1);
    memcpy(copy, uri.at, uri.len);
    o->who = sl_identity_keep(c, who);
    o->id = *id;
    o->uri = sl_span(copy, uri.len);
    o->on_found = on_found;
    return o;
}

/* ---- setting one status */

static void on_updated(void *arg, enum sl_err err, struct sl_head head)
{
    struct list_call *o = arg;
    sl_pending_arrived(&o->pending, err);
    if (err == SL_OK)
        sl_respond_committed(&o->pending, &o->list, &head, 1);
    else
        sl_respond_error(&o->pending.call, err, sl_explain_update(&o->pending.call, err));
}

static void start_update(struct list_call *o, struct sl_list *list)
{
    const struct sl_call *c = &o->pending.call;
    char why[SL_WHY];
    enum sl_err err = sl_check_entry(list, o->index, o->value, why);
    if (err != SL_OK) {
        sl_respond_error(c, err, why);
        return;
    }
    if (!sl_admit(c, &o->who, list->pool, SL_LIMIT_UPDATES, 1))
        return;
    if (sl_audits(c)) {
        o->audit = sl_audit_update(c, &o->who, list, o->index, o->value);
        o->pending.audit = &o->audit;
    }
    o->list = list;
    o->pending.cancel = sl_update_cancel;
    if (!c->t->draining)
        o->pending.wait = sl_update_start(c->t->worker, list, o->index, (uint8_t)o->value, on_updated, o);
    if (o->pending.wait == NULL)
        sl_respond_error(c, SL_ERR_UNAVAILABLE, sl_explain_update(c, SL_ERR_UNAVAILABLE));
}

void sl_call_update(struct sl_call *c)
{
    struct sl_identity who;
    struct sl_body *body;
    size_t n;
    if (!sl_read_update(c, false, &who, &body))
        return;
    const struct sl_update_entry *entry = sl_body_entries(body, &n);
    struct list_call *o = list_call_new(c, &who, &entry->list, entry->uri, start_update);
    o->index = entry->index;
    o->value = entry->value;
    sl_body_free(body);
    find_list(o);
}

/* ---- reading one */

static void add_history(struct sl_buf *body, struct sl_lineage at)
{
    if (sl_lineage_none(at))
        return;
    char text[SL_LINEAGE_TEXT];
    sl_buf_puts(body, ",\"history\":\"");
    sl_buf_put(body, text, sl_lineage_print(at, text));
    sl_buf_putc(body, '"');
}

static void on_status(void *arg, enum sl_err err, uint8_t value, struct sl_head head)
{
    struct list_call *o = arg;
    const struct sl_call *c = &o->pending.call;
    sl_pending_arrived(&o->pending, err);
    if (err != SL_OK) {
        err = err == SL_ERR_NO_SUCH_LIST ? SL_ERR_NO_SUCH_REFERENCE : SL_ERR_UNAVAILABLE;
        sl_respond_error(c, err, err == SL_ERR_UNAVAILABLE ? "The store is not available" : NULL);
        return;
    }
    struct sl_buf body;
    struct sl_span reference = o->list->json_prefix;
    size_t room = reference.len + STATUS_ROOM;
    sl_buf_over(&body, sl_call_alloc(c, room), room);
    sl_buf_put(&body, reference.at, reference.len);
    sl_buf_u64(&body, o->index);
    sl_buf_puts(&body, ",\"value\":");
    sl_buf_u64(&body, value);
    sl_buf_puts(&body, ",\"version\":");
    sl_buf_u64(&body, head.version);
    add_history(&body, head.at);
    const struct sl_token *token = sl_list_token(o->list);
    sl_buf_puts(&body, ",\"publishedVersion\":");
    if (token != NULL && sl_token_compares(token, head))
        sl_buf_u64(&body, token->version);
    else
        sl_buf_puts(&body, "null");
    sl_buf_putc(&body, '}');
    sl_call_add_header(c, "cache-control", SL_SPAN("no-store"));
    sl_respond_json(c, body.data, body.len);
}

static void start_status(struct list_call *o, struct sl_list *list)
{
    const struct sl_call *c = &o->pending.call;
    char why[SL_WHY];
    enum sl_err err = sl_check_entry(list, o->index, 0, why);
    if (err != SL_OK) {
        sl_respond_error(c, err, why);
        return;
    }
    o->list = list;
    o->pending.cancel = sl_status_cancel;
    if (!c->t->draining)
        o->pending.wait = sl_status_start(c->t->worker, list, o->index, on_status, o);
    if (o->pending.wait == NULL)
        sl_respond_error(c, SL_ERR_UNAVAILABLE, "The store is not available");
}

/* The value of a required query parameter, decoded into the request's pool. False: refused and answered. */
static bool read_parameter(const struct sl_call *c, const char *name, struct sl_span *ret)
{
    struct sl_span raw;
    char why[SL_WHY];
    size_t len = 0;
    if (sl_query_get(c->query, name, &raw) != SL_OK || raw.len == 0) {
        snprintf(why, sizeof why, "%s must be given exactly once: use /status-lists/status?uri=...&index=...",
                 name);
        sl_respond_error(c, SL_ERR_MALFORMED_REQUEST, why);
        return false;
    }
    char *text = sl_call_alloc(c, raw.len);
    if (!sl_percent_decode(raw, text, &len)) {
        snprintf(why, sizeof why, "%s is not percent-encoded correctly", name);
        sl_respond_error(c, SL_ERR_MALFORMED_REQUEST, why);
        return false;
    }
    *ret = sl_span(text, len);
    return true;
}

void sl_call_status(struct sl_call *c)
{
    struct sl_identity who;
    struct sl_span uri, index;
    struct sl_uuid id;
    uint64_t i;
    if (!sl_authenticate(c, &who) || !read_parameter(c, "uri", &uri) || !read_parameter(c, "index", &index))
        return;
    if (!sl_number_parse_strict(index, UINT32_MAX, &i)) {
        sl_respond_error(c, SL_ERR_MALFORMED_REQUEST, "index must be a whole number from 0 to 4294967295");
        return;
    }
    if (uri.len < SL_UUID_TEXT ||
        !sl_uuid_parse(sl_span(uri.at + uri.len - SL_UUID_TEXT, SL_UUID_TEXT), &id)) {
        sl_respond_error(c, SL_ERR_NO_SUCH_REFERENCE,
                         "uri must end in the id of a list, a UUID in lower case");
        return;
    }
    struct list_call *o = list_call_new(c, &who, &id, uri, start_status);
    o->index = (uint32_t)i;
    find_list(o);
}
