/* Reference pages generated from the tables. */
#pragma once
#include "base/buf.h"

/* `page`: "configuration" or "metrics"; false: no such page. */
bool sl_docs_print(const char *page, struct sl_buf *out);
