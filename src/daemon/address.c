#include "daemon/address.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/assert.h"
#include "base/number.h"

static bool parse_port(const char *s, uint16_t *ret)
{
    uint64_t port;
    if (!sl_number_parse_strict(sl_span(s, strlen(s)), UINT16_MAX, &port) || port == 0)
        return false;
    *ret = (uint16_t)port;
    return true;
}

/* Something that is all digits and dots has to be an IPv4 address. */
static bool is_host(const char *host)
{
    struct in_addr v4;
    size_t n = strlen(host);
    if (n == 0 || host[0] == '-' || host[0] == '.')
        return false;
    if (strspn(host, "0123456789.") == n)
        return inet_pton(AF_INET, host, &v4) == 1;
    return strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == n;
}

static bool parse_unix(const char *path, struct sl_address *ret)
{
    size_t n = strlen(path);
    if (n == 0 || n > SL_UNIX_PATH_MAX || path[n - 1] == '/')
        return false;
    struct sl_address a = {0};
    memcpy(a.path, path, n);
    *ret = a;
    return true;
}

bool sl_address_parse(const char *text, struct sl_address *ret)
{
    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(text + 5, ret);
    struct sl_address a = {.v6 = text[0] == '['};
    const char *host = text + a.v6, *colon = strrchr(text, ':');
    const char *end = a.v6 ? strchr(text, ']') : colon;
    if (colon == NULL || end == NULL || (a.v6 && end + 1 != colon) || (size_t)(end - host) >= sizeof a.host)
        return false;
    memcpy(a.host, host, (size_t)(end - host));
    struct in6_addr v6;
    a.all = strcmp(a.host, "*") == 0 && !a.v6;
    if (a.all)
        a.host[0] = '\0';
    if (!(a.all  ? true
          : a.v6 ? inet_pton(AF_INET6, a.host, &v6) == 1
                 : is_host(a.host)) ||
        !parse_port(colon + 1, &a.port))
        return false;
    *ret = a;
    return true;
}

enum { IPV4 = 1, IPV6 = 2 };

/* The families that it may have. */
static int families(const struct sl_address *a)
{
    if (a->v6)
        return IPV6;
    bool literal = !a->all && strspn(a->host, "0123456789.") == strlen(a->host);
    return literal ? IPV4 : IPV4 | IPV6;
}

static bool is_wildcard(const struct sl_address *a)
{
    struct in6_addr v6;
    if (a->v6)
        return inet_pton(AF_INET6, a->host, &v6) == 1 && IN6_IS_ADDR_UNSPECIFIED(&v6);
    return a->all || strcmp(a->host, "0.0.0.0") == 0;
}

static bool same_host(const struct sl_address *a, const struct sl_address *b)
{
    struct in6_addr x, y;
    if (a->v6 != b->v6)
        return false;
    if (!a->v6)
        return strcasecmp(a->host, b->host) == 0;
    int valid = inet_pton(AF_INET6, a->host, &x) + inet_pton(AF_INET6, b->host, &y);
    sl_assert(valid == 2);
    return memcmp(&x, &y, sizeof x) == 0;
}

bool sl_address_conflict(const struct sl_address *a, const struct sl_address *b)
{
    if (a->path[0] != '\0' || b->path[0] != '\0')
        return strcmp(a->path, b->path) == 0;
    if (a->port != b->port || (families(a) & families(b)) == 0)
        return false;
    return is_wildcard(a) || is_wildcard(b) || same_host(a, b);
}

bool sl_address_is_near(const struct sl_address *a)
{
    struct in6_addr v6;
    if (a->path[0] != '\0')
        return true;
    if (a->v6)
        return inet_pton(AF_INET6, a->host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
    return families(a) == IPV4 ? strncmp(a->host, "127.", 4) == 0 : strcasecmp(a->host, "localhost") == 0;
}
