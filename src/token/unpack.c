#include <libdeflate.h>
#include <string.h>

#include "token/token.h"

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
