#include "daemon/config_print.h"

#include <string.h>
#include "daemon/config_int.h"

struct print {
    const struct sl_config *c;
    struct sl_buf *out;
    char last[256]; /* path of the row before: its maps are open */
    unsigned indent;
};

static void indent(struct print *p, unsigned levels)
{
    for (unsigned i = 0; i < p->indent + levels; i++)
        sl_buf_puts(p->out, "  ");
}

static void put_source(struct print *p, unsigned line, const char *note)
{
    if (line > 0)
        sl_buf_printf(p->out, "  # %s:%u%s\n", p->c->path, line, note);
    else
        sl_buf_printf(p->out, "  # default%s\n", note);
}

/* Opens the maps that `path` is in and the row before was not; returns the last segment and its depth. */
static const char *open_maps(struct print *p, const char *path, unsigned *ret_depth)
{
    unsigned depth = 0;
    bool same = true;
    const char *segment = path, *last = p->last;
    for (const char *dot; (dot = strchr(segment, '.')) != NULL; segment = dot + 1, depth++) {
        size_t n = (size_t)(dot - segment) + 1;
        same = same && strncmp(segment, last, n) == 0;
        if (same) {
            last += n;
            continue;
        }
        indent(p, depth);
        sl_buf_printf(p->out, "%.*s:\n", (int)(n - 1), segment);
    }
    snprintf(p->last, sizeof p->last, "%s", path);
    *ret_depth = depth;
    return segment;
}

static bool is_secret(const struct sl_option *o)
{
    return o->type == SL_OPT_SECRET || o->type == SL_OPT_SECRETS;
}

/* Whether the key means nothing beside the other values. */
static bool is_idle(const struct print *p, const struct sl_section *s, const char *path)
{
    if (s->scope == &sl_app_scope)
        return sl_config_idle(p->c, path);
    const struct sl_key_options *keys = s->objects[1];
    return strncmp(path, "jwt-auth.", 9) == 0 && keys->jwt_keys.count == 0;
}

/* A secret is shown only by its source: its value is secret, and that of an API key is hashed and gone. */
static void put_row(struct print *p, const struct sl_section *s, size_t i)
{
    struct sl_row row = sl_scope_row(s->scope, i);
    const void *options = sl_section_options(s, row);
    unsigned line = s->origins[i].line, depth;
    if (is_secret(row.option) ? line == 0 : sl_option_absent(row.option, options))
        return;
    char path[256], note[64] = "";
    struct sl_buf b;
    sl_buf_over(&b, path, sizeof path);
    sl_row_path(row, &b);
    if (is_idle(p, s, path))
        return;
    const char *key = open_maps(p, path, &depth);
    indent(p, depth);
    sl_buf_printf(p->out, "%s: ", key);
    if (is_secret(row.option)) {
        sl_buf_puts(p->out, "\"***\"");
    } else if (strcmp(path, "workers") == 0 && p->c->workers_auto) {
        sl_buf_puts(p->out, "auto");
        snprintf(note, sizeof note, ", %u here", p->c->workers);
    } else {
        sl_option_show(row.option, options, p->out);
    }
    put_source(p, line, note);
}

static void put_section(struct print *p, const struct sl_section *s)
{
    p->last[0] = '\0';
    for (size_t i = 0; i < sl_scope_size(s->scope); i++)
        put_row(p, s, i);
}

void sl_config_print(const struct sl_config *c, struct sl_buf *out)
{
    struct print p = {.c = c, .out = out, .indent = 1};
    size_t rows = sl_scope_size(&sl_pool_scope);
    struct sl_section app = {.scope = &sl_app_scope, .objects = {(void *)c}, .origins = c->app_origins};
    sl_buf_puts(out, "app:\n");
    put_section(&p, &app);
    indent(&p, 0);
    sl_buf_puts(out, "status-list-pools:\n");
    for (size_t i = 0; i < c->pool_count; i++) {
        struct sl_section pool = {.scope = &sl_pool_scope,
                                  .objects = {&c->pools[i], &c->keys[i]},
                                  .origins = c->pool_origins + i * rows};
        p.indent = 2;
        indent(&p, 0);
        sl_buf_printf(out, "%s:\n", c->pools[i].name);
        p.indent = 3;
        put_section(&p, &pool);
    }
}
