/* One request on its way to an answer. The one-letter name `c` means the call in all files of this layer. */
#pragma once
#include "http/edge_route.h"
#include "http/thread.h"

#define SL_FIELD_LINES 8 /* lines of one header field that count */

/* The header fields that some handler reads, gathered in one pass; into the request's memory. */
struct sl_fields {
    struct sl_span accept[SL_FIELD_LINES], accept_encoding[SL_FIELD_LINES], if_none_match[SL_FIELD_LINES],
        if_match[SL_FIELD_LINES];
    unsigned accepts, accept_encodings, if_none_matches, if_matches;
    struct sl_span if_modified_since, if_unmodified_since, content_type, api_key, authorization;
    bool has_modified_since, has_unmodified_since, has_content_type;
    unsigned api_keys, authorizations; /* lines */
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
    struct sl_fields *f; /* NULL once the handler has returned */
    struct sl_target target;
    struct sl_span query; /* without `?`; empty when there is none */
};

/* Memory that lives as long as the request. Never NULL: h2o ends the process where there is none. */
void *sl_call_alloc(const struct sl_call *c, size_t n);
/* `prefix` and the decimal digits of v, in memory of sl_call_alloc. */
struct sl_span sl_call_decimal(const struct sl_call *c, const char *prefix, uint64_t v);
bool sl_call_is_method(const struct sl_call *c, const char *method);
/* The body of the request. */
struct sl_span sl_call_entity(const struct sl_call *c);
/* Adds a header to the answer; `value` has to live as long as the request. */
void sl_call_add_header(const struct sl_call *c, const char *name, struct sl_span value);
