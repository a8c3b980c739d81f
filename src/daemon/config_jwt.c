/* Rules for bearer tokens: the key files of jwt-auth, and which algorithm belongs to each. */
#include <stdlib.h>
#include <string.h>
#include "base/assert.h"
#include "daemon/config_int.h"
#include "token/public_key.h"

#define KEYS "jwt-auth.keys"
#define WHY_MAX 512

/* One key file of one pool. */
struct key_file {
    struct sl_loading *l;
    const struct sl_section *s;
    const char *path;
    int wanted; /* an enum sl_jwt_alg, or -1: by the key */
};

static void refuse_key_file(struct key_file *f, const char *why)
{
    char mem[128];
    struct sl_buf b;
    sl_buf_over(&b, mem, sizeof mem);
    sl_option_echo(sl_span(f->path, strlen(f->path)), &b);
    sl_config_fault(f->l, f->s, KEYS, "%s: %s", sl_buf_cstr(&b), why);
}

static bool is_hmac(int alg)
{
    return alg == SL_JWT_HS256 || alg == SL_JWT_HS384 || alg == SL_JWT_HS512;
}

/* RFC 7518 section 3.2: a key of the hash's size or larger. */
static bool check_secret(struct key_file *f, struct sl_span secret)
{
    char why[WHY_MAX];
    size_t least = f->wanted == SL_JWT_HS256 ? 32 : f->wanted == SL_JWT_HS384 ? 48 : 64;
    if (memmem(secret.at, secret.len, "-----BEGIN", 10) != NULL) {
        snprintf(why, sizeof why,
                 "it is PEM, and jwt-auth.algorithm is %s; expected a secret of random characters",
                 sl_jwt_alg_name((enum sl_jwt_alg)f->wanted));
        refuse_key_file(f, why);
        return false;
    }
    if (secret.len < least) {
        snprintf(why, sizeof why, "the secret (not shown) has %zu bytes; expected at least %zu for %s",
                 secret.len, least, sl_jwt_alg_name((enum sl_jwt_alg)f->wanted));
        refuse_key_file(f, why);
        return false;
    }
    return true;
}

/* The algorithm that goes with the key, or the one of RSA's that is wanted. */
static bool check_algorithm(struct key_file *f, enum sl_public_kind kind, enum sl_jwt_alg *ret)
{
    static const struct {
        const char *what;
        enum sl_jwt_alg alg;
    } kinds[] = {[SL_PUBLIC_RSA] = {"an RSA key", SL_JWT_RS256},
                 [SL_PUBLIC_P256] = {"a key on P-256", SL_JWT_ES256},
                 [SL_PUBLIC_P384] = {"a key on P-384", SL_JWT_ES384},
                 [SL_PUBLIC_P521] = {"a key on P-521", SL_JWT_ES512},
                 [SL_PUBLIC_ED25519] = {"an Ed25519 key", SL_JWT_EdDSA}};
    static const int rsa[] = {SL_JWT_RS384, SL_JWT_RS512, SL_JWT_PS256, SL_JWT_PS384, SL_JWT_PS512};
    char why[WHY_MAX];
    enum sl_jwt_alg alg = kinds[kind].alg;
    for (size_t i = 0; kind == SL_PUBLIC_RSA && i < sizeof rsa / sizeof *rsa; i++)
        alg = f->wanted == rsa[i] ? (enum sl_jwt_alg)rsa[i] : alg;
    if (f->wanted >= 0 && f->wanted != (int)alg) {
        snprintf(why, sizeof why, "it is %s, and jwt-auth.algorithm is %s; expected %s, or by-key",
                 kinds[kind].what, sl_jwt_alg_name((enum sl_jwt_alg)f->wanted), sl_jwt_alg_name(alg));
        refuse_key_file(f, why);
        return false;
    }
    *ret = alg;
    return true;
}

