/* A YAML file as a tree: refused in words, or within all limits, with lines that the text has. */
#include <stdlib.h>
#include "daemon/yaml.h"
#include "fuzz_help.h"

struct walk {
    unsigned nodes, last_number, lines;
};

static void check_node(const struct sl_node *n, bool in_map, unsigned depth, struct walk *w);

static void check_children(const struct sl_node *n, unsigned depth, struct walk *w)
{
    size_t count = 0;
    for (const struct sl_node *c = n->first; c != NULL; c = c->next, count++) {
        check_node(c, n->kind == SL_NODE_MAP, depth + 1, w);
        /* Each key once, except reported ones; only the first few are compared, which keeps this linear. */
        unsigned others = 0;
        for (const struct sl_node *o = n->first; n->kind == SL_NODE_MAP && o != c && others < 16;
             o = o->next, others++)
            sl_assert(c->kind == SL_NODE_BAD || o->kind == SL_NODE_BAD || strcmp(o->key, c->key) != 0);
    }
    sl_assert(count == n->len);
}

static void check_node(const struct sl_node *n, bool in_map, unsigned depth, struct walk *w)
{
    sl_assert(depth <= SL_YAML_DEPTH + 1 && ++w->nodes <= SL_YAML_NODES);
    sl_assert((n->key != NULL) == in_map);
    sl_assert(n->line >= 1 && n->line <= w->lines && n->key_line <= w->lines);
    switch (n->kind) {
    case SL_NODE_SCALAR:
        sl_assert(n->text[n->len] == '\0' && n->first == NULL);
        (void)sl_yaml_is_null(n);
        break;
    case SL_NODE_MAP:
    case SL_NODE_LIST:
        check_children(n, depth, w);
        break;
    case SL_NODE_BAD:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_config_report errors = {0};
    struct walk w = {.lines = 2};
    char *text = malloc(size + 1);
    sl_assert(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    for (size_t i = 0; i < size; i++) /* YAML 1.1 breaks lines at CR, LF, NEL, LS and PS: an upper bound */
        w.lines += text[i] == '\n' || text[i] == '\r' || (unsigned char)text[i] >= 0x80;
    struct sl_node *root = sl_yaml_parse(text, size, &errors);
    if (root != NULL)
        check_node(root, false, 0, &w);
    sl_yaml_free(root);
    free(text);

    struct sl_buf out;
    sl_buf_init(&out, 1 << 20);
    sl_config_report_flush(&errors, "file", &out);
    for (size_t i = 0; i < out.len; i++) /* what reaches a terminal or a log holds no control characters */
        sl_assert(out.data[i] == '\n' || (unsigned char)out.data[i] >= 0x20);
    sl_buf_free(&out);
    return 0;
}
