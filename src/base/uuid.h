/* UUIDs as 16 bytes (RFC 9562); text form is 36 lower-case characters. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/clock.h"
#include "base/span.h"

#define SL_UUID_TEXT 36

struct sl_uuid {
    uint8_t bytes[16];
};

struct sl_uuid sl_uuid_v4(const struct sl_clock *clock);
/* Canonical lower-case form only: a list has one URI, so another spelling of it is another resource. */
bool sl_uuid_parse(struct sl_span text, struct sl_uuid *ret);
void sl_uuid_text(const struct sl_uuid *id, char out[static SL_UUID_TEXT]); /* no NUL */
