/* What a configuration says about TLS: which keys need each other. */
#include <stdio.h>
#include <string.h>

#include "daemon/config_int.h"

static const char *option_key(enum sl_tls_listener listener, const char *name, char text[static 64])
{
    snprintf(text, 64, "tls.%s.%s", sl_tls_listener_names[listener], name);
    return text;
}

/* Both of a pair or none; true when TLS is on. */
static bool check_key_pair(struct sl_loading *l, enum sl_tls_listener listener)
{
    char certificate[64], key[64], password[64];
    bool has_certificate = sl_config_given(&l->app, option_key(listener, "certificate", certificate));
    bool has_key = sl_config_given(&l->app, option_key(listener, "key", key));
    if (has_certificate && !has_key)
        sl_config_refuse(l, &l->app, certificate, "has no key; expected %s beside it", key);
    if (has_key && !has_certificate)
        sl_config_refuse(l, &l->app, key, "has no certificate; expected %s beside it", certificate);
    if (!has_key && sl_config_given(&l->app, option_key(listener, "password-file", password)))
        sl_config_refuse(l, &l->app, password, "has no key; expected %s beside it", key);
    return has_certificate && has_key;
}

static void check_clients(struct sl_loading *l, enum sl_tls_listener listener, bool on)
{
    char ca[64], clients[64], certificate[64];
    const struct sl_tls_options *o = &l->config->http.tls[listener];
    bool has_ca = sl_config_given(&l->app, option_key(listener, "client-ca", ca));
    bool asks = o->client_certificates != SL_CLIENTS_OFF;
    option_key(listener, "client-certificates", clients);
    option_key(listener, "certificate", certificate);
    if (sl_config_bad(&l->app, clients))
        return;
    if (asks && !has_ca)
        sl_config_refuse(l, &l->app, clients,
                         "needs certificates to check clients against; expected %s beside it", ca);
    if (has_ca && !sl_config_given(&l->app, clients))
        sl_config_refuse(
            l, &l->app, ca,
            "is not used, because clients are not asked for a certificate; expected %s: optional or required",
            clients);
    if ((asks || has_ca) && !on)
        sl_config_refuse(l, &l->app, asks ? clients : ca,
                         "is used with TLS only; expected %s and key beside it", certificate);
}

/* All keys of the issuer's map, when it has no listener. */
static void refuse_issuer(struct sl_loading *l)
{
    static const char *const names[] = {"certificate", "key", "password-file", "client-ca",
                                        "client-certificates"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        char key[64];
        if (!sl_config_given(&l->app, option_key(SL_TLS_ISSUER, names[i], key)))
            continue;
        sl_config_refuse(
            l, &l->app, key,
            i < 3
                ? "listen.issuer is the public listener, which uses tls.public; expected an address of its "
                  "own in "
                  "listen.issuer"
                : "listen.issuer is the public listener, which asks no client for a certificate; expected an "
                  "address of its own in listen.issuer");
    }
}

void sl_config_check_tls(struct sl_loading *l)
{
    const struct sl_http_options *h = &l->config->http;
    bool same = !sl_config_bad(&l->app, "listen.issuer") && sl_issuers_share(h);
    for (enum sl_tls_listener i = 0; i < SL_TLS_LISTENERS; i++) {
        if (i == SL_TLS_ISSUER && same) {
            refuse_issuer(l);
            continue;
        }
        bool on = check_key_pair(l, i);
        if (i != SL_TLS_PUBLIC)
            check_clients(l, i, on);
    }
    if (h->tls[SL_TLS_PUBLIC].key_file != NULL && strncmp(h->public_url, "http:", 5) == 0)
        sl_config_warn(
            l, &l->app, "public-url",
            "begins with http:// although the public listener accepts only TLS: wallets that follow it "
            "will fail");
}

/* Keys of redis.tls that need another one, or say nothing. */
void sl_config_check_redis_tls(struct sl_loading *l)
{
    static const char *const names[] = {"ca", "certificate", "key", "password-file", "server-name", "verify"};
    const struct sl_redis_options *r = &l->config->redis;
    const struct sl_section *s = &l->app;
    bool certificate = sl_config_given(s, "redis.tls.certificate"), key = sl_config_given(s, "redis.tls.key");
    if (sl_config_bad(s, "redis.tls.enabled"))
        return;
    for (unsigned i = 0; !r->tls.enabled && i < sizeof names / sizeof *names; i++) {
        char path[64];
        snprintf(path, sizeof path, "redis.tls.%s", names[i]);
        if (sl_config_given(s, path))
            sl_config_refuse(l, s, path, "is used with TLS only; expected redis.tls.enabled: true beside it");
    }
    if (!r->tls.enabled)
        return;
    if (r->socket != NULL)
        sl_config_refuse(l, s, "redis.tls.enabled",
                         "Redis speaks no TLS on a unix socket; expected redis.host and redis.port");
    if (certificate && !key)
        sl_config_refuse(l, s, "redis.tls.certificate", "has no key; expected redis.tls.key beside it");
    if (key && !certificate)
        sl_config_refuse(l, s, "redis.tls.key",
                         "has no certificate; expected redis.tls.certificate beside it");
    if (!key && sl_config_given(s, "redis.tls.password-file"))
        sl_config_refuse(l, s, "redis.tls.password-file", "has no key; expected redis.tls.key beside it");
    if (!sl_config_bad(s, "redis.tls.verify") && r->tls.verify == SL_VERIFY_NONE)
        sl_config_warn(
            l, s, "redis.tls.verify",
            "none: anyone on the network path can impersonate Redis and learn its password; expected full");
}

bool sl_config_tls_idle(const struct sl_config *c, const char *path)
{
    if (!c->redis.tls.enabled && strcmp(path, "redis.tls.verify") == 0)
        return true;
    for (enum sl_tls_listener i = 0; i < SL_TLS_LISTENERS; i++) {
        char key[64];
        if (c->http.tls[i].key_file == NULL && strcmp(path, option_key(i, "client-certificates", key)) == 0)
            return true;
    }
    return false;
}
