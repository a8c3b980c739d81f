/* Dates in HTTP. */
#pragma once
#include <stdint.h>

#define SL_HTTP_DATE 29

/* IMF-fixdate (RFC 9110 section 5.6.7) of `seconds` since 1970, without NUL. Years 0 to 9999. */
void sl_format_http_date(int64_t seconds, char out[static SL_HTTP_DATE]);

/* The last date that was written, for a thread that writes the same second many times in a row. Zeroed. */
struct sl_http_date_memo {
    int64_t second;
    char text[SL_HTTP_DATE];
};
/* The date of `seconds`, good until the next call with the same memo. */
const char *sl_http_date_text(struct sl_http_date_memo *memo, int64_t seconds);
