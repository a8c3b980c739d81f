/* What a configuration file may have meant: the keys that a map has, and the nearest to a wrong one. */
#pragma once
#include "daemon/schema.h"

/* The keys of the map `path` ("": the scope itself), comma-separated. */
void sl_scope_keys(const struct sl_scope *scope, const char *path, struct sl_buf *out);
/* A key of that map, or of the whole scope, that `key` may have meant: "did you mean x?"; otherwise "expected
 * one of ...". */
void sl_scope_suggest(const struct sl_scope *scope, const char *path, const char *key, struct sl_buf *out);
