#include "base/uuid.h"

#include "base/hex.h"

static bool is_dash(size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

struct sl_uuid sl_uuid_v4(const struct sl_clock *clock)
{
    struct sl_uuid id;
    sl_random(clock, id.bytes, sizeof id.bytes);
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x40);
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
    return id;
}

bool sl_uuid_parse(struct sl_span text, struct sl_uuid *ret)
{
    struct sl_uuid id;
    size_t at = 0;
    if (text.len != SL_UUID_TEXT)
        return false;
    for (size_t i = 0; i < SL_UUID_TEXT;) {
        if (is_dash(i)) {
            if (text.at[i++] != '-')
                return false;
            continue;
        }
        int high = sl_hex_lower(text.at[i]), low = sl_hex_lower(text.at[i + 1]);
        if (high < 0 || low < 0)
            return false;
        id.bytes[at++] = (uint8_t)(high << 4 | low);
        i += 2;
    }
    *ret = id;
    return true;
}

void sl_uuid_text(const struct sl_uuid *id, char out[static SL_UUID_TEXT])
{
    size_t at = 0;
    for (size_t i = 0; i < 16; i++, at += 2) {
        if (is_dash(at))
            out[at++] = '-';
        sl_hex_encode(&id->bytes[i], 1, out + at);
    }
}
