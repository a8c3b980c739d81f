/* 429 for a credential that has used up what its pool allows (RFC 6585 section 4). */
#include "http/http_int.h"
#include "pool/metrics.h"

bool sl_limit_answer(const struct call *c, const struct sl_identity *who, const struct sl_pool *pool,
                     enum sl_limit_kind kind, struct sl_limit_rate rate, uint32_t n)
{
    uint64_t wait_ns, now_ns = sl_mono_ns(c->t->clock);
    char why[SL_WHY];
    if (sl_limit_take(&c->t->http->limits, who->hash, pool->number, kind, rate, n, now_ns, &wait_ns))
        return true;
    sl_metric_add_label(c->t->pool->metrics[pool->number], SL_PW_LIMITED, kind, 1);
    snprintf(why, sizeof why, "This credential may %s %u %s a second here; nothing was done",
             kind == SL_LIMIT_UPDATES ? "set" : "reserve", rate.per_second,
             kind == SL_LIMIT_UPDATES ? "statuses" : "references");
    sl_respond_later(c, SL_ERR_TOO_MANY_REQUESTS, why, (wait_ns + SL_NS_PER_S - 1) / SL_NS_PER_S);
    return false;
}
