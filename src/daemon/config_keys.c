/* Secrets of a configuration: files with passwords and API keys, and the keys' hashes. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/assert.h"
#include "daemon/config_parts.h"

#define WEAK_KEY 8 /* bytes; a shorter one can be guessed over the network */

const char *sl_config_read_line(const char *path, char text[static SL_LINE_MAX + 1], size_t *ret_len,
                                bool *ret_exposed)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return strerror(errno);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return "not a regular file";
    }
    ssize_t n = read(fd, text, SL_LINE_MAX + 1);
    const char *error = n < 0 ? strerror(errno) : n > SL_LINE_MAX ? "too large" : NULL;
    close(fd);
    if (error != NULL)
        return error;
    size_t len = (size_t)n;
    if (len > 0 && text[len - 1] == '\n')
        len--;
    if (len > 0 && len < (size_t)n && text[len - 1] == '\r')
        len--;
    *ret_len = len;
    *ret_exposed = (st.st_mode & S_IROTH) != 0;
    return len == 0 ? "empty" : NULL;
}

bool sl_config_load_secret(struct sl_loading *l, const struct sl_section *s, const char *key,
                           const char *path, char text[static SL_LINE_MAX + 1], size_t *ret_len)
{
    bool exposed = false;
    const char *error = sl_config_read_line(path, text, ret_len, &exposed);
    if (error == NULL) {
        if (exposed)
            sl_config_warn(l, s, key, "the file can be read by everybody; expected mode 0600 or 0640");
        return true;
    }
    char mem[128];
    struct sl_buf b;
    sl_buf_over(&b, mem, sizeof mem - 1);
    sl_option_echo(sl_span(path, strlen(path)), &b);
    mem[b.len] = '\0';
    sl_config_refuse(l, s, key,
                     "%s cannot be used (%s); expected a readable file with the secret in one line", mem,
                     error);
    return false;
}

void sl_config_read_password(struct sl_loading *l)
{
    struct sl_redis_options *r = &l->config->redis;
    if (r->password_file == NULL || sl_config_bad(&l->app, "redis.password-file"))
        return;
    char text[SL_LINE_MAX + 1], mem[512];
    struct sl_buf why;
    sl_buf_over(&why, mem, sizeof mem - 1);
    size_t len;
    if (sl_config_load_secret(l, &l->app, "redis.password-file", r->password_file, text, &len)) {
        struct sl_row row =
            sl_scope_row(&sl_app_scope, (size_t)sl_scope_find(&sl_app_scope, "redis.password"));
        if (!sl_option_set(row.option, r, sl_span(text, len), &why)) {
            mem[why.len] = '\0';
            sl_config_refuse(l, &l->app, "redis.password-file", "%s", mem);
        }
    }
    explicit_bzero(text, sizeof text);
}

struct keyring {
    struct sl_loading *l;
    struct sl_hasher *hasher;
    size_t pool;
};

static void add_hash(struct keyring *k, const char *key, const uint8_t hash[static SL_SHA256])
{
    struct sl_pool_credentials *p = k->l->config->credentials->pools[k->pool];
    for (size_t i = 0; i < p->hash_count; i++) {
        if (sl_equal_constant_time(p->hashes[i], hash, SL_SHA256)) {
            sl_config_refuse(k->l, &k->l->pools[k->pool], key,
                             "the same API key twice in one pool; expected it once");
            return;
        }
    }
    if ((p->hash_count & (p->hash_count - 1)) == 0) /* grows at powers of two */
        p->hashes = sl_xrealloc(p->hashes, (p->hash_count ? 2 * p->hash_count : 1) * sizeof p->hashes[0]);
    memcpy(p->hashes[p->hash_count++], hash, SL_SHA256);
}

static void add_key(struct keyring *k, const char *key, struct sl_span text)
{
    const struct sl_section *s = &k->l->pools[k->pool];
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] <= 0x20 || text.at[i] >= 0x7f) {
            sl_config_refuse(k->l, s, key,
                             "the key (not shown) cannot be sent in a header; expected visible ASCII "
                             "characters without spaces");
            return;
        }
    }
    if (sl_span_eq(text, SL_SPAN("***"))) {
        sl_config_refuse(k->l, s, key, "*** stands for a key that was not printed; expected the key itself");
        return;
    }
    if (text.len < WEAK_KEY)
        sl_config_warn(k->l, s, key, "an API key shorter than %d characters can be guessed", WEAK_KEY);
    uint8_t hash[SL_SHA256];
    sl_sha256(k->hasher, text.at, text.len, hash);
    add_hash(k, key, hash);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void add_hex(struct keyring *k, const char *hex)
{
    uint8_t hash[SL_SHA256];
    size_t n = strlen(hex);
    bool fine = n == (size_t)2 * SL_SHA256;
    for (size_t i = 0; fine && i < SL_SHA256; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        fine = high >= 0 && low >= 0;
        hash[i] = (uint8_t)(high * 16 + low);
    }
    if (fine)
        add_hash(k, "api-key-sha256", hash);
    else
        sl_config_refuse(k->l, &k->l->pools[k->pool], "api-key-sha256",
                         "the value (not shown) is not a SHA-256; expected 64 hex digits");
}

static void add_pool(struct keyring *k)
{
    struct sl_loading *l = k->l;
    const struct sl_section *s = &l->pools[k->pool];
    struct sl_key_options *o = &l->config->keys[k->pool];
    char text[SL_LINE_MAX + 1];
    size_t len;
    if (o->api_key != NULL)
        add_key(k, "api-key", sl_span(o->api_key, strlen(o->api_key)));
    for (size_t i = 0; i < o->api_keys.count; i++)
        add_key(k, "api-keys", sl_span(o->api_keys.at[i], strlen(o->api_keys.at[i])));
    for (size_t i = 0; i < o->api_key_files.count; i++)
        if (sl_config_load_secret(l, s, "api-key-file", o->api_key_files.at[i], text, &len))
            add_key(k, "api-key-file", sl_span(text, len));
    explicit_bzero(text, sizeof text);
    for (size_t i = 0; i < o->hashes.count; i++)
        add_hex(k, o->hashes.at[i]);
    sl_config_jwt(l, k->pool);
    if (!sl_config_given(s, "api-key") && !sl_config_given(s, "api-keys") &&
        !sl_config_given(s, "api-key-file") && !sl_config_given(s, "api-key-sha256") &&
        !sl_config_given(s, "jwt-auth.keys"))
        sl_config_refuse(
            l, s, "api-key",
            "missing; expected api-key, api-keys, api-key-file, api-key-sha256 or jwt-auth.keys");
}

void sl_config_credentials(struct sl_loading *l)
{
    struct keyring k = {.l = l, .hasher = sl_hasher_new()};
    l->config->credentials = sl_credentials_new(l->config->pool_count);
    for (k.pool = 0; k.pool < l->config->pool_count; k.pool++) {
        add_pool(&k);
        sl_option_wipe(sl_http_pool_option_rows, &l->config->keys[k.pool]);
    }
    sl_hasher_free(k.hasher);
    sl_credentials_seal(l->config->credentials, &sl_clock_system);
    size_t tries = sl_keyring_tries(l->config->credentials->keyring);
    if (tries > SL_KEYRING_TRIES)
        sl_config_refuse(
            l, &l->app, "status-list-pools",
            "up to %zu keys would have to be tried for one bearer token; expected at most %d of one "
            "algorithm for one jwt-auth.issuer, those of pools without an issuer included",
            tries, SL_KEYRING_TRIES);
}
