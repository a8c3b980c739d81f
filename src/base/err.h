/* Every failure that may reach a caller, as one table. A row gives the enum, the HTTP status, the `code` of
 * the problem document and its title; handlers never invent a status. */
#pragma once

#define SL_ERR_TABLE(X)                                                                                      \
    X(OK, 200, "OK", "Success")                                                                              \
    X(MALFORMED_REQUEST, 400, "MALFORMED_REQUEST", "The request cannot be understood")                       \
    X(VALUE_OUT_OF_RANGE, 400, "VALUE_OUT_OF_RANGE", "The status value does not fit the list")               \
    X(INDEX_OUT_OF_BOUNDS, 400, "INDEX_OUT_OF_BOUNDS", "The index is outside the list")                      \
    X(AMOUNT_OUT_OF_RANGE, 400, "AMOUNT_OUT_OF_RANGE", "The number of references is out of range")           \
    X(NO_SUCH_REFERENCE, 400, "NO_SUCH_LIST", "No such status list")                                         \
    X(UNAUTHORIZED, 401, "UNAUTHORIZED", "Missing or unknown credential")                                    \
    X(FORBIDDEN, 403, "FORBIDDEN", "The status is final and cannot be changed")                              \
    X(NO_SUCH_POOL, 404, "NO_SUCH_POOL", "No such pool")                                                     \
    X(NO_SUCH_LIST, 404, "NO_SUCH_LIST", "No such status list")                                              \
    X(NOT_FOUND, 404, "NOT_FOUND", "Nothing is served at this path")                                         \
    X(METHOD_NOT_ALLOWED, 405, "METHOD_NOT_ALLOWED", "The method is not allowed here")                       \
    X(NOT_ACCEPTABLE, 406, "NOT_ACCEPTABLE", "No representation is acceptable to the client")                \
    X(POOL_RETIRED, 409, "POOL_RETIRED", "The pool is retired: it gives out no new references")              \
    X(LIST_RETIRED, 409, "LIST_RETIRED", "The list is retired: its statuses can no longer change")           \
    X(REQUEST_IN_PROGRESS, 409, "REQUEST_IN_PROGRESS",                                                       \
      "A request with this Idempotency-Key is still being answered")                                         \
    X(PRECONDITION_FAILED, 412, "PRECONDITION_FAILED", "A precondition of the request is not met")           \
    X(CONTENT_TOO_LARGE, 413, "CONTENT_TOO_LARGE", "The request body is too large")                          \
    X(URI_TOO_LONG, 414, "URI_TOO_LONG", "The request target is too long")                                   \
    X(UNSUPPORTED_MEDIA_TYPE, 415, "UNSUPPORTED_MEDIA_TYPE", "The media type of the body is not supported")  \
    X(EXPECTATION_FAILED, 417, "EXPECTATION_FAILED", "The expectation of the request cannot be met")         \
    X(IDEMPOTENCY_KEY_REUSED, 422, "IDEMPOTENCY_KEY_REUSED",                                                 \
      "The Idempotency-Key was used for a different request")                                                \
    X(RATE_LIMIT_REACHED, 429, "RATE_LIMIT_REACHED", "Not enough references are ready")                      \
    X(TOO_MANY_REQUESTS, 429, "TOO_MANY_REQUESTS", "The credential has reached its rate limit")              \
    X(HEADERS_TOO_LARGE, 431, "HEADERS_TOO_LARGE", "The request headers are too large")                      \
    X(INTERNAL, 500, "INTERNAL", "Internal error")                                                           \
    X(NOT_IMPLEMENTED, 501, "NOT_IMPLEMENTED", "Not implemented")                                            \
    X(HISTORY, 503, "UNAVAILABLE", "The service cannot do this now")                                         \
    X(UNAVAILABLE, 503, "UNAVAILABLE", "The service cannot do this now")                                     \
    X(OUTCOME_UNKNOWN, 503, "OUTCOME_UNKNOWN", "The change may or may not have been made")

enum sl_err {
#define X(name, status, code, title) SL_ERR_##name,
    SL_ERR_TABLE(X)
#undef X
        SL_ERR_COUNT
};
#define SL_OK SL_ERR_OK

#define SL_CHECKED __attribute__((warn_unused_result))

int sl_err_status(enum sl_err err);        /* HTTP status */
const char *sl_err_code(enum sl_err err);  /* the `code` member, upper case */
const char *sl_err_title(enum sl_err err); /* a sentence, constant per code */
