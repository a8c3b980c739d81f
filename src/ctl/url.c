#include "ctl/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The caller's, for curl_free; NULL: there is none. */
static char *part_of(CURLU *u, CURLUPart what)
{
    char *text = NULL;
    return curl_url_get(u, what, &text, 0) == CURLUE_OK ? text : NULL;
}

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

bool sl_url_is_loopback(const char *url)
{
    CURLU *u = curl_url();
    bool ok = u != NULL && curl_url_set(u, CURLUPART_URL, url, CURLU_GUESS_SCHEME) == CURLUE_OK;
    char *host = ok ? part_of(u, CURLUPART_HOST) : NULL;
    bool loopback = host != NULL && is_loopback(host);
    curl_free(host);
    curl_url_cleanup(u);
    return loopback;
}

char *sl_url_base(const char *text)
{
    static const CURLUPart extra[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY,
                                      CURLUPART_FRAGMENT};
    CURLU *u = curl_url();
    bool ok = u != NULL && curl_url_set(u, CURLUPART_URL, text, 0) == CURLUE_OK;
    char *scheme = ok ? part_of(u, CURLUPART_SCHEME) : NULL;
    ok = scheme != NULL && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    for (size_t i = 0; ok && i < sizeof extra / sizeof *extra; i++) {
        char *there = part_of(u, extra[i]);
        ok = there == NULL;
        curl_free(there);
    }
    char *base = ok ? strdup(text) : NULL;
    for (size_t n = base != NULL ? strlen(base) : 0; n > 0 && base[n - 1] == '/'; n--)
        base[n - 1] = '\0';
    curl_free(scheme);
    curl_url_cleanup(u);
    return base;
}
