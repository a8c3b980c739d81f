#include "pool/pool.h"

#include <string.h>

struct sl_pool *sl_pool_named(const struct sl_shared *shared, struct sl_span name)
{
    for (unsigned i = 0; i < shared->pool_count; i++) {
        const char *text = shared->pools[i].name;
        if (sl_span_eq(name, sl_span(text, strlen(text))))
            return &shared->pools[i];
    }
    return NULL;
}
