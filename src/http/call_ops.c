/* Liveness, readiness, metrics, version and the description of the interface, which the keeper's thread
 * serves on a listener of its own. */
#include "base/log.h"
#include "http/audit.h"
#include "http/edge_query.h"
#include "http/openapi.h"
#include "http/respond.h"
#include "http/routes.h"
#include "loop/journal.h"
#include "keeper/keeper.h"

#include "base/version.h"

static void respond_no_store(const struct sl_call *c, int status, const char *type, const struct sl_buf *text)
{
    char *body = sl_call_alloc(c, text->len + 1);
    if (text->len > 0)
        memcpy(body, text->data, text->len);
    sl_call_add_header(c, "content-type", sl_span(type, strlen(type)));
    sl_call_add_header(c, "cache-control", SL_SPAN("no-store"));
    sl_respond_body(c, status, sl_span(body, text->len));
}

static bool can_record(const struct sl_call *c, struct sl_buf *why)
{
    const struct sl_http *http = c->t->http;
    if (!sl_audit_stops(http))
        return true;
    sl_buf_printf(why, "audit: %s cannot be written", http->options->audit_file);
    if (sl_journal_failing(http->journal))
        sl_buf_printf(why, ": %s", strerror(sl_journal_error(http->journal)));
    return false;
}

static void put_detail(const struct sl_call *c, struct sl_buf *out)
{
    struct sl_buf detail;
    sl_buf_init(&detail, 2048);
    sl_keeper_put_detail(c->t->keeper, &detail);
    if (detail.len > 0) {
        sl_buf_puts(out, ",\"detail\":");
        sl_buf_json(out, sl_span(detail.data, detail.len));
    }
    sl_buf_free(&detail);
}

/* False: answered. */
static bool read_question(const struct sl_call *c, struct sl_ready_question *ret)
{
    struct sl_span who, name;
    enum sl_err asked = sl_query_get(c->query, "for", &who), named = sl_query_get(c->query, "pool", &name);
    *ret = (struct sl_ready_question){.issuer = asked == SL_OK};
    if ((asked != SL_ERR_NOT_FOUND && (asked != SL_OK || !sl_span_eq(who, SL_SPAN("issuer")))) ||
        (named != SL_ERR_NOT_FOUND && named != SL_OK)) {
        sl_respond_error(c, SL_ERR_MALFORMED_REQUEST,
                         "Use /readyz or /readyz?for=issuer, with pool=NAME for one pool");
        return false;
    }
    ret->pool = named == SL_OK ? sl_pool_named(c->t->http->shared, name) : NULL;
    if (named == SL_OK && ret->pool == NULL) {
        sl_respond_error(c, SL_ERR_NO_SUCH_POOL, NULL);
        return false;
    }
    return true;
}

static void respond_readyz(struct sl_call *c)
{
    struct sl_ready_question q;
    if (!read_question(c, &q))
        return;
    struct sl_buf why, pools, out;
    sl_buf_init(&why, 8192);
    sl_buf_init(&pools, 1u << 18);
    sl_buf_init(&out, 1u << 19);
    bool ready = sl_keeper_ready(c->t->keeper, &q, &why, &pools) && (!q.issuer || can_record(c, &why));
    sl_buf_puts(&out, ready ? "{\"ready\":true" : "{\"ready\":false,\"reason\":");
    if (!ready)
        sl_buf_json(&out, sl_span(why.data, why.len));
    if (pools.len > 0)
        sl_buf_printf(&out, ",\"pools\":{%.*s}", (int)pools.len, pools.data);
    put_detail(c, &out);
    sl_buf_puts(&out, "}\n");
    respond_no_store(c, ready ? 200 : 503, "application/json", &out);
    sl_buf_free(&why);
    sl_buf_free(&pools);
    sl_buf_free(&out);
}

/* Of the certificates in force; a listener without TLS has no such gauge. */
static void set_certificate_gauges(const struct sl_call *c)
{
    const struct sl_http *http = c->t->http;
    for (unsigned i = 0; i < SL_TLS_LISTENERS; i++) {
        const struct sl_tls *tls = atomic_load_explicit(&http->tls[i], memory_order_acquire);
        sl_metric_set_label(c->t->metrics, SL_HT_NOT_AFTER, i,
                            tls != NULL ? (uint64_t)sl_tls_not_after(tls) : SL_METRIC_NONE);
    }
}

static void respond_metrics(struct sl_call *c)
{
    struct sl_buf out;
    sl_buf_init(&out, 64u << 20);
    set_certificate_gauges(c);
    sl_metric_set(c->t->metrics, SL_HT_LOG_DROPPED, sl_log_dropped());
    sl_keeper_gauges(c->t->keeper);
    sl_metric_render(&out);
    if (out.failed)
        sl_respond_error(c, SL_ERR_INTERNAL, "The metrics are too large to render");
    else
        respond_no_store(c, 200, "text/plain; version=0.0.4; charset=utf-8", &out);
    sl_buf_free(&out);
}

void sl_call_ops(struct sl_call *c)
{
    struct sl_buf out;
    if (c->route == SL_ROUTE_READYZ) {
        respond_readyz(c);
        return;
    }
    if (c->route == SL_ROUTE_METRICS) {
        respond_metrics(c);
        return;
    }
    if (c->route == SL_ROUTE_OPENAPI) {
        sl_call_add_header(c, "content-type", SL_SPAN("application/yaml")); /* RFC 9512 */
        sl_call_add_header(c, "cache-control", SL_SPAN("no-store"));
        sl_respond_body(c, 200, sl_span(sl_openapi, sl_openapi_len));
        return;
    }
    sl_buf_init(&out, 256);
    if (c->route == SL_ROUTE_LIVEZ)
        sl_buf_puts(&out, "{\"alive\":true}\n");
    else
        sl_buf_printf(&out, "{\"name\":\"statuslistd\",\"version\":\"%s\"}\n", sl_version());
    respond_no_store(c, 200, "application/json", &out);
    sl_buf_free(&out);
}
