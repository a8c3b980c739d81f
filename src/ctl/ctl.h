/* statuslistctl: what the command line says, and what every command shares. One thread, one process, one
 * command. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "statuslist/verify.h"

/* Exit statuses; `verify` answers with the first four, `lint` with OK or LINT_FAILED. */
enum sl_exit {
    SL_EXIT_OK = 0, /* done; verify: VALID */
    SL_EXIT_INVALID = 1,
    SL_EXIT_SUSPENDED = 2,
    SL_EXIT_OTHER_STATUS = 3,
    SL_EXIT_REFUSED_TOKEN = 4, /* a check of the token failed: do not use its statuses */
    SL_EXIT_NO_ANSWER = 5,     /* no usable response */
    SL_EXIT_REFUSED = 6,       /* the server refused; export, import: Redis did, or its data forbids it */
    SL_EXIT_USAGE = 64,        /* the command line, or a file that it names */
    SL_EXIT_LINT_FAILED = 1    /* lint: the server breaks a MUST */
};

enum sl_format_choice { SL_FORMAT_ANY, SL_FORMAT_JWT, SL_FORMAT_CWT };

struct sl_ctl {
    const char *server; /* base URL of the issuer interface, without a slash at its end */
    char *credential; /* a header field with the API key or the bearer token; NULL: none. Wiped when freed. */
    const char *api_key_file, *bearer_file;
    const char *cert, *jwk, *anchors;     /* files, or NULL */
    const char *cacert;                   /* trust anchors of TLS */
    const char *client_cert, *client_key; /* our own in TLS: PEM files, or NULL */
    const char *redis;                    /* HOST:PORT or unix:PATH: export and import speak to it directly */
    const char *redis_username, *redis_password_file;
    unsigned redis_database;
    bool merge, check; /* import: into a pool that has lists; only look at the file */
    bool json;
    enum sl_format_choice format;
    unsigned timeout, skew; /* seconds */
    size_t inflate_limit;   /* bytes */
    char **words;           /* what follows the command's name */
    int word_count;
};

struct sl_web; /* ctl/web.h */

struct sl_command {
    const char *name, *words, *help;
    int least, most; /* words */
    int (*run)(const struct sl_ctl *c, struct sl_web *web);
};

int sl_run_reserve(const struct sl_ctl *c, struct sl_web *web);
int sl_run_set(const struct sl_ctl *c, struct sl_web *web);
int sl_run_get(const struct sl_ctl *c, struct sl_web *web);
int sl_run_verify(const struct sl_ctl *c, struct sl_web *web);
int sl_run_inspect(const struct sl_ctl *c, struct sl_web *web);
int sl_run_lint(const struct sl_ctl *c, struct sl_web *web);
int sl_run_export(const struct sl_ctl *c, struct sl_web *web);
int sl_run_import(const struct sl_ctl *c, struct sl_web *web);

void sl_usage(FILE *to);
extern const struct sl_command sl_commands[]; /* ends with a row without a name */
