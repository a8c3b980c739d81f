#include "http/admit.h"

#include "http/audit.h"
#include "http/edge.h"
#include "http/respond.h"
#include "worker/worker.h"

static bool record_can_be_written(const struct sl_call *c)
{
    if (c->t->http->journal == NULL || !sl_audit_stops(c->t->http))
        return true;
    sl_respond_error(c, SL_ERR_UNAVAILABLE, "Nothing was done: the audit record cannot be written");
    return false;
}

/* RFC 6585 section 4. */
static bool is_within_rate(const struct sl_call *c, const struct sl_identity *who, const struct sl_pool *pool,
                           enum sl_limit_kind kind, uint32_t n)
{
    const struct sl_pool_options *options = sl_pool_options(pool);
    bool updates = kind == SL_LIMIT_UPDATES;
    struct sl_limit_rate rate = {updates ? options->updates_per_second : options->reservations_per_second,
                                 options->limit_burst_ms};
    uint64_t wait_ns;
    char why[SL_WHY];
    if (rate.per_second == 0) /* no limit */
        return true;
    if (sl_limit_take(&c->t->http->limits, who->hash, pool->number, kind, rate, n, sl_mono_ns(c->t->clock),
                      &wait_ns))
        return true;
    sl_pool_worker_count_limited(c->t->worker, pool, kind);
    snprintf(why, sizeof why, "This credential may %s %u %s per second in this pool; nothing was done",
             updates ? "set" : "reserve", rate.per_second, updates ? "statuses" : "references");
    sl_respond_later(c, SL_ERR_TOO_MANY_REQUESTS, why, (wait_ns + SL_NS_PER_S - 1) / SL_NS_PER_S);
    return false;
}

bool sl_admit(const struct sl_call *c, const struct sl_identity *who, const struct sl_pool *pool,
              enum sl_limit_kind kind, uint32_t n)
{
    return record_can_be_written(c) && is_within_rate(c, who, pool, kind, n);
}

bool sl_admit_new(const struct sl_call *c, const struct sl_pool *pool)
{
    if (!sl_pool_options(pool)->retired)
        return true;
    sl_respond_error(c, SL_ERR_POOL_RETIRED, NULL);
    return false;
}
