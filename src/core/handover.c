#include "core/handover.h"

#include <endian.h>
#include <string.h>

#include "base/hex.h"
#include "core/siphash.h"

/* Where what lies in a record. */
enum { CHECKSUM = SL_HANDOVER_RECORD - 8 };
enum { MAGIC = 0, BOOT = 32, DATABASE = 48 };
enum { POOL = 0, LIST = 64, RUN = 80, POSITION = 96, UNUSED = 100 };

static const char magic[32] = "statuslistd hand-over 1\n";

static uint64_t checksum_of(const struct sl_handover_scope *scope, const uint8_t *record)
{
    static const uint64_t plain[2] = {0}; /* it finds torn and foreign records, not intent */
    const uint64_t key[2] = {sl_siphash(plain, scope->boot, sizeof scope->boot), scope->database};
    return htole64(sl_siphash(key, record, CHECKSUM));
}

static void seal_record(const struct sl_handover_scope *scope, uint8_t *record)
{
    uint64_t checksum = checksum_of(scope, record);
    memcpy(record + CHECKSUM, &checksum, sizeof checksum);
}

static bool is_whole(const struct sl_handover_scope *scope, const uint8_t *record)
{
    uint64_t checksum = checksum_of(scope, record);
    return memcmp(record + CHECKSUM, &checksum, sizeof checksum) == 0;
}

void sl_handover_put_head(const struct sl_handover_scope *scope, uint8_t out[static SL_HANDOVER_RECORD])
{
    uint64_t database = htole64(scope->database);
    memset(out, 0, SL_HANDOVER_RECORD);
    memcpy(out + MAGIC, magic, sizeof magic);
    memcpy(out + BOOT, scope->boot, sizeof scope->boot);
    memcpy(out + DATABASE, &database, sizeof database);
    seal_record(scope, out);
}

enum sl_handover_flaw sl_handover_check_head(const struct sl_handover_scope *scope, const uint8_t *bytes,
                                             size_t n)
{
    uint64_t database = htole64(scope->database);
    if (n == 0 || n % SL_HANDOVER_RECORD != 0)
        return SL_HANDOVER_LENGTH;
    if (memcmp(bytes + MAGIC, magic, sizeof magic) != 0)
        return SL_HANDOVER_OTHER;
    if (memcmp(bytes + BOOT, scope->boot, sizeof scope->boot) != 0)
        return SL_HANDOVER_BOOT;
    if (memcmp(bytes + DATABASE, &database, sizeof database) != 0)
        return SL_HANDOVER_DATABASE;
    return is_whole(scope, bytes) ? SL_HANDOVER_WHOLE : SL_HANDOVER_TORN;
}

void sl_handover_put_list(const struct sl_handover_scope *scope, const struct sl_handed *handed,
                          uint8_t out[static SL_HANDOVER_RECORD])
{
    uint32_t position = htole32(handed->position);
    memset(out, 0, SL_HANDOVER_RECORD);
    if (handed->pool[0] == '\0')
        return;
    memcpy(out + POOL, handed->pool, strnlen(handed->pool, SL_HANDOVER_POOL));
    memcpy(out + LIST, handed->list.bytes, sizeof handed->list.bytes);
    memcpy(out + RUN, handed->run, sizeof handed->run - 1);
    memcpy(out + POSITION, &position, sizeof position);
    seal_record(scope, out);
}

static bool is_zero(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

bool sl_handover_get_list(const struct sl_handover_scope *scope,
                          const uint8_t bytes[static SL_HANDOVER_RECORD], struct sl_handed *ret)
{
    struct sl_handed handed = {0};
    uint32_t position;
    if (is_zero(bytes, SL_HANDOVER_RECORD)) {
        *ret = handed;
        return true;
    }
    size_t name = strnlen((const char *)bytes + POOL, SL_HANDOVER_POOL);
    if (!is_whole(scope, bytes) || name == 0 || !is_zero(bytes + POOL + name, SL_HANDOVER_POOL - name) ||
        !is_zero(bytes + UNUSED, CHECKSUM - UNUSED))
        return false;
    memcpy(handed.pool, bytes + POOL, name);
    memcpy(handed.list.bytes, bytes + LIST, sizeof handed.list.bytes);
    memcpy(handed.run, bytes + RUN, sizeof handed.run - 1);
    for (size_t i = 0; i < sizeof handed.run - 1; i++)
        if (sl_hex_lower(handed.run[i]) < 0)
            return false;
    memcpy(&position, bytes + POSITION, sizeof position);
    handed.position = le32toh(position);
    *ret = handed;
    return true;
}
