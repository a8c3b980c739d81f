#include "daemon/suggest.h"

#include <string.h>

#define SEGMENT_MAX 64
#define PATH_MAX_LEN 256

static size_t least(size_t one, size_t other, size_t third)
{
    size_t m = one < other ? one : other;
    return m < third ? m : third;
}

/* Edits (insert, delete, replace, swap of neighbours) that make one word the other: the optimal string
 * alignment distance, by the usual table of three rows. Words longer than SEGMENT_MAX are far from
 * everything. */
static size_t distance(const char *word, const char *other)
{
    size_t m = strlen(word), n = strlen(other), rows[3][SEGMENT_MAX + 1];
    if (m > SEGMENT_MAX || n > SEGMENT_MAX)
        return SEGMENT_MAX;
    for (size_t j = 0; j <= n; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= m; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + (word[i - 1] != other[j - 1]));
            if (i > 1 && j > 1 && word[i - 1] == other[j - 2] && word[i - 2] == other[j - 1] &&
                above2[j - 2] + 1 < row[j])
                row[j] = above2[j - 2] + 1;
        }
    }
    return rows[m % 3][n];
}

/* The path of row i relative to the map `parent`; false when it is not in that map. */
static bool relative_path(const struct sl_scope *scope, size_t i, const char *parent,
                          char out[static PATH_MAX_LEN])
{
    char mem[PATH_MAX_LEN];
    struct sl_buf path;
    sl_buf_over(&path, mem, sizeof mem);
    sl_row_path(sl_scope_row(scope, i), &path);
    size_t skip = strlen(parent);
    if (skip > 0 && (strncmp(mem, parent, skip) != 0 || mem[skip++] != '.'))
        return false;
    memcpy(out, mem + skip, path.len - skip);
    return true;
}

/* The first segment; false when the row before had the same one. */
static bool next_segment(const struct sl_scope *scope, size_t i, const char *parent, char *last,
                         char out[static PATH_MAX_LEN])
{
    if (!relative_path(scope, i, parent, out))
        return false;
    out[strcspn(out, ".")] = '\0';
    if (strcmp(last, out) == 0)
        return false;
    memcpy(last, out, strlen(out) + 1);
    return true;
}

void sl_scope_keys(const struct sl_scope *scope, const char *path, struct sl_buf *out)
{
    char last[PATH_MAX_LEN] = "", key[PATH_MAX_LEN];
    const char *separator = "";
    for (size_t i = 0; i < sl_scope_size(scope); i++) {
        if (!next_segment(scope, i, path, last, key))
            continue;
        sl_buf_printf(out, "%s%s", separator, key);
        separator = ", ";
    }
}

static bool suggest_sibling(const struct sl_scope *scope, const char *path, const char *key,
                            struct sl_buf *out)
{
    char last[PATH_MAX_LEN] = "", candidate[PATH_MAX_LEN], best[PATH_MAX_LEN] = "";
    size_t best_distance = strlen(key) < 4 ? 2 : strlen(key) < 8 ? 3 : 4; /* fewer edits than this */
    bool found = false;
    for (size_t i = 0; i < sl_scope_size(scope); i++) {
        if (!next_segment(scope, i, path, last, candidate))
            continue;
        size_t d = distance(key, candidate);
        if (d < best_distance) {
            best_distance = d;
            memcpy(best, candidate, sizeof best);
            found = true;
        }
    }
    if (found)
        sl_buf_printf(out, "did you mean %s?", best);
    return found;
}

/* The same key, in another map of the scope. */
static bool suggest_elsewhere(const struct sl_scope *scope, const char *key, struct sl_buf *out)
{
    for (size_t i = 0; i < sl_scope_size(scope); i++) {
        char path[PATH_MAX_LEN];
        relative_path(scope, i, "", path);
        const char *dot = strrchr(path, '.');
        if (strcmp(dot != NULL ? dot + 1 : path, key) != 0)
            continue;
        if (dot != NULL)
            sl_buf_printf(out, "did you mean %s in the map %.*s?", key, (int)(dot - path), path);
        else
            sl_buf_printf(out, "did you mean %s in %s?", key, scope->path);
        return true;
    }
    return false;
}

void sl_scope_suggest(const struct sl_scope *scope, const char *path, const char *key, struct sl_buf *out)
{
    const struct sl_scope *other = scope == &sl_app_scope ? &sl_pool_scope : &sl_app_scope;
    if (suggest_sibling(scope, path, key, out) || suggest_elsewhere(scope, key, out) ||
        suggest_elsewhere(other, key, out))
        return;
    sl_buf_puts(out, "expected one of ");
    sl_scope_keys(scope, path, out);
}
