/* A YAML file as a small tree with line numbers: maps with plain keys, lists, scalars; one document. Anchors,
 * aliases, tags and keys that are no scalars are errors, so that what a person reads is what is loaded.
 * Bounded: SL_YAML_BYTES of text, SL_YAML_NODES nodes, SL_YAML_DEPTH levels. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "daemon/config_report.h"

#define SL_YAML_BYTES (1u << 20)
#define SL_YAML_NODES 200000u
#define SL_YAML_DEPTH 16u

enum sl_node_kind {
    SL_NODE_SCALAR,
    SL_NODE_MAP,
    SL_NODE_LIST,
    SL_NODE_BAD, /* already reported: a reader passes over it */
};

struct sl_node {
    enum sl_node_kind kind;
    bool quoted;           /* scalar: written in quotes or as a block */
    unsigned line;         /* of the value, from 1 */
    unsigned key_line;     /* of the key, where the parent is a map */
    unsigned number;       /* in the order of the file */
    char *key;             /* NUL-terminated, without inner NUL; NULL where the parent is a list */
    char *text;            /* scalar: NUL-terminated, yet may contain NULs */
    size_t len;            /* scalar: bytes; map and list: children */
    struct sl_node *first; /* children in the order of the file, each key once */
    struct sl_node *next;  /* sibling */
};

/* Parses `text`, in which `...` lines are blanked. NULL when there is no root; errors are in the report
 * either way. The tree is the caller's. */
struct sl_node *sl_yaml_parse(char *text, size_t len, struct sl_config_report *errors);
/* Frees and wipes: a scalar may be a secret. NULL ok. */
void sl_yaml_free(struct sl_node *root);
/* A plain scalar that stands for nothing: empty, ~ or null. */
bool sl_yaml_is_null(const struct sl_node *n);
