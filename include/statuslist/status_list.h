/* The Status List of draft-ietf-oauth-status-list: the byte array (section "Compressed Byte Array"), its zlib
 * stream and the base64url of a JWT. Pure functions over the caller's bytes: no state, any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STATUSLIST_API __attribute__((visibility("default")))

/* Values of section "Status Types"; 3 and 12 to 15 belong to the application, all others are reserved. */
enum statuslist_status { STATUSLIST_VALID, STATUSLIST_INVALID, STATUSLIST_SUSPENDED };

enum statuslist_result {
    STATUSLIST_OK,
    STATUSLIST_MALFORMED, /* not a zlib stream, or not base64url */
    STATUSLIST_TRAILING,  /* bytes follow the zlib stream */
    STATUSLIST_TOO_LARGE, /* inflates to more than the limit */
    STATUSLIST_NO_MEMORY
};

/* A constant sentence. */
STATUSLIST_API const char *statuslist_result_text(enum statuslist_result result);
/* "VALID", "INVALID", "SUSPENDED", "APPLICATION_SPECIFIC" or "RESERVED". */
STATUSLIST_API const char *statuslist_status_name(unsigned value);

/* 1, 2, 4 or 8. */
STATUSLIST_API bool statuslist_bits_valid(unsigned bits);
/* The status at `index` of a list of `len` bytes; -1 outside the list, or when `bits` is not valid. */
STATUSLIST_API int statuslist_get(const uint8_t *list, size_t len, unsigned bits, uint64_t index);
/* False, and the list is unchanged, if the index is outside the list, the value does not fit, or `bits` is
 * not valid. */
STATUSLIST_API bool statuslist_set(uint8_t *list, size_t len, unsigned bits, uint64_t index, unsigned value);

/* One zlib stream (RFC 1950) at the highest level. The caller owns *ret and frees it with
 * statuslist_free. */
STATUSLIST_API enum statuslist_result statuslist_compress(const uint8_t *list, size_t len, uint8_t **ret,
                                                          size_t *ret_len);
/* The bytes of exactly one zlib stream, at most `limit` of them. Never allocates more than twice the limit,
 * whatever the stream claims. The caller owns *ret, as above. */
STATUSLIST_API enum statuslist_result statuslist_inflate(const void *zlib, size_t len, size_t limit,
                                                         uint8_t **ret, size_t *ret_len);

/* base64url without padding (RFC 7515 section 2), as `lst` of a JWT is written; NUL-terminated; freed
 * with statuslist_free. NULL: no memory. */
STATUSLIST_API char *statuslist_base64url(const void *bytes, size_t len);
/* Strict: no padding, no white space, unused bits zero. */
STATUSLIST_API enum statuslist_result statuslist_unbase64url(const char *text, size_t len, uint8_t **ret,
                                                             size_t *ret_len);

/* Frees what this library returned; NULL ok. */
STATUSLIST_API void statuslist_free(void *p);

#ifdef __cplusplus
}
#endif
