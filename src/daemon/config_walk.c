/* Reads a map of the YAML tree into a section by the rows of its scope: each key finds its row, and every
 * mistake is reported with its line while reading goes on. */
#include <string.h>
#include "base/assert.h"
#include "daemon/config_int.h"
#include "daemon/suggest.h"

#define WHY_MAX 1024
#define PATH_LEN 512

struct walk {
    struct sl_loading *l;
    const struct sl_section *s;
    struct sl_node **ret_map;
};

/* One value of the file and the row that it is for. */
struct given {
    struct sl_row row;
    const struct sl_node *node;
    struct sl_origin *origin;
    const char *path;
};

static void join(char out[static PATH_LEN], const char *a, const char *b)
{
    struct sl_buf path;
    sl_buf_over(&path, out, PATH_LEN);
    sl_buf_printf(&path, "%.250s%s%.250s", a, a[0] != '\0' ? "." : "", b);
    (void)sl_buf_cstr(&path);
}

static void report_problem(struct walk *w, const char *path, unsigned line, const struct sl_buf *why)
{
    char full[PATH_LEN];
    join(full, w->s->path, path);
    sl_config_report_add_buf(&w->l->errors, line, full, why);
}

static void refuse_kind(struct walk *w, struct given *g, unsigned line, const char *what)
{
    char mem[WHY_MAX];
    struct sl_buf why;
    sl_buf_over(&why, mem, sizeof mem);
    sl_buf_printf(&why, "%s; expected ", what);
    sl_option_expected(g->row.option, &why);
    report_problem(w, g->path, line, &why);
    g->origin->bad = true;
}

static bool is_number(const struct sl_option *o)
{
    return o->type == SL_OPT_BOOL || o->type == SL_OPT_UINT || o->type == SL_OPT_PORT ||
           o->type == SL_OPT_INT || o->type == SL_OPT_UNSIGNED;
}

static void set_scalar(struct walk *w, struct given *g, const struct sl_node *n)
{
    char mem[WHY_MAX];
    struct sl_buf why;
    sl_buf_over(&why, mem, sizeof mem);
    if (n->quoted && is_number(g->row.option)) {
        refuse_kind(w, g, n->line, "is in quotes and therefore a text");
        return;
    }
    struct sl_span text = sl_yaml_is_null(n) ? sl_span(n->text, 0) : sl_span(n->text, n->len);
    if (sl_option_set(g->row.option, sl_section_options(w->s, g->row), text, &why))
        return;
    report_problem(w, g->path, n->line, &why);
    g->origin->bad = true;
}

/* `persistence-strategy: {append-fsync-always: true}`: exactly one word is true, others may be false. */
static void set_word_map(struct walk *w, struct given *g)
{
    const struct sl_node *chosen = NULL;
    unsigned count = 0;
    for (const struct sl_node *c = g->node->first; c != NULL; c = c->next) {
        struct sl_span text = sl_span(c->text, c->len);
        bool known = false;
        for (const char *const *word = g->row.option->words; *word != NULL; word++)
            known = known || strcmp(*word, c->key) == 0;
        if (c->kind == SL_NODE_BAD) {
            g->origin->bad = true;
        } else if (!known) {
            refuse_kind(w, g, c->key_line, "is a map with an unknown key");
        } else if (c->kind == SL_NODE_SCALAR && !c->quoted && sl_span_eq(text, SL_SPAN("true"))) {
            chosen = c;
            count++;
        } else if (c->kind != SL_NODE_SCALAR || c->quoted || !sl_span_eq(text, SL_SPAN("false"))) {
            refuse_kind(w, g, c->line, "is a map with a value other than true or false");
        }
    }
    if (g->origin->bad)
        return;
    if (count != 1) {
        refuse_kind(w, g, g->node->key_line, "needs exactly one key that is true");
        return;
    }
    char mem[WHY_MAX];
    struct sl_buf why;
    sl_buf_over(&why, mem, sizeof mem);
    bool set = sl_option_set(g->row.option, sl_section_options(w->s, g->row),
                             sl_span(chosen->key, strlen(chosen->key)), &why);
    sl_assert(set);
}

