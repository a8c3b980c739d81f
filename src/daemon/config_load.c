#include "daemon/config_load.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/assert.h"
#include "daemon/config_int.h"

#define POOL_NAME_MAX 64
#define WORKERS_MAX 256

/* The whole file with a NUL behind it; NULL and a report where it cannot be had. */
static char *read_file(const char *path, struct sl_config_report *errors, size_t *ret_len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = sl_xcalloc(1, SL_YAML_BYTES + 2);
    size_t len = 0;
    ssize_t n = fd < 0 ? -1 : 1;
    while (n > 0 && len <= SL_YAML_BYTES) {
        n = read(fd, text + len, SL_YAML_BYTES + 1 - len);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            len += (size_t)n;
    }
    if (n < 0)
        sl_config_report_add(errors, 0, "yaml", "cannot be read (%s); expected a readable file",
                             strerror(errno));
    else if (len > SL_YAML_BYTES)
        sl_config_report_add(errors, 0, "yaml", "the file is too large; expected at most 1MiB");
    if (fd >= 0)
        close(fd);
    if (n >= 0 && len <= SL_YAML_BYTES) {
        *ret_len = len;
        return text;
    }
    explicit_bzero(text, SL_YAML_BYTES);
    free(text);
    return NULL;
}

/* The map below the root key `app`; NULL and a report where there is none. */
static const struct sl_node *find_app(struct sl_loading *l, const struct sl_node *root)
{
    if (root == NULL || sl_yaml_is_null(root)) {
        sl_config_report_add(&l->errors, 1, "app", "missing; expected the root key app with a map");
        return NULL;
    }
    if (root->kind != SL_NODE_MAP) {
        sl_config_report_add(&l->errors, root->line, "app",
                             "the file is not a map; expected the root key app with a map");
        return NULL;
    }
    const struct sl_node *app = NULL;
    for (const struct sl_node *n = root->first; n != NULL; n = n->next) {
        if (strcmp(n->key, "app") != 0)
            sl_config_report_add(&l->errors, n->key_line, n->key,
                                 "unknown key; expected app as the only root key");
        else if (n->kind == SL_NODE_MAP)
            app = n;
        else if (n->kind != SL_NODE_BAD)
            sl_config_report_add(&l->errors, n->key_line, "app",
                                 "is not a map; expected a map with the keys of the service");
    }
    bool bad = l->errors.count > 0;
    if (app == NULL && !bad)
        sl_config_report_add(&l->errors, root->line, "app", "missing; expected the root key app with a map");
    return app;
}

