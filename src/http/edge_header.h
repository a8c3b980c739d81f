/* Header fields that are read on their own: Idempotency-Key, Prefer, X-Request-Id. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

/* The value of an Idempotency-Key field (draft-ietf-httpapi-idempotency-key-header): a String of RFC 8941,
 * whose parameters are ignored; or, as many clients send it, the same characters without quotes, where each
 * is a character of a token, `:`, `/` or `=`. 1 to SL_IDEMPOTENCY_KEY characters, unescaped into `out`.
 * False: it is neither. */
#define SL_IDEMPOTENCY_KEY 255
bool sl_idempotency_key(struct sl_span field, char out[static SL_IDEMPOTENCY_KEY], size_t *ret_len);

/* The preference `wait` among the lines of a Prefer field (RFC 7240 sections 2 and 4.3) in seconds, at most
 * SL_PREFER_WAIT. 0: there is none, or none that can be understood; preferences are no errors. */
#define SL_PREFER_WAIT 1000000u
uint32_t sl_prefer_wait(const struct sl_span *lines, size_t count);

/* 1 to SL_REQUEST_ID of letters, digits, `.`, `_` and `-`: nothing that could end a line, a string or a
 * field.
 */
#define SL_REQUEST_ID 64
bool sl_is_request_id(struct sl_span s);
