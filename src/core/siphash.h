/* SipHash-2-4, a keyed pseudo-random function from bytes to 64 bits (J.-P. Aumasson, D. J. Bernstein,
 * "SipHash: a fast short-input PRF", INDOCRYPT 2012, section 2). Inline, so that a constant length folds
 * away. Pure. */
#pragma once
#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sl_sip_state {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t sl_sip_rotl(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static inline void sl_sip_round(struct sl_sip_state *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = sl_sip_rotl(s->v1, 13) ^ s->v0;
    s->v3 = sl_sip_rotl(s->v3, 16) ^ s->v2;
    s->v0 = sl_sip_rotl(s->v0, 32) + s->v3;
    s->v2 += s->v1;
    s->v3 = sl_sip_rotl(s->v3, 21) ^ s->v0;
    s->v1 = sl_sip_rotl(s->v1, 17) ^ s->v2;
    s->v2 = sl_sip_rotl(s->v2, 32);
}

static inline void sl_sip_word(struct sl_sip_state *s, uint64_t m)
{
    s->v3 ^= m;
    sl_sip_round(s);
    sl_sip_round(s);
    s->v0 ^= m;
}

/* key[0] and key[1] are k0 and k1 of the paper: the two little-endian halves of the 16 key bytes. */
static inline uint64_t sl_siphash(const uint64_t key[static 2], const void *in, size_t n)
{
    struct sl_sip_state s = {
        .v0 = key[0] ^ 0x736f6d6570736575,
        .v1 = key[1] ^ 0x646f72616e646f6d,
        .v2 = key[0] ^ 0x6c7967656e657261,
        .v3 = key[1] ^ 0x7465646279746573,
    };
    const uint8_t *p = in;
    uint64_t last = (uint64_t)(n & 0xff) << 56, m;
    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&m, p, 8);
        sl_sip_word(&s, le64toh(m));
    }
    for (size_t i = 0; i < n; i++)
        last |= (uint64_t)p[i] << 8 * i;
    sl_sip_word(&s, last);
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++)
        sl_sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
