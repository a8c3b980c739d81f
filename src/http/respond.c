#include "http/respond.h"

#include "base/assert.h"
#include "http/edge.h"
#include "worker/worker.h"

static h2o_generator_t nothing_more = {NULL, NULL};

static const char *reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 204:
        return "No Content";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 406:
        return "Not Acceptable";
    case 409:
        return "Conflict";
    case 412:
        return "Precondition Failed";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 415:
        return "Unsupported Media Type";
    case 422:
        return "Unprocessable Content";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    default:
        return "Internal Server Error";
    }
}

static void send_answer(const struct sl_call *c, int status, struct sl_span body, size_t content_length)
{
    h2o_req_t *req = c->req;
    req->res.status = status;
    req->res.reason = reason(status);
    req->res.content_length = content_length;
    sl_http_count(c->t->routes[c->route], status, sl_mono_ns(c->t->clock) - c->begun_ns);
    /* h2o would send the body of a HEAD, 204 or 304 as it is given. */
    bool bare = body.len == 0 || sl_call_is_method(c, "HEAD");
    h2o_iovec_t v = {(char *)body.at, body.len};
    h2o_start_response(req, &nothing_more);
    h2o_send(req, bare ? NULL : &v, bare ? 0 : 1, H2O_SEND_STATE_FINAL);
}

void sl_respond_body(const struct sl_call *c, int status, struct sl_span body)
{
    send_answer(c, status, body, body.len);
}

void sl_respond_empty(const struct sl_call *c, int status)
{
    send_answer(c, status, sl_span(NULL, 0), SIZE_MAX);
}

void sl_respond_json(const struct sl_call *c, const char *body, size_t len)
{
    h2o_add_header(&c->req->pool, &c->req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("application/json"));
    send_answer(c, 200, sl_span(body, len), len);
}

static void add_cors(const struct sl_call *c)
{
    if (!c->public)
        return;
    sl_call_add_header(c, "access-control-allow-origin", SL_SPAN("*"));
    sl_call_add_header(c, "access-control-expose-headers", SL_SPAN("ETag"));
}

/* RFC 9457, with the members that clients of the seed service read. */
static struct sl_span problem(const struct sl_call *c, enum sl_err err, const char *detail)
{
    char mem[2048];
    struct sl_buf b;
    sl_buf_over(&b, mem, sizeof mem);
    const char *title = sl_err_title(err), *code = sl_err_code(err);
    if (detail == NULL || detail[0] == '\0')
        detail = title;
    sl_buf_puts(&b, "{\"type\":\"urn:statuslist:problem:");
    for (const char *at = code; *at != '\0'; at++)
        sl_buf_putc(&b, *at == '_' ? '-' : (char)(*at | 0x20));
    sl_buf_puts(&b, "\",\"title\":");
    sl_buf_json(&b, sl_span(title, strlen(title)));
    sl_buf_puts(&b, ",\"status\":");
    sl_buf_u64(&b, (uint64_t)sl_err_status(err));
    sl_buf_puts(&b, ",\"detail\":");
    sl_buf_json(&b, sl_span(detail, strlen(detail)));
    sl_buf_puts(&b, ",\"code\":");
    sl_buf_json(&b, sl_span(code, strlen(code)));
    sl_buf_puts(&b, ",\"message\":");
    sl_buf_json(&b, sl_span(detail, strlen(detail)));
    sl_buf_putc(&b, '}');
    sl_assert(!b.failed); /* details are bounded, see SL_WHY */
    char *body = sl_call_alloc(c, b.len);
    memcpy(body, b.data, b.len);
    return sl_span(body, b.len);
}

void sl_respond_error(const struct sl_call *c, enum sl_err err, const char *detail)
{
    sl_respond_later(c, err, detail, 1);
}

void sl_respond_later(const struct sl_call *c, enum sl_err err, const char *detail, uint64_t seconds)
{
    add_cors(c);
    sl_call_add_header(c, "content-type", SL_SPAN("application/problem+json"));
    int status = sl_err_status(err);
    if (status == 503 || status == 429)
        sl_call_add_header(c, "retry-after", sl_call_decimal(c, "", seconds));
    /* An error is not to be kept: a list may be known, a token signed, a moment later. */
    sl_call_add_header(c, "cache-control", SL_SPAN("no-store"));
    struct sl_span body = problem(c, err, detail);
    send_answer(c, status, body, body.len);
}

const char *sl_explain_unfit(const struct sl_call *c, const char *what, const char *otherwise)
{
    const char *unfit = sl_pool_worker_unfit(c->t->worker);
    char *text = sl_call_alloc(c, SL_WHY);
    if (unfit != NULL)
        snprintf(text, SL_WHY, "%s: redis is unfit (%s)", what, unfit);
    else
        snprintf(text, SL_WHY, "%s: %s", what, otherwise);
    return text;
}

void sl_respond_not_allowed(const struct sl_call *c, const char *allow)
{
    sl_call_add_header(c, "allow", sl_span(allow, strlen(allow)));
    char detail[SL_WHY];
    snprintf(detail, sizeof detail, "This resource allows %s", allow);
    sl_respond_error(c, SL_ERR_METHOD_NOT_ALLOWED, detail);
}
