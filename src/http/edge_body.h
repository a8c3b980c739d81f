/* JSON bodies of updates. */
#pragma once
#include <stdbool.h>
#include "base/err.h"
#include "http/edge.h"

/* A parsed body: entries and the memory behind them. Free with sl_body_free. */
struct sl_body;
void sl_body_free(struct sl_body *b); /* NULL ok */
const struct sl_update_entry *sl_body_entries(const struct sl_body *b, size_t *ret_count);

/* Strict: unknown and duplicate members, trailing bytes, wrong types, numbers with a fraction, nesting deeper
 * than 4 and strings that are not UTF-8 are refused; a batch may be empty. The first bad entry decides.
 * Errors: MALFORMED_REQUEST; VALUE_OUT_OF_RANGE (value not 0..255; the bits of the list are checked later);
 * INDEX_OUT_OF_BOUNDS (index negative or over 2^32-1); NO_SUCH_REFERENCE (the uri does not end in a list id);
 * CONTENT_TOO_LARGE (more than max_entries); INTERNAL (no memory); `why` says which entry and why. Any
 * thread; `json` has to outlive the body. */
SL_CHECKED enum sl_err sl_body_update(struct sl_span json, char why[static SL_WHY], struct sl_body **ret);
/* {"statusListReferences":[{"uri","index"[,"value"]},...][,"value"]}: an entry without a value takes the
 * outer one. */
SL_CHECKED enum sl_err sl_body_batch(struct sl_span json, size_t max_entries, char why[static SL_WHY],
                                     struct sl_body **ret);
/* Content-Type of a request body: application/json, with any well-formed parameters but a charset other than
 * utf-8. */
bool sl_content_is_json(struct sl_span content_type);
