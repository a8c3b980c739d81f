/* What --print-config shows. */
#pragma once
#include "daemon/config.h"

/* Effective values as YAML, each with its source as a comment (`# default`, `# file:12`). Secrets: ***. */
void sl_config_print(const struct sl_config *c, struct sl_buf *out);
