/* That something ends (a certificate) is told 30, 7 and 1 days ahead and at its end, and each day from the
 * first time on. Times of ends are seconds since 1970; INT64_MAX: there is none. */
#pragma once
#include <stdbool.h>
#include "base/buf.h"
#include "base/clock.h"

#define SL_ENDING_AHEAD_S (30 * 86400)

/* What was told of one end. Owner: one thread. Zeroed: nothing, as at start and after a reload. */
struct sl_ending {
    unsigned stage; /* how many of the four were reached when it was last looked at */
    uint64_t told_ns;
};

/* From when on it is told of what is made anew by a program, as certificates of TLS often are: a quarter of
 * its life ahead where that is less than 30 days. */
int64_t sl_ending_warn_from(int64_t begin, int64_t end);
/* Whether it has to be told now; nothing is before `warn_from`. */
bool sl_ending_due(struct sl_ending *e, const struct sl_clock *clock, int64_t warn_from, int64_t end);
int64_t sl_ending_left(const struct sl_clock *clock, int64_t end); /* seconds; INT64_MAX: it has no end */
void sl_ending_put(int64_t end, struct sl_buf *out);               /* as in RFC 3339 */
