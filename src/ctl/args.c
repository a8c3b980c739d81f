/* The command line of statuslistctl and the environment that stands in for its options. Secrets come from
 * files or the environment, never from the command line, where other users could read them. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/number.h"
#include "ctl/args.h"
#include "ctl/ctl.h"

void sl_complain(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("statuslistctl: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
}

bool sl_read_number(const char *text, uint64_t most, uint64_t *ret)
{
    return sl_number_parse(sl_span(text, strlen(text)), most, ret);
}

static bool option_number(const char *name, const char *text, uint64_t most, uint64_t *ret)
{
    if (sl_read_number(text, most, ret))
        return true;
    sl_complain("--%s: \"%s\" is not valid; expected a whole number from 0 to %llu", name, text,
                (unsigned long long)most);
    return false;
}

static bool option_format(const char *text, enum sl_format_choice *ret)
{
    if (strcmp(text, "jwt") == 0)
        *ret = SL_FORMAT_JWT;
    else if (strcmp(text, "cwt") == 0)
        *ret = SL_FORMAT_CWT;
    else
        sl_complain("--format: \"%s\" is not valid; expected jwt or cwt", text);
    return *ret != SL_FORMAT_ANY;
}

enum {
    HELP = 1,
    VERSION,
    JSON,
    SERVER,
    API_KEY_FILE,
    BEARER_FILE,
    CERT,
    JWK,
    ANCHORS,
    CACERT,
    CLIENT_CERT,
    CLIENT_KEY,
    FORMAT,
    TIMEOUT,
    SKEW,
    LIMIT,
    REDIS,
    REDIS_DATABASE,
    REDIS_USERNAME,
    REDIS_PASSWORD_FILE,
    MERGE,
    CHECK
};

static const struct option options[] = {
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},
    {"json", no_argument, NULL, JSON},
    {"server", required_argument, NULL, SERVER},
    {"api-key-file", required_argument, NULL, API_KEY_FILE},
    {"bearer-file", required_argument, NULL, BEARER_FILE},
    {"cert", required_argument, NULL, CERT},
    {"jwk", required_argument, NULL, JWK},
    {"anchors", required_argument, NULL, ANCHORS},
    {"cacert", required_argument, NULL, CACERT},
    {"client-cert", required_argument, NULL, CLIENT_CERT},
    {"client-key", required_argument, NULL, CLIENT_KEY},
    {"format", required_argument, NULL, FORMAT},
    {"timeout", required_argument, NULL, TIMEOUT},
    {"skew", required_argument, NULL, SKEW},
    {"inflate-limit", required_argument, NULL, LIMIT},
    {"redis", required_argument, NULL, REDIS},
    {"redis-database", required_argument, NULL, REDIS_DATABASE},
    {"redis-username", required_argument, NULL, REDIS_USERNAME},
    {"redis-password-file", required_argument, NULL, REDIS_PASSWORD_FILE},
    {"merge", no_argument, NULL, MERGE},
    {"check", no_argument, NULL, CHECK},
    {NULL, 0, NULL, 0},
};

/* False after a complaint. */
static bool numeric(struct sl_ctl *c, int o, const char *text)
{
    uint64_t n = 0;
    if (o == TIMEOUT && option_number("timeout", text, 3600, &n))
        c->timeout = (unsigned)n;
    else if (o == SKEW && option_number("skew", text, 86400, &n))
        c->skew = (unsigned)n;
    else if (o == LIMIT && option_number("inflate-limit", text, 1u << 30, &n))
        c->inflate_limit = (size_t)n;
    else if (o == REDIS_DATABASE && option_number("redis-database", text, 1000000, &n))
        c->redis_database = (unsigned)n;
    else
        return false;
    return true;
}

