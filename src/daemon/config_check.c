/* Rules between the values of a configuration: each value alone has been checked by its row already. */
#include <arpa/inet.h>
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "daemon/config_int.h"
#include "store/embedded.h"

static const char *origin_word(const struct sl_section *s, const char *key)
{
    return sl_config_given(s, key) ? "" : " (default)";
}

/* Two ways to say one thing: refuses the second where both are given. */
static void exclude(struct sl_loading *l, const struct sl_section *s, const char *key, const char *other)
{
    if (sl_config_given(s, key) && sl_config_given(s, other))
        sl_config_refuse(l, s, other, "given together with %s; expected one of the two", key);
}

/* Keys that say nothing with the embedded Redis. */
static const char *const external_only[] = {"redis.host",
                                            "redis.port",
                                            "redis.socket",
                                            "redis.username",
                                            "redis.password",
                                            "redis.password-file",
                                            "redis.database",
                                            "redis.wait-replicas",
                                            "redis.assume-persistence",
                                            "redis.tls.enabled",
                                            "redis.tls.ca",
                                            "redis.tls.certificate",
                                            "redis.tls.key",
                                            "redis.tls.password-file",
                                            "redis.tls.server-name",
                                            "redis.tls.verify"};

bool sl_config_idle(const struct sl_config *c, const char *path)
{
    if (sl_config_tls_idle(c, path))
        return true;
    if (c->redis.mode == SL_REDIS_EXTERNAL)
        return c->redis.socket != NULL &&
               (strcmp(path, "redis.host") == 0 || strcmp(path, "redis.port") == 0);
    for (size_t i = 0; i < sizeof external_only / sizeof *external_only; i++)
        if (strcmp(path, external_only[i]) == 0)
            return true;
    return false;
}

static void check_embedded(struct sl_loading *l)
{
    for (size_t i = 0; i < sizeof external_only / sizeof *external_only; i++)
        if (sl_config_given(&l->app, external_only[i]))
            sl_config_refuse(l, &l->app, external_only[i],
                             "is not used with mode embedded; expected it only with mode external");
    if (!sl_config_bad(&l->app, "redis.persistence-strategy") &&
        l->config->redis.persistence != SL_PERSIST_ALWAYS)
        sl_config_refuse(l, &l->app, "redis.persistence-strategy",
                         "the embedded Redis syncs every write; expected append-fsync-always");
    size_t most = sizeof((struct sockaddr_un *)0)->sun_path - sizeof SL_EMBEDDED_SOCKET;
    if (!sl_config_bad(&l->app, "storage-directory") && strlen(l->config->storage) > most)
        sl_config_refuse(
            l, &l->app, "storage-directory",
            "is too long for the socket of the embedded Redis below it; expected at most %zu bytes", most);
}

static bool is_redis_host(const char *host)
{
    struct in6_addr v6;
    if (strchr(host, ':') != NULL) /* of an address; a port has an option of its own */
        return inet_pton(AF_INET6, host, &v6) == 1;
    return strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(host);
}

static void check_redis(struct sl_loading *l)
{
    const struct sl_redis_options *r = &l->config->redis;
    const struct sl_section *s = &l->app;
    if (r->mode == SL_REDIS_EMBEDDED && !sl_config_bad(s, "redis.mode")) {
        check_embedded(l);
        return;
    }
    exclude(l, s, "redis.socket", "redis.host");
    exclude(l, s, "redis.socket", "redis.port");
    exclude(l, s, "redis.password", "redis.password-file");
    if (!sl_config_bad(s, "redis.host") && !is_redis_host(r->host))
        sl_config_refuse(l, s, "redis.host",
                         "not a host; expected a name or an address alone, with the port in redis.port");
    if (sl_config_given(s, "redis.username") && !sl_config_given(s, "redis.password") &&
        !sl_config_given(s, "redis.password-file"))
        sl_config_refuse(l, s, "redis.username",
                         "has no password; expected password or password-file beside it");
    if (r->persistence == SL_PERSIST_DISABLED && !sl_config_bad(s, "redis.persistence-strategy"))
        sl_config_warn(l, s, "redis.persistence-strategy",
                       "disabled: a crash of Redis loses all updates since its last snapshot");
    sl_config_check_redis_tls(l);
    sl_config_read_password(l);
}

/* The directory is the operator's to make: the service makes the file in it. */
static void check_audit(struct sl_loading *l)
{
    char *copy = l->config->http.audit_file != NULL ? strdup(l->config->http.audit_file) : NULL;
    const char *directory = copy != NULL ? dirname(copy) : NULL;
    struct stat st;
    if (directory != NULL && !sl_config_bad(&l->app, "audit.file") &&
        (stat(directory, &st) != 0 ? errno == ENOENT || errno == ENOTDIR : !S_ISDIR(st.st_mode)))
        sl_config_fault(l, &l->app, "audit.file",
                        "the directory %s is not there; expected one that the service may write", directory);
    free(copy);
}

void sl_config_check_app(struct sl_loading *l)
{
    sl_config_check_url(l);
    sl_config_check_listen(l);
    sl_config_check_tls(l);
    check_redis(l);
    check_audit(l);
}

#define INFLATED_MAX (1u << 20) /* what the most careful of the readers that are known inflate */

static void check_pool_size(struct sl_loading *l, const struct sl_section *s, const struct sl_pool_options *o)
{
    if (sl_config_bad(s, "size") || sl_config_bad(s, "bits"))
        return;
    uint64_t per_byte = 8 / o->bits;
    if (o->size % per_byte != 0)
        sl_config_refuse(
            l, s, "size", "%u entries of %u bits are not whole bytes; expected a multiple of %u, like %u",
            o->size, o->bits, (unsigned)per_byte, (unsigned)((o->size / per_byte + 1) * per_byte));
    else if (o->size / per_byte > INFLATED_MAX)
        sl_config_warn(l, s, "size",
                       "a list of %u entries has %u bytes uncompressed; some verifiers refuse more than %u",
                       o->size, (unsigned)(o->size / per_byte), INFLATED_MAX);
}

