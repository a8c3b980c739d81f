/* The fetch path: id -> slot -> headers and blob. The path copies no byte of a token and writes no memory
 * that another core writes: a thread keeps one share of each token that it has served, and counts the
 * requests that use it in memory of its own. */
#include "http/call_fetch.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/by_number.h"
#include "base/number.h"
#include "http/accept.h"
#include "http/conditional.h"
#include "http/edge_query.h"
#include "http/pending.h"
#include "http/respond.h"
#include "http/routes.h"
#include "worker/wait.h"

/* The clock is read once a turn, or once a millisecond in longer ones: that is when h2o's own moves. */
static int64_t wall_s(struct sl_http_thread *t)
{
    uint64_t turn = h2o_now(sl_loop_h2o(t->loop));
    if (turn != t->wall_turn) {
        t->wall_turn = turn;
        t->wall_s = sl_wall_ms(t->clock) / 1000;
    }
    return t->wall_s;
}

static struct sl_token *shown_token(const struct sl_call *c, const struct sl_list *list)
{
    return sl_shown_token(c->t->http->shared, list, wall_s(c->t));
}

/* ---- the thread's own shares of tokens */

/* Counted by h2o's plain (not atomic) shared memory: never leaves its thread. */
struct share {
    struct sl_token *token;
};

struct sl_token_shares {
    struct share **by_list; /* by list number; NULL: none */
    uint32_t cap;
};

struct sl_token_shares *sl_token_shares_new(void)
{
    return sl_xcalloc(1, sizeof(struct sl_token_shares));
}

static void on_share_unused(void *memory)
{
    struct share *share = memory;
    sl_token_unref(share->token);
}

static struct share **share_of(struct sl_token_shares *s, uint32_t list)
{
    s->by_list = sl_by_number(s->by_list, &s->cap, list, sizeof(struct share *));
    return &s->by_list[list];
}

void sl_token_shares_drop(void *shares, uint32_t list)
{
    struct sl_token_shares *s = shares;
    if (list >= s->cap || s->by_list[list] == NULL)
        return;
    h2o_mem_release_shared(s->by_list[list]);
    s->by_list[list] = NULL;
}

void sl_token_shares_drop_all(struct sl_token_shares *s)
{
    for (uint32_t i = 0; i < s->cap; i++)
        sl_token_shares_drop(s, i);
}

void sl_token_shares_free(struct sl_token_shares *s)
{
    if (s == NULL)
        return;
    free(s->by_list);
    free(s);
}

/* Keeps `token` alive until the request has been sent. */
static void hold_token(const struct sl_call *c, const struct sl_list *list, struct sl_token *token)
{
    struct share **share = share_of(c->t->shares, list->number);
    if (*share == NULL || (*share)->token != token) {
        sl_token_shares_drop(c->t->shares, list->number);
        *share = h2o_mem_alloc_shared(NULL, sizeof **share, on_share_unused);
        (*share)->token = sl_token_ref(token);
    }
    h2o_mem_link_shared(&c->req->pool, *share);
}

/* ---- answering */

enum { OFFER_JWT, OFFER_CWT, OFFERS };
static const struct sl_span offers[OFFERS] = {
    [OFFER_JWT] = SL_SPAN("application/statuslist+jwt"), /* the default */
    [OFFER_CWT] = SL_SPAN("application/statuslist+cwt"),
};

static enum sl_err choose_variant(const struct sl_fields *fields, enum sl_variant *ret)
{
    int offer = fields->accept.count > 0
                    ? sl_accept_media(sl_lines(&fields->accept), fields->accept.count, offers, OFFERS)
                    : OFFER_JWT;
    if (offer < 0)
        return SL_ERR_NOT_ACCEPTABLE;
    if (offer == OFFER_CWT) { /* never encoded: a compressed list does not get smaller */
        *ret = SL_VARIANT_CWT;
        return SL_OK;
    }
    bool identity = true;
    bool gzip = fields->accept_encoding.count > 0 &&
                sl_accept_gzip(sl_lines(&fields->accept_encoding), fields->accept_encoding.count, &identity);
    /* If the client accepts neither, it gets the plain form (RFC 9110 section 12.5.3 allows that). */
    *ret = gzip ? SL_VARIANT_JWT_GZIP : SL_VARIANT_JWT;
    return SL_OK;
}

/* RFC 9110 section 13.2.2, steps 1 and 2. */
static bool precondition_fails(const struct sl_fields *fields, const struct sl_token *token,
                               struct sl_span etag)
{
    if (fields->if_match.count > 0)
        return !sl_etag_matches_strongly(sl_lines(&fields->if_match), fields->if_match.count, etag);
    int64_t since;
    return fields->has_unmodified_since && sl_http_date(fields->if_unmodified_since, &since) &&
           token->iat > since;
}

