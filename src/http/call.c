#include "http/call.h"

#include "base/hex.h"

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

/* An odd step meets every number before it comes to one again. */
struct sl_span sl_call_id(const struct sl_call *c)
{
    if (c->id.len > 0)
        return c->id;
    uint64_t made = c->t->made_id += UINT64_C(0x9e3779b97f4a7c15);
    char *text = sl_call_alloc(c, 2 * sizeof made);
    sl_hex_encode(&made, sizeof made, text);
    return sl_span(text, 2 * sizeof made);
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
