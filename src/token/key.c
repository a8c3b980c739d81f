#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/err.h>

#include "base/assert.h"
#include "base/text.h"
#include "token/key_int.h"

static const struct sl_key_type types[] = {
    {"ES256", "EC", "P-256", -7, "prime256v1", "SHA256", 32},
    {"ES384", "EC", "P-384", -35, "secp384r1", "SHA384", 48},
    {"ES512", "EC", "P-521", -36, "secp521r1", "SHA512", 66},
    {"EdDSA", "OKP", "Ed25519", -8, NULL, NULL, 32},
};
/* The last one under its name of RFC 9864. */
static const struct sl_key_type ed25519 = {"Ed25519", "OKP", "Ed25519", -19, NULL, NULL, 32};

struct sl_signer {
    EVP_MD_CTX *ctx;
};

const char *sl_key_alg(const struct sl_key *k)
{
    return k->type->alg;
}

int64_t sl_key_not_after(const struct sl_key *k)
{
    return k->not_after;
}

bool sl_key_self_signed(const struct sl_key *k)
{
    return k->self_signed;
}

struct sl_span sl_key_jose_header(const struct sl_key *k)
{
    return sl_span(k->header.data, k->header.len);
}

struct sl_span sl_key_cose_header(const struct sl_key *k)
{
    return sl_span(k->cose_header.data, k->cose_header.len);
}

static const struct sl_key_type *find_type(EVP_PKEY *pkey)
{
    char group[64];
    size_t n;
    bool ec = EVP_PKEY_is_a(pkey, "EC") && EVP_PKEY_get_group_name(pkey, group, sizeof group, &n) == 1;
    for (unsigned i = 0; i < sizeof types / sizeof *types; i++) {
        const struct sl_key_type *t = &types[i];
        if (t->group != NULL ? ec && strcmp(t->group, group) == 0 : EVP_PKEY_is_a(pkey, "ED25519"))
            return t;
    }
    return NULL;
}

/* If the two halves of a key did not belong together, no one could verify its signatures. */
static bool halves_agree(EVP_PKEY *pkey)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    bool ok = ctx != NULL && EVP_PKEY_pairwise_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

/* Where the key and the certificates are from; NULL where there is none. */
struct sources {
    const char *key, *key_password, *certificate, *keystore, *keystore_password;
};

static bool read_material(const struct sources *from, struct sl_buf *why, struct sl_key_material *ret)
{
    if (from->keystore != NULL)
        return sl_key_read_keystore(from->keystore, from->keystore_password, why, ret);
    return sl_key_read_private(from->key, from->key_password, why, &ret->pkey) &&
           (from->certificate == NULL || sl_key_read_certificates(from->certificate, why, &ret->chain));
}

static bool check_key(struct sl_key *k, const char *path, struct sl_buf *why)
{
    k->type = find_type(k->pkey);
    if (k->type == NULL) {
        const char *name = EVP_PKEY_get0_type_name(k->pkey);
        sl_buf_printf(why,
                      "the key in %s is of a kind (%s) that is not supported: "
                      "use an EC key on P-256, P-384 or P-521, or an Ed25519 key",
                      path, name != NULL ? name : "unknown");
        return false;
    }
    if (!halves_agree(k->pkey)) {
        sl_buf_printf(why,
                      "the private and the public part of the key in %s do not belong together: "
                      "export the key again",
                      path);
        return false;
    }
    if (k->type->digest != NULL)
        k->md = EVP_MD_fetch(NULL, k->type->digest, NULL);
    if (k->type->digest != NULL && k->md == NULL) {
        sl_buf_printf(why, "OpenSSL offers no %s, which the key in %s needs: enable its default provider",
                      k->type->digest, path);
        return false;
    }
    return true;
}

static bool load_key(struct sl_key *k, const struct sl_signer_options *o, const struct sources *from,
                     const struct sl_clock *clock, struct sl_buf *why)
{
    struct sl_key_material m = {0};
    const char *key_path = from->keystore != NULL ? from->keystore : from->key;
    const char *chain_path = from->keystore != NULL ? from->keystore : from->certificate;
    bool ok = read_material(from, why, &m);
    if (ok) {
        EVP_PKEY_up_ref(m.pkey);
        k->pkey = m.pkey;
        ok = check_key(k, key_path, why) &&
             (m.chain == NULL ||
              sl_key_check_chain(chain_path, &m, sl_wall_ms(clock) / 1000, why, &k->not_after));
        k->self_signed = ok && m.chain != NULL && X509_self_signed(sk_X509_value(m.chain, 0), 0) == 1;
    }
    if (ok && o->eddsa != 0 && k->type->group == NULL)
        k->type = &ed25519;
    if (ok && (!sl_key_write_header(k, o, m.chain) || !sl_key_write_cose_header(k, o, m.chain))) {
        sl_buf_puts(why, sl_key_no_memory);
        ok = false;
    }
    sl_key_material_free(&m);
    return ok;
}

struct sl_key *sl_key_absent(const char *why)
{
    struct sl_key *k = sl_xcalloc(1, sizeof *k);
    atomic_init(&k->refs, 1);
    k->absent = sl_xstrdup(why);
    return k;
}

