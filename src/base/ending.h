/* When to warn that something expires (a certificate): 30, 7 and 1 days before, at the end, and every day
 * from the first warning on. Times are seconds since 1970; INT64_MAX: it never expires. */
#pragma once
#include <stdbool.h>
#include "base/buf.h"
#include "base/clock.h"

#define SL_ENDING_AHEAD_S (30 * 86400)

/* The warnings so far about one expiry. One thread. Zeroed at start and after a reload: no warning yet. */
struct sl_ending {
    unsigned stage; /* how many of the four were reached when it was last looked at */
    uint64_t told_ns;
};

/* When the warnings begin for a certificate that a program renews, as is usual for TLS: a quarter of its life
 * before the end, if that is less than 30 days. */
int64_t sl_ending_warn_from(int64_t begin, int64_t end);
/* Whether to warn now; never before `warn_from`. */
bool sl_ending_due(struct sl_ending *e, const struct sl_clock *clock, int64_t warn_from, int64_t end);
int64_t sl_ending_left(const struct sl_clock *clock, int64_t end); /* seconds; INT64_MAX: it has no end */
void sl_ending_put(int64_t end, struct sl_buf *out);               /* as in RFC 3339 */
