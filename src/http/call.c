#include "http/call.h"

void *sl_call_alloc(const struct sl_call *c, size_t n)
{
    return h2o_mem_alloc_pool(&c->req->pool, n);
}

struct sl_span sl_call_decimal(const struct sl_call *c, const char *prefix, uint64_t v)
{
    size_t n = strlen(prefix);
    char *text = sl_call_alloc(c, n + 20);
    memcpy(text, prefix, n);
    return sl_span(text, n + sl_u64_digits(text + n, v));
}

bool sl_call_is_method(const struct sl_call *c, const char *method)
{
    return h2o_memis(c->req->method.base, c->req->method.len, method, strlen(method));
}

struct sl_span sl_call_entity(const struct sl_call *c)
{
    return sl_span(c->req->entity.base, c->req->entity.len);
}

void sl_call_add_header(const struct sl_call *c, const char *name, struct sl_span value)
{
    h2o_add_header_by_str(&c->req->pool, &c->req->res.headers, name, strlen(name), 1, NULL, value.at,
                          value.len);
}
