#include "core/status_list.h"

#include "base/assert.h"

static size_t byte_of(unsigned bits, uint32_t index)
{
    return (size_t)((uint64_t)index * bits / 8);
}

static unsigned shift_of(unsigned bits, uint32_t index)
{
    return (unsigned)((uint64_t)index * bits % 8);
}

uint8_t sl_status_get(const uint8_t *bytes, size_t len, unsigned bits, uint32_t index)
{
    sl_assert(sl_status_bits_valid(bits));
    size_t at = byte_of(bits, index);
    if (at >= len)
        return 0;
    return (uint8_t)(bytes[at] >> shift_of(bits, index) & sl_status_max(bits));
}

void sl_status_set(uint8_t *bytes, unsigned bits, uint32_t index, uint8_t value)
{
    sl_assert(sl_status_bits_valid(bits) && value <= sl_status_max(bits));
    uint8_t *at = &bytes[byte_of(bits, index)];
    unsigned shift = shift_of(bits, index);
    *at = (uint8_t)((*at & ~(sl_status_max(bits) << shift)) | (unsigned)value << shift);
}

uint64_t sl_status_redis_offset(unsigned bits, uint32_t index)
{
    sl_assert(sl_status_bits_valid(bits));
    return (uint64_t)byte_of(bits, index) * 8 + (8 - bits - shift_of(bits, index));
}
