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
    SL_EXIT_OUTPUT = 74,       /* the output, or the file of export, could not be written */
    SL_EXIT_LINT_FAILED = 1    /* lint: the server breaks a MUST */
};

enum sl_format_choice { SL_FORMAT_ANY, SL_FORMAT_JWT, SL_FORMAT_CWT };

struct sl_ctl {
    const char *server; /* base URL of the issuer interface, as it was given */
    bool insecure_http; /* the credential may leave this machine without TLS */
    char *credential; /* a header field with the API key or the bearer token; NULL: none. Wiped when freed. */
    const char *api_key_file, *bearer_file;
    const char *cert, *jwk, *anchors;     /* files, or NULL */
    const char *signer, *profile;         /* what else a token must be, or NULL */
    const char *cacert;                   /* trust anchors of TLS */
    const char *client_cert, *client_key; /* our own in TLS: PEM files, or NULL */
    const char *redis;                    /* HOST:PORT or unix:PATH: export and import speak to it directly */
    const char *redis_username, *redis_password_file;
    unsigned redis_database;
    bool merge, check; /* import: into a pool that has lists; only look at the file */
    bool json, help, version;
    enum sl_format_choice format;
    unsigned timeout, skew; /* seconds */
    unsigned inflate_limit; /* bytes */
    uint64_t given;         /* a bit for each row of sl_options */
    char **words;           /* what follows the command's name */
    int word_count;
};

struct sl_web; /* ctl/web.h */

/* Each answers an exit status, after saying on stderr what is wrong. */
typedef int(sl_run_command)(const struct sl_ctl *c, struct sl_web *web);
sl_run_command sl_run_reserve;
sl_run_command sl_run_set;
sl_run_command sl_run_get;
sl_run_command sl_run_verify;
sl_run_command sl_run_inspect;
sl_run_command sl_run_lint;
sl_run_command sl_run_export;
sl_run_command sl_run_import;
