#include "ctl/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

#define REWRITE_NS (SL_NS_PER_S / 10)

void sl_progress_begin(struct sl_progress *p, const char *what, const char *unit, uint64_t total)
{
    *p = (struct sl_progress){.what = what,
                              .unit = unit,
                              .total = total,
                              .terminal = isatty(STDERR_FILENO),
                              .told_ns = sl_mono_ns(&sl_clock_system)};
}

void sl_progress_at(struct sl_progress *p, uint64_t done)
{
    uint64_t now = sl_mono_ns(&sl_clock_system);
    if (!p->terminal || now - p->told_ns < REWRITE_NS)
        return;
    p->told_ns = now;
    p->shown = true;
    fprintf(stderr, "\r%s: %" PRIu64, p->what, done);
    if (p->total > 0)
        fprintf(stderr, " of %" PRIu64, p->total);
    fprintf(stderr, " %s ", p->unit);
}

void sl_progress_end(struct sl_progress *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
    p->shown = false;
}
