/* The keeper's part of a reload: keys and options are replaced between two turns of its loop. */
#include "base/text.h"
#include "keeper/keeper_int.h"

/* Whether tokens have other claims under these options. */
static bool claims_differ(const struct sl_pool_options *a, const struct sl_pool_options *b)
{
    return !sl_same_text(a->issuer, b->issuer) || a->ttl_ms != b->ttl_ms ||
           a->list_lifetime_ms != b->list_lifetime_ms || a->aggregation_uri != b->aggregation_uri;
}

static void reload_pool(struct sl_kpool *p, struct sl_key *key)
{
    const struct sl_pool_options *before = p->options;
    uint64_t interval = sl_keeper_interval(p);
    p->options = sl_pool_options(p->shared);
    sl_keeper_new_interval(p, interval);
    if (claims_differ(before, p->options))
        sl_keeper_new_edition(p);
    if (!sl_key_same(p->shared->key, key)) {
        sl_key_free(p->shared->key); /* a job that is signing with it has a share */
        p->shared->key = sl_key_ref(key);
        sl_keeper_new_edition(p);
        sl_keeper_new_certificate(p);
    }
    sl_keeper_name_aggregation(p);
    sl_keeper_advertise_options(p);
    sl_keeper_reschedule_precreation(p);
    sl_keeper_begin_lease(p);
    sl_keeper_refill(p);
}

void sl_keeper_reload(struct sl_keeper *k, struct sl_key *const *keys)
{
    SL_EACH_KPOOL (p, k)
        reload_pool(p, keys[p->shared->number]);
    SL_EACH_KLIST (t, k)
        sl_keeper_schedule(t);
    sl_keeper_watch_certificates(k);
}
