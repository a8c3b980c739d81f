/* Preconditions (RFC 9110 section 13) over raw field values. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

/* If-None-Match: `*`, or a list of entity tags compared weakly with `etag` (which has its quotes). Several
 * lines count as one list. A malformed member matches nothing, and neither does a `*` that is not alone. */
bool sl_etag_matches(const struct sl_span *fields, size_t n, struct sl_span etag);
/* If-Match: the same, compared strongly: a weak tag matches nothing. */
bool sl_etag_matches_strongly(const struct sl_span *fields, size_t n, struct sl_span etag);
/* An HTTP-date in any of the three forms of RFC 9110 section 5.6.7, to seconds since 1970. Case counts; a
 * day's name must be one but need not fit the date; 23:59:60 is the second after 23:59:59. The two-digit year
 * of the second form is read against the system's clock. */
bool sl_http_date(struct sl_span text, int64_t *ret);
/* The same against a given time: a two-digit year is the latest that is not more than 50 years after `now`
 * (seconds). */
bool sl_http_date_at(struct sl_span text, int64_t now, int64_t *ret);
