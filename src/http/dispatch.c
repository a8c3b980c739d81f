#include "http/dispatch.h"

#include "http/bearer.h"
#include "http/edge.h"
#include "http/edge_head.h"
#include "http/edge_header.h"
#include "http/respond.h"
#include "http/routes.h"

#define HEADER_BYTES 16384 /* names and values of a request */
#define TARGET_BYTES 2048
#define PIPELINE_BYTES 16384 /* of requests that may wait behind one */

/* For each route: the listeners that serve it, its methods, and its handler. */
static const struct row {
    bool on_public, on_issuer, on_ops;
    const char *methods[4];
    const char *allow;
    void (*handle)(struct sl_call *c);
} rows[SL_ROUTE_COUNT] = {
    [SL_ROUTE_LIST] = {true, false, false, {"GET", "HEAD"}, "GET, HEAD, OPTIONS", sl_call_fetch},
    [SL_ROUTE_AGGREGATION] = {true, false, false, {"GET", "HEAD"}, "GET, HEAD, OPTIONS", sl_call_aggregation},
    [SL_ROUTE_RESERVE] = {false, true, false, {"POST"}, "POST", sl_call_reserve},
    [SL_ROUTE_UPDATE] = {false, true, false, {"PATCH"}, "PATCH", sl_call_update},
    [SL_ROUTE_BATCH] = {false, true, false, {"PATCH"}, "PATCH", sl_call_batch},
    [SL_ROUTE_STATUS] = {false, true, false, {"GET", "HEAD"}, "GET, HEAD", sl_call_status},
    [SL_ROUTE_LIVEZ] = {false, false, true, {"GET", "HEAD"}, "GET, HEAD", sl_call_ops},
    [SL_ROUTE_READYZ] = {false, false, true, {"GET", "HEAD"}, "GET, HEAD", sl_call_ops},
    [SL_ROUTE_METRICS] = {false, false, true, {"GET", "HEAD"}, "GET, HEAD", sl_call_ops},
    [SL_ROUTE_VERSION] = {false, false, true, {"GET", "HEAD"}, "GET, HEAD", sl_call_ops},
    [SL_ROUTE_OPENAPI] = {false, false, true, {"GET", "HEAD"}, "GET, HEAD", sl_call_ops},
};

static bool served_on(enum sl_route r, enum sl_listener_kind kind)
{
    switch (kind) {
    case SL_LISTEN_PUBLIC:
        return rows[r].on_public;
    case SL_LISTEN_ISSUER:
        return rows[r].on_issuer;
    case SL_LISTEN_BOTH:
        return rows[r].on_public || rows[r].on_issuer;
    case SL_LISTEN_OPS:
        return rows[r].on_ops;
    case SL_LISTEN_KINDS:
        break;
    }
    return false;
}

static void add_line(const h2o_req_t *req, struct sl_lines *lines, struct sl_span value)
{
    if (lines->count < SL_FIELD_LINES) {
        lines->few[lines->count++] = value;
        return;
    }
    if (lines->all == NULL) {
        lines->all =
            h2o_mem_alloc_pool((h2o_mem_pool_t *)&req->pool, req->headers.size * sizeof lines->all[0]);
        memcpy(lines->all, lines->few, sizeof lines->few);
    }
    lines->all[lines->count++] = value;
}

/* Fields for which libh2o has no token. */
static void gather_other(struct sl_fields *fields, const h2o_iovec_t *name, struct sl_span value)
{
    if (name->len == 9 && h2o_memis(name->base, 9, H2O_STRLIT("x-api-key"))) {
        fields->api_key = value;
        fields->api_keys++;
    } else if (name->len == 12 && h2o_memis(name->base, 12, H2O_STRLIT("x-request-id"))) {
        fields->request_id = value;
    }
}

static void gather_fields(struct sl_fields *fields, const h2o_req_t *req, struct sl_request_head *head)
{
    struct sl_span token;
    fields->accept.count = fields->accept_encoding.count = fields->if_none_match.count =
        fields->if_match.count = 0;
    fields->accept.all = fields->accept_encoding.all = fields->if_none_match.all = fields->if_match.all =
        NULL;
    fields->has_modified_since = fields->has_unmodified_since = fields->has_content_type = false;
    fields->closes = fields->bears = false;
    fields->api_keys = fields->authorizations = 0;
    fields->request_id = sl_span(NULL, 0);
    fields->bytes = 0;
    for (size_t i = 0; i < req->headers.size; i++) {
        const h2o_header_t *header = &req->headers.entries[i];
        struct sl_span value = sl_header_value(header);
        fields->bytes += header->name->len + header->value.len;
        sl_request_head_field(head, header->name->len, sl_span(header->value.base, header->value.len));
        if (header->name == &H2O_TOKEN_ACCEPT->buf) {
            add_line(req, &fields->accept, value);
        } else if (header->name == &H2O_TOKEN_ACCEPT_ENCODING->buf) {
            add_line(req, &fields->accept_encoding, value);
        } else if (header->name == &H2O_TOKEN_IF_NONE_MATCH->buf) {
            add_line(req, &fields->if_none_match, value);
        } else if (header->name == &H2O_TOKEN_IF_MODIFIED_SINCE->buf) {
            fields->if_modified_since = value;
            fields->has_modified_since = true;
        } else if (header->name == &H2O_TOKEN_CONTENT_TYPE->buf) {
            fields->content_type = value;
            fields->has_content_type = true;
        } else if (header->name == &H2O_TOKEN_IF_MATCH->buf) {
            add_line(req, &fields->if_match, value);
        } else if (header->name == &H2O_TOKEN_IF_UNMODIFIED_SINCE->buf) {
            fields->if_unmodified_since = value;
            fields->has_unmodified_since = true;
        } else if (header->name == &H2O_TOKEN_AUTHORIZATION->buf) {
            fields->authorizations++;
            if (sl_bearer_field(value, &token)) {
                fields->bearer = token;
                fields->bears = true;
            }
        } else if (header->name == &H2O_TOKEN_CONNECTION->buf) {
            fields->closes =
                fields->closes || h2o_contains_token(value.at, value.len, H2O_STRLIT("close"), ',');
        } else {
            gather_other(fields, header->name, value);
        }
    }
}

