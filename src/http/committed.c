#include "http/committed.h"

#include "http/edge_header.h"
#include "http/respond.h"

#include "worker/visible.h"

#define VERSIONS_SHOWN 64

static void add_field(const struct sl_call *c, const char *name, size_t name_len, struct sl_span value)
{
    h2o_add_header_by_str(&c->req->pool, &c->req->res.headers, name, name_len, 0, NULL, value.at, value.len);
}

/* A List of Integers (RFC 8941), in the order of the lists' first entries. */
static void add_versions(const struct sl_call *c, const struct sl_head *heads, uint32_t n)
{
    if (n > VERSIONS_SHOWN)
        return;
    char *text = sl_call_alloc(c, n * 22), *at = text;
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0) {
            *at++ = ',';
            *at++ = ' ';
        }
        at += sl_u64_digits(at, heads[i].version);
    }
    add_field(c, H2O_STRLIT("status-list-version"), sl_span(text, (size_t)(at - text)));
}

/* A List of Strings: in which history each of the versions is; "" where it is older than histories. */
static void add_histories(const struct sl_call *c, const struct sl_head *heads, uint32_t n)
{
    if (n > VERSIONS_SHOWN)
        return;
    char *text = sl_call_alloc(c, n * (SL_LINEAGE_TEXT + sizeof ", \"\"")), *at = text;
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0) {
            *at++ = ',';
            *at++ = ' ';
        }
        *at++ = '"';
        if (!sl_lineage_none(heads[i].at))
            at += sl_lineage_print(heads[i].at, at);
        *at++ = '"';
    }
    add_field(c, H2O_STRLIT("status-list-history"), sl_span(text, (size_t)(at - text)));
}

static void add_visible_by(const struct sl_call *c, int64_t second)
{
    char *text = sl_call_alloc(c, SL_HTTP_DATE);
    memcpy(text, sl_http_date_text(&c->t->visible_by, second), SL_HTTP_DATE);
    add_field(c, H2O_STRLIT("status-visible-by"), sl_span(text, SL_HTTP_DATE));
}

/* When verifiers see the change of every list; 0: nothing can be promised. */
static int64_t visible_by(const struct sl_call *c, struct sl_list *const *lists, const struct sl_head *heads,
                          uint32_t n)
{
    unsigned ttls = c->t->http->options->shared_cache ? 2 : 1;
    int64_t latest = 0;
    for (uint32_t i = 0; i < n; i++) {
        int64_t at = sl_visible_by(c->t->worker, lists[i], heads[i], n, ttls);
        if (at == 0)
            return 0;
        latest = at > latest ? at : latest;
    }
    return latest;
}

static void respond_now(const struct sl_call *c, const struct sl_head *heads, uint32_t n, int64_t by)
{
    add_versions(c, heads, n);
    add_histories(c, heads, n);
    if (by != 0)
        add_visible_by(c, by);
    sl_respond_empty(c, 204);
}

/* ---- Prefer: wait */

struct held {
    struct sl_pending_call *pending;
    uint64_t deadline_ns;
    uint32_t seconds; /* of the preference, at most limits.wait */
    uint32_t n, at;   /* the lists before `at` are published */
    struct sl_list **lists;
    struct sl_head *heads;
};

static void on_followed(void *arg, bool published);

/* The promise is made now, not when the change was committed: one that counted on less may have been refuted
 * since. */
static void respond_held(struct held *h, bool published)
{
    const struct sl_call *c = &h->pending->call;
    if (published)
        add_field(c, H2O_STRLIT("preference-applied"), sl_call_decimal(c, "wait=", h->seconds));
    respond_now(c, h->heads, h->n, visible_by(c, h->lists, h->heads, h->n));
}

static void wait_for_next(struct held *h)
{
    const struct sl_call *c = &h->pending->call;
    uint64_t now = sl_mono_ns(c->t->clock);
    while (h->at < h->n && sl_is_published(h->lists[h->at], h->heads[h->at]))
        h->at++;
    if (h->at == h->n || now >= h->deadline_ns || c->t->draining) {
        respond_held(h, h->at == h->n);
        return;
    }
    h->pending->cancel = sl_follow_cancel;
    h->pending->wait =
        sl_follow(c->t->worker, h->lists[h->at], h->heads[h->at], h->deadline_ns - now, on_followed, h);
}

static void on_followed(void *arg, bool published)
{
    struct held *h = arg;
    sl_pending_arrived(h->pending, SL_OK);
    if (published)
        wait_for_next(h);
    else
        respond_held(h, false);
}

static void hold_answer(struct sl_pending_call *pending, struct sl_list *const *lists,
                        const struct sl_head *heads, uint32_t n, uint32_t seconds)
{
    const struct sl_call *c = &pending->call;
    struct held *h = sl_call_alloc(c, sizeof *h);
    *h = (struct held){.pending = pending,
                       .seconds = seconds,
                       .deadline_ns = sl_mono_ns(c->t->clock) + seconds * SL_NS_PER_S,
                       .n = n};
    h->lists = sl_call_alloc(c, n * sizeof(struct sl_list *));
    h->heads = sl_call_alloc(c, n * sizeof *heads);
    memcpy(h->lists, lists, n * sizeof(struct sl_list *));
    memcpy(h->heads, heads, n * sizeof *heads);
    wait_for_next(h);
}

/* In seconds, at most limits.wait; 0: the answer is sent at once. */
static uint32_t preferred_wait(const struct sl_call *c)
{
    const h2o_headers_t *headers = &c->req->headers;
    ssize_t at = h2o_find_header_by_str(headers, H2O_STRLIT("prefer"), -1);
    if (at == -1)
        return 0;
    struct sl_span *lines = sl_call_alloc(c, headers->size * sizeof *lines);
    size_t count = 0;
    for (; at != -1; at = h2o_find_header_by_str(headers, H2O_STRLIT("prefer"), at))
        lines[count++] = sl_header_value(&headers->entries[at]);
    uint32_t seconds = sl_prefer_wait(lines, count);
    uint32_t most = c->t->http->options->limits.wait_ms / 1000;
    return seconds < most ? seconds : most;
}

void sl_respond_committed(struct sl_pending_call *pending, struct sl_list *const *lists,
                          const struct sl_head *heads, uint32_t n)
{
    const struct sl_call *c = &pending->call;
    uint32_t seconds = preferred_wait(c);
    if (seconds > 0)
        hold_answer(pending, lists, heads, n, seconds);
    else
        respond_now(c, heads, n, visible_by(c, lists, heads, n));
}
