/* Keys and rings of all pools. */
#include "daemon/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "daemon/daemon_int.h"

/* A certificate in its last month is no mistake, but an operator who checks a file wants to know. */
static void check_end(const struct sl_config *c, size_t i, const struct sl_key *key)
{
    int64_t left = sl_key_not_after(key) - sl_wall_ms(&sl_clock_system) / 1000;
    if (left < 30 * 86400)
        fprintf(stderr,
                "%s: app.status-list-pools.%s.signer: the certificate expires in %lld days: renew it\n",
                c->path, c->pools[i].name, (long long)left / 86400);
}

#define SELF_SIGNED                                                                                          \
    "the certificate is self-signed: certification and some readers refuse its tokens; use one that a CA "   \
    "issued"

static void check_issuer(const struct sl_config *c, size_t i, const struct sl_key *key)
{
    if (sl_key_self_signed(key))
        fprintf(stderr, "%s: app.status-list-pools.%s.signer: " SELF_SIGNED "\n", c->path, c->pools[i].name);
}

/* What verifiers need to know of a key that nobody has chosen. */
static void tell_trust(const struct sl_config *c, size_t i, const struct sl_key *key)
{
    struct sl_log_site site = {0};
    char *anchor = c->pools[i].signer.generate ? sl_key_anchor_path(c->storage, c->pools[i].name) : NULL;
    if (sl_key_self_signed(key)) {
        const struct sl_log_field fields[] = {SL_KS("pool", c->pools[i].name), {.key = NULL}};
        sl_log_write(&site, SL_WARN, "signer", SELF_SIGNED, fields);
    } else if (anchor != NULL && access(anchor, F_OK) == 0) {
        const struct sl_log_field fields[] = {
            SL_KS("pool", c->pools[i].name), SL_KS("anchor", anchor), {.key = NULL}};
        sl_log_write(&site, SL_INFO, "signer", "the key was generated; verifiers trust this anchor", fields);
    }
    free(anchor);
}

bool sl_keys_check(const struct sl_config *c)
{
    bool ok = true;
    for (size_t i = 0; i < c->pool_count; i++) {
        char text[512];
        struct sl_buf why;
        struct sl_key *key = NULL;
        sl_buf_over(&why, text, sizeof text);
        if (c->pools[i].signer.generate)
            continue; /* made at the first start */
        if (!sl_key_load(&c->pools[i].signer, c->storage, c->pools[i].name, &sl_clock_system, &why, &key)) {
            fprintf(stderr, "%s: app.status-list-pools.%s.signer: %s\n", c->path, c->pools[i].name,
                    sl_buf_cstr(&why));
            ok = false;
        } else {
            check_end(c, i, key);
            check_issuer(c, i, key);
        }
        sl_key_free(key);
    }
    return ok;
}

void sl_keys_read(const struct sl_config *c, struct sl_key *const *before, struct sl_key **ret,
                  bool *ret_kept)
{
    for (size_t i = 0; i < c->pool_count; i++) {
        char text[512];
        struct sl_buf why;
        sl_buf_over(&why, text, sizeof text);
        if (c->departed != NULL && c->departed[i]) {
            ret[i] = sl_key_ref(before[i]);
        } else if (!sl_key_load(&c->pools[i].signer, c->storage, c->pools[i].name, &sl_clock_system, &why,
                                &ret[i])) {
            /* A site of its own, so that the line of no pool is suppressed. */
            struct sl_log_site site = {0};
            bool has = before != NULL && sl_key_why_absent(before[i]) == NULL;
            const struct sl_log_field fields[] = {
                SL_KS("pool", c->pools[i].name),
                SL_KS("effect", has ? "the pool keeps the key that it has" : "the pool signs nothing"),
                {.key = NULL}};
            sl_log_write(&site, SL_ERROR, "signer", sl_buf_cstr(&why), fields);
            ret[i] = has ? sl_key_ref(before[i]) : sl_key_absent(sl_buf_cstr(&why));
            ret_kept[i] = true;
        } else if (before == NULL || !sl_key_same(before[i], ret[i])) {
            tell_trust(c, i, ret[i]);
        }
    }
}

bool sl_keys_load(struct sl_daemon *d)
{
    size_t n = d->config->pool_count;
    d->shared.pool_count = (unsigned)n;
    d->shared.pools = sl_must(aligned_alloc(64, n * sizeof *d->shared.pools));
    memset(d->shared.pools, 0, n * sizeof *d->shared.pools);
    d->reload.now.keys = sl_xcalloc(n, sizeof(struct sl_key *));
    d->reload.now.key_count = n;
    bool *absent = sl_xcalloc(n, sizeof *absent), usable = false;
    sl_keys_read(d->config, NULL, d->reload.now.keys, absent);
    for (size_t i = 0; i < n; i++)
        usable = usable || !absent[i];
    free(absent);
    if (!usable)
        sl_log(SL_ERROR, "signer", "refusing to start: no pool has a key that can be used");
    for (unsigned i = 0; i < n; i++) {
        struct sl_pool *p = &d->shared.pools[i];
        const struct sl_pool_options *o = &d->config->pools[i];
        p->name = o->name;
        atomic_init(&p->options, o);
        p->number = i;
        p->ring = sl_must(sl_ring_new(o->capacity));
        p->key = sl_key_ref(d->reload.now.keys[i]);
    }
    return usable;
}

void sl_keys_free(struct sl_daemon *d)
{
    for (unsigned i = 0; d->shared.pools != NULL && i < d->shared.pool_count; i++) {
        sl_key_free(d->shared.pools[i].key);
        sl_ring_free(d->shared.pools[i].ring);
    }
    free(d->shared.pools);
}