static bool take_option(struct sl_ctl *c, int o)
{
    const char **text = o == SERVER                ? &c->server
                        : o == API_KEY_FILE        ? &c->api_key_file
                        : o == BEARER_FILE         ? &c->bearer_file
                        : o == CERT                ? &c->cert
                        : o == JWK                 ? &c->jwk
                        : o == ANCHORS             ? &c->anchors
                        : o == CACERT              ? &c->cacert
                        : o == CLIENT_CERT         ? &c->client_cert
                        : o == CLIENT_KEY          ? &c->client_key
                        : o == REDIS               ? &c->redis
                        : o == REDIS_USERNAME      ? &c->redis_username
                        : o == REDIS_PASSWORD_FILE ? &c->redis_password_file
                                                   : NULL;
    if (text != NULL)
        *text = optarg;
    else if (o == JSON)
        c->json = true;
    else if (o == MERGE)
        c->merge = true;
    else if (o == CHECK)
        c->check = true;
    else if (o == FORMAT)
        return option_format(optarg, &c->format);
    else
        return numeric(c, o, optarg);
    return true;
}

/* "Name: value" from a file or else the environment; no secret stands on the command line, where others could
 * read it. */
static bool credential(struct sl_ctl *c, const char *file, const char *variable, const char *field)
{
    size_t len;
    char *text = file != NULL ? sl_read_file(file, &len) : NULL;
    if (file != NULL && text == NULL)
        return false;
    const char *value = text != NULL ? text : getenv(variable);
    if (value != NULL && *value != '\0') {
        size_t n = strcspn(value, "\r\n");
        if (asprintf(&c->credential, "%s%.*s", field, (int)n, value) < 0)
            c->credential = NULL;
    }
    if (text != NULL)
        explicit_bzero(text, len);
    free(text);
    return true;
}

bool sl_args_read(int argc, char **argv, struct sl_ctl *ret, bool *ret_help, bool *ret_version)
{
    const char *server = getenv("STATUSLIST_SERVER"), *redis = getenv("STATUSLIST_REDIS");
    struct sl_ctl c = {.server = server != NULL ? server : "http://127.0.0.1:8080",
                       .redis = redis != NULL ? redis : "localhost:6379",
                       .timeout = 30,
                       .inflate_limit = 16u << 20};
    for (int o; (o = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (o == '?')
            sl_complain("expected one of the options that statuslistctl --help lists");
        if (o == HELP || o == 'h')
            *ret_help = true;
        else if (o == VERSION)
            *ret_version = true;
        else if (o == '?' || !take_option(&c, o))
            return false;
    }
    const char *key_file = c.api_key_file != NULL ? c.api_key_file : getenv("STATUSLIST_API_KEY_FILE");
    bool ok = c.bearer_file != NULL
                  ? credential(&c, c.bearer_file, "STATUSLIST_BEARER", "Authorization: Bearer ")
                  : credential(&c, key_file, "STATUSLIST_API_KEY", "X-Api-Key: ");
    if (ok && c.credential == NULL)
        ok = credential(&c, NULL, "STATUSLIST_BEARER", "Authorization: Bearer ");
    c.words = argv + optind;
    c.word_count = argc - optind;
    *ret = c;
    return ok;
}

void sl_args_free(struct sl_ctl *c)
{
    if (c->credential != NULL)
        explicit_bzero(c->credential, strlen(c->credential));
    free(c->credential);
}

char *sl_read_file(const char *path, size_t *ret_len)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    size_t room = 65536, len = 0;
    char *bytes = f != NULL ? malloc(room) : NULL;
    while (bytes != NULL) {
        len += fread(bytes + len, 1, room - 1 - len, f);
        if (len < room - 1)
            break;
        char *more = room < (256u << 20) ? realloc(bytes, room *= 2) : NULL;
        if (more == NULL)
            free(bytes);
        bytes = more;
    }
    bool failed = f == NULL || ferror(f) || bytes == NULL;
    if (failed) {
        sl_complain("%s: %m", path);
        free(bytes);
        bytes = NULL;
    } else {
        bytes[len] = '\0';
        *ret_len = len;
    }
    if (f != NULL && f != stdin)
        fclose(f);
    return bytes;
}
