#include "token/cbor.h"

void sl_cbor_head(struct sl_buf *b, enum sl_cbor_major major, uint64_t n)
{
    unsigned char head[SL_CBOR_HEAD_MAX];
    unsigned more = 0; /* bytes that n takes beyond the first: 0, 1, 2, 4 or 8, which the code tells */
    unsigned code = (unsigned)(n & 31);
    if (n >= 24) {
        more = 1;
        code = 24;
        while (more < 8 && n >> (8 * more) != 0) {
            more *= 2;
            code++;
        }
    }
    head[0] = (unsigned char)((unsigned)major << 5 | code);
    for (unsigned i = 0; i < more; i++)
        head[1 + i] = (unsigned char)(n >> (8 * (more - 1 - i)));
    sl_buf_put(b, head, 1 + more);
}

void sl_cbor_int(struct sl_buf *b, int64_t v)
{
    if (v >= 0)
        sl_cbor_head(b, SL_CBOR_UINT, (uint64_t)v);
    else
        sl_cbor_head(b, SL_CBOR_NEGATIVE, (uint64_t)(-1 - v));
}

void sl_cbor_bytes(struct sl_buf *b, struct sl_span bytes)
{
    sl_cbor_head(b, SL_CBOR_BYTES, bytes.len);
    sl_buf_put(b, bytes.at, bytes.len);
}

void sl_cbor_text(struct sl_buf *b, struct sl_span text)
{
    sl_cbor_head(b, SL_CBOR_TEXT, text.len);
    sl_buf_put(b, text.at, text.len);
}
