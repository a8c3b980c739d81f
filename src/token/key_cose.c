#include "token/cbor.h"
#include "token/key_int.h"

/* COSE header parameters: RFC 9052 section 3.1, RFC 9596 (typ), RFC 9360 (x5chain). */
enum { HEADER_ALG = 1, HEADER_KID = 4, HEADER_TYP = 16, HEADER_X5CHAIN = 33 };

static bool put_der(struct sl_buf *b, X509 *x)
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    if (n <= 0)
        return false;
    sl_cbor_bytes(b, sl_span((const char *)der, (size_t)n));
    OPENSSL_free(der);
    return true;
}

bool sl_key_write_cose_header(struct sl_key *k, const struct sl_signer_options *o, STACK_OF(X509) * chain)
{
    struct sl_buf *h = &k->cose_header;
    int certificates = chain != NULL ? sk_X509_num(chain) : 0;
    bool ok = true;
    sl_cbor_head(h, SL_CBOR_MAP, 2u + o->kid + (certificates > 0));
    sl_cbor_int(h, HEADER_ALG);
    sl_cbor_int(h, k->type->cose_alg);
    sl_cbor_int(h, HEADER_TYP);
    sl_cbor_text(h, SL_SPAN("application/statuslist+cwt"));
    if (o->kid) {
        sl_cbor_int(h, HEADER_KID);
        sl_cbor_bytes(h, sl_span(k->kid, sizeof k->kid));
    }
    if (certificates > 0) {
        sl_cbor_int(h, HEADER_X5CHAIN);
        if (certificates > 1)
            sl_cbor_head(h, SL_CBOR_ARRAY, (uint64_t)certificates);
        for (int i = 0; i < certificates; i++)
            ok = ok && put_der(h, sk_X509_value(chain, i));
    }
    return ok && !h->failed;
}
