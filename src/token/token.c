#include "token/token.h"

#include <stdlib.h>

#include "base/assert.h"

void sl_token_unref(struct sl_token *t)
{
    if (t == NULL)
        return;
    uint32_t before = atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel);
    sl_assert(before > 0);
    if (before == 1)
        free(t);
}
