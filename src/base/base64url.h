/* base64url without padding, RFC 4648 section 5, as JOSE uses it (RFC 7515 section 2). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters that n bytes become. */
static inline size_t sl_base64url_len(size_t n)
{
    return n / 3 * 4 + (n % 3 ? n % 3 + 1 : 0);
}

/* Writes sl_base64url_len(n) characters, no NUL; returns how many. `out` must not overlap `in`. */
size_t sl_base64url_encode(char *out, const void *in, size_t n);
/* Standard alphabet with padding (x5c wants it, RFC 7515 section 4.1.6): 4 * ceil(n / 3) characters. */
size_t sl_base64_encode(char *out, const void *in, size_t n);
/* Strict: no padding, no white space, no other alphabet, unused bits zero. `out` has room for n * 3 / 4
 * bytes. False when the text is not base64url. */
bool sl_base64url_decode(uint8_t *out, const char *in, size_t n, size_t *ret_len);
