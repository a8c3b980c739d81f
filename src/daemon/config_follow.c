/* Compares a file that was read again with the configuration in force: options that a reload may change get
 * the new values, all others keep the old ones. */
#include "daemon/config_follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "daemon/config_report.h"
#include "daemon/schema.h"

struct follow {
    struct sl_config *next;
    const struct sl_config *now;
    struct sl_config_report warnings;
    bool moved[SL_TLS_LISTENERS]; /* listeners whose address is another one in the file */
};

/* The old value stays in effect; it is copied because all threads read the new configuration. */
static void keep(struct follow *f, const struct sl_section *to, const struct sl_section *from, size_t i,
                 const char *key)
{
    struct sl_row row = sl_scope_row(to->scope, i);
    const void *had = sl_section_options(from, row);
    char mem[256], path[600];
    struct sl_buf shown;
    sl_buf_over(&shown, mem, sizeof mem);
    sl_option_show(row.option, had, &shown);
    snprintf(path, sizeof path, "%.250s.%.250s", to->path, key);
    const char *value = sl_option_absent(row.option, had) ? "absent" : sl_buf_cstr(&shown);
    unsigned line = to->origins[i].line ? to->origins[i].line : to->line;
    if (row.option->flags & SL_OPT_FIXED)
        sl_config_report_add(&f->warnings, line, path,
                             "cannot change while the pool has lists, so the next start would not open the "
                             "pool; the value stays %s; expected that value, or a pool of another name",
                             value);
    else
        sl_config_report_add(&f->warnings, line, path,
                             "takes effect only at the next start; until then the value stays %s", value);
    sl_option_copy(row.option, had, sl_section_options(to, row));
}

/* The TLS of a listener belongs to its address: one that waits for the next start takes the other with it. */
static bool waits_for_address(const struct follow *f, const char *key)
{
    for (unsigned i = 0; i < SL_TLS_LISTENERS; i++) {
        const char *name = sl_tls_listener_names[i];
        if (f->moved[i] && strncmp(key, "tls.", 4) == 0 && strncmp(key + 4, name, strlen(name)) == 0)
            return true;
    }
    return false;
}

static void note_moved(struct follow *f)
{
    struct sl_section from = {.scope = &sl_app_scope, .objects = {(void *)f->now}};
    struct sl_section to = {.scope = &sl_app_scope, .objects = {f->next}};
    for (unsigned i = 0; i < SL_TLS_LISTENERS; i++) {
        char key[32];
        snprintf(key, sizeof key, "listen.%s", sl_tls_listener_names[i]);
        struct sl_row row = sl_scope_row(&sl_app_scope, (size_t)sl_scope_find(&sl_app_scope, key));
        f->moved[i] =
            !sl_option_same(row.option, sl_section_options(&from, row), sl_section_options(&to, row));
    }
}

static void follow_section(struct follow *f, const struct sl_section *to, const struct sl_section *from)
{
    for (size_t i = 0; i < sl_scope_size(to->scope); i++) {
        struct sl_row row = sl_scope_row(to->scope, i);
        if (sl_option_same(row.option, sl_section_options(from, row), sl_section_options(to, row)))
            continue;
        char key[256];
        struct sl_buf path;
        sl_buf_over(&path, key, sizeof key);
        sl_row_path(row, &path);
        if (!(row.option->flags & SL_OPT_RELOAD) || waits_for_address(f, key))
            keep(f, to, from, i, key);
    }
}

/* Among those that were not taken yet: these have no name any more. */
static size_t find_named_pool(const struct sl_config *c, const char *name)
{
    size_t i = 0;
    while (i < c->pool_count && (c->pools[i].name == NULL || strcmp(c->pools[i].name, name) != 0))
        i++;
    return i;
}

/* The pools of the new configuration in the order of those that run. */
struct pools {
    struct sl_pool_options *options;
    struct sl_key_options *keys;
    struct sl_credentials *credentials;
    bool *departed;
};

static void share_credentials(struct pools *p, size_t i, struct sl_pool_credentials *of)
{
    sl_pool_credentials_unref(p->credentials->pools[i]);
    of->refs++;
    p->credentials->pools[i] = of;
}

