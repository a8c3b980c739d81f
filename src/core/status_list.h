/* The Status List byte array of draft-ietf-oauth-status-list, section "Status List": index i of b bits sits
 * in byte i*b/8, shifted left by (i*b) % 8, least significant bit first. Pure functions over the caller's
 * memory. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool sl_status_bits_valid(unsigned bits)
{
    return bits == 1 || bits == 2 || bits == 4 || bits == 8;
}

/* Bytes of a list; size * bits must be a multiple of 8. */
static inline size_t sl_status_bytes(uint64_t size, unsigned bits)
{
    return (size_t)(size * bits / 8);
}

static inline unsigned sl_status_max(unsigned bits)
{
    return (1u << bits) - 1;
}

/* The status at `index`; bytes beyond `len` count as zero (a stored list may be shorter than the list). */
uint8_t sl_status_get(const uint8_t *bytes, size_t len, unsigned bits, uint32_t index);
/* `bytes` must reach to the index, `value` must fit the bits (asserted). */
void sl_status_set(uint8_t *bytes, unsigned bits, uint32_t index, uint8_t value);
/* The offset that BITFIELD u<bits> wants for this index: Redis counts from the most significant bit of a
 * byte. */
uint64_t sl_status_redis_offset(unsigned bits, uint32_t index);
