/* No request path of ours leads to the host's fallback, so what is answered there is an error of libh2o's. */
#include "http/own_errors.h"

#include "http/edge.h"
#include "http/edge_header.h"
#include "http/respond.h"

struct filter {
    h2o_filter_t super;
    enum sl_listener_kind kind;
};

/* Stands between libh2o's answer and the connection. */
struct stream {
    h2o_ostream_t super;
    struct sl_span body;
};

static void send_ours(h2o_ostream_t *self, h2o_req_t *req, h2o_iovec_t *bufs, size_t count,
                      h2o_send_state_t state)
{
    const struct stream *s = H2O_STRUCT_FROM_MEMBER(struct stream, super, self);
    h2o_iovec_t body = {(char *)s->body.at, s->body.len};
    (void)bufs;
    h2o_ostream_send_next(self, req, &body, count > 0 ? 1 : 0, state); /* none: HEAD */
}

static struct sl_span our_answer(struct sl_call *c)
{
    char why[SL_WHY];
    switch (c->req->res.status) {
    case 413:
        snprintf(why, sizeof why, "The request body may be at most %u bytes long",
                 c->t->http->options->limits.body);
        return sl_respond_instead(c, SL_ERR_CONTENT_TOO_LARGE, why);
    case 417:
        return sl_respond_instead(c, SL_ERR_EXPECTATION_FAILED, "Expect may be 100-continue, or absent");
    case 400:
        return sl_respond_instead(c, SL_ERR_MALFORMED_REQUEST,
                                  "The body cannot be read: its Content-Length, its Transfer-Encoding or its "
                                  "chunks are malformed");
    default:
        return sl_respond_instead(c, SL_ERR_INTERNAL, NULL);
    }
}

static void take_id(struct sl_call *c)
{
    const h2o_headers_t *headers = &c->req->headers;
    ssize_t at = h2o_find_header_by_str(headers, H2O_STRLIT("x-request-id"), -1);
    struct sl_span id = at != -1 ? sl_header_value(&headers->entries[at]) : SL_SPAN("");
    if (sl_is_request_id(id))
        c->id = id;
}

static void on_setup(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
    struct sl_http_thread *t = H2O_STRUCT_FROM_MEMBER(struct sl_http_thread, ctx, req->conn->ctx);
    enum sl_listener_kind kind = H2O_STRUCT_FROM_MEMBER(struct filter, super, self)->kind;
    struct sl_call c = {.t = t,
                        .req = req,
                        .route = SL_ROUTE_NONE,
                        .begun_ns = sl_mono_ns(t->clock),
                        .public = kind == SL_LISTEN_PUBLIC || kind == SL_LISTEN_BOTH};
    take_id(&c);
    struct sl_span body = our_answer(&c);
    struct stream *s = (struct stream *)h2o_add_ostream(req, sizeof *s, slot);
    s->super.do_send = send_ours;
    s->body = body;
    h2o_setup_next_ostream(req, &s->super.next);
}

void sl_own_errors_init(h2o_hostconf_t *host, enum sl_listener_kind kind)
{
    struct filter *filter = (struct filter *)h2o_create_filter(&host->fallback_path, sizeof *filter);
    filter->super.on_setup_ostream = on_setup;
    filter->kind = kind;
}
