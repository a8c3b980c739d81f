#include "base/ending.h"

#include <time.h>

#define DAY_S 86400
#define AGAIN_NS (DAY_S * SL_NS_PER_S)

static const int64_t stages[] = {SL_ENDING_AHEAD_S, 7 * DAY_S, 1 * DAY_S, 0}; /* seconds before the end */

int64_t sl_ending_warn_from(int64_t begin, int64_t end)
{
    if (end == INT64_MAX)
        return INT64_MAX;
    int64_t quarter = (end - begin) / 4;
    return end - (quarter < SL_ENDING_AHEAD_S ? quarter : SL_ENDING_AHEAD_S);
}

int64_t sl_ending_left(const struct sl_clock *clock, int64_t end)
{
    return end == INT64_MAX ? INT64_MAX : end - sl_wall_ms(clock) / 1000;
}

bool sl_ending_due(struct sl_ending *e, const struct sl_clock *clock, int64_t warn_from, int64_t end)
{
    int64_t left = sl_ending_left(clock, end);
    uint64_t now = sl_mono_ns(clock);
    unsigned stage = 0;
    while (stage < sizeof stages / sizeof *stages && left <= stages[stage])
        stage++;
    if (sl_wall_ms(clock) / 1000 < warn_from)
        stage = 0;
    bool due = stage > e->stage || (stage > 0 && now - e->told_ns >= AGAIN_NS);
    e->stage = stage;
    if (due)
        e->told_ns = now;
    return due;
}

void sl_ending_put(int64_t end, struct sl_buf *out)
{
    time_t t = (time_t)end;
    struct tm tm;
    if (gmtime_r(&t, &tm) != NULL)
        sl_buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                      tm.tm_hour, tm.tm_min, tm.tm_sec);
}
