#include "daemon/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>
#include "base/assert.h"

/* Where the next event goes: the open maps and lists from the root inward. */
struct builder {
    struct sl_config_report *errors;
    struct sl_node *root;
    struct {
        struct sl_node *node, *last;
        char *key; /* of the value that comes next; NULL: a key comes next, where the node is a map */
        unsigned key_line;
    } open[SL_YAML_DEPTH];
    unsigned depth, nodes, documents;
    bool stop;
};

void sl_yaml_free(struct sl_node *node)
{
    while (node != NULL) {
        struct sl_node *next = node->next;
        if (node->text != NULL)
            explicit_bzero(node->text, node->len);
        sl_yaml_free(node->first); /* as deep as SL_YAML_DEPTH */
        free(node->text);
        free(node->key);
        free(node);
        node = next;
    }
}

bool sl_yaml_is_null(const struct sl_node *n)
{
    struct sl_span text = sl_span(n->text, n->len);
    return n->kind == SL_NODE_SCALAR && !n->quoted &&
           (n->len == 0 || sl_span_eq(text, SL_SPAN("~")) || sl_span_eq(text, SL_SPAN("null")));
}

static void fail(struct builder *b, unsigned line, const char *what)
{
    sl_config_report_add(b->errors, line, "yaml", "%s", what);
    b->stop = true;
}

static struct sl_node *new_node(struct builder *b, enum sl_node_kind kind, unsigned line)
{
    struct sl_node *n = sl_xcalloc(1, sizeof *n);
    n->kind = kind;
    n->line = n->key_line = line;
    n->number = ++b->nodes;
    if (b->nodes > SL_YAML_NODES)
        fail(b, line, "too many values; expected at most 200000");
    return n;
}

/* Hangs a value below the innermost open node. */
static void attach(struct builder *b, struct sl_node *n)
{
    if (b->depth == 0) {
        b->root = n;
        return;
    }
    struct sl_node *parent = b->open[b->depth - 1].node, *last = b->open[b->depth - 1].last;
    if (parent->kind == SL_NODE_MAP) {
        n->key = b->open[b->depth - 1].key;
        n->key_line = b->open[b->depth - 1].key_line;
        b->open[b->depth - 1].key = NULL;
    }
    if (last == NULL)
        parent->first = n;
    else
        last->next = n;
    b->open[b->depth - 1].last = n;
    parent->len++;
}

static bool awaits_key(const struct builder *b)
{
    return b->depth > 0 && b->open[b->depth - 1].node->kind == SL_NODE_MAP &&
           b->open[b->depth - 1].key == NULL;
}

static void on_key(struct builder *b, const yaml_event_t *e, unsigned line)
{
    const char *text = (const char *)e->data.scalar.value;
    if (strlen(text) != e->data.scalar.length) {
        fail(b, line, "a key contains a NUL character; expected a plain name");
        return;
    }
    b->open[b->depth - 1].key = sl_xstrdup(text);
    b->open[b->depth - 1].key_line = line;
}

static void on_scalar(struct builder *b, const yaml_event_t *e, unsigned line)
{
    if (awaits_key(b)) {
        on_key(b, e, line);
        return;
    }
    struct sl_node *n = new_node(b, SL_NODE_SCALAR, line);
    n->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    n->len = e->data.scalar.length;
    n->text = sl_xcalloc(1, n->len + 1);
    memcpy(n->text, e->data.scalar.value, n->len);
    attach(b, n);
}

static void on_open(struct builder *b, enum sl_node_kind kind, unsigned line)
{
    if (awaits_key(b)) {
        fail(b, line, "a key is a map or a list; expected a plain name");
        return;
    }
    if (b->depth == SL_YAML_DEPTH) {
        fail(b, line, "nested too deeply; expected at most 16 levels");
        return;
    }
    struct sl_node *n = new_node(b, kind, line);
    attach(b, n);
    b->open[b->depth].node = n;
    b->open[b->depth].last = NULL;
    b->open[b->depth].key = NULL;
    b->depth++;
}

