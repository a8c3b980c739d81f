/* The credentials of each pool: the hashes of API keys, and the keys of bearer tokens. */
#include <string.h>

#include "base/assert.h"
#include "base/hex.h"
#include "daemon/config_int.h"

#define WEAK_KEY 8 /* bytes; a shorter one can be guessed over the network */

/* A mistake in a file costs that file, one in the configuration everything. */
#define REFUSE(k, key, ...)                                                                                  \
    (strcmp((key), "api-key-file") == 0                                                                      \
         ? sl_config_fault((k)->l, &(k)->l->pools[(k)->pool], (key), __VA_ARGS__)                            \
         : sl_config_refuse((k)->l, &(k)->l->pools[(k)->pool], (key), __VA_ARGS__))

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
            REFUSE(k, key, "the same API key twice in one pool; expected it once");
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
            REFUSE(k, key,
                   "the key (not shown) cannot be sent in a header; expected visible ASCII "
                   "characters without spaces");
            return;
        }
    }
    if (sl_span_eq(text, SL_SPAN("***"))) {
        REFUSE(k, key, "*** is what --print-config shows instead of a key; expected the key itself");
        return;
    }
    if (text.len < WEAK_KEY)
        sl_config_warn(k->l, s, key, "an API key of fewer than %d characters can be guessed", WEAK_KEY);
    uint8_t hash[SL_SHA256];
    sl_sha256(k->hasher, text.at, text.len, hash);
    add_hash(k, key, hash);
}

static void add_hex(struct keyring *k, const char *hex)
{
    uint8_t hash[SL_SHA256];
    if (sl_hex_decode(sl_span(hex, strlen(hex)), hash, sizeof hash))
        add_hash(k, "api-key-sha256", hash);
    else
        sl_config_refuse(k->l, &k->l->pools[k->pool], "api-key-sha256",
                         "the value (not shown) is not a SHA-256; expected 64 hex digits");
}

static void add_pool_keys(struct keyring *k)
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
        add_pool_keys(&k);
        sl_option_wipe(sl_http_pool_option_rows, &l->config->keys[k.pool]);
    }
    sl_hasher_free(k.hasher);
    sl_credentials_seal(l->config->credentials, &sl_clock_system);
    size_t tries = sl_keyring_tries(l->config->credentials->keyring);
    if (tries > SL_KEYRING_TRIES)
        sl_config_refuse(l, &l->app, "status-list-pools",
                         "one bearer token could require trying %zu keys; expected at most %d keys of one "
                         "algorithm for one "
                         "jwt-auth.issuer, including the keys of pools without an issuer",
                         tries, SL_KEYRING_TRIES);
}
