/* The option tables of all layers joined into two scopes: the `app` map, and the map of one pool. A section
 * is one such map with the structs that it fills. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/option.h"

struct sl_option_group {
    const char *prefix; /* the map that the rows are in: "redis", or "" */
    const struct sl_option *rows;
    unsigned object; /* which of the section's objects they fill .. */
    size_t base;     /* .. and where in it */
};

struct sl_scope {
    const struct sl_option_group *groups;
    size_t group_count;
    const char *path; /* how the documentation calls it */
};

extern const struct sl_scope sl_app_scope;  /* object 0: struct sl_config */
extern const struct sl_scope sl_pool_scope; /* object 0: struct sl_pool_options, 1: struct sl_key_options */

struct sl_origin {
    unsigned line; /* 0: default */
    bool bad;      /* reported: later checks pass over it */
};

struct sl_section {
    const struct sl_scope *scope;
    void *objects[2];
    struct sl_origin *origins; /* one a row */
    const char *path;          /* "app.status-list-pools.tests" */
    unsigned line;             /* of that key */
};

struct sl_row {
    const struct sl_option *option;
    const struct sl_option_group *group;
};

size_t sl_scope_size(const struct sl_scope *scope);
struct sl_row sl_scope_row(const struct sl_scope *scope, size_t i);
/* Index of the row with this path inside the scope ("redis.port"), or -1. */
int sl_scope_find(const struct sl_scope *scope, const char *path);
/* Whether `path` is a map that rows are in. */
bool sl_scope_is_map(const struct sl_scope *scope, const char *path);

void sl_row_path(struct sl_row row, struct sl_buf *out); /* "redis.port", NUL-terminated */
void *sl_section_options(const struct sl_section *s, struct sl_row row);
/* By path, which must exist. */
struct sl_origin *sl_section_origin(const struct sl_section *s, const char *path);
void sl_section_defaults(const struct sl_section *s);
void sl_section_release(const struct sl_section *s);
