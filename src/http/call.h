/* One request on its way to an answer. The one-letter name `c` means the call in all files of this layer. */
#pragma once
#include "http/edge_route.h"
#include "http/field.h"
#include "http/thread.h"

#define SL_FIELD_LINES 8 /* lines of one header field that need no memory of their own */

/* The lines of one header field, in their order. */
struct sl_lines {
    struct sl_span few[SL_FIELD_LINES], *all; /* in the request's pool; NULL: `few` has them */
    unsigned count;
};

static inline const struct sl_span *sl_lines(const struct sl_lines *l)
{
    return l->all != NULL ? l->all : l->few;
}

/* The header fields that some handler reads, gathered in one pass; into the request's memory, without white
 * space around their values. */
struct sl_fields {
    struct sl_lines accept, accept_encoding, if_none_match, if_match;
    struct sl_span if_modified_since, if_unmodified_since, content_type, api_key, bearer, request_id;
    bool has_modified_since, has_unmodified_since, has_content_type;
    bool closes;                       /* Connection says close */
    unsigned api_keys, authorizations; /* lines */
    bool bears;                        /* one of Authorization has the scheme Bearer: `bearer` is its token */
    size_t bytes;                      /* names and values of all fields */
};

/* On the stack of sl_dispatch while the handler runs. A call that is answered later is copied into the
 * request's pool (pending.h). */
struct sl_call {
    struct sl_http_thread *t;
    h2o_req_t *req;
    enum sl_route route;
    bool public; /* the answer gets CORS headers */
    uint64_t begun_ns;
    /* The request's id: the client's, where it may be taken, or one of ours, for calls of issuers. Empty: an
     * answer that may be kept shows none, since others would see it. */
    struct sl_span id;
    struct sl_fields *f; /* NULL once the handler has returned */
    struct sl_target target;
    struct sl_span query; /* without `?`; empty when there is none */
};

/* Memory that lives as long as the request. Never NULL: h2o ends the process where there is none. */
void *sl_call_alloc(const struct sl_call *c, size_t n);
/* `prefix` and the decimal digits of v, in memory of sl_call_alloc. */
struct sl_span sl_call_decimal(const struct sl_call *c, const char *prefix, uint64_t v);
bool sl_call_is_method(const struct sl_call *c, const char *method);
/* The request's id, made now where it has none; in the request's pool. */
struct sl_span sl_call_id(const struct sl_call *c);
/* Without white space around it; libh2o takes away what is before it, and hardly any has some behind it. */
static inline struct sl_span sl_header_value(const h2o_header_t *header)
{
    struct sl_span value = sl_span(header->value.base, header->value.len);
    char last = value.len > 0 ? value.at[value.len - 1] : 'x';
    return last == ' ' || last == '\t' ? sl_field_trim(value) : value;
}
/* The body of the request. */
struct sl_span sl_call_entity(const struct sl_call *c);
/* Adds a header to the answer; `value` has to live as long as the request. */
void sl_call_add_header(const struct sl_call *c, const char *name, struct sl_span value);