static bool is_pool_name(const char *name)
{
    size_t n = strlen(name);
    return n >= 1 && n <= POOL_NAME_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

static void load_pool(struct sl_loading *l, size_t i, const struct sl_node *n)
{
    struct sl_config *c = l->config;
    char path[512];
    snprintf(path, sizeof path, "app.status-list-pools.%.100s", n->key);
    c->pools[i].name = sl_xstrdup(n->key);
    struct sl_section *section = &l->pools[i];
    *section = (struct sl_section){.scope = &sl_pool_scope,
                                   .objects = {&c->pools[i], &c->keys[i]},
                                   .origins = c->pool_origins + i * sl_scope_size(&sl_pool_scope),
                                   .path = sl_xstrdup(path),
                                   .line = n->key_line};
    if (!is_pool_name(n->key))
        sl_config_report_add(
            &l->errors, n->key_line, path,
            "is not a valid name for a pool; expected 1 to 64 of the characters a-z, 0-9, _ and -");
    struct sl_node *none;
    static const struct sl_node empty = {.kind = SL_NODE_MAP};
    if (n->kind != SL_NODE_MAP && !sl_yaml_is_null(n))
        sl_config_report_add(&l->errors, n->key_line, path,
                             "is not a map; expected a map with the pool's keys");
    sl_config_walk(l, section, n->kind == SL_NODE_MAP ? n : &empty, &none);
    if (n->kind == SL_NODE_MAP || sl_yaml_is_null(n))
        sl_config_check_pool(l, section);
}

static void load_pools(struct sl_loading *l)
{
    struct sl_config *c = l->config;
    size_t n = 0, retired = 0;
    for (const struct sl_node *p = l->pools_node->first; p != NULL; p = p->next)
        n += p->kind != SL_NODE_BAD;
    if (n == 0) {
        sl_config_refuse(l, &l->app, "status-list-pools", "has no pool; expected at least one");
        return;
    }
    c->pools = sl_xcalloc(n, sizeof *c->pools);
    c->keys = sl_xcalloc(n, sizeof *c->keys);
    c->pool_origins = sl_xcalloc(n * sl_scope_size(&sl_pool_scope), sizeof *c->pool_origins);
    l->pools = sl_xcalloc(n, sizeof *l->pools);
    c->pool_count = n;
    n = 0;
    for (const struct sl_node *p = l->pools_node->first; p != NULL; p = p->next)
        if (p->kind != SL_NODE_BAD)
            load_pool(l, n++, p);
    for (size_t i = 0; i < n; i++)
        retired += c->pools[i].retired;
    if (retired == n)
        sl_config_warn(l, &l->app, "status-list-pools",
                       "every pool is retired: the service gives out no references");
    sl_config_credentials(l);
}

static void resolve_workers(struct sl_config *c)
{
    if (c->workers != 0)
        return;
    cpu_set_t cpus;
    int n =
        sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : (int)sysconf(_SC_NPROCESSORS_ONLN);
    c->workers_auto = true;
    c->workers = n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : (uint32_t)n;
}

static void load_tree(struct sl_loading *l, const struct sl_node *root)
{
    const struct sl_node *app = find_app(l, root);
    if (app == NULL)
        return;
    l->app.line = app->key_line;
    sl_config_walk(l, &l->app, app, &l->pools_node);
    sl_config_check_app(l);
    resolve_workers(l->config);
    if (l->pools_node != NULL)
        load_pools(l);
}

static struct sl_config *new_config(const char *path)
{
    struct sl_config *c = sl_xcalloc(1, sizeof *c);
    c->path = sl_xstrdup(path);
    c->app_origins = sl_xcalloc(sl_scope_size(&sl_app_scope), sizeof *c->app_origins);
    return c;
}

/* Beside errors they are errors like any. */
static void take_faults(struct sl_loading *l)
{
    struct sl_buf lines;
    if (l->faults.count == 0)
        return;
    sl_buf_init(&lines, 4u << 20);
    sl_config_report_flush(&l->faults, l->config->path, &lines);
    l->config->faults = sl_xstrdup(sl_buf_cstr(&lines));
    sl_buf_free(&lines);
}

bool sl_config_load(const char *path, struct sl_buf *errors, struct sl_buf *warnings, struct sl_config **ret)
{
    struct sl_config *c = new_config(path);
    struct sl_loading l = {.config = c};
    l.app =
        (struct sl_section){.scope = &sl_app_scope, .objects = {c}, .origins = c->app_origins, .path = "app"};
    size_t len;
    char *text = read_file(path, &l.errors, &len);
    if (text != NULL) {
        struct sl_node *root = sl_yaml_parse(text, len, &l.errors);
        if (root != NULL || l.errors.count == 0)
            load_tree(&l, root);
        sl_yaml_free(root);
        explicit_bzero(text, len);
        free(text);
    }
    for (size_t i = 0; i < c->pool_count && l.pools != NULL; i++)
        free((char *)l.pools[i].path);
    free(l.pools);
    bool ok = l.errors.count == 0;
    take_faults(&l);
    sl_config_report_flush(&l.errors, path, errors);
    sl_config_report_flush(&l.warnings, path, warnings);
    if (!ok && c->faults != NULL)
        sl_buf_puts(errors, c->faults);
    if (ok)
        *ret = c;
    else
        sl_config_free(c);
    return ok;
}

void sl_config_free(struct sl_config *c)
{
    if (c == NULL)
        return;
    struct sl_section app = {.scope = &sl_app_scope, .objects = {c}};
    sl_section_release(&app);
    for (size_t i = 0; i < c->pool_count; i++) {
        struct sl_section pool = {.scope = &sl_pool_scope, .objects = {&c->pools[i], &c->keys[i]}};
        sl_section_release(&pool);
        free(c->pools[i].name);
    }
    sl_credentials_free(c->credentials);
    free(c->pools);
    free(c->keys);
    free(c->departed);
    free(c->pool_origins);
    free(c->app_origins);
    free(c->faults);
    free(c->path);
    free(c);
}
