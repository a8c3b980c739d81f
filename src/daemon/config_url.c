/* What a configuration says about addresses: the public URL, the listeners, and which of them exclude each
 * other. */
#include <string.h>
#include <strings.h>
#include "daemon/address.h"
#include "daemon/config_int.h"

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
    if (strncmp(text, "unix:", 5) == 0 || !sl_address_parse(text, &address))
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

/* False after a report. */
static bool parse_listen(struct sl_loading *l, const char *key, const char *text, struct sl_address *ret)
{
    if (sl_config_bad(&l->app, key))
        return false;
    if (sl_address_parse(text, ret))
        return true;
    char mem[128];
    struct sl_buf echo;
    sl_buf_over(&echo, mem, sizeof mem);
    sl_option_echo(sl_span(text, strlen(text)), &echo);
    sl_config_refuse(l, &l->app, key, "%s is not an address; expected host:port, [v6]:port or unix:/path%s",
                     sl_buf_cstr(&echo), strcmp(key, "listen.issuer") == 0 ? ", or same" : "");
    return false;
}

static void check_addresses(struct sl_loading *l, const struct sl_address *one, const char *one_key,
                            const struct sl_address *other, const char *other_key)
{
    if (!sl_address_conflict(one, other))
        return;
    if (strcmp(other_key, "listen.issuer") == 0)
        sl_config_refuse(l, &l->app, other_key, "has the same address as %s; expected another one, or same",
                         one_key);
    else
        sl_config_refuse(l, &l->app, other_key, "has the same address as %s; expected another one", one_key);
}

void sl_config_check_listen(struct sl_loading *l)
{
    static const char *const keys[] = {"listen.public", "listen.issuer", "listen.ops"};
    const struct sl_http_options *h = &l->config->http;
    const char *const texts[] = {h->listen_public, h->listen_issuer, h->listen_ops};
    const char *redis_socket = l->config->redis.socket;
    struct sl_address addresses[3];
    bool fine[3];
    for (int i = 0; i < 3; i++) {
        fine[i] =
            !(i == 1 && strcmp(texts[i], "same") == 0) && parse_listen(l, keys[i], texts[i], &addresses[i]);
        for (int j = 0; fine[i] && j < i; j++)
            if (fine[j])
                check_addresses(l, &addresses[j], keys[j], &addresses[i], keys[i]);
        if (fine[i] && redis_socket != NULL && strcmp(addresses[i].path, redis_socket) == 0)
            sl_config_refuse(l, &l->app, keys[i], "is the socket of redis.socket; expected another path");
    }
}
