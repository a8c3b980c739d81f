#include "token/tls_client.h"

#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/assert.h"
#include "base/ending.h"
#include "token/tls_rules.h"

struct sl_tls_client {
    _Atomic uint32_t refs;
    SSL_CTX *ctx;
    STACK_OF(X509) * chain, *anchors; /* NULL: none; the system's */
    int64_t not_before, not_after;
};

static SSL_CTX *new_client_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    sl_assert(ctx != NULL);
    /* An end without close_notify is an end: the protocol above says where a reply ends. */
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    bool ruled = sl_tls_rules(ctx);
    sl_assert(ruled);
    return ctx;
}

static bool load_anchors(struct sl_tls_client *t, const char *ca, const struct sl_clock *clock,
                         struct sl_buf *why)
{
    SSL_CTX *ctx = t->ctx;
    if (ca == NULL) {
        int ok = SSL_CTX_set_default_verify_paths(ctx);
        sl_assert(ok == 1); /* it fails only without memory: a system without certificates is no failure */
        return true;
    }
    if (!sl_pem_anchors_load(ca, clock, why, &t->anchors))
        return false;
    bool ok = sl_tls_trust(ctx, t->anchors);
    if (!ok)
        sl_buf_printf(why, "OpenSSL does not accept the certificates of %s", ca);
    return ok;
}

static bool use_certificate(struct sl_tls_client *t, const struct sl_tls_client_files *files,
                            const struct sl_clock *clock, struct sl_buf *why, const char **ret_key)
{
    struct sl_pem_pair pair;
    bool of_key;
    if (!sl_pem_pair_load(files->key, files->password, files->certificate, clock, why, &of_key, &pair)) {
        *ret_key = of_key ? "key" : "certificate";
        return false;
    }
    t->not_before = pair.not_before;
    t->not_after = pair.not_after;
    bool ok = sl_tls_show(t->ctx, &pair);
    t->chain = pair.chain;
    pair.chain = NULL;
    sl_pem_pair_release(&pair);
    if (!ok) {
        sl_tls_explain_show(why);
        *ret_key = "certificate";
    }
    return ok;
}

bool sl_tls_client_load(const struct sl_tls_client_files *files, const struct sl_clock *clock,
                        struct sl_buf *why, const char **ret_key, struct sl_tls_client **ret)
{
    struct sl_tls_client *t = sl_xcalloc(1, sizeof *t);
    atomic_init(&t->refs, 1);
    t->not_after = INT64_MAX;
    t->ctx = new_client_context();
    const char *key = "ca";
    bool ok = load_anchors(t, files->ca, clock, why) &&
              (files->key == NULL || use_certificate(t, files, clock, why, &key));
    ERR_clear_error();
    if (!ok) {
        sl_tls_client_unref(t);
        *ret_key = key;
        return false;
    }
    *ret = t;
    return true;
}

struct sl_tls_client *sl_tls_client_ref(struct sl_tls_client *t)
{
    if (t != NULL)
        atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void sl_tls_client_unref(struct sl_tls_client *t)
{
    if (t == NULL || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    SSL_CTX_free(t->ctx);
    sk_X509_pop_free(t->chain, X509_free);
    sk_X509_pop_free(t->anchors, X509_free);
    free(t);
}

SSL_CTX *sl_tls_client_context(const struct sl_tls_client *t)
{
    return t->ctx;
}

bool sl_tls_client_shows_same(const struct sl_tls_client *one, const struct sl_tls_client *other)
{
    return sl_pem_same(one != NULL ? one->chain : NULL, other != NULL ? other->chain : NULL);
}

bool sl_tls_client_trusts_same(const struct sl_tls_client *one, const struct sl_tls_client *other)
{
    return sl_pem_same(one != NULL ? one->anchors : NULL, other != NULL ? other->anchors : NULL);
}

int64_t sl_tls_client_not_after(const struct sl_tls_client *t)
{
    return t->not_after;
}

int64_t sl_tls_client_warn_from(const struct sl_tls_client *t)
{
    return sl_ending_warn_from(t->not_before, t->not_after);
}
