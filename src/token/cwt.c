#include "token/cwt.h"

#include "base/assert.h"
#include "token/cbor.h"

/* Claim keys: RFC 8392 section 4, and the draft's own two. */
enum { CLAIM_ISS = 1, CLAIM_SUB = 2, CLAIM_EXP = 4, CLAIM_IAT = 6, CLAIM_STATUS_LIST = 65533, CLAIM_TTL };

enum { TAG_SIGN1 = 18 };

void sl_cwt_status_list(struct sl_buf *b, unsigned bits, struct sl_span zlib, struct sl_span aggregation_uri)
{
    sl_cbor_head(b, SL_CBOR_MAP, aggregation_uri.len > 0 ? 3 : 2);
    sl_cbor_text(b, SL_SPAN("bits"));
    sl_cbor_int(b, bits);
    sl_cbor_text(b, SL_SPAN("lst"));
    sl_cbor_bytes(b, zlib);
    if (aggregation_uri.len > 0) {
        sl_cbor_text(b, SL_SPAN("aggregation_uri"));
        sl_cbor_text(b, aggregation_uri);
    }
}

void sl_cwt_claims(struct sl_buf *b, const struct sl_token_spec *spec, struct sl_span zlib)
{
    sl_cbor_head(b, SL_CBOR_MAP, 4u + (spec->iss.len > 0) + (spec->ttl > 0));
    if (spec->iss.len > 0) {
        sl_cbor_int(b, CLAIM_ISS);
        sl_cbor_text(b, spec->iss);
    }
    sl_cbor_int(b, CLAIM_SUB);
    sl_cbor_text(b, spec->sub);
    sl_cbor_int(b, CLAIM_IAT);
    sl_cbor_int(b, spec->iat);
    sl_cbor_int(b, CLAIM_EXP);
    sl_cbor_int(b, spec->exp);
    if (spec->ttl > 0) {
        sl_cbor_int(b, CLAIM_TTL);
        sl_cbor_int(b, spec->ttl);
    }
    sl_cbor_int(b, CLAIM_STATUS_LIST);
    sl_cwt_status_list(b, spec->bits, zlib, spec->aggregation_uri);
}

size_t sl_cwt_claims_max(const struct sl_token_spec *spec, size_t zlib_len)
{
    /* The names take 22 bytes, and there are at most 18 heads. */
    return 22 + 18 * SL_CBOR_HEAD_MAX + spec->iss.len + spec->sub.len + spec->aggregation_uri.len + zlib_len;
}

/* What is signed and what is sent share their long part:
 *
 *   84 6a "Signature1" <protected> 40 <payload>                the Sig_structure (RFC 9052 section 4.4)
 *                d2 84 <protected> a0 <payload> <signature>    the token
 *
 * so the first is written, signed, and made the second in place. */
enum { SIGN1_BYTES = 2 };
static const char signed_prefix[] = "\x84\x6aSignature1";

size_t sl_cwt_max(const struct sl_key *key, size_t payload_len)
{
    return sizeof signed_prefix + sl_key_cose_header(key).len + payload_len + SL_SIGNATURE_MAX +
           4 * SL_CBOR_HEAD_MAX;
}

enum sl_err sl_cwt_sign(const struct sl_key *key, struct sl_signer *signer, struct sl_span payload,
                        char *room, struct sl_span *ret)
{
    struct sl_buf b;
    unsigned char signature[SL_SIGNATURE_MAX];
    unsigned signature_len;
    sl_buf_over(&b, room, sl_cwt_max(key, payload.len));
    sl_buf_puts(&b, signed_prefix);
    size_t shared = b.len;
    sl_cbor_bytes(&b, sl_key_cose_header(key));
    size_t between = b.len;
    sl_cbor_bytes(&b, sl_span(NULL, 0)); /* external_aad */
    sl_cbor_bytes(&b, payload);
    sl_assert(!b.failed);
    if (sl_key_sign(key, signer, sl_span(b.data, b.len), signature, &signature_len) != SL_OK)
        return SL_ERR_INTERNAL;
    struct sl_buf start, unprotected;
    sl_buf_over(&start, room + shared - SIGN1_BYTES, SIGN1_BYTES);
    sl_cbor_head(&start, SL_CBOR_TAG, TAG_SIGN1);
    sl_cbor_head(&start, SL_CBOR_ARRAY, 4);
    sl_buf_over(&unprotected, room + between, 1);
    sl_cbor_head(&unprotected, SL_CBOR_MAP, 0);
    sl_cbor_bytes(&b, sl_span((const char *)signature, signature_len));
    sl_assert(!b.failed && !start.failed && !unprotected.failed);
    *ret = sl_span(start.data, b.len - (shared - SIGN1_BYTES));
    return SL_OK;
}
