/* What a URL says about where a request goes. */
#pragma once
#include <stdbool.h>

/* Whether its host is this machine: localhost, 127.0.0.0/8 or ::1, whole and not as the beginning of another
 * name. */
bool sl_url_is_loopback(const char *url);

/* The base of an issuer interface: http or https, host, port and path, without a slash at its end. The
 * caller's. NULL: `text` is another thing, such as an address without a scheme, or has more than that. */
char *sl_url_base(const char *text);
