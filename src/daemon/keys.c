/* Keys and rings of all pools, before any thread starts. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "daemon/daemon.h"

bool sl_keys_check(const struct sl_config *c)
{
    bool ok = true;
    for (size_t i = 0; i < c->pool_count; i++) {
        char text[512];
        struct sl_buf why;
        struct sl_key *key = NULL;
        sl_buf_over(&why, text, sizeof text - 1);
        if (c->pools[i].signer.generate)
            continue; /* made at the first start */
        if (!sl_key_load(&c->pools[i].signer, c->storage, c->pools[i].name, &sl_clock_system, &why, &key)) {
            fprintf(stderr, "%s: app.status-list-pools.%s.signer: %.*s\n", c->path, c->pools[i].name,
                    (int)why.len, text);
            ok = false;
        }
        sl_key_free(key);
    }
    return ok;
}

bool sl_keys_load(struct sl_daemon *d)
{
    bool ok = true;
    d->shared.pool_count = (unsigned)d->config->pool_count;
    d->shared.pools = aligned_alloc(64, d->config->pool_count * sizeof *d->shared.pools);
    sl_assert(d->shared.pools != NULL);
    memset(d->shared.pools, 0, d->config->pool_count * sizeof *d->shared.pools);
    for (unsigned i = 0; i < d->shared.pool_count; i++) {
        struct sl_pool *p = &d->shared.pools[i];
        char text[512];
        struct sl_buf why;
        sl_buf_over(&why, text, sizeof text - 1);
        const struct sl_pool_options *o = &d->config->pools[i];
        p->name = o->name;
        atomic_init(&p->options, o);
        p->number = i;
        p->ring = sl_ring_new(o->capacity);
        sl_assert(p->ring != NULL);
        if (!sl_key_load(&o->signer, d->config->storage, p->name, &sl_clock_system, &why, &p->key)) {
            text[why.len] = '\0';
            sl_log(SL_ERROR, "signer", text, SL_KS("pool", p->name));
            ok = false;
        }
    }
    return ok;
}

void sl_keys_free(struct sl_daemon *d)
{
    for (unsigned i = 0; d->shared.pools != NULL && i < d->shared.pool_count; i++) {
        sl_key_free(d->shared.pools[i].key);
        sl_ring_free(d->shared.pools[i].ring);
    }
    free(d->shared.pools);
}
