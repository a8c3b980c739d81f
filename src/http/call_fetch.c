/* The fetch path: id -> slot -> headers and blob. Zero copy; nothing is written that another core writes. */
#include "http/http_int.h"

#include "base/assert.h"
#include "http/accept.h"
#include "http/conditional.h"
#include "pool/wait.h"

/* ---- the thread's own shares of tokens */

static void on_handle_dispose(void *p)
{
    struct handle *h = p;
    sl_token_unref(h->token);
}

static void handles_reach(struct sl_http_thread *t, uint32_t number)
{
    if (number < t->handle_cap)
        return;
    uint32_t cap = t->handle_cap ? t->handle_cap : 64;
    while (cap <= number)
        cap *= 2;
    t->handles = sl_xrealloc(t->handles, cap * sizeof *t->handles);
    memset(t->handles + t->handle_cap, 0, (cap - t->handle_cap) * sizeof *t->handles);
    t->handle_cap = cap;
}

void sl_handle_drop(void *thread, uint32_t list)
{
    struct sl_http_thread *t = thread;
    if (list >= t->handle_cap || t->handles[list] == NULL)
        return;
    h2o_mem_release_shared(t->handles[list]);
    t->handles[list] = NULL;
}

/* Keeps `token` alive until the request has been sent. */
static void hold(const struct call *c, const struct sl_list *l, struct sl_token *token)
{
    struct sl_http_thread *t = c->t;
    handles_reach(t, l->number);
    if (t->handles[l->number] == NULL || t->handles[l->number]->token != token) {
        sl_handle_drop(t, l->number);
        struct handle *h = h2o_mem_alloc_shared(NULL, sizeof *h, on_handle_dispose);
        h->token = sl_token_ref(token);
        t->handles[l->number] = h;
    }
    h2o_mem_link_shared(&c->req->pool, t->handles[l->number]);
}

/* ---- answering */

enum { OFFER_JWT, OFFER_CWT, OFFERS };
static const struct sl_span offers[OFFERS] = {
    [OFFER_JWT] = SL_SPAN("application/statuslist+jwt"), /* the first is the default */
    [OFFER_CWT] = SL_SPAN("application/statuslist+cwt"),
};

static enum sl_err choose(const struct fields *f, enum sl_variant *ret)
{
    int offer = f->accepts > 0 ? sl_accept_media(f->accept, f->accepts, offers, OFFERS) : OFFER_JWT;
    if (offer < 0)
        return SL_ERR_NOT_ACCEPTABLE;
    if (offer == OFFER_CWT) { /* never encoded: a compressed list does not shrink again */
        *ret = SL_VARIANT_CWT;
        return SL_OK;
    }
    bool identity = true;
    bool gzip = f->accept_encodings > 0 && sl_accept_gzip(f->accept_encoding, f->accept_encodings, &identity);
    /* Where neither is acceptable the plain form is sent all the same (RFC 9110 section 12.5.3 allows it). */
    *ret = gzip ? SL_VARIANT_JWT_GZIP : SL_VARIANT_JWT;
    return SL_OK;
}

/* RFC 9110 section 13.2.2, steps 1 and 2. */
static bool precondition_fails(const struct fields *f, const struct sl_token *token, struct sl_span etag)
{
    if (f->if_matches > 0)
        return !sl_etag_matches_strongly(f->if_match, f->if_matches, etag);
    int64_t since;
    return f->has_unmodified_since && sl_http_date(f->if_unmodified_since, &since) && token->iat > since;
}

/* Steps 3 and 4. */
static bool not_modified(const struct fields *f, const struct sl_token *token,
                         const struct sl_token_body *body, int64_t now)
{
    if (f->if_none_matches > 0)
        return sl_etag_matches(f->if_none_match, f->if_none_matches, body->etag);
    int64_t since;
    /* A date tells tokens apart only when no other one had this second, nor can still get it. */
    return f->has_modified_since && !token->iat_shared && token->iat < now &&
           sl_http_date(f->if_modified_since, &since) && token->iat <= since;
}

static void add_headers(const struct call *c, const struct sl_token *token, const struct sl_token_body *body,
                        int64_t now)
{
    h2o_mem_pool_t *pool = &c->req->pool;
    h2o_headers_t *headers = &c->req->res.headers;
    uint64_t left = (uint64_t)(token->exp - now);
    uint64_t age = token->ttl != 0 && token->ttl < left ? token->ttl : left;
    struct sl_span cache = sl_pool_number(c, "max-age=", age);
    h2o_add_header(pool, headers, H2O_TOKEN_ETAG, NULL, body->etag.at, body->etag.len);
    h2o_add_header(pool, headers, H2O_TOKEN_LAST_MODIFIED, NULL, token->last_modified,
                   sizeof token->last_modified);
    h2o_add_header(pool, headers, H2O_TOKEN_CACHE_CONTROL, NULL, cache.at, cache.len);
    h2o_add_header(pool, headers, H2O_TOKEN_VARY, NULL, H2O_STRLIT("Accept, Accept-Encoding"));
    h2o_add_header(pool, headers, H2O_TOKEN_ACCESS_CONTROL_ALLOW_ORIGIN, NULL, H2O_STRLIT("*"));
    h2o_add_header_by_str(pool, headers, H2O_STRLIT("access-control-expose-headers"), 0, NULL,
                          H2O_STRLIT("ETag"));
}

