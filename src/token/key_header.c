/* The headers of tokens, JOSE and COSE: written once for each key, constant for its life. */
#include <stdlib.h>

#include <openssl/core_names.h>

#include "base/base64url.h"
#include "token/cbor.h"
#include "token/digest.h"
#include "token/key_int.h"

enum { COORDINATE_MAX = 66 };

/* One public coordinate as a JSON string of base64url. */
static bool put_coordinate(struct sl_buf *json, const unsigned char *bytes, int n)
{
    char text[(COORDINATE_MAX + 2) / 3 * 4];
    sl_buf_putc(json, '"');
    sl_buf_put(json, text, sl_base64url_encode(text, bytes, (size_t)n));
    sl_buf_putc(json, '"');
    return !json->failed;
}

static bool put_ec_coordinate(struct sl_buf *json, const struct sl_key *k, const char *name)
{
    BIGNUM *bn = NULL;
    unsigned char bytes[COORDINATE_MAX];
    int n = k->type->coordinate;
    bool ok = EVP_PKEY_get_bn_param(k->pkey, name, &bn) == 1 && BN_bn2binpad(bn, bytes, n) == n &&
              put_coordinate(json, bytes, n);
    BN_free(bn);
    return ok;
}

/* The required members only, in the order of RFC 7638 section 3: at once what the thumbprint hashes and a
 * JWK. */
static bool put_jwk(struct sl_buf *json, const struct sl_key *k)
{
    sl_buf_puts(json, "{\"crv\":\"");
    sl_buf_puts(json, k->type->crv);
    sl_buf_puts(json, "\",\"kty\":\"");
    sl_buf_puts(json, k->type->kty);
    sl_buf_puts(json, "\",\"x\":");
    if (k->type->group == NULL) {
        unsigned char bytes[COORDINATE_MAX];
        size_t n = sizeof bytes;
        if (EVP_PKEY_get_raw_public_key(k->pkey, bytes, &n) != 1 || !put_coordinate(json, bytes, (int)n))
            return false;
    } else {
        if (!put_ec_coordinate(json, k, OSSL_PKEY_PARAM_EC_PUB_X))
            return false;
        sl_buf_puts(json, ",\"y\":");
        if (!put_ec_coordinate(json, k, OSSL_PKEY_PARAM_EC_PUB_Y))
            return false;
    }
    sl_buf_putc(json, '}');
    return !json->failed;
}

static bool put_kid(struct sl_buf *json, const struct sl_buf *jwk, char kid[static 43])
{
    unsigned char digest[SL_SHA256];
    unsigned n = 0;
    if (EVP_Digest(jwk->data, jwk->len, digest, &n, EVP_sha256(), NULL) != 1 || n != SL_SHA256)
        return false;
    sl_buf_puts(json, ",\"kid\":\"");
    sl_buf_put(json, kid, sl_base64url_encode(kid, digest, sizeof digest));
    sl_buf_putc(json, '"');
    return !json->failed;
}

static bool put_certificate(struct sl_buf *json, X509 *x)
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    if (n <= 0)
        return false;
    char *text = malloc(((size_t)n + 2) / 3 * 4);
    if (text != NULL) {
        sl_buf_putc(json, '"');
        sl_buf_put(json, text, sl_base64_encode(text, der, (size_t)n));
        sl_buf_putc(json, '"');
    }
    bool ok = text != NULL && !json->failed;
    free(text);
    OPENSSL_free(der);
    return ok;
}

bool sl_key_write_header(struct sl_key *k, const struct sl_signer_options *o, STACK_OF(X509) * chain)
{
    struct sl_buf *h = &k->header;
    struct sl_buf jwk;
    sl_buf_init(&jwk, 4096);
    bool ok = put_jwk(&jwk, k);
    sl_buf_puts(h, "{\"alg\":\"");
    sl_buf_puts(h, k->type->alg);
    sl_buf_puts(h, "\",\"typ\":\"statuslist+jwt\"");
    if (o->kid)
        ok = ok && put_kid(h, &jwk, k->kid);
    if (o->x5c && sk_X509_num(chain) > 0) {
        sl_buf_puts(h, ",\"x5c\":[");
        for (int i = 0; i < sk_X509_num(chain); i++) {
            sl_buf_puts(h, i > 0 ? "," : "");
            ok = ok && put_certificate(h, sk_X509_value(chain, i));
        }
        sl_buf_putc(h, ']');
    }
    if (o->jwk) {
        sl_buf_puts(h, ",\"jwk\":");
        sl_buf_put(h, jwk.data, jwk.len);
    }
    sl_buf_putc(h, '}');
    sl_buf_free(&jwk);
    return ok && !h->failed;
}

/* ---- COSE */

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
