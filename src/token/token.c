#include "token/token.h"

#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

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

bool sl_token_unpack(const struct sl_token *t, uint8_t *out, size_t len)
{
    size_t got;
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    bool ok = d != NULL &&
              libdeflate_zlib_decompress(d, t->zlib.at, t->zlib.len, out, len, &got) == LIBDEFLATE_SUCCESS;
    if (d != NULL)
        libdeflate_free_decompressor(d);
    if (ok)
        memset(out + got, 0, len - got);
    return ok;
}