static void check_prefetch(struct sl_loading *l, const struct sl_section *s, const struct sl_pool_options *o)
{
    if (sl_config_bad(s, "prefetch.capacity"))
        return;
    if (!sl_config_bad(s, "size") && o->capacity > o->size)
        sl_config_refuse(l, s, "prefetch.capacity", "%u%s is more than size %u%s; expected at most %u",
                         o->capacity, origin_word(s, "prefetch.capacity"), o->size, origin_word(s, "size"),
                         o->size);
    if (!sl_config_bad(s, "prefetch.threshold") && o->threshold >= o->capacity)
        sl_config_refuse(l, s, "prefetch.threshold", "%u%s is not below capacity %u%s; expected at most %u",
                         o->threshold, origin_word(s, "prefetch.threshold"), o->capacity,
                         origin_word(s, "prefetch.capacity"), o->capacity - 1);
}

static void check_pool_ttl(struct sl_loading *l, const struct sl_section *s, const struct sl_pool_options *o)
{
    if (sl_config_bad(s, "ttl") || sl_config_bad(s, "list-lifetime") || o->ttl_ms <= o->list_lifetime_ms / 4)
        return;
    char mem[128];
    struct sl_buf b;
    sl_buf_over(&b, mem, sizeof mem);
    sl_option_show_duration(o->ttl_ms, &b);
    sl_buf_printf(&b, "%s is more than a quarter of list-lifetime ", origin_word(s, "ttl"));
    sl_option_show_duration(o->list_lifetime_ms, &b);
    sl_buf_printf(&b, "%s; expected at most ", origin_word(s, "list-lifetime"));
    sl_option_show_duration(o->list_lifetime_ms / 4000 * 1000, &b);
    sl_config_refuse(l, s, "ttl", "%s", sl_buf_cstr(&b));
}

/* Instances tell each other every few seconds what they hold. */
static void check_retire_after(struct sl_loading *l, const struct sl_section *s,
                               const struct sl_pool_options *o)
{
    if (!sl_config_bad(s, "retire-after") && o->retire_after_ms > 0 && o->retire_after_ms < 10000)
        sl_config_refuse(l, s, "retire-after", "%u ms is too short; expected 0 or at least 10s",
                         (unsigned)o->retire_after_ms);
}

/* At most one of the three ways to a key. */
static unsigned count_keys(struct sl_loading *l, const struct sl_section *s, struct sl_pool_options *o)
{
    bool pem = sl_config_given(s, "signer.pem.key"), keystore = sl_config_given(s, "signer.pkcs12.keystore");
    exclude(l, s, "signer.pem.key", "signer.pkcs12.keystore");
    if ((pem || keystore) && o->signer.generate)
        sl_config_refuse(l, s, "signer.generate", "true together with %s; expected one of the two",
                         pem ? "pem.key" : "pkcs12.keystore");
    return (unsigned)pem + keystore + o->signer.generate;
}

/* Keys that say nothing without the one beside them. */
static bool check_companions(struct sl_loading *l, const struct sl_section *s)
{
    static const char *const pairs[][2] = {{"signer.pem.certificate", "signer.pem.key"},
                                           {"signer.pem.password-file", "signer.pem.key"},
                                           {"signer.pkcs12.password-file", "signer.pkcs12.keystore"}};
    bool fine = true;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (!sl_config_given(s, pairs[i][0]) || sl_config_given(s, pairs[i][1]))
            continue;
        sl_config_refuse(l, s, pairs[i][0], "has no key; expected %s beside it", pairs[i][1]);
        fine = false;
    }
    return fine;
}

static void check_signer(struct sl_loading *l, const struct sl_section *s, struct sl_pool_options *o)
{
    unsigned keys = count_keys(l, s, o);
    bool fine = check_companions(l, s);
    if (sl_config_given(s, "signer.pem.key") && !sl_config_given(s, "signer.pem.certificate") &&
        sl_config_given(s, "signer.header.x5c") && o->signer.x5c && !sl_config_bad(s, "signer.header.x5c"))
        sl_config_refuse(l, s, "signer.header.x5c",
                         "needs a certificate; expected signer.pem.certificate or false");
    if (keys > 0 || !fine)
        return;
    if (!sl_config_given(s, "signer.generate")) {
        o->signer.generate = true;
        sl_config_warn(l, s, "signer.generate",
                       "names no key: the service generates one in storage-directory, which verifiers must "
                       "be told to trust");
    } else if (!sl_config_bad(s, "signer.generate")) {
        sl_config_refuse(
            l, s, "signer.generate",
            "false without another key; expected signer.pem.key, signer.pkcs12.keystore or true");
    }
}

void sl_config_check_pool(struct sl_loading *l, const struct sl_section *s)
{
    struct sl_pool_options *o = s->objects[0];
    check_pool_size(l, s, o);
    check_prefetch(l, s, o);
    check_pool_ttl(l, s, o);
    check_retire_after(l, s, o);
    if (!sl_config_bad(s, "final-status") && !sl_config_bad(s, "bits") && o->final_status >= 1 << o->bits)
        sl_config_refuse(l, s, "final-status", "%d does not fit %u bits; expected at most %d",
                         o->final_status, o->bits, (1 << o->bits) - 1);
    check_signer(l, s, o);
}
