/* The Redis that export and import speak to. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/redis.h"
#include "store/direct.h"
#include "token/tls_client.h"

/* "unix:PATH", or, "tls:" in front or not, "HOST", "HOST:PORT" or "[ADDRESS]:PORT"; cuts `text`. False when
 * it is none of them. */
static bool read_address(char *text, struct sl_redis_options *o)
{
    uint64_t port = 6379;
    if (strncmp(text, "unix:", 5) == 0) {
        o->socket = text + 5;
        return true;
    }
    if (strncmp(text, "tls:", 4) == 0) {
        o->tls.enabled = true;
        text += 4;
    }
    char *after = text, *end = NULL;
    o->host = text;
    if (*text == '[') {
        o->host = text + 1;
        end = strchr(text, ']');
        after = end != NULL ? end + 1 : text;
    }
    char *colon = strchr(after, ':');
    bool ok = *text != '[' || (end != NULL && (*after == ':' || *after == '\0'));
    if (colon != NULL) {
        ok = ok && sl_read_number(colon + 1, 65535, &port) && port > 0;
        *colon = '\0';
    }
    if (end != NULL)
        *end = '\0';
    o->port = (uint16_t)port;
    return ok && *o->host != '\0';
}

/* With the files that the options name for TLS. False after a complaint. */
static bool load_tls(const struct sl_ctl *c, struct sl_tls_client **ret)
{
    const struct sl_tls_client_files files = {
        .ca = c->cacert, .certificate = c->client_cert, .key = c->client_key};
    char text[512];
    const char *key;
    struct sl_buf why;
    sl_buf_over(&why, text, sizeof text);
    signal(SIGPIPE, SIG_IGN); /* the connection says it */
    if (sl_tls_client_load(&files, &sl_clock_system, &why, &key, ret))
        return true;
    const char *option = strcmp(key, "ca") == 0            ? "--cacert"
                         : strcmp(key, "certificate") == 0 ? "--client-cert"
                                                           : "--client-key";
    sl_complain("%s: %.*s", option, (int)why.len, why.data);
    return false;
}

/* What went wrong is said in the words of the command line. */
static const struct sl_redis_names options = {.ca = "--cacert",
                                              .certificate = "--client-cert",
                                              .server_name = "--redis",
                                              .port = "the port of --redis"};

struct sl_direct *sl_redis_of(const struct sl_ctl *c, bool writes, int *ret_exit)
{
    char *address = strdup(c->redis), *password = NULL;
    size_t len = 0;
    struct sl_redis_options o = {.database = c->redis_database,
                                 .username = (char *)c->redis_username,
                                 .tls.ca = (char *)c->cacert,
                                 .names = &options,
                                 .command_timeout_ms = c->timeout * 1000};
    struct sl_direct *d = NULL;
    struct sl_tls_client *tls = NULL;
    char text[512];
    struct sl_buf why;
    sl_buf_over(&why, text, sizeof text);
    *ret_exit = SL_EXIT_USAGE;
    bool ok = address != NULL && read_address(address, &o);
    if (!ok)
        sl_complain("--redis: \"%s\" is not valid; expected HOST:PORT, tls:HOST:PORT or unix:PATH", c->redis);
    if (ok && c->redis_password_file != NULL) {
        password = sl_read_file(c->redis_password_file, &len);
        ok = password != NULL;
        if (ok)
            password[strcspn(password, "\r\n")] = '\0';
        o.password = password;
    } else if (ok) {
        o.password = getenv("STATUSLIST_REDIS_PASSWORD");
    }
    ok = ok && (!o.tls.enabled || load_tls(c, &tls));
    if (ok &&
        (d = sl_direct_open(&o, tls != NULL ? sl_tls_client_context(tls) : NULL, writes, &why)) == NULL) {
        sl_complain("%.*s", (int)why.len, why.data);
        *ret_exit = SL_EXIT_NO_ANSWER;
    }
    if (password != NULL)
        explicit_bzero(password, len);
    sl_tls_client_unref(tls);
    free(password);
    free(address);
    return d;
}

bool sl_redis_failed(const struct sl_direct *redis)
{
    sl_complain("%s", sl_direct_why(redis));
    return false;
}
