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
    case 417:
        return "Expectation Failed";
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

/* Also counts the answer. */
static void set_status(const struct sl_call *c, int status, size_t content_length)
{
    h2o_req_t *req = c->req;
    req->res.status = status;
    req->res.reason = reason(status);
    req->res.content_length = content_length;
    sl_http_count(c->t->routes[c->route], status, sl_mono_ns(c->t->clock) - c->begun_ns);
}

static void send_answer(const struct sl_call *c, int status, struct sl_span body, size_t content_length)
{
    h2o_req_t *req = c->req;
    set_status(c, status, content_length);
    /* h2o would send the body of a HEAD, 204 or 304 as it is given. */
    bool bare = body.len == 0 || sl_call_is_method(c, "HEAD");
    h2o_iovec_t v = {(char *)body.at, body.len};
    h2o_start_response(req, &nothing_more);
    h2o_send(req, bare ? NULL : &v, bare ? 0 : 1, H2O_SEND_STATE_FINAL);
}

static void add_id(const struct sl_call *c, struct sl_span id)
{
    static const h2o_token_t name = {.buf = {H2O_STRLIT("x-request-id")}};
    h2o_add_header(&c->req->pool, &c->req->res.headers, &name, NULL, id.at, id.len);
}

/* Not where the answer may be kept: then it would be shown to others. */
static void add_own_id(const struct sl_call *c)
{
    if (c->id.len > 0 && !c->public)
        add_id(c, c->id);
}

void sl_respond_body(const struct sl_call *c, int status, struct sl_span body)
{
    add_own_id(c);
    send_answer(c, status, body, body.len);
}

void sl_respond_empty(const struct sl_call *c, int status)
{
    add_own_id(c);
    send_answer(c, status, sl_span(NULL, 0), SIZE_MAX);
}

void sl_respond_json(const struct sl_call *c, const char *body, size_t len)
{
    add_own_id(c);
    h2o_add_header(&c->req->pool, &c->req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("application/json"));
    send_answer(c, 200, sl_span(body, len), len);
}

static void add_cors(const struct sl_call *c)
{
    if (!c->public)
        return;
    sl_call_add_header(c, "access-control-allow-origin", SL_SPAN("*"));
    sl_call_add_header(c, "access-control-expose-headers", SL_SPAN(SL_CORS_EXPOSED));
}

/* RFC 9457, with the members that clients of the seed service read. */
static struct sl_span problem(const struct sl_call *c, enum sl_err err, const char *detail, struct sl_span id)
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
    sl_buf_puts(&b, ",\"requestId\":");
    sl_buf_json(&b, id);
    sl_buf_putc(&b, '}');
    sl_assert(!b.failed); /* details are bounded, see SL_DETAIL */
    char *body = sl_call_alloc(c, b.len);
    memcpy(body, b.data, b.len);
    return sl_span(body, b.len);
}

/* Adds the headers; returns the body. */
static struct sl_span make_error(const struct sl_call *c, enum sl_err err, const char *detail,
                                 uint64_t seconds)
{
    int status = sl_err_status(err);
    struct sl_span id = sl_call_id(c);
    add_cors(c);
    sl_call_add_header(c, "content-type", SL_SPAN("application/problem+json"));
    add_id(c, id);
    if (status == 503 || status == 429)
        sl_call_add_header(c, "retry-after", sl_call_decimal(c, "", seconds));
    /* An error is not to be kept: a list may be known, a token signed, a moment later. */
    sl_call_add_header(c, "cache-control", SL_SPAN("no-store"));
    return problem(c, err, detail, id);
}

void sl_respond_error(const struct sl_call *c, enum sl_err err, const char *detail)
{
    sl_respond_later(c, err, detail, 1);
}

void sl_respond_later(const struct sl_call *c, enum sl_err err, const char *detail, uint64_t seconds)
{
    struct sl_span body = make_error(c, err, detail, seconds);
    send_answer(c, sl_err_status(err), body, body.len);
}

struct sl_span sl_respond_instead(const struct sl_call *c, enum sl_err err, const char *detail)
{
    c->req->res.headers = (h2o_headers_t){NULL, 0, 0};
    struct sl_span body = make_error(c, err, detail, 1);
    set_status(c, sl_err_status(err), body.len);
    return body;
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
