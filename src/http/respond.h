/* The answers. Each of these functions ends the request and counts it in the metrics of its route. */
#pragma once
#include "base/err.h"
#include "http/call.h"

/* What pages of other origins may read of an error; of other answers `ETag` is enough. */
#define SL_CORS_EXPOSED "ETag, Retry-After, X-Request-Id"

#define SL_DETAIL 640 /* bytes; an error has them twice */

/* A problem document (RFC 9457). `detail`: what was wrong and what would be right, at most SL_DETAIL bytes;
 * NULL: the title of the error says it. 429 and 503 get Retry-After: 1. */
void sl_respond_error(const struct sl_call *c, enum sl_err err, const char *detail);
/* Likewise, with `seconds` in Retry-After. */
void sl_respond_later(const struct sl_call *c, enum sl_err err, const char *detail, uint64_t seconds);
/* Makes an error of the answer that libh2o is about to send, and counts it. Returns the body to be sent. */
struct sl_span sl_respond_instead(const struct sl_call *c, enum sl_err err, const char *detail);
/* The detail of an answer 503: what did not happen, and why Redis is unfit, or `otherwise` where it is not.
 */
const char *sl_explain_unfit(const struct sl_call *c, const char *what, const char *otherwise);
void sl_respond_not_allowed(const struct sl_call *c, const char *allow);
/* 200; the body is static or in the request's pool. */
void sl_respond_json(const struct sl_call *c, const char *body, size_t len);
/* 204 or 304; the headers were added before. */
void sl_respond_empty(const struct sl_call *c, int status);
/* The body outlives the request. */
void sl_respond_body(const struct sl_call *c, int status, struct sl_span body);
