/* Lines of If-None-Match, and dates. The canonical form of a date that is understood is the same date. */
#include <stdio.h>
#include <time.h>
#include "fuzz_help.h"
#include "http/conditional.h"

#define LINES 8

static void date(struct sl_span text)
{
    const int64_t now = 1767225600;
    int64_t t, again;
    if (!sl_http_date_at(text, now, &t))
        return;
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;
    time_t at = (time_t)t;
    sl_assert(t >= -62167219200 && t <= 253402300800 && gmtime_r(&at, &tm) != NULL);
    if (t == 253402300800) /* the leap second that ends the year 9999 has no other name */
        return;
    char out[64];
    int n = snprintf(out, sizeof out, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday,
                     tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    sl_assert(sl_http_date_at(sl_span(out, (size_t)n), now, &again) && again == t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_span lines[LINES + 1] = {{NULL, 0}};
    size_t n = fuzz_parts(data, size, lines, LINES);
    bool matches = sl_etag_matches(lines, n, SL_SPAN("\"abc,def\""));
    sl_assert(sl_etag_matches(lines, n, SL_SPAN("W/\"abc,def\"")) == matches);
    for (size_t i = 0; i < n; i++)
        date(lines[i]);
    lines[n] = SL_SPAN("\"abc,def\"");
    sl_assert(sl_etag_matches(lines, n + 1, SL_SPAN("\"abc,def\"")));
    return 0;
}
