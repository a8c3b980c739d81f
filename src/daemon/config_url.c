/* What a configuration says about addresses: the public URL, the listeners, and which of them exclude each
 * other. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "daemon/address.h"
#include "daemon/config_int.h"
#include "http/edge_route.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* RFC 3986: the path characters, without the '%' escapes' digits being looked at any further. */
static bool is_path(const char *s)
{
    return s[0] == '\0' || (s[0] == '/' && strspn(s, LETTERS "0123456789-._~%!$&'()*+,;=:@/") == strlen(s));
}

static const char *authority_error(const char *authority, size_t n)
{
    char text[300];
    struct sl_address address;
    if (memchr(authority, '@', n) != NULL)
        return "contains a user name";
    if (n == 0 || n + 4 >= sizeof text)
        return "has no host";
    memcpy(text, authority, n);
    text[n] = '\0';
    const char *colon = strrchr(text, ':'), *bracket = strrchr(text, ']');
    if (colon == NULL || (bracket != NULL && bracket > colon))
        memcpy(text + n, ":80", 4);
    if (strncmp(text, "unix:", 5) == 0 || !sl_address_parse(text, &address) || address.all)
        return "has an invalid host or port";
    return NULL;
}

static const char *url_error(const char *url)
{
    const char *host = strncmp(url, "https://", 8) == 0  ? url + 8
                       : strncmp(url, "http://", 7) == 0 ? url + 7
                                                         : NULL;
    if (host == NULL)
        return "does not begin with http:// or https://";
    if (strchr(url, '?') != NULL || strchr(url, '#') != NULL)
        return "has a query or a fragment";
    size_t n = strcspn(host, "/");
    const char *error = authority_error(host, n);
    if (error == NULL &&
        (!is_path(host + n) || strstr(host + n, "//") != NULL || strstr(host + n, "/.") != NULL))
        error = "has a path with an empty or dot segment, or with other characters than RFC 3986 allows";
    return error;
}

void sl_config_check_url(struct sl_loading *l)
{
    char *url = l->config->http.public_url;
    if (sl_config_bad(&l->app, "public-url"))
        return;
    const char *authority = strstr(url, "://");
    size_t n = strlen(url), least = authority != NULL ? (size_t)(authority - url) + 3 : 0;
    while (n > least && url[n - 1] == '/')
        url[--n] = '\0';
    const char *error = url_error(url);
    if (error != NULL)
        sl_config_refuse(l, &l->app, "public-url", "%s; expected http(s)://host[:port][/path]", error);
}

#define ADDRESSES 16 /* of one listener */
static const char *const listen_keys[] = {"listen.public", "listen.issuer", "listen.ops"};

struct named {
    struct sl_address address;
    const char *key;
};

/* What is wrong with a text that is no address; "": nothing in particular. */
static const char *why_none(const char *text)
{
    if (strncmp(text, "unix:", 5) == 0 && strlen(text + 5) > SL_UNIX_PATH_MAX)
        return ": the path of a unix socket has at most 107 bytes";
    return "";
}

/* False after a report. */
static bool parse_listen(struct sl_loading *l, const char *key, const char *text, struct sl_address *ret)
{
    if (sl_address_parse(text, ret))
        return true;
    char mem[128];
    struct sl_buf echo;
    sl_buf_over(&echo, mem, sizeof mem);
    sl_option_echo(sl_span(text, strlen(text)), &echo);
    sl_config_refuse(
        l, &l->app, key, "%s is not an address%s; expected host:port, [v6]:port, *:port or unix:/path%s",
        sl_buf_cstr(&echo), why_none(text), strcmp(key, "listen.issuer") == 0 ? ", or same" : "");
    return false;
}

static void check_addresses(struct sl_loading *l, const struct named *one, const struct named *other)
{
    if (!sl_address_conflict(&one->address, &other->address))
        return;
    if (one->key == other->key)
        sl_config_refuse(l, &l->app, other->key, "names an address twice; expected it once");
    else
        sl_config_refuse(l, &l->app, other->key, "has the same address as %s; expected another one%s",
                         one->key, strcmp(other->key, "listen.issuer") == 0 ? ", or same" : "");
}

/* The addresses of one listener behind those of the listeners before; returns how many there are then. */
static size_t add_listener(struct sl_loading *l, unsigned listener, struct named *all, size_t n)
{
    const struct sl_texts *texts = &l->config->http.listen[listener];
    const char *key = listen_keys[listener], *redis_socket = l->config->redis.socket;
    if (sl_config_bad(&l->app, key))
        return n;
    if (texts->count > ADDRESSES)
        sl_config_refuse(l, &l->app, key, "has %zu addresses; expected at most %d", texts->count, ADDRESSES);
    for (size_t i = 0; i < texts->count && i < ADDRESSES; i++) {
        struct named *a = &all[n];
        a->key = key;
        if (listener == SL_TLS_ISSUER && texts->count > 1 && strcmp(texts->at[i], "same") == 0) {
            sl_config_refuse(l, &l->app, key, "same together with addresses; expected one of the two");
            continue;
        }
        if (!parse_listen(l, key, texts->at[i], &a->address))
            continue;
        for (size_t j = 0; j < n; j++)
            check_addresses(l, &all[j], a);
        if (redis_socket != NULL && strcmp(a->address.path, redis_socket) == 0)
            sl_config_refuse(l, &l->app, key, "is the socket of redis.socket; expected another path");
        n++;
    }
    return n;
}

/* Every list keeps the URI that it was made with. */
static void check_near_url(struct sl_loading *l, const struct named *all, size_t n)
{
    const char *host = strstr(l->config->http.public_url, "://");
    struct sl_address url;
    char text[300];
    if (sl_config_bad(&l->app, "public-url") || host == NULL)
        return;
    size_t len = strcspn(host + 3, "/");
    snprintf(text, sizeof text, "%.*s", len < 250 ? (int)len : 250, host + 3);
    if (!sl_address_parse(text, &url)) {
        snprintf(text, sizeof text, "%.*s:80", len < 250 ? (int)len : 250, host + 3);
        if (!sl_address_parse(text, &url))
            return;
    }
    for (size_t i = 0; i < n && sl_address_is_near(&url); i++) {
        if (all[i].key != listen_keys[SL_TLS_PUBLIC] || sl_address_is_near(&all[i].address))
            continue;
        sl_config_warn(
            l, &l->app, "public-url",
            "names this machine only, although listen.public is reachable from others: every list keeps "
            "the URI that it is made with; expected the URL that verifiers reach");
        return;
    }
}

static void check_reserved(struct sl_loading *l)
{
    struct sl_span path =
        sl_url_path(sl_span(l->config->http.public_url, strlen(l->config->http.public_url)));
    if (sl_config_bad(&l->app, "public-url") || sl_route_reserved(path) != SL_RESERVED_WHOLE)
        return;
    sl_config_warn(
        l, &l->app, "public-url",
        "has a path that begins like one of the service's own (/pools, /aggregation ...), which go before "
        "lists; expected another first segment");
}

void sl_config_check_listen(struct sl_loading *l)
{
    struct named all[SL_TLS_LISTENERS * ADDRESSES];
    size_t n = 0;
    for (unsigned i = 0; i < SL_TLS_LISTENERS; i++)
        if (i != SL_TLS_ISSUER || !sl_issuers_share(&l->config->http))
            n = add_listener(l, i, all, n);
    check_near_url(l, all, n);
    check_reserved(l);
}