/* The file no longer has it: it goes on as it was. */
static void keep_pool(struct follow *f, struct pools *p, size_t i)
{
    const struct sl_config *now = f->now;
    struct sl_section to = {.scope = &sl_pool_scope, .objects = {&p->options[i], &p->keys[i]}};
    struct sl_section from = {.scope = &sl_pool_scope, .objects = {&now->pools[i], &now->keys[i]}};
    for (size_t r = 0; r < sl_scope_size(&sl_pool_scope); r++) {
        struct sl_row row = sl_scope_row(&sl_pool_scope, r);
        sl_option_copy(row.option, sl_section_options(&from, row), sl_section_options(&to, row));
    }
    p->options[i].name = sl_xstrdup(now->pools[i].name);
    p->departed[i] = true;
    share_credentials(p, i, now->credentials->pools[i]);
    char path[128];
    snprintf(path, sizeof path, "app.status-list-pools.%.64s", now->pools[i].name);
    sl_config_report_add(
        &f->warnings, 0, path,
        "is gone from the file, which takes effect only at the next start; until then the pool stays as it "
        "was");
}

static void take_pool(struct follow *f, struct pools *p, size_t i, size_t at)
{
    struct sl_config *next = f->next;
    const struct sl_config *now = f->now;
    struct sl_origin *origins = next->pool_origins + at * sl_scope_size(&sl_pool_scope);
    char path[128];
    snprintf(path, sizeof path, "app.status-list-pools.%.64s", now->pools[i].name);
    struct sl_section from = {.scope = &sl_pool_scope, .objects = {&now->pools[i], &now->keys[i]}};
    struct sl_section to = {
        .scope = &sl_pool_scope, .objects = {&p->options[i], &p->keys[i]}, .origins = origins, .path = path};
    p->options[i] = next->pools[at];
    p->keys[i] = next->keys[at];
    next->pools[at] = (struct sl_pool_options){0};
    next->keys[at] = (struct sl_key_options){0};
    follow_section(f, &to, &from);
    share_credentials(p, i, next->credentials->pools[at]);
}

/* What is left of the new configuration's own pools is not in force. */
static void drop_pools(struct follow *f)
{
    struct sl_config *next = f->next;
    for (size_t i = 0; i < next->pool_count; i++) {
        if (next->pools[i].name == NULL)
            continue;
        char path[128];
        snprintf(path, sizeof path, "app.status-list-pools.%.64s", next->pools[i].name);
        sl_config_report_add(&f->warnings, 0, path, "is new, which takes effect only at the next start");
        struct sl_section pool = {.scope = &sl_pool_scope, .objects = {&next->pools[i], &next->keys[i]}};
        sl_section_release(&pool);
        free(next->pools[i].name);
    }
    free(next->pools);
    free(next->keys);
    free(next->pool_origins);
    free(next->departed);
    next->pool_origins = NULL;
    sl_credentials_free(next->credentials);
}

static void follow_pools(struct follow *f)
{
    struct sl_config *next = f->next;
    size_t n = f->now->pool_count;
    struct pools p = {.options = sl_xcalloc(n, sizeof *p.options),
                      .keys = sl_xcalloc(n, sizeof *p.keys),
                      .credentials = sl_credentials_new(n),
                      .departed = sl_xcalloc(n, sizeof *p.departed)};
    p.credentials->generation = f->now->credentials->generation + 1;
    for (size_t i = 0; i < n; i++) {
        size_t at = find_named_pool(next, f->now->pools[i].name);
        if (at < next->pool_count)
            take_pool(f, &p, i, at);
        else
            keep_pool(f, &p, i);
    }
    drop_pools(f);
    sl_credentials_seal(p.credentials, &sl_clock_system);
    next->pools = p.options;
    next->keys = p.keys;
    next->credentials = p.credentials;
    next->departed = p.departed;
    next->pool_count = n;
}

void sl_config_follow(struct sl_config *next, const struct sl_config *now, struct sl_buf *warnings)
{
    struct follow f = {.next = next, .now = now};
    struct sl_section from = {.scope = &sl_app_scope, .objects = {(void *)now}};
    struct sl_section to = {
        .scope = &sl_app_scope, .objects = {next}, .origins = next->app_origins, .path = "app"};
    note_moved(&f);
    follow_section(&f, &to, &from);
    follow_pools(&f);
    sl_config_report_flush(&f.warnings, next->path, warnings);
}