const char *sl_key_why_absent(const struct sl_key *k)
{
    return k->absent;
}

static struct sl_key *load_new(const struct sl_signer_options *o, const struct sources *from,
                               const struct sl_clock *clock, struct sl_buf *why)
{
    struct sl_key *k = calloc(1, sizeof *k);
    if (k == NULL) {
        sl_buf_puts(why, sl_key_no_memory);
        return NULL;
    }
    atomic_init(&k->refs, 1);
    k->not_after = INT64_MAX;
    sl_buf_init(&k->header, SIZE_MAX);
    sl_buf_init(&k->cose_header, SIZE_MAX);
    if (load_key(k, o, from, clock, why))
        return k;
    sl_key_free(k);
    return NULL;
}

bool sl_key_load(const struct sl_signer_options *o, const char *storage, const char *pool,
                 const struct sl_clock *clock, struct sl_buf *why, struct sl_key **ret)
{
    struct sources from = {o->key_file, o->key_password_file, o->certificate_file, o->keystore,
                           o->keystore_password_file};
    char *made_key = NULL, *made_certificate = NULL;
    bool ok = true;
    if (from.key == NULL && from.keystore == NULL) {
        if (from.certificate != NULL) {
            sl_buf_puts(why, "the signer names a certificate but no key: give signer.pem.key too");
            ok = false;
        } else if (!o->generate) {
            sl_buf_puts(why, "the signer names no key: give signer.pem.key, signer.pkcs12.keystore, or "
                             "signer.generate: true");
            ok = false;
        } else {
            ok = sl_key_generate(storage, pool, clock, why, &made_key, &made_certificate);
            from = (struct sources){.key = made_key, .certificate = made_certificate};
        }
    }
    struct sl_key *k = ok ? load_new(o, &from, clock, why) : NULL;
    free(made_key);
    free(made_certificate);
    ERR_clear_error();
    if (k == NULL)
        return false;
    *ret = k;
    return true;
}

struct sl_key *sl_key_ref(struct sl_key *k)
{
    atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
    return k;
}

void sl_key_free(struct sl_key *k)
{
    if (k == NULL || atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) != 1)
        return;
    EVP_PKEY_free(k->pkey);
    EVP_MD_free(k->md);
    free(k->absent);
    sl_buf_free(&k->header);
    sl_buf_free(&k->cose_header);
    free(k);
}

static bool same_bytes(const struct sl_buf *one, const struct sl_buf *other)
{
    return sl_span_eq(sl_span(one->data, one->len), sl_span(other->data, other->len));
}

bool sl_key_same(const struct sl_key *one, const struct sl_key *other)
{
    if (one->absent != NULL || other->absent != NULL)
        return sl_same_text(one->absent, other->absent);
    return EVP_PKEY_eq(one->pkey, other->pkey) == 1 && one->not_after == other->not_after &&
           same_bytes(&one->header, &other->header) && same_bytes(&one->cose_header, &other->cose_header);
}

struct sl_signer *sl_signer_new(void)
{
    struct sl_signer *s = sl_xcalloc(1, sizeof *s);
    s->ctx = EVP_MD_CTX_new();
    sl_assert(s->ctx != NULL);
    return s;
}

void sl_signer_free(struct sl_signer *s)
{
    if (s == NULL)
        return;
    EVP_MD_CTX_free(s->ctx);
    free(s);
}

/* OpenSSL gives an ECDSA signature as DER; JOSE wants both numbers at full length, one behind the other. */
static bool der_to_rs(const unsigned char *der, size_t len, int coordinate, unsigned char *out)
{
    const unsigned char *end = der + len;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
    bool ok = sig != NULL && der == end &&
              BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, coordinate) == coordinate &&
              BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + coordinate, coordinate) == coordinate;
    ECDSA_SIG_free(sig);
    return ok;
}

enum sl_err sl_key_sign(const struct sl_key *k, struct sl_signer *s, struct sl_span input,
                        unsigned char out[static SL_SIGNATURE_MAX], unsigned *ret_len)
{
    unsigned char raw[SL_SIGNATURE_MAX + 16]; /* DER adds nine bytes at most */
    size_t len = sizeof raw;
    bool ok = EVP_DigestSignInit(s->ctx, NULL, k->md, NULL, k->pkey) == 1 &&
              EVP_DigestSign(s->ctx, raw, &len, (const unsigned char *)input.at, input.len) == 1;
    ok = ok && len <= sizeof raw; /* short of memory, OpenSSL 3.0 reports success and a length beyond any */
    unsigned want = 2 * (unsigned)k->type->coordinate;
    if (ok && k->md == NULL) {
        ok = len == want;
        if (ok)
            memcpy(out, raw, want);
    } else if (ok) {
        ok = der_to_rs(raw, len, k->type->coordinate, out);
    }
    EVP_MD_CTX_reset(s->ctx); /* lets go of the key */
    if (ERR_peek_error() != 0)
        ERR_clear_error();
    if (!ok)
        return SL_ERR_INTERNAL;
    *ret_len = want;
    return SL_OK;
}