/* Keys in order; of equal ones the first of the file first. */
static int compare_nodes(const void *left, const void *right)
{
    const struct sl_node *one = *(struct sl_node *const *)left, *other = *(struct sl_node *const *)right;
    int order = strcmp(one->key, other->key);
    if (order == 0)
        order = one->number < other->number ? -1 : 1;
    return order;
}

/* The path of a key in the node that is being closed: "app.redis.port". */
static void report_duplicate(struct builder *b, const struct sl_node *n, unsigned first)
{
    struct sl_buf path;
    sl_buf_init(&path, 4096);
    for (unsigned i = 1; i <= b->depth; i++)
        if (b->open[i].node->key != NULL)
            sl_buf_printf(&path, "%.100s.", b->open[i].node->key);
    sl_buf_printf(&path, "%.100s%c", n->key, '\0');
    sl_config_report_add(b->errors, n->key_line, path.data, "given twice, first in line %u; expected it once",
                         first);
    sl_buf_free(&path);
}

/* Of several children with one key the first counts, the others are reported. */
static void check_duplicates(struct builder *b, struct sl_node *map)
{
    if (map->len < 2)
        return;
    struct sl_node **sorted = sl_xcalloc(map->len, sizeof *sorted);
    size_t n = 0;
    for (struct sl_node *child = map->first; child != NULL; child = child->next)
        sorted[n++] = child;
    qsort(sorted, n, sizeof *sorted, compare_nodes);
    for (size_t i = 1, first = 0; i < n; i++) {
        if (strcmp(sorted[i]->key, sorted[first]->key) != 0) {
            first = i;
            continue;
        }
        report_duplicate(b, sorted[i], sorted[first]->key_line);
        sorted[i]->kind = SL_NODE_BAD;
    }
    free(sorted);
}

static void on_close(struct builder *b)
{
    b->depth--; /* open[depth] stays what is being closed */
    if (b->open[b->depth].node->kind == SL_NODE_MAP)
        check_duplicates(b, b->open[b->depth].node);
}

static void refuse_decoration(struct builder *b, const yaml_char_t *anchor, const yaml_char_t *tag,
                              unsigned line)
{
    if (anchor != NULL)
        sl_config_report_add(b->errors, line, "yaml",
                             "an anchor (&name) is not supported; expected the value written out");
    if (tag != NULL)
        sl_config_report_add(b->errors, line, "yaml",
                             "a tag (!name) is not supported; expected the plain value");
}

static void on_alias(struct builder *b, unsigned line)
{
    sl_config_report_add(b->errors, line, "yaml",
                         "an alias (*name) is not supported; expected the value written out");
    if (awaits_key(b))
        b->stop = true;
    else
        attach(b, new_node(b, SL_NODE_BAD, line));
}

static void add_event(struct builder *b, const yaml_event_t *e)
{
    unsigned line = (unsigned)e->start_mark.line + 1;
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++b->documents > 1)
            fail(b, line, "a second document begins here (---); expected one document");
        break;
    case YAML_SCALAR_EVENT:
        refuse_decoration(b, e->data.scalar.anchor, e->data.scalar.tag, line);
        on_scalar(b, e, line);
        break;
    case YAML_MAPPING_START_EVENT:
        refuse_decoration(b, e->data.mapping_start.anchor, e->data.mapping_start.tag, line);
        on_open(b, SL_NODE_MAP, line);
        break;
    case YAML_SEQUENCE_START_EVENT:
        refuse_decoration(b, e->data.sequence_start.anchor, e->data.sequence_start.tag, line);
        on_open(b, SL_NODE_LIST, line);
        break;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        on_close(b);
        break;
    case YAML_ALIAS_EVENT:
        on_alias(b, line);
        break;
    case YAML_STREAM_END_EVENT:
        b->stop = true;
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
}

/* Number (from 1) of the line in which byte `offset` is. */
static size_t line_at(struct sl_span text, size_t offset)
{
    size_t line = 1;
    for (size_t i = 0; i < text.len && i < offset; i++)
        line += text.at[i] == '\n';
    return line;
}

static struct sl_span line_from(struct sl_span text, size_t start)
{
    const char *end = memchr(text.at + start, '\n', text.len - start);
    return sl_span(text.at + start, end != NULL ? (size_t)(end - text.at) - start : text.len - start);
}

