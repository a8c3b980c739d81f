#include "base/base64url.h"

static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t encode(char *out, const uint8_t *p, size_t n, const char *abc)
{
    char *at = out;
    for (; n >= 3; n -= 3, p += 3) {
        uint32_t bits = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        *at++ = abc[bits >> 18];
        *at++ = abc[bits >> 12 & 63];
        *at++ = abc[bits >> 6 & 63];
        *at++ = abc[bits & 63];
    }
    if (n > 0) {
        uint32_t bits = (uint32_t)p[0] << 16 | (n == 2 ? (uint32_t)p[1] << 8 : 0);
        *at++ = abc[bits >> 18];
        *at++ = abc[bits >> 12 & 63];
        if (n == 2)
            *at++ = abc[bits >> 6 & 63];
    }
    return (size_t)(at - out);
}

size_t sl_base64url_encode(char *out, const void *in, size_t n)
{
    return encode(out, in, n, url);
}

size_t sl_base64_encode(char *out, const void *in, size_t n)
{
    size_t len = encode(out, in, n, standard);
    while (len % 4 != 0)
        out[len++] = '=';
    return len;
}

static int value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool sl_base64url_decode(uint8_t *out, const char *in, size_t n, size_t *ret_len)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t len = 0;
    if (n % 4 == 1)
        return false;
    for (size_t i = 0; i < n; i++) {
        int digit = value(in[i]);
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[len++] = (uint8_t)(bits >> have);
            bits &= (1u << have) - 1;
        }
    }
    if (bits != 0)
        return false;
    *ret_len = len;
    return true;
}
