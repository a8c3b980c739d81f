#include "base/http_date.h"

#include <string.h>
#include <time.h>

/* Without strftime, whose names follow the locale. */
void sl_format_http_date(int64_t seconds, char out[static SL_HTTP_DATE])
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t t = (time_t)seconds;
    struct tm tm = {0};
    gmtime_r(&t, &tm);
    unsigned year = (unsigned)(tm.tm_year + 1900) % 10000;
    memcpy(out, "Xxx, 00 Xxx 0000 00:00:00 GMT", SL_HTTP_DATE);
    memcpy(out, days + 3 * tm.tm_wday, 3);
    memcpy(out + 8, months + 3 * tm.tm_mon, 3);
    const struct {
        unsigned at, value;
    } pairs[] = {{5, (unsigned)tm.tm_mday},  {12, year / 100},          {14, year % 100},
                 {17, (unsigned)tm.tm_hour}, {20, (unsigned)tm.tm_min}, {23, (unsigned)tm.tm_sec}};
    for (unsigned i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        out[pairs[i].at] = (char)('0' + pairs[i].value / 10);
        out[pairs[i].at + 1] = (char)('0' + pairs[i].value % 10);
    }
}

const char *sl_http_date_text(struct sl_http_date_memo *memo, int64_t seconds)
{
    if (memo->second != seconds || memo->text[0] == '\0') {
        sl_format_http_date(seconds, memo->text);
        memo->second = seconds;
    }
    return memo->text;
}
