/* Dates in HTTP. */
#pragma once
#include <stdint.h>

#define SL_HTTP_DATE 29

/* IMF-fixdate (RFC 9110 section 5.6.7) of `seconds` since 1970, without NUL. Years 0 to 9999. */
void sl_format_http_date(int64_t seconds, char out[static SL_HTTP_DATE]);