/* The line's bytes without its line break; empty beyond the last. */
static struct sl_span line_of(struct sl_span text, size_t number)
{
    size_t start = 0;
    for (size_t line = 1; line < number && start < text.len; line++)
        start += line_from(text, start).len + 1;
    return start <= text.len ? line_from(text, start) : sl_span(text.at + text.len, 0);
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* A line that is nothing but `...` ends the document in YAML, or is a syntax error further on. In
 * configurations it is what an excerpt leaves out: reported by its own line, and blanked so that the rest is
 * read. */
static void blank_document_ends(char *text, size_t len, struct sl_config_report *errors)
{
    unsigned number = 1;
    for (size_t start = 0; start < len; number++) {
        struct sl_span line = line_from(sl_span(text, len), start);
        size_t first = 0, end = line.len;
        while (first < end && is_blank(line.at[first]))
            first++;
        while (end > first && is_blank(line.at[end - 1]))
            end--;
        if (sl_span_eq(sl_span(line.at + first, end - first), SL_SPAN("..."))) {
            sl_config_report_add(errors, number, "...",
                                 "ends the document in YAML, it does not stand for something left out; "
                                 "expected the line to be removed");
            memset(text + start + first, ' ', 3);
        }
        start += line.len + 1;
    }
}

static void syntax_error(struct builder *b, const yaml_parser_t *parser, struct sl_span text)
{
    size_t line = parser->problem_mark.line + 1;
    if (parser->error == YAML_READER_ERROR)
        line = line_at(text, parser->problem_offset);
    struct sl_span at = line_of(text, line);
    size_t indent = 0;
    while (indent < at.len && (at.at[indent] == ' ' || at.at[indent] == '\t'))
        indent++;
    if (memchr(at.at, '\t', indent) != NULL)
        fail(b, (unsigned)line, "a tab in the indentation; expected spaces");
    else if (parser->error == YAML_READER_ERROR)
        fail(b, (unsigned)line,
             "is not text (it has control characters or is not UTF-8); expected a YAML file");
    else
        sl_config_report_add(b->errors, (unsigned)line, "yaml", "%s%s%s; expected valid YAML",
                             parser->problem, parser->context != NULL ? " " : "",
                             parser->context != NULL ? parser->context : "");
    b->stop = true;
}

/* libyaml frees its copies of the text as they are; those that it lets us see are wiped. */
static void wipe_event(yaml_event_t *e)
{
    if (e->type == YAML_SCALAR_EVENT)
        explicit_bzero(e->data.scalar.value, e->data.scalar.length);
}

static void wipe_parser(yaml_parser_t *p)
{
    explicit_bzero(p->raw_buffer.start, (size_t)(p->raw_buffer.end - p->raw_buffer.start));
    explicit_bzero(p->buffer.start, (size_t)(p->buffer.end - p->buffer.start));
    for (yaml_token_t *t = p->tokens.head; t != p->tokens.tail; t++)
        if (t->type == YAML_SCALAR_TOKEN)
            explicit_bzero(t->data.scalar.value, t->data.scalar.length);
}

struct sl_node *sl_yaml_parse(char *text, size_t len, struct sl_config_report *errors)
{
    struct builder b = {.errors = errors};
    yaml_parser_t parser;
    blank_document_ends(text, len, errors);
    int made = yaml_parser_initialize(&parser);
    sl_assert(made);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    size_t syntax = errors->count;
    while (!b.stop) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            syntax_error(&b, &parser, sl_span(text, len));
            break;
        }
        add_event(&b, &event);
        wipe_event(&event);
        yaml_event_delete(&event);
    }
    bool broken = errors->count > syntax && b.depth > 0;
    wipe_parser(&parser);
    yaml_parser_delete(&parser);
    for (unsigned i = 0; i < b.depth; i++)
        free(b.open[i].key);
    if (broken) { /* what was read is a part: reporting what is missing in it would mislead */
        sl_yaml_free(b.root);
        b.root = NULL;
    }
    return b.root;
}
