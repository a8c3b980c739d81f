/* Content negotiation (RFC 9110 sections 12.5.1 Accept and 12.5.3 Accept-Encoding) over raw field values.
 * Several lines of one field are given as several spans and count as one list. Junk in a member makes that
 * member count for nothing, never the request fail: a field in which no member is left says as much as no
 * field. Two liberties beyond the grammar, because the default of a widespread HTTP client sends both (`*;
 * q=.2`): a lone `*` means any type, and a weight may begin with its dot. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/span.h"

/* Which of `offers` (full media types, lower case, best first) the client prefers: highest q, most specific
 * range wins per offer (of equally specific ones the highest q), ties go to the earlier offer. A range with
 * parameters matches no offer, for offers have none; only charset=utf-8 is passed over, since everything
 * offered fits it. No field at all: the first. -1: nothing acceptable (406). */
int sl_accept_media(const struct sl_span *fields, size_t n, const struct sl_span *offers, size_t offer_count);
/* True when gzip may be used: q > 0 for gzip (or x-gzip, or `*` without a gzip member) and not lower than
 * identity's q. *ret_identity: whether the unencoded form is acceptable (`identity;q=0` and `*;q=0` refuse
 * it); always set. */
bool sl_accept_gzip(const struct sl_span *fields, size_t n, bool *ret_identity);
