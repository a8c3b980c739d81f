#include "http/http_int.h"

/* Every hash is compared, in the same time, whatever matched before. */
static bool opens(const struct sl_pool_credentials *p, const uint8_t hash[static SL_SHA256])
{
    bool known = false;
    for (size_t i = 0; i < p->hash_count; i++)
        known |= sl_equal_constant_time(p->hashes[i], hash, SL_SHA256);
    return known;
}

bool sl_may_use(const struct call *c, const struct sl_identity *who, unsigned pool)
{
    return opens(sl_http_credentials(c->t->http)->pools[pool], who->hash);
}

bool sl_authenticate(const struct call *c, struct sl_identity *ret)
{
    const struct sl_credentials *all = sl_http_credentials(c->t->http);
    struct sl_identity who;
    bool known = false;
    if (!c->f->has_api_key)
        return false;
    sl_sha256(c->t->hasher, c->f->api_key.at, c->f->api_key.len, who.hash);
    for (size_t i = 0; i < all->pool_count; i++)
        known |= opens(all->pools[i], who.hash);
    if (known)
        *ret = who;
    return known;
}