static void set_list(struct walk *w, struct given *g)
{
    if (g->node->first == NULL)
        refuse_kind(w, g, g->node->line, "is an empty list");
    for (const struct sl_node *c = g->node->first; c != NULL; c = c->next) {
        if (c->kind == SL_NODE_SCALAR)
            set_scalar(w, g, c);
        else if (c->kind == SL_NODE_BAD)
            g->origin->bad = true;
        else
            refuse_kind(w, g, c->line, "has a map or a list inside");
    }
}

static void set_row(struct walk *w, size_t i, const struct sl_node *n, const char *path)
{
    struct given g = {
        .row = sl_scope_row(w->s->scope, i), .node = n, .origin = &w->s->origins[i], .path = path};
    const struct sl_option *o = g.row.option;
    g.origin->line = n->key_line;
    if (sl_option_is_list(o))
        sl_option_clear(o, sl_section_options(w->s, g.row));
    if (n->kind == SL_NODE_BAD)
        g.origin->bad = true;
    else if (o->type == SL_OPT_MAP && (n->kind == SL_NODE_MAP || sl_yaml_is_null(n)))
        *w->ret_map = (struct sl_node *)n;
    else if (n->kind == SL_NODE_SCALAR)
        set_scalar(w, &g, n);
    else if (n->kind == SL_NODE_MAP && (o->flags & SL_OPT_WORD_AS_MAP))
        set_word_map(w, &g);
    else if (n->kind == SL_NODE_LIST && sl_option_is_list(o))
        set_list(w, &g);
    else
        refuse_kind(w, &g, n->key_line, n->kind == SL_NODE_MAP ? "is a map" : "is a list");
}

static void refuse_unknown(struct walk *w, const char *parent, const struct sl_node *n, const char *path)
{
    char mem[WHY_MAX];
    struct sl_buf why;
    sl_buf_over(&why, mem, sizeof mem);
    sl_buf_puts(&why, "unknown key; ");
    if (w->l->errors.count < SL_REPORT_MAX)
        sl_scope_suggest(w->s->scope, parent, n->key, &why);
    report_problem(w, path, n->key_line, &why);
}

static void walk_entries(struct walk *w, const struct sl_node *map, const char *parent);

static void walk_map(struct walk *w, const struct sl_node *n, const char *path)
{
    if (n->kind == SL_NODE_MAP) {
        walk_entries(w, n, path);
    } else if (n->kind != SL_NODE_BAD && !sl_yaml_is_null(n)) {
        char mem[WHY_MAX];
        struct sl_buf why;
        sl_buf_over(&why, mem, sizeof mem);
        sl_buf_puts(&why, "is not a map; expected a map with the keys ");
        sl_scope_keys(w->s->scope, path, &why);
        report_problem(w, path, n->key_line, &why);
    }
}

/* As deep as the tables are, whatever the file is. */
static void walk_entries(struct walk *w, const struct sl_node *map, const char *parent)
{
    for (const struct sl_node *n = map->first; n != NULL; n = n->next) {
        char path[PATH_LEN];
        join(path, parent, n->key);
        bool plain = n->key[0] != '\0' && strchr(n->key, '.') == NULL && strlen(n->key) < 100;
        int i = plain ? sl_scope_find(w->s->scope, path) : -1;
        if (i >= 0)
            set_row(w, (size_t)i, n, path);
        else if (plain && sl_scope_is_map(w->s->scope, path))
            walk_map(w, n, path);
        else if (n->kind != SL_NODE_BAD)
            refuse_unknown(w, parent, n, path);
    }
}

void sl_config_walk(struct sl_loading *l, const struct sl_section *s, const struct sl_node *map,
                    struct sl_node **ret_map)
{
    struct walk w = {.l = l, .s = s, .ret_map = ret_map};
    sl_section_defaults(s);
    walk_entries(&w, map, "");
    for (size_t i = 0; i < sl_scope_size(s->scope); i++) {
        struct sl_row row = sl_scope_row(s->scope, i);
        if ((row.option->flags & SL_OPT_REQUIRED) && s->origins[i].line == 0)
            sl_config_refuse(l, s, row.option->name, "missing; expected it in the map that begins here");
    }
}