/* Steps 3 and 4. */
static bool not_modified(const struct sl_call *c, const struct sl_fields *fields,
                         const struct sl_token *token, const struct sl_token_body *body, int64_t now)
{
    if (fields->if_none_match.count > 0)
        return sl_etag_matches(sl_lines(&fields->if_none_match), fields->if_none_match.count, body->etag);
    int64_t since;
    /* A date identifies the token only if no other token had, or can still get, the same second: of this
     * process, one before it, or another instance, whose tokens the reader may have as well. */
    return fields->has_modified_since && !token->iat_shared && token->iat < now &&
           token->iat > atomic_load_explicit(&c->t->http->shared->dated_from_s, memory_order_relaxed) &&
           sl_http_date(fields->if_modified_since, &since) && token->iat <= since;
}

/* A second less than is left, because `now` was rounded down; and one more, because caches that count in
 * seconds show a copy through its last one. */
#define ROUNDING_S 2

/* Where a cache stands in between, it must not show a copy beyond its time either, as some do by default. */
static struct sl_span cache_control(const struct sl_call *c, const struct sl_token *token, int64_t now)
{
    uint64_t left = (uint64_t)(token->exp - now), fresh = left > ROUNDING_S ? left - ROUNDING_S : 0;
    uint64_t age = token->ttl != 0 && token->ttl < fresh ? token->ttl : fresh;
    struct sl_span span = sl_call_decimal(c, "max-age=", age);
    static const char at_once[] = ", stale-while-revalidate=0";
    if (!c->t->http->options->shared_cache)
        return span;
    char *text = sl_call_alloc(c, span.len + sizeof at_once);
    memcpy(text, span.at, span.len);
    memcpy(text + span.len, at_once, sizeof at_once - 1);
    return sl_span(text, span.len + sizeof at_once - 1);
}

static void add_headers(const struct sl_call *c, const struct sl_token *token,
                        const struct sl_token_body *body, int64_t now)
{
    h2o_mem_pool_t *pool = &c->req->pool;
    h2o_headers_t *headers = &c->req->res.headers;
    struct sl_span cache = cache_control(c, token, now);
    h2o_add_header(pool, headers, H2O_TOKEN_ETAG, NULL, body->etag.at, body->etag.len);
    h2o_add_header(pool, headers, H2O_TOKEN_LAST_MODIFIED, NULL, token->last_modified,
                   sizeof token->last_modified);
    h2o_add_header(pool, headers, H2O_TOKEN_CACHE_CONTROL, NULL, cache.at, cache.len);
    h2o_add_header(pool, headers, H2O_TOKEN_VARY, NULL, H2O_STRLIT("Accept, Accept-Encoding"));
    h2o_add_header(pool, headers, H2O_TOKEN_ACCESS_CONTROL_ALLOW_ORIGIN, NULL, H2O_STRLIT("*"));
    static const h2o_token_t expose = {.buf = {H2O_STRLIT("access-control-expose-headers")}};
    h2o_add_header(pool, headers, &expose, NULL, H2O_STRLIT("ETag"));
}