/* The path as received, without the query. A target in absolute form (RFC 9112 section 3.2.2) loses its
 * scheme, in any case of letters, and authority. */
static struct sl_span path_of(const h2o_req_t *req)
{
    size_t len = req->query_at == SIZE_MAX ? req->path.len : req->query_at;
    struct sl_span path = sl_span(req->path.base, len);
    if (len > 0 && path.at[0] == '/')
        return path;
    static const struct sl_span schemes[] = {SL_SPAN("http://"), SL_SPAN("https://")};
    for (unsigned i = 0; i < 2; i++) {
        size_t n = schemes[i].len;
        if (path.len > n && sl_field_is(sl_span(path.at, n), schemes[i])) {
            const char *slash = memchr(path.at + n, '/', path.len - n);
            return slash != NULL ? sl_span(slash, path.len - (size_t)(slash - path.at)) : path;
        }
    }
    return path;
}

static bool is_allowed(const struct sl_call *c, const struct row *row)
{
    for (unsigned i = 0; row->methods[i] != NULL; i++)
        if (sl_call_is_method(c, row->methods[i]))
            return true;
    return false;
}

static void refuse_size(const struct sl_call *c, enum sl_err err, const char *what, unsigned most)
{
    char why[SL_WHY];
    snprintf(why, sizeof why, "%s may be at most %u bytes long", what, most);
    sl_respond_error(c, err, why);
}

static void route(struct sl_call *c, enum sl_listener_kind kind)
{
    struct sl_http *http = c->t->http;
    c->target = sl_route_parse(path_of(c->req), http->base);
    if (c->target.route != SL_ROUTE_NONE && served_on(c->target.route, kind))
        c->route = c->target.route;
    const struct row *row = &rows[c->route];
    if (c->route != SL_ROUTE_NONE)
        c->public = row->on_public;
    if (row->on_issuer)
        c->id = sl_call_id(c);
    if (c->route == SL_ROUTE_NONE) {
        sl_respond_error(c, SL_ERR_NOT_FOUND, NULL);
    } else if (row->on_public && sl_call_is_method(c, "OPTIONS")) {
        sl_call_preflight(c);
    } else if (!is_allowed(c, row)) {
        sl_respond_not_allowed(c, row->allow);
    } else {
        row->handle(c);
    }
}

/* RFC 9112 section 9.3: a connection of HTTP/1.1 persists unless one end says close. libh2o ends it for every
 * word but keep-alive, such as the `Upgrade` that some clients send with each request. */
static void settle_connection(const struct sl_http_thread *t, bool closes, h2o_req_t *req)
{
    if (closes || t->ctx.shutdown_requested)
        req->http1_is_persistent = 0;
    else if (req->version >= 0x101)
        req->http1_is_persistent = 1;
}

/* False: refused and answered. Where a request of doubtful framing ends, another reader may not know. */
static bool is_well_framed(const struct sl_call *c, struct sl_request_head *head)
{
    const char *fault = sl_request_head_fault(head, c->req->version < 0x101);
    if (fault == NULL)
        return true;
    c->req->http1_is_persistent = 0;
    sl_respond_error(c, SL_ERR_MALFORMED_REQUEST, fault);
    return false;
}

void sl_dispatch(struct sl_http_thread *t, enum sl_listener_kind kind, h2o_req_t *req)
{
    struct sl_fields fields;
    struct sl_call c = {
        .t = t, .req = req, .route = SL_ROUTE_NONE, .begun_ns = sl_mono_ns(t->clock), .f = &fields};
    const h2o_buffer_t *input = req->conn->callbacks->get_socket(req->conn)->input;
    struct sl_request_head head = sl_request_head_begin(sl_span(input->bytes, input->size));
    gather_fields(&fields, req, &head);
    settle_connection(t, fields.closes, req);
    if (sl_is_request_id(fields.request_id))
        c.id = fields.request_id;
    /* Until the route is known: pages of other origins may read an answer that may be a public one. */
    c.public = kind == SL_LISTEN_PUBLIC || kind == SL_LISTEN_BOTH;
    if (req->query_at != SIZE_MAX)
        c.query = sl_span(req->path.base + req->query_at + 1, req->path.len - req->query_at - 1);
    /* libh2o serves everything that a connection has sent before it turns to the next connection. */
    if (input->size > PIPELINE_BYTES + HEADER_BYTES + req->entity.len)
        req->http1_is_persistent = 0;
    if (!is_well_framed(&c, &head))
        return;
    if (req->path.len > TARGET_BYTES)
        refuse_size(&c, SL_ERR_URI_TOO_LONG, "The request target", TARGET_BYTES);
    else if (fields.bytes > HEADER_BYTES)
        refuse_size(&c, SL_ERR_HEADERS_TOO_LARGE, "The request headers", HEADER_BYTES);
    else
        route(&c, kind);
}
