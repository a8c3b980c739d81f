/* The query of a request's target, which has no `?`. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "base/span.h"

/* Percent-decodes (RFC 3986 section 2.1) into `out` (room for in.len). False: bad escape, NUL, or control
 * character. `+` stays. */
bool sl_percent_decode(struct sl_span in, char *out, size_t *ret_len);

/* The value of `name`, still encoded. SL_ERR_NOT_FOUND when absent, SL_ERR_MALFORMED_REQUEST when it appears
 * twice. Names are compared after percent-decoding; a name without `=` has an empty value, and a name with a
 * bad escape matches no name. */
SL_CHECKED enum sl_err sl_query_get(struct sl_span query, const char *name, struct sl_span *ret);
