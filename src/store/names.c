#include "store/names_int.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"

__attribute__((format(printf, 2, 3))) static size_t compose(char out[static SL_NAME_MAX], const char *fmt,
                                                            ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(out, SL_NAME_MAX, fmt, ap);
    va_end(ap);
    sl_assert(n > 0 && n < SL_NAME_MAX);
    return (size_t)n;
}

size_t sl_name_pool(const char *pool, const char *what, char out[static SL_NAME_MAX])
{
    return compose(out, "statuslist:{%s}:%s", pool, what);
}

size_t sl_name_list(const char *pool, const struct sl_uuid *id, const char *what,
                    char out[static SL_NAME_MAX])
{
    char text[SL_UUID_TEXT];
    sl_uuid_text(id, text);
    return compose(out, "statuslist:{%s}:list:%.*s:%s", pool, SL_UUID_TEXT, text, what);
}

size_t sl_name_channel(unsigned database, const char *pool, char out[static SL_NAME_MAX])
{
    return compose(out, "statuslist:%u:{%s}", database, pool);
}

size_t sl_name_shown(unsigned database, const char *pool, uint64_t fingerprint, const char *instance,
                     char out[static SL_NAME_MAX])
{
    return compose(out, "statuslist:%u:{%s}:%016" PRIx64 ":%s", database, pool, fingerprint, instance);
}
