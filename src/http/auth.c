#include "http/http_int.h"

bool sl_may_use(const struct call *c, const struct sl_identity *who, unsigned pool)
{
    /* Every row is compared, in the same time, whatever matched before. */
    const struct sl_http_options *o = c->t->http->options;
    bool may = false;
    for (size_t i = 0; i < o->credential_count; i++)
        may |= sl_equal_constant_time(o->credentials[i].hash, who->hash, SL_SHA256) &
               (o->credentials[i].pool == pool);
    return may;
}

bool sl_authenticate(const struct call *c, struct sl_identity *ret)
{
    const struct sl_http_options *o = c->t->http->options;
    struct sl_identity who;
    bool known = false;
    if (!c->f->has_api_key)
        return false;
    sl_sha256(c->t->hasher, c->f->api_key.at, c->f->api_key.len, who.hash);
    for (size_t i = 0; i < o->credential_count; i++)
        known |= sl_equal_constant_time(o->credentials[i].hash, who.hash, SL_SHA256);
    if (known)
        *ret = who;
    return known;
}