static void serve(const struct call *c, const struct fields *f, const struct sl_list *l,
                  struct sl_token *token)
{
    /* The loop's wall clock, read once a turn. */
    int64_t now = (int64_t)(h2o_now(sl_loop_h2o(c->t->loop)) / 1000);
    enum sl_variant variant;
    if (token->exp <= now && atomic_load_explicit(&l->retired, memory_order_relaxed)) {
        sl_respond_error(c, SL_ERR_NO_SUCH_LIST, NULL);
        return;
    }
    if (token->exp <= now) {
        sl_respond_error(c, SL_ERR_UNAVAILABLE, "The token has expired and a new one is not signed yet");
        return;
    }
    if (choose(f, &variant) != SL_OK) {
        sl_respond_error(c, SL_ERR_NOT_ACCEPTABLE,
                         "A list is served as application/statuslist+jwt or application/statuslist+cwt");
        return;
    }
    const struct sl_token_body *body = &token->body[variant];
    if (precondition_fails(f, token, body->etag)) {
        sl_respond_error(c, SL_ERR_PRECONDITION_FAILED, "The token is another one, or in another form");
        return;
    }
    hold(c, l, token);
    add_headers(c, token, body, now);
    if (not_modified(f, token, body, now)) {
        sl_respond_empty(c, 304);
        return;
    }
    h2o_mem_pool_t *pool = &c->req->pool;
    h2o_headers_t *headers = &c->req->res.headers;
    h2o_add_header(pool, headers, H2O_TOKEN_CONTENT_TYPE, NULL, body->content_type.at,
                   body->content_type.len);
    if (body->content_encoding.len > 0)
        h2o_add_header(pool, headers, H2O_TOKEN_CONTENT_ENCODING, NULL, body->content_encoding.at,
                       body->content_encoding.len);
    sl_metric_add(c->t->metrics, SL_HT_FETCHED_BYTES, body->bytes.len);
    sl_respond_body(c, 200, body->bytes);
}

/* ---- waiting */

struct fetch_op {
    struct op op;
    struct fields f; /* its spans point into the request, which waits with us */
    struct sl_list *list;
};

static void cancel_wait(void *waiting)
{
    sl_wait_cancel(waiting);
}

static void cancel_lookup(void *waiting)
{
    sl_lookup_cancel(waiting);
}

static void on_token(void *arg, enum sl_err err)
{
    struct fetch_op *o = arg;
    o->op.waiting = NULL;
    struct sl_token *token = err == SL_OK ? sl_list_token(o->list) : NULL;
    if (token != NULL)
        serve(&o->op.call, &o->f, o->list, token);
    else if (err == SL_ERR_NO_SUCH_LIST)
        sl_respond_error(&o->op.call, err, NULL);
    else
        sl_respond_error(&o->op.call, SL_ERR_UNAVAILABLE, "The list cannot be signed now");
}

static void wait_token(struct fetch_op *o)
{
    o->op.cancel = cancel_wait;
    o->op.waiting = sl_wait_token(o->op.call.t->pool, o->list, on_token, o);
}

static void on_looked_up(void *arg, enum sl_err err, struct sl_list *l)
{
    struct fetch_op *o = arg;
    o->op.waiting = NULL;
    if (err != SL_OK) {
        sl_respond_error(&o->op.call, err,
                         err == SL_ERR_UNAVAILABLE ? "The list cannot be looked up now" : NULL);
        return;
    }
    o->list = l;
    struct sl_token *token = sl_list_token(l);
    if (token != NULL)
        serve(&o->op.call, &o->f, l, token);
    else
        wait_token(o);
}

static struct fetch_op *fetch_op(struct call *c)
{
    struct fetch_op *o = (struct fetch_op *)sl_call_park(c, sizeof *o);
    o->f = *c->f;
    return o;
}

static bool refused_time(const struct call *c)
{
    struct sl_span time;
    uint64_t seconds;
    enum sl_err err = c->query.len > 0 ? sl_query_get(c->query, "time", &time) : SL_ERR_NOT_FOUND;
    if (err == SL_ERR_NOT_FOUND)
        return false;
    if (err == SL_OK && sl_parse_u64(time, INT64_MAX, &seconds))
        sl_respond_error(c, SL_ERR_NOT_IMPLEMENTED, "No history is kept: ask without time");
    else
        sl_respond_error(c, SL_ERR_MALFORMED_REQUEST, "time must be one number of seconds since 1970");
    return true;
}

void sl_call_fetch(struct call *c)
{
    struct sl_shared *shared = c->t->http->shared;
    if (refused_time(c))
        return;
    struct sl_list *l = sl_table_find(shared->table, &c->target.list);
    struct sl_token *token = l != NULL ? sl_list_token(l) : NULL;
    if (token != NULL) {
        serve(c, c->f, l, token);
    } else if (c->t->draining) {
        sl_respond_error(c, SL_ERR_UNAVAILABLE, "The service is ending");
    } else if (l != NULL) {
        struct fetch_op *o = fetch_op(c);
        o->list = l;
        wait_token(o);
    } else if (atomic_load_explicit(&shared->authoritative, memory_order_acquire)) {
        sl_respond_error(c, SL_ERR_NO_SUCH_LIST, NULL);
    } else {
        struct fetch_op *o = fetch_op(c);
        o->op.cancel = cancel_lookup;
        o->op.waiting = sl_lookup_start(c->t->pool, &c->target.list, on_looked_up, o);
    }
}

void sl_call_preflight(struct call *c)
{
    sl_add_header(c, "access-control-allow-origin", SL_SPAN("*"));
    sl_add_header(c, "access-control-allow-methods", SL_SPAN("GET, HEAD, OPTIONS"));
    sl_add_header(c, "access-control-allow-headers", SL_SPAN("Accept, If-None-Match, If-Modified-Since"));
    sl_add_header(c, "access-control-max-age", SL_SPAN("86400"));
    sl_add_header(c, "access-control-expose-headers", SL_SPAN("ETag"));
    sl_respond_empty(c, 204);
}
