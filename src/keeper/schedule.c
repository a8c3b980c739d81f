#include "keeper/schedule.h"

struct sl_validity sl_schedule_validity(const struct sl_pool_options *options, int64_t now_s, int64_t latest,
                                        int64_t last_iat, int64_t not_after)
{
    struct sl_validity validity = {.iat = now_s < last_iat && last_iat <= latest ? last_iat : now_s};
    validity.exp = validity.iat + options->list_lifetime_ms / 1000;
    if (validity.exp > not_after)
        validity.exp = not_after;
    return validity;
}

uint64_t sl_schedule_renewal(const struct sl_pool_options *options, int64_t iat, int64_t exp, int64_t wall_ms,
                             const struct sl_clock *clock)
{
    int64_t lifetime = (exp - iat) * 1000;
    int64_t margin = lifetime / 10 > options->ttl_ms ? lifetime / 10 : options->ttl_ms;
    int64_t from = iat * 1000 + lifetime / 2, to = exp * 1000 - margin;
    int64_t at = to > from ? from + (int64_t)sl_random_below(clock, (uint64_t)(to - from) + 1) : from;
    /* Never twice within a second: a token signed anew at once would have the same iat. */
    int64_t delay = at - wall_ms;
    return delay < 1000 ? SL_NS_PER_S : (uint64_t)delay * SL_NS_PER_MS;
}
