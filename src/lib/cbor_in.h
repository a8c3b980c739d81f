/* A strict reader of CBOR (RFC 8949) over bytes that the caller owns. The first error sticks: all later
 * reads return nothing, so a caller checks once, at the end. */
#pragma once
#include <stdint.h>
#include "base/span.h"

struct sl_cbor_in {
    const uint8_t *at, *end;
    const char *why; /* the first error, a constant phrase; NULL: none */
    bool loose; /* a number was longer than needed, or a length indefinite: allowed, but not recommended */
};

enum sl_cbor_type { /* the major types, in their order */
                    SL_IN_UINT,
                    SL_IN_NEGATIVE,
                    SL_IN_BYTES,
                    SL_IN_TEXT,
                    SL_IN_ARRAY,
                    SL_IN_MAP,
                    SL_IN_TAG,
                    SL_IN_OTHER /* simple values and floating point */
};

struct sl_cbor_item {
    enum sl_cbor_type type;
    uint64_t n;      /* number, length, count or tag */
    bool indefinite; /* array or map without a count; of sl_cbor_value: a string in chunks */
    bool real;       /* OTHER: a finite floating-point number, in `value` */
    bool end;        /* OTHER: the "break" of an indefinite length */
    double value;
    struct sl_span text; /* BYTES and TEXT: the string, which is consumed */
};

struct sl_cbor_in sl_cbor_over(struct sl_span bytes);
/* The next head, with its string if it is one; the items of arrays and maps and what is tagged follow. Text
 * is UTF-8 without NUL; strings of indefinite length are refused. False: error, or nothing left. */
bool sl_cbor_next(struct sl_cbor_in *in, struct sl_cbor_item *ret);
/* Likewise, but a string of indefinite length is an item without text: its chunks follow, for sl_cbor_skip or
 * sl_cbor_chunk. */
bool sl_cbor_value(struct sl_cbor_in *in, struct sl_cbor_item *ret);
/* The next chunk of such a string; false at its end, or at an error: a chunk has the type of the string, and
 * a length (RFC 8949 section 3.2.3). */
bool sl_cbor_chunk(struct sl_cbor_in *in, const struct sl_cbor_item *head, struct sl_span *ret);
/* Passes over the content of an item whose head was read. */
void sl_cbor_skip(struct sl_cbor_in *in, const struct sl_cbor_item *head);
/* UINT or NEGATIVE within int64_t. */
bool sl_cbor_number(const struct sl_cbor_item *item, int64_t *ret);

/* Counts the items of an array or the pairs of a map. */
struct sl_cbor_count {
    uint64_t left;
    bool indefinite;
};
struct sl_cbor_count sl_cbor_count(const struct sl_cbor_item *head);
/* Reads the head of the next item (of a map: of the next key). False at the end, or at an error. */
bool sl_cbor_each(struct sl_cbor_in *in, struct sl_cbor_count *count, struct sl_cbor_item *ret);

/* The keys of one map so far: RFC 8949 section 5.6 wants each once. */
#define SL_CBOR_KEYS 64
struct sl_cbor_keys {
    struct sl_cbor_item seen[SL_CBOR_KEYS];
    unsigned count;
};
bool sl_cbor_same_key(const struct sl_cbor_item *one, const struct sl_cbor_item *other);
/* Like sl_cbor_each, for a map: an error at a key that was there already, is not a number or a text, or is
 * one too many. */
bool sl_cbor_key(struct sl_cbor_in *in, struct sl_cbor_count *count, struct sl_cbor_keys *keys,
                 struct sl_cbor_item *ret);
