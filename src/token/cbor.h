/* A writer of CBOR (RFC 8949): definite lengths, every number in its shortest form (section 4.2.1). Maps come
 * out in the order in which they are written. Errors stick in the buffer, see base/buf.h. */
#pragma once
#include "base/buf.h"

enum sl_cbor_major {
    SL_CBOR_UINT,
    SL_CBOR_NEGATIVE, /* of n: -1 - n */
    SL_CBOR_BYTES,
    SL_CBOR_TEXT,
    SL_CBOR_ARRAY,
    SL_CBOR_MAP, /* n pairs */
    SL_CBOR_TAG
};

/* A head has 9 bytes at most. */
#define SL_CBOR_HEAD_MAX 9
/* What comes before a value: its major type with a number, length or count. */
void sl_cbor_head(struct sl_buf *b, enum sl_cbor_major major, uint64_t n);
void sl_cbor_int(struct sl_buf *b, int64_t v);
void sl_cbor_bytes(struct sl_buf *b, struct sl_span bytes);
void sl_cbor_text(struct sl_buf *b, struct sl_span text); /* UTF-8, which is the caller's to know */