/* ---- taking values back that cannot come into force */

static void keep_rows(const struct sl_scope *scope, const struct sl_section *from,
                      const struct sl_section *to, unsigned flag, const char *prefix)
{
    for (size_t i = 0; i < sl_scope_size(scope); i++) {
        struct sl_row row = sl_scope_row(scope, i);
        char mem[256];
        struct sl_buf path;
        sl_buf_over(&path, mem, sizeof mem);
        sl_row_path(row, &path);
        if ((flag == 0 || (row.option->flags & flag)) && strncmp(mem, prefix, strlen(prefix)) == 0)
            sl_option_copy(row.option, sl_section_options(from, row), sl_section_options(to, row));
    }
}

void sl_config_keep_shared(struct sl_config *next, const struct sl_config *now, size_t pool)
{
    struct sl_section from = {.scope = &sl_pool_scope, .objects = {&now->pools[pool], &now->keys[pool]}};
    struct sl_section to = {.scope = &sl_pool_scope, .objects = {&next->pools[pool], &next->keys[pool]}};
    keep_rows(&sl_pool_scope, &from, &to, SL_OPT_SHARED, "");
}

void sl_config_keep_signer(struct sl_config *next, const struct sl_config *now, size_t pool)
{
    struct sl_section from = {.scope = &sl_pool_scope, .objects = {&now->pools[pool], &now->keys[pool]}};
    struct sl_section to = {.scope = &sl_pool_scope, .objects = {&next->pools[pool], &next->keys[pool]}};
    keep_rows(&sl_pool_scope, &from, &to, 0, "signer.");
}

void sl_config_keep_map(struct sl_config *next, const struct sl_config *now, const char *map)
{
    struct sl_section from = {.scope = &sl_app_scope, .objects = {(void *)now}};
    struct sl_section to = {.scope = &sl_app_scope, .objects = {next}};
    keep_rows(&sl_app_scope, &from, &to, 0, map);
}

/* ---- what has changed */

void sl_config_note(struct sl_buf *changed, const char *section, const char *key)
{
    static const char more[] = ", ...";
    size_t want = strlen(section) + strlen(key) + 3;
    if (changed->failed || changed->len + want + sizeof more > changed->max) {
        bool told = changed->len >= strlen(more) &&
                    memcmp(changed->data + changed->len - strlen(more), more, strlen(more)) == 0;
        sl_buf_puts(changed, told ? "" : more);
        return;
    }
    sl_buf_printf(changed, "%s%s.%s", changed->len > 0 ? ", " : "", section, key);
}

static void note_section(const struct sl_section *from, const struct sl_section *to, struct sl_buf *changed)
{
    for (size_t i = 0; i < sl_scope_size(to->scope); i++) {
        struct sl_row row = sl_scope_row(to->scope, i);
        char key[256];
        struct sl_buf path;
        if (sl_option_same(row.option, sl_section_options(from, row), sl_section_options(to, row)))
            continue;
        sl_buf_over(&path, key, sizeof key);
        sl_row_path(row, &path);
        sl_config_note(changed, to->path, key);
    }
}

void sl_config_changes(const struct sl_config *now, const struct sl_config *next, struct sl_buf *changed)
{
    struct sl_section from = {.scope = &sl_app_scope, .objects = {(void *)now}};
    struct sl_section to = {.scope = &sl_app_scope, .objects = {(void *)next}, .path = "app"};
    note_section(&from, &to, changed);
    for (size_t i = 0; i < now->pool_count; i++) {
        char path[128];
        snprintf(path, sizeof path, "app.status-list-pools.%.64s", now->pools[i].name);
        from = (struct sl_section){.scope = &sl_pool_scope, .objects = {&now->pools[i], &now->keys[i]}};
        to = (struct sl_section){
            .scope = &sl_pool_scope, .objects = {&next->pools[i], &next->keys[i]}, .path = path};
        note_section(&from, &to, changed);
        if (!sl_pool_credentials_same(now->credentials->pools[i], next->credentials->pools[i]))
            sl_config_note(changed, path, "(credentials)");
    }
}
