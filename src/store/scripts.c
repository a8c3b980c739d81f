#include "store/scripts.h"

#include <string.h>

#include "base/assert.h"

static const struct sl_lua_source *find_source(const char *name)
{
    const struct sl_lua_source *s = sl_lua_sources;
    while (s->name != NULL && strcmp(s->name, name) != 0)
        s++;
    sl_assert(s->name != NULL);
    return s;
}

char *sl_script_text(const char *name, size_t *ret_len)
{
    const struct sl_lua_source *prelude = find_source("prelude"), *script = find_source(name);
    char *text = sl_xmalloc(prelude->len + script->len);
    memcpy(text, prelude->text, prelude->len);
    memcpy(text + prelude->len, script->text, script->len);
    *ret_len = prelude->len + script->len;
    return text;
}
