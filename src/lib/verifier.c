/* First the keys: each text is told apart by how it looks (JSON, PEM, else DER) and adds keys or anchors,
 * or says why it does not; the error queue of OpenSSL, which belongs to the program around us, is left as
 * it was. Then statuslist_verify(): the parser of the format takes the token apart, the signature is
 * checked against these keys, the claims against what the caller expects. Each step adds to one report,
 * and a failed one does not stop the next, so that the report names everything that is wrong at once. */
#include "lib/verifier_int.h"

#include "lib/certificate.h"

#include <jansson.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>

#define INFLATE_LIMIT (16u << 20)
/* Clocks that follow NTP differ by far less; without any allowance a token that was just signed is refused by
 * a clock that is a second behind. */
#define SKEW_S 5

struct statuslist_verifier *statuslist_verifier_new(void)
{
    struct statuslist_verifier *v = calloc(1, sizeof *v);
    if (v != NULL) {
        v->inflate_limit = INFLATE_LIMIT;
        v->skew = SKEW_S;
    }
    return v;
}

static void drop_keys(struct statuslist_verifier *v, size_t keep)
{
    while (v->key_count > keep) {
        struct sl_trusted_key *last = &v->keys[--v->key_count];
        EVP_PKEY_free(last->key);
        X509_free(last->certificate);
    }
}

void statuslist_verifier_free(struct statuslist_verifier *v)
{
    if (v == NULL)
        return;
    drop_keys(v, 0);
    for (size_t i = 0; i < v->signer_count; i++)
        free(v->signers[i]);
    X509_STORE_free(v->anchors);
    free(v);
}

void statuslist_verifier_trust_carried_key(struct statuslist_verifier *v, bool on)
{
    v->carried = on;
}

void statuslist_verifier_set_format(struct statuslist_verifier *v, enum statuslist_format format)
{
    v->format = format;
}

void statuslist_verifier_set_profile(struct statuslist_verifier *v, enum statuslist_profile profile)
{
    v->profile = profile;
}

bool statuslist_verifier_expect_signer(struct statuslist_verifier *v, const char *name,
                                       char why[STATUSLIST_WHY])
{
    if (!sl_certificate_name_is_one(name)) {
        snprintf(why, STATUSLIST_WHY, "not a name of the form dns:NAME, uri:URI or subject:NAME");
        return false;
    }
    char *copy = v->signer_count < SL_SIGNERS_MAX ? strdup(name) : NULL;
    if (copy == NULL) {
        snprintf(why, STATUSLIST_WHY, "more than %d names, or no memory", SL_SIGNERS_MAX);
        return false;
    }
    v->signers[v->signer_count++] = copy;
    return true;
}

void statuslist_verifier_set_skew(struct statuslist_verifier *v, unsigned seconds)
{
    v->skew = seconds;
}

void statuslist_verifier_set_inflate_limit(struct statuslist_verifier *v, size_t bytes)
{
    v->inflate_limit = bytes;
}

/* Takes what it refers to over. */
static bool add_trusted_key(struct statuslist_verifier *v, struct sl_trusted_key key,
                            char why[STATUSLIST_WHY])
{
    if (key.key != NULL && v->key_count < SL_KEYS_MAX) {
        v->keys[v->key_count++] = key;
        return true;
    }
    snprintf(why, STATUSLIST_WHY, key.key == NULL ? "a key of an unknown kind" : "more than %d keys",
             SL_KEYS_MAX);
    EVP_PKEY_free(key.key);
    X509_free(key.certificate);
    return false;
}

static bool add_certificate(struct statuslist_verifier *v, X509 *x, char why[STATUSLIST_WHY])
{
    return add_trusted_key(v, (struct sl_trusted_key){.key = X509_get_pubkey(x), .certificate = x}, why);
}

static bool add_jwk(struct statuslist_verifier *v, const json_t *jwk, char why[STATUSLIST_WHY])
{
    struct sl_trusted_key key = {.certificate = NULL};
    key.key = sl_jwk_read(jwk, &key.alg, why);
    return key.key != NULL && add_trusted_key(v, key, why);
}

/* A set has keys for other purposes, and of kinds that are not known here: those are left out (RFC 7517
 * section 5), and count only if nothing is left. */
static bool add_jwk_set(struct statuslist_verifier *v, const json_t *set, char why[STATUSLIST_WHY])
{
    size_t before = v->key_count, n = json_array_size(set);
    char one[STATUSLIST_WHY] = "";
    if (n == 0) {
        snprintf(why, STATUSLIST_WHY, "the JWK set has no key");
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct sl_trusted_key key = {.certificate = NULL};
        key.key = sl_jwk_read(json_array_get(set, i), &key.alg, one);
        if (key.key == NULL && v->left_out++ == 0)
            memcpy(v->left_why, one, sizeof v->left_why);
        if (key.key != NULL && !add_trusted_key(v, key, why)) {
            drop_keys(v, before);
            return false;
        }
    }
    if (v->key_count == before)
        snprintf(why, STATUSLIST_WHY, "no key of the JWK set can be used; the last: %.100s", one);
    return v->key_count > before;
}

static bool add_json(struct statuslist_verifier *v, const char *text, size_t len, char why[STATUSLIST_WHY])
{
    json_error_t error;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        snprintf(why, STATUSLIST_WHY, "not valid JSON at byte %d", error.position);
        return false;
    }
    const json_t *set = json_object_get(root, "keys");
    bool ok = set != NULL ? add_jwk_set(v, set, why) : add_jwk(v, root, why);
    json_decref(root);
    return ok;
}

static int no_password(char *buf, int size, int writing, void *arg)
{
    (void)buf, (void)size, (void)writing, (void)arg;
    return -1;
}

