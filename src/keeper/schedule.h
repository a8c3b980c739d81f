/* When a token is valid and when it is renewed. Pure but for the clock's randomness. */
#pragma once
#include "base/clock.h"
#include "pool/options.h"

struct sl_validity {
    int64_t iat, exp; /* seconds since 1970; exp <= iat: nothing can be signed any more */
};

/* iat is now, and never before the list's last one unless that is after `latest`, a time that no clock that
 * is believed says; exp is iat + list-lifetime, and never after the certificate's end. */
struct sl_validity sl_schedule_validity(const struct sl_pool_options *options, int64_t now_s, int64_t latest,
                                        int64_t last_iat, int64_t not_after);
/* Nanoseconds until the renewal: drawn uniformly from [iat + lifetime/2, exp - max(ttl, lifetime/10)], so
 * that lists signed together are not renewed together. At least one second, even when that has passed. */
uint64_t sl_schedule_renewal(const struct sl_pool_options *options, int64_t iat, int64_t exp, int64_t wall_ms,
                             const struct sl_clock *clock);