static void serve_token(const struct sl_call *c, const struct sl_fields *fields, const struct sl_list *list,
                        struct sl_token *token)
{
    int64_t now = wall_s(c->t);
    enum sl_variant variant;
    if (token->exp <= now && atomic_load_explicit(&list->retired, memory_order_relaxed)) {
        sl_respond_error(c, SL_ERR_NO_SUCH_LIST, NULL);
        return;
    }
    if (token->exp <= now) {
        sl_respond_error(c, SL_ERR_UNAVAILABLE, "The token has expired and a new one is not signed yet");
        return;
    }
    if (choose_variant(fields, &variant) != SL_OK) {
        sl_respond_error(c, SL_ERR_NOT_ACCEPTABLE,
                         "A list is served as application/statuslist+jwt or application/statuslist+cwt");
        return;
    }
    const struct sl_token_body *body = &token->body[variant];
    if (precondition_fails(fields, token, body->etag)) {
        sl_respond_error(c, SL_ERR_PRECONDITION_FAILED,
                         "The current token is a different one, or in a different form");
        return;
    }
    hold_token(c, list, token);
    add_headers(c, token, body, now);
    if (not_modified(c, fields, token, body, now)) {
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

/* Ids are random and not shared, so the id alone says which list is meant. But only the path of its own URI,
 * and that of today's public-url, lead to it: otherwise caches could be filled with copies at any path. */
static bool is_its_path(const struct sl_call *c, const struct sl_list *list)
{
    return c->target.elsewhere.len == 0 || sl_span_eq(c->target.elsewhere, sl_url_path(list->uri));
}

/* ---- waiting */

struct fetch_call {
    struct sl_pending_call pending;
    struct sl_fields f; /* its spans point into the request, which is kept while it waits */
    struct sl_list *list;
};

static void on_token(void *arg, enum sl_err err)
{
    struct fetch_call *o = arg;
    sl_pending_arrived(&o->pending, err);
    struct sl_token *token = err == SL_OK ? shown_token(&o->pending.call, o->list) : NULL;
    if (token != NULL)
        serve_token(&o->pending.call, &o->f, o->list, token);
    else if (err == SL_ERR_NO_SUCH_LIST)
        sl_respond_error(&o->pending.call, err, NULL);
    else
        sl_respond_error(&o->pending.call, SL_ERR_UNAVAILABLE,
                         "The list cannot be signed at the moment: try again shortly");
}

static void wait_token(struct fetch_call *o)
{
    o->pending.cancel = sl_wait_cancel;
    o->pending.wait = sl_wait_token(o->pending.call.t->worker, o->list, on_token, o);
}

static void on_looked_up(void *arg, enum sl_err err, struct sl_list *list)
{
    struct fetch_call *o = arg;
    sl_pending_arrived(&o->pending, err);
    if (err != SL_OK) {
        sl_respond_error(&o->pending.call, err,
                         err == SL_ERR_UNAVAILABLE
                             ? "The list cannot be looked up at the moment: try again shortly"
                             : NULL);
        return;
    }
    o->list = list;
    struct sl_token *token = shown_token(&o->pending.call, list);
    if (!is_its_path(&o->pending.call, list))
        sl_respond_error(&o->pending.call, SL_ERR_NO_SUCH_LIST, NULL);
    else if (token != NULL)
        serve_token(&o->pending.call, &o->f, list, token);
    else
        wait_token(o);
}

static struct fetch_call *fetch_call_new(const struct sl_call *c)
{
    struct fetch_call *o = sl_pending_new(c, sizeof *o);
    o->f = *c->f;
    return o;
}

/* The query parameter `time` asks for a token of the past. */
static bool refuses_time(const struct sl_call *c)
{
    struct sl_span time;
    uint64_t seconds;
    enum sl_err err = c->query.len > 0 ? sl_query_get(c->query, "time", &time) : SL_ERR_NOT_FOUND;
    if (err == SL_ERR_NOT_FOUND)
        return false;
    if (err == SL_OK && sl_number_parse_strict(time, INT64_MAX, &seconds))
        sl_respond_error(c, SL_ERR_NOT_IMPLEMENTED, "No history is kept: send the request without time");
    else
        sl_respond_error(c, SL_ERR_MALFORMED_REQUEST,
                         "time must be given once, as a number of seconds since 1970");
    return true;
}

void sl_call_fetch(struct sl_call *c)
{
    struct sl_shared *shared = c->t->http->shared;
    if (refuses_time(c))
        return;
    struct sl_list *list = sl_table_find(shared->table, &c->target.list);
    struct sl_token *token = list != NULL ? shown_token(c, list) : NULL;
    if (list != NULL && !is_its_path(c, list)) {
        sl_respond_error(c, SL_ERR_NO_SUCH_LIST, NULL);
        return;
    }
    if (token != NULL) {
        serve_token(c, c->f, list, token);
    } else if (c->t->draining) {
        sl_respond_error(c, SL_ERR_UNAVAILABLE, "The service is shutting down");
    } else if (list != NULL) {
        struct fetch_call *o = fetch_call_new(c);
        o->list = list;
        wait_token(o);
    } else if (sl_knows_all_lists(shared)) {
        sl_respond_error(c, SL_ERR_NO_SUCH_LIST, NULL);
    } else {
        struct fetch_call *o = fetch_call_new(c);
        o->pending.cancel = sl_lookup_cancel;
        o->pending.wait = sl_lookup_start(c->t->worker, &c->target.list, on_looked_up, o);
    }
}

void sl_call_preflight(struct sl_call *c)
{
    sl_call_add_header(c, "access-control-allow-origin", SL_SPAN("*"));
    sl_call_add_header(c, "access-control-allow-methods", SL_SPAN("GET, HEAD, OPTIONS"));
    sl_call_add_header(c, "access-control-allow-headers",
                       SL_SPAN("Accept, If-None-Match, If-Modified-Since, X-Request-Id"));
    sl_call_add_header(c, "access-control-max-age", SL_SPAN("86400"));
    sl_call_add_header(c, "access-control-expose-headers", SL_SPAN(SL_CORS_EXPOSED));
    sl_respond_empty(c, 204);
}
