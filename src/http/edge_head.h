/* The head of a request as it came. libh2o takes Host, Content-Length, Transfer-Encoding and Expect out of
 * the fields that it shows, and is content where there are several of one, so the lines that it does not show
 * are read here. No memory is allocated. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/span.h"

struct sl_request_head {
    const char *at, *end; /* the line that is read next; the end of what has arrived */
    struct sl_span host;
    unsigned hosts, lengths, codings, folds;
};

/* `bytes` begins where the head does and has all of it; what follows is not looked at. libh2o has parsed it
 * and made the names of fields lower case. */
struct sl_request_head sl_request_head_begin(struct sl_span bytes);
/* Reads the lines before this value. */
void sl_request_head_read(struct sl_request_head *h, const char *value);

/* Each field that libh2o shows, in their order: its line is passed over, and those before it are read. A
 * value that was copied elsewhere, as those of a request with a body are, changes nothing: then all lines are
 * read in the end. */
static inline void sl_request_head_field(struct sl_request_head *h, size_t name_len, struct sl_span value)
{
    if (name_len == 0)
        h->folds++; /* the rest of the value before it */
    size_t from = (size_t)((uintptr_t)value.at - (uintptr_t)h->at);
    if (from >= (size_t)(h->end - h->at))
        return;
    /* Between a name, its colon and the value there is hardly more than a blank: no room for a line. */
    if (from > name_len + 2)
        sl_request_head_read(h, value.at);
    h->at = value.at + value.len;
    h->at += h->at < h->end && *h->at == '\r';
    h->at += h->at < h->end;
}

/* What is wrong and what would be right, or NULL: RFC 9112 sections 3.2 (Host), 5.2 (folded lines), 6.1
 * and 6.3 (framing). A request that is refused may end elsewhere than libh2o takes it to, so its connection
 * has to be closed. */
const char *sl_request_head_fault(struct sl_request_head *h, bool http_1_0);
/* Host = uri-host [ ":" port ] of RFC 9110 section 7.2; may be empty. */
bool sl_is_host(struct sl_span s);