/* The text of a public key in its one form; the secret as it is. */
static bool load_public(struct key_file *f, char *text, size_t *len, enum sl_jwt_alg *ret_alg)
{
    char pem_mem[SL_LINE_MAX], why_mem[WHY_MAX], message[WHY_MAX];
    struct sl_buf pem, why;
    enum sl_public_kind kind;
    bool exposed;
    const char *error = sl_config_read_line(f->path, text, len, &exposed);
    if (error != NULL) {
        snprintf(message, sizeof message,
                 "cannot be used (%s); expected a readable PEM file with a public key", error);
        refuse_key_file(f, message);
        return false;
    }
    sl_buf_over(&pem, pem_mem, sizeof pem_mem);
    sl_buf_over(&why, why_mem, sizeof why_mem);
    bool ok = sl_public_key_read(sl_span(text, *len), &pem, &why, &kind);
    explicit_bzero(text, *len); /* it may have been a private key */
    if (!ok) {
        refuse_key_file(f, sl_buf_cstr(&why));
        return false;
    }
    memcpy(text, pem.data, pem.len);
    *len = pem.len;
    return check_algorithm(f, kind, ret_alg);
}

static void add_rule(struct key_file *f, struct sl_pool_credentials *p, struct sl_jwt_rule rule,
                     struct sl_span key)
{
    for (size_t i = 0; i < p->rule_count; i++) {
        if (sl_span_eq(sl_span(p->rules[i].key, p->rules[i].key_len), key)) {
            refuse_key_file(f, "the same key twice in one pool; expected it once");
            return;
        }
    }
    rule.key = sl_xcalloc(1, key.len);
    rule.key_len = key.len;
    memcpy(rule.key, key.at, key.len);
    const struct sl_key_options *o = f->s->objects[1];
    rule.issuer = o->jwt_issuer != NULL ? sl_xstrdup(o->jwt_issuer) : NULL;
    rule.audience = o->jwt_audience != NULL ? sl_xstrdup(o->jwt_audience) : NULL;
    p->rules = sl_xrealloc(p->rules, (p->rule_count + 1) * sizeof *p->rules);
    p->rules[p->rule_count++] = rule;
}

void sl_config_jwt(struct sl_loading *l, size_t pool)
{
    const struct sl_section *s = &l->pools[pool];
    const struct sl_key_options *o = &l->config->keys[pool];
    if (!sl_config_given(s, KEYS)) {
        static const char *const others[] = {"jwt-auth.issuer", "jwt-auth.audience", "jwt-auth.algorithm",
                                             "jwt-auth.type"};
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            if (sl_config_given(s, others[i]))
                sl_config_refuse(l, s, others[i], "has no keys; expected jwt-auth.keys beside it");
        return;
    }
    if (sl_config_bad(s, "jwt-auth.algorithm") || sl_config_bad(s, "jwt-auth.type"))
        return;
    if (o->jwt_issuer == NULL && o->jwt_audience == NULL)
        sl_config_warn(
            l, s, KEYS,
            "without issuer and audience, every token without `aud` that one of these keys signed opens the "
            "pool, whatever it was made for");
    for (size_t i = 0; i < o->jwt_keys.count; i++) {
        struct key_file f = {l, s, o->jwt_keys.at[i], o->jwt_algorithm - 1};
        struct sl_jwt_rule rule = {.alg = SL_JWT_HS256, .access_token = o->jwt_type == 1};
        char text[SL_LINE_MAX + 1];
        size_t len = 0;
        bool ok;
        if (is_hmac(f.wanted)) {
            rule.alg = (enum sl_jwt_alg)f.wanted;
            ok =
                sl_config_load_secret(l, s, KEYS, f.path, text, &len) && check_secret(&f, sl_span(text, len));
        } else {
            ok = load_public(&f, text, &len, &rule.alg);
        }
        if (ok)
            add_rule(&f, l->config->credentials->pools[pool], rule, sl_span(text, len));
        explicit_bzero(text, sizeof text);
    }
}
