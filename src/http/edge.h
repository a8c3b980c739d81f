/* The edge: the one place where untrusted bytes of a request become values. Pure functions; no h2o type in
 * here, so that each can be fuzzed on its own. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/span.h"
#include "base/uuid.h"

/* Percent-decodes (RFC 3986 section 2.1) into `out` (room for in.len). False: bad escape, NUL, or control
 * character. `+` stays. */
bool sl_percent_decode(struct sl_span in, char *out, size_t *ret_len);

/* The value of `name` in a query string (without `?`), still encoded. SL_ERR_NOT_FOUND when absent,
 * SL_ERR_MALFORMED_REQUEST when it appears twice. Names are compared after percent-decoding; a name without
 * `=` has an empty value, and a name with a bad escape is nobody's. */
SL_CHECKED enum sl_err sl_query_get(struct sl_span query, const char *name, struct sl_span *ret);
/* Digits only, no sign, no leading zeros but "0" itself, at most `max`. */
bool sl_parse_u64(struct sl_span text, uint64_t max, uint64_t *ret);

/* One update of a body. `position` in the request, counted from 0. */
struct sl_update_entry {
    struct sl_uuid list; /* from the URI's last segment */
    struct sl_span uri;  /* whole, to be compared byte for byte with the list's; into the body or its text */
    uint32_t index;
    uint32_t value; /* 0..255 */
};

/* A parsed body: entries and the memory behind them. Free with sl_body_free. */
struct sl_body;
void sl_body_free(struct sl_body *b);
const struct sl_update_entry *sl_body_entries(const struct sl_body *b, size_t *ret_count);

/* `why` (at most 160 bytes, NUL-terminated) says what was wrong and what would be right; never echoes more of
 * the input than a member's name. Strict: unknown and duplicate members, trailing bytes, wrong types, numbers
 * with a fraction, nesting deeper than 4 and strings that are not UTF-8 are refused; a batch may be empty.
 * The first bad entry decides. Errors: MALFORMED_REQUEST; VALUE_OUT_OF_RANGE (value not 0..255, list's own
 * bits are checked later); INDEX_OUT_OF_BOUNDS (index negative or over 2^32-1); NO_SUCH_REFERENCE (the uri
 * does not end in a list id); CONTENT_TOO_LARGE (more than max_entries); INTERNAL (no memory). Any thread;
 * `json` has to outlive the body. */
#define SL_WHY 160
SL_CHECKED enum sl_err sl_body_update(struct sl_span json, char why[static SL_WHY], struct sl_body **ret);
/* {"statusListReferences":[{"uri","index"[,"value"]},...][,"value"]}: an entry without value takes the outer
 * one. */
SL_CHECKED enum sl_err sl_body_batch(struct sl_span json, size_t max_entries, char why[static SL_WHY],
                                     struct sl_body **ret);
/* Content-Type of a request body: application/json, any well-formed parameters but a charset other than
 * utf-8. */
bool sl_content_is_json(struct sl_span content_type);

/* The value of an Idempotency-Key field (draft-ietf-httpapi-idempotency-key-header): a String of RFC 8941
 * with any parameters, which are ignored; or, as many clients send it, the same characters bare, where they
 * are those of a token, `:`, `/` or `=`. 1 to SL_IDEMPOTENCY_KEY characters, unescaped into `out`. False: it
 * is none of this. */
#define SL_IDEMPOTENCY_KEY 255
bool sl_idempotency_key(struct sl_span field, char out[static SL_IDEMPOTENCY_KEY], size_t *ret_len);

/* The preference `wait` among the lines of a Prefer field (RFC 7240 sections 2 and 4.3), at most
 * SL_PREFER_WAIT. 0: there is none, or none that can be understood; preferences are no errors. */
#define SL_PREFER_WAIT 1000000u
uint32_t sl_prefer_wait(const struct sl_span *lines, size_t count);

/* Where a path leads. The path is as received (not decoded, without the query); `base` is public-url's path
 * ("" or "/x"). */
enum sl_route {
    SL_ROUTE_NONE,
    SL_ROUTE_LIST,        /* <base>/{list-id} */
    SL_ROUTE_AGGREGATION, /* <base>/aggregation/{pool} */
    SL_ROUTE_RESERVE,     /* /pools/{pool}/new-references */
    SL_ROUTE_UPDATE,      /* /status-lists/update */
    SL_ROUTE_BATCH,       /* /status-lists/batch-update */
    SL_ROUTE_STATUS,      /* /status-lists/status */
    SL_ROUTE_LIVEZ,
    SL_ROUTE_READYZ,
    SL_ROUTE_METRICS,
    SL_ROUTE_VERSION,
    SL_ROUTE_COUNT
};
struct sl_target {
    enum sl_route route;
    struct sl_uuid list; /* LIST */
    struct sl_span pool; /* AGGREGATION, RESERVE: as in the path; [a-z0-9_-]{1,64} or the route is NONE */
};
/* A malformed list id gives SL_ROUTE_LIST's sibling: route NONE. Public, issuer and ops routes are told apart
 * by the caller. Where a base makes one path mean two things (base /pools:
 * /pools/aggregation/new-references), the route without base wins. */
struct sl_target sl_route_parse(struct sl_span path, struct sl_span base);
