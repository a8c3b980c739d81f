/* Names are put together piece by piece and not by printf: each update makes three. */
#include "store/names_int.h"

#include <inttypes.h>

#include "base/assert.h"
#include "base/buf.h"

static void begin_name(struct sl_buf *b, char out[static SL_NAME_MAX])
{
    sl_buf_over(b, out, SL_NAME_MAX);
    sl_buf_put(b, "statuslist:", 11);
}

static size_t end_name(struct sl_buf *b)
{
    size_t n = b->len;
    sl_buf_putc(b, '\0');
    sl_assert(!b->failed);
    return n;
}

static void put_pool(struct sl_buf *b, const char *pool)
{
    sl_buf_putc(b, '{');
    sl_buf_puts(b, pool);
    sl_buf_putc(b, '}');
}

size_t sl_name_pool(const char *pool, const char *what, char out[static SL_NAME_MAX])
{
    struct sl_buf b;
    begin_name(&b, out);
    put_pool(&b, pool);
    sl_buf_putc(&b, ':');
    sl_buf_puts(&b, what);
    return end_name(&b);
}

size_t sl_name_list(const char *pool, const struct sl_uuid *id, const char *what,
                    char out[static SL_NAME_MAX])
{
    struct sl_buf b;
    char text[SL_UUID_TEXT];
    sl_uuid_text(id, text);
    begin_name(&b, out);
    put_pool(&b, pool);
    sl_buf_puts(&b, ":list:");
    sl_buf_put(&b, text, sizeof text);
    sl_buf_putc(&b, ':');
    sl_buf_puts(&b, what);
    return end_name(&b);
}

static void put_channel(struct sl_buf *b, unsigned database, const char *pool)
{
    sl_buf_u64(b, database);
    sl_buf_putc(b, ':');
    put_pool(b, pool);
}

size_t sl_name_channel(unsigned database, const char *pool, char out[static SL_NAME_MAX])
{
    struct sl_buf b;
    begin_name(&b, out);
    put_channel(&b, database, pool);
    return end_name(&b);
}

size_t sl_name_shown(unsigned database, const char *pool, uint64_t fingerprint, const char *instance,
                     char out[static SL_NAME_MAX])
{
    struct sl_buf b;
    begin_name(&b, out);
    put_channel(&b, database, pool);
    sl_buf_printf(&b, ":%016" PRIx64 ":%s", fingerprint, instance);
    return end_name(&b);
}

size_t sl_name_knows_owners(unsigned database, const char *pool, const char *instance,
                            char out[static SL_NAME_MAX])
{
    struct sl_buf b;
    begin_name(&b, out);
    put_channel(&b, database, pool);
    sl_buf_puts(&b, "/2:");
    sl_buf_puts(&b, instance);
    return end_name(&b);
}

size_t sl_name_tempo(unsigned database, const char *pool, uint32_t update_ms, uint32_t ttl_ms,
                     const char *instance, char out[static SL_NAME_MAX])
{
    struct sl_buf b;
    begin_name(&b, out);
    put_channel(&b, database, pool);
    sl_buf_printf(&b, "/3:%u:%u:%s", update_ms, ttl_ms, instance);
    return end_name(&b);
}

size_t sl_name_tempos(unsigned database, char out[static SL_NAME_MAX])
{
    struct sl_buf b;
    begin_name(&b, out);
    put_channel(&b, database, "*");
    sl_buf_puts(&b, "/3:*");
    return end_name(&b);
}
