#include "daemon/schema.h"

#include <string.h>
#include "base/assert.h"
#include "daemon/config.h"

#define AT(field) offsetof(struct sl_config, field)

static const char *const auto_words[] = {"auto", NULL};
static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const log_formats[] = {"logfmt", "json", NULL};

static const struct sl_option daemon_rows[] = {
    {.name = "workers",
     .type = SL_OPT_UINT,
     .offset = AT(workers),
     .min = 1,
     .max = 256,
     .words = auto_words,
     .fallback = "auto",
     .help = "Number of worker threads, which serve requests; `auto` is one for each core."},
    {.name = "storage-directory",
     .type = SL_OPT_TEXT,
     .offset = AT(storage),
     .max = 1024,
     .fallback = "/var/lib/statuslistd",
     .help = "Directory for generated keys and the embedded Redis. Each instance needs its "
             "own, and it must survive a restart."},
    {.name = "runtime-directory",
     .type = SL_OPT_TEXT,
     .offset = AT(runtime),
     .max = 1024,
     .help = "Directory in memory (tmpfs) by which a process hands its lists over to the next one after a "
             "restart; "
             "it is made if it is missing. Without the option it is `$RUNTIME_DIRECTORY`, which systemd "
             "sets, else "
             "`/run/statuslistd` if that belongs to the service. Without a usable one each start begins new "
             "lists."},
    {.name = "shutdown.delay",
     .type = SL_OPT_DURATION,
     .offset = AT(shutdown_delay_ms),
     .min = 0,
     .max = 600000,
     .fallback = "0s",
     .help = "On shutdown, how long /readyz reports \"not ready\" before the listeners close."},
    {.name = "shutdown.deadline",
     .type = SL_OPT_DURATION,
     .offset = AT(shutdown_deadline_ms),
     .min = 100,
     .max = 600000,
     .fallback = "10s",
     .help = "After that, how long requests in flight may take to finish."},
    {.name = "log.level",
     .type = SL_OPT_WORD,
     .offset = AT(log_level),
     .words = log_levels,
     .fallback = "info",
     .flags = SL_OPT_RELOAD,
     .help = "The lowest level that is logged."},
    {.name = "log.format",
     .type = SL_OPT_WORD,
     .offset = AT(log_format),
     .words = log_formats,
     .fallback = "logfmt",
     .flags = SL_OPT_RELOAD,
     .help = "How lines of the log are written: `logfmt`, or one JSON object a line."},
    {.name = "core-dumps",
     .type = SL_OPT_BOOL,
     .offset = AT(core_dumps),
     .fallback = "false",
     .help =
         "Whether a crash may write a core dump, and debuggers of the same user may attach, as far as the "
         "system allows. A core dump contains signing keys and credentials."},
    {.name = "status-list-pools",
     .type = SL_OPT_MAP,
     .flags = SL_OPT_REQUIRED,
     .help =
         "The pools, at least one. The name of a pool has 1 to 64 of the characters a-z, 0-9, `_` and `-`."},
    {.name = NULL},
};

static const struct sl_option_group app_groups[] = {
    {.prefix = "", .rows = sl_http_option_rows, .base = AT(http)},
    {.prefix = "tls", .rows = sl_tls_option_rows, .base = AT(http.tls)},
    {.prefix = "", .rows = daemon_rows},
    {.prefix = "redis", .rows = sl_redis_option_rows, .base = AT(redis)},
};

static const struct sl_option_group pool_groups[] = {
    {.prefix = "", .rows = sl_http_pool_option_rows, .object = 1},
    {.prefix = "", .rows = sl_pool_option_rows},
    {.prefix = "signer", .rows = sl_signer_option_rows, .base = offsetof(struct sl_pool_options, signer)},
};

const struct sl_scope sl_app_scope = {app_groups, 4, "app"};
const struct sl_scope sl_pool_scope = {pool_groups, 3, "app.status-list-pools.<pool>"};

size_t sl_scope_size(const struct sl_scope *scope)
{
    size_t n = 0;
    for (size_t g = 0; g < scope->group_count; g++)
        for (const struct sl_option *row = scope->groups[g].rows; row->name != NULL; row++)
            n++;
    return n;
}

struct sl_row sl_scope_row(const struct sl_scope *scope, size_t i)
{
    for (size_t g = 0; g < scope->group_count; g++)
        for (const struct sl_option *row = scope->groups[g].rows; row->name != NULL; row++)
            if (i-- == 0)
                return (struct sl_row){row, &scope->groups[g]};
    sl_assert_failed("no such row", __FILE__, __LINE__);
}

void sl_row_path(struct sl_row row, struct sl_buf *out)
{
    const char *prefix = row.group->prefix;
    sl_buf_printf(out, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", row.option->name);
    sl_buf_putc(out, '\0');
    sl_assert(!out->failed);
}

/* What the row's path has beyond `path`; NULL when it does not begin with it. Without copying: a file may
 * have a hundred thousand keys. */
static const char *rest_of(struct sl_row row, const char *path)
{
    const char *prefix = row.group->prefix;
    size_t n = strlen(prefix);
    if (n > 0) {
        if (strcmp(path, prefix) == 0)
            return ".";
        if (strncmp(path, prefix, n) != 0 || path[n] != '.')
            return NULL;
        path += n + 1;
    }
    n = strlen(path);
    return strncmp(row.option->name, path, n) == 0 ? row.option->name + n : NULL;
}

/* The first row whose whole path is `path` (end '\0'), or whose path begins with it (end '.'). */
static int find_row(const struct sl_scope *scope, const char *path, char end)
{
    int i = 0;
    for (size_t g = 0; g < scope->group_count; g++) {
        for (const struct sl_option *row = scope->groups[g].rows; row->name != NULL; row++, i++) {
            const char *rest = rest_of((struct sl_row){row, &scope->groups[g]}, path);
            if (rest != NULL && rest[0] == end)
                return i;
        }
    }
    return -1;
}

int sl_scope_find(const struct sl_scope *scope, const char *path)
{
    return find_row(scope, path, '\0');
}

bool sl_scope_is_map(const struct sl_scope *scope, const char *path)
{
    return find_row(scope, path, '.') >= 0;
}

void *sl_section_options(const struct sl_section *s, struct sl_row row)
{
    return (char *)s->objects[row.group->object] + row.group->base;
}

struct sl_origin *sl_section_origin(const struct sl_section *s, const char *path)
{
    int i = sl_scope_find(s->scope, path);
    sl_assert(i >= 0);
    return &s->origins[i];
}

void sl_section_defaults(const struct sl_section *s)
{
    for (size_t g = 0; g < s->scope->group_count; g++) {
        const struct sl_option_group *group = &s->scope->groups[g];
        sl_option_defaults(group->rows, (char *)s->objects[group->object] + group->base);
    }
}

void sl_section_release(const struct sl_section *s)
{
    for (size_t g = 0; g < s->scope->group_count; g++) {
        const struct sl_option_group *group = &s->scope->groups[g];
        sl_option_release(group->rows, (char *)s->objects[group->object] + group->base);
    }
}
