/* A wall clock that does not jump: what tokens, dates and expiry are reckoned by. It follows the monotonic
 * clock from an anchor, whatever the system's wall clock does meanwhile, until its owner believes the
 * system's clock again. (A clock that is slewed makes no difference: that moves both clocks alike.) */
#pragma once
#include <stdatomic.h>
#include "base/clock.h"

struct sl_steady {
    struct sl_clock clock;        /* what others read; its random is the system's */
    const struct sl_clock *under; /* the system's */
    _Atomic int64_t anchor_ms;    /* the steady wall clock minus the monotonic one */
};

/* Any thread may read the clock from then on. `s` and `under` outlive its readers. */
void sl_steady_init(struct sl_steady *s, const struct sl_clock *under);
/* How far the system's wall clock is ahead of the steady one; negative: behind. */
int64_t sl_steady_step_ms(const struct sl_steady *s);
/* One thread: takes over what the system's wall clock says now. */
void sl_steady_believe(struct sl_steady *s);