/* The first certificate or public key of a PEM text. Private keys are not read: a verifier does not have
 * one. */
static bool add_pem(struct statuslist_verifier *v, const void *bytes, size_t len, char why[STATUSLIST_WHY])
{
    BIO *bio = BIO_new_mem_buf(bytes, (int)len);
    X509 *x = bio != NULL ? PEM_read_bio_X509(bio, NULL, no_password, NULL) : NULL;
    EVP_PKEY *key = NULL;
    if (x == NULL && bio != NULL && BIO_reset(bio) == 1)
        key = PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
    BIO_free(bio);
    if (x != NULL)
        return add_certificate(v, x, why);
    if (key != NULL)
        return add_trusted_key(v, (struct sl_trusted_key){.key = key}, why);
    snprintf(why, STATUSLIST_WHY, "the PEM has no certificate and no public key");
    return false;
}

static X509 *der(const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    X509 *x = d2i_X509(NULL, &at, (long)len);
    if (x != NULL && at != (const unsigned char *)bytes + len) {
        X509_free(x);
        x = NULL;
    }
    return x;
}

static bool begins(const char *text, size_t len, const char *with)
{
    size_t n = strlen(with);
    return memmem(text, len, with, n) != NULL;
}

bool statuslist_verifier_add_key(struct statuslist_verifier *v, const void *bytes, size_t len,
                                 char why[STATUSLIST_WHY])
{
    const char *text = bytes;
    size_t skip = 0;
    while (skip < len &&
           (text[skip] == ' ' || text[skip] == '\t' || text[skip] == '\r' || text[skip] == '\n'))
        skip++;
    if (len == skip || len > INT_MAX) {
        snprintf(why, STATUSLIST_WHY, "empty, or too long");
        return false;
    }
    bool ok = false;
    ERR_set_mark();
    if (text[skip] == '{') {
        ok = add_json(v, text, len, why);
    } else if (begins(text, len, "-----BEGIN ")) {
        ok = add_pem(v, bytes, len, why);
    } else {
        X509 *x = der(bytes, len);
        snprintf(why, STATUSLIST_WHY, "neither a certificate (PEM or DER) nor a public key (PEM) nor a JWK");
        ok = x != NULL && add_certificate(v, x, why);
    }
    ERR_pop_to_mark();
    return ok;
}

/* All certificates of the text, or none: a damaged one would otherwise take away those behind it, unnoticed.
 */
static bool add_anchors_of_pem(X509_STORE *store, const void *bytes, size_t len, char why[STATUSLIST_WHY])
{
    BIO *bio = BIO_new_mem_buf(bytes, (int)len);
    STACK_OF(X509) *all = sk_X509_new_null();
    bool ok = bio != NULL && all != NULL;
    X509 *x = NULL;
    while (ok && (x = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL)
        ok = sk_X509_push(all, x) > 0;
    int n = ok ? sk_X509_num(all) : 0;
    /* Where a text ends, the next certificate lacks its start. */
    bool damaged = ok && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE;
    if (damaged)
        snprintf(why, STATUSLIST_WHY, "certificate %d of the PEM cannot be read", n + 1);
    else
        snprintf(why, STATUSLIST_WHY, "not a certificate (PEM or DER)");
    ok = ok && n > 0 && !damaged;
    for (int i = 0; ok && i < n; i++)
        ok = X509_STORE_add_cert(store, sk_X509_value(all, i)) == 1;
    sk_X509_pop_free(all, X509_free);
    BIO_free(bio);
    return ok;
}

bool statuslist_verifier_add_anchor(struct statuslist_verifier *v, const void *bytes, size_t len,
                                    char why[STATUSLIST_WHY])
{
    bool ok = false;
    ERR_set_mark();
    if (v->anchors == NULL)
        v->anchors = X509_STORE_new();
    snprintf(why, STATUSLIST_WHY, "empty, or too long");
    if (v->anchors != NULL && len > 0 && len <= INT_MAX) {
        X509 *x = der(bytes, len);
        ok = x != NULL ? X509_STORE_add_cert(v->anchors, x) == 1
                       : add_anchors_of_pem(v->anchors, bytes, len, why);
        X509_free(x);
    }
    ERR_pop_to_mark();
    return ok;
}

/* ---- verifying */

/* A compact serialization begins with a letter of base64url, a COSE_Sign1 with an array or a tag. */
static enum statuslist_format format_of(struct sl_span token)
{
    return token.len > 0 && ((unsigned char)token.at[0] & 0x80) != 0 ? STATUSLIST_CWT : STATUSLIST_JWT;
}

struct statuslist_report *statuslist_verify(const struct statuslist_verifier *v, const void *token,
                                            size_t len, const char *uri, const uint64_t *index, int64_t now)
{
    struct statuslist_report *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    struct sl_span bytes = sl_span(len > 0 ? token : "", len);
    struct sl_parts p = {.format = v->format != STATUSLIST_ANY_FORMAT ? v->format : format_of(bytes)};
    struct sl_expected expected = {uri, index, now, v->skew, v->inflate_limit};
    r->status = -1;
    r->claims.format = p.format;
    if (p.format == STATUSLIST_JWT)
        sl_jwt_parse(r, bytes, &p);
    else
        sl_cwt_parse(r, bytes, &p);
    r->claims.certificates = p.chain_len;
    if (p.header_read)
        sl_check_signature(v, r, &p, now);
    sl_check_claims(r, &p, &expected);
    if (p.header_read) {
        ERR_set_mark();
        sl_check_profile(v, r, &p);
        ERR_pop_to_mark();
    }
    EVP_PKEY_free(p.jwk);
    if (r->no_memory) {
        statuslist_report_free(r);
        return NULL;
    }
    return r;
}
