/* The keeper's part of a reload: keys and options are exchanged between two turns of its loop. */
#include <string.h>

#include "base/assert.h"
#include "keeper/keeper_int.h"

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Whether a token says something else under the other options. */
static bool claims_differ(const struct sl_pool_options *a, const struct sl_pool_options *b)
{
    return !same_text(a->issuer, b->issuer) || a->ttl_ms != b->ttl_ms ||
           a->list_lifetime_ms != b->list_lifetime_ms || a->aggregation_uri != b->aggregation_uri;
}

void sl_keeper_name_aggregation(struct sl_kpool *p)
{
    p->aggregation_uri.len = 0;
    if (p->options->aggregation_uri)
        sl_buf_printf(&p->aggregation_uri, "%s/aggregation/%s", p->keeper->setup.public_url, p->shared->name);
    sl_assert(!p->aggregation_uri.failed); /* the configuration bounds both */
}

static void reload_pool(struct sl_kpool *p, struct sl_key *key)
{
    const struct sl_pool_options *before = p->options;
    p->options = sl_pool_options(p->shared);
    p->edition += claims_differ(before, p->options);
    if (!sl_key_same(p->shared->key, key)) {
        sl_key_free(p->shared->key); /* who is signing with it has a share */
        p->shared->key = sl_key_ref(key);
        p->edition++;
        p->ending = (struct sl_ending){0};
    }
    sl_keeper_name_aggregation(p);
    sl_keeper_show(p);
    if (sl_timer_running(&p->spares)) /* check-delay may be shorter now */
        sl_keeper_precreate(p);
    sl_keeper_refill(p);
}

void sl_keeper_reload(struct sl_keeper *k, struct sl_key *const *keys)
{
    for (unsigned i = 0; i < k->shared->pool_count; i++)
        reload_pool(&k->pools[i], keys[i]);
    for (uint32_t i = 0; i < sl_table_count(k->shared->table); i++)
        sl_keeper_schedule(sl_keeper_list(k, i));
    sl_keeper_watch_certificates(k);
}
