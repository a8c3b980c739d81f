/* SipHash-2-4, a keyed pseudo-random function from bytes to 64 bits (J.-P. Aumasson, D. J. Bernstein,
 * "SipHash: a fast short-input PRF", INDOCRYPT 2012). Inline: a constant length folds away. Pure. */
#pragma once
#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SL_SIP_ROTL(x, n) ((x) << (n) | (x) >> (64 - (n)))
/* Macros on plain locals: an unoptimised, sanitized build would drown in calls and checks. */
#define SL_SIP_ROUND()                                                                                       \
    do {                                                                                                     \
        v0 += v1;                                                                                            \
        v2 += v3;                                                                                            \
        v1 = SL_SIP_ROTL(v1, 13) ^ v0;                                                                       \
        v3 = SL_SIP_ROTL(v3, 16) ^ v2;                                                                       \
        v0 = SL_SIP_ROTL(v0, 32) + v3;                                                                       \
        v2 += v1;                                                                                            \
        v3 = SL_SIP_ROTL(v3, 21) ^ v0;                                                                       \
        v1 = SL_SIP_ROTL(v1, 17) ^ v2;                                                                       \
        v2 = SL_SIP_ROTL(v2, 32);                                                                            \
    } while (0)
#define SL_SIP_WORD(m)                                                                                       \
    do {                                                                                                     \
        v3 ^= (m);                                                                                           \
        SL_SIP_ROUND();                                                                                      \
        SL_SIP_ROUND();                                                                                      \
        v0 ^= (m);                                                                                           \
    } while (0)

/* key[0] and key[1] are k0 and k1 of the paper: the two little-endian halves of the 16 key bytes. */
static inline uint64_t sl_siphash(const uint64_t key[static 2], const void *in, size_t n)
{
    uint64_t v0 = key[0] ^ 0x736f6d6570736575, v1 = key[1] ^ 0x646f72616e646f6d;
    uint64_t v2 = key[0] ^ 0x6c7967656e657261, v3 = key[1] ^ 0x7465646279746573;
    const uint8_t *p = in;
    uint64_t last = (uint64_t)(n & 0xff) << 56, m;
    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&m, p, 8);
        m = le64toh(m);
        SL_SIP_WORD(m);
    }
    for (size_t i = 0; i < n; i++)
        last |= (uint64_t)p[i] << 8 * i;
    SL_SIP_WORD(last);
    v2 ^= 0xff;
    SL_SIP_ROUND();
    SL_SIP_ROUND();
    SL_SIP_ROUND();
    SL_SIP_ROUND();
    return v0 ^ v1 ^ v2 ^ v3;
}

#undef SL_SIP_ROTL
#undef SL_SIP_ROUND
#undef SL_SIP_WORD
