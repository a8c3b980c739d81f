/* The configuration file as one struct. Loaded once before the threads start; immutable afterwards. */
#pragma once
#include <stdio.h>
#include "base/buf.h"
#include "base/clock.h"
#include "http/keyring.h"
#include "http/options.h"
#include "pool/options.h"
#include "store/options.h"

struct sl_origin;

struct sl_config {
    struct sl_http_options http;
    struct sl_redis_options redis;
    struct sl_pool_options *pools;
    size_t pool_count;
    uint32_t workers; /* resolved: auto = cores that the process may use */
    bool workers_auto;
    char *storage; /* storage-directory */
    uint32_t shutdown_delay_ms, shutdown_deadline_ms;
    bool core_dumps;

    /* For sl_config_print: where each value came from, by row of the scope (daemon/schema.h); of the pools
     * one after another. */
    struct sl_origin *app_origins, *pool_origins;
    struct sl_key_options *keys; /* of each pool; the secrets are gone */
    struct sl_credentials *credentials;
    bool *departed; /* by pool, after sl_config_follow: the file no longer has it; NULL: the file has all */
    char *path;
};

/* Parses and checks `path`. All errors of the file in one go into `errors`, one per line:
 * `file:line: key: what is wrong, what would be right`; warnings (a pool without a signer, ...) into
 * `warnings`, same form. False when there was an error. Neither contains a secret. Reads the secrets' files
 * as well; relative paths are relative to the working directory. */
bool sl_config_load(const char *path, struct sl_buf *errors, struct sl_buf *warnings, struct sl_config **ret);
/* Makes `next` what a service that runs with `now` may put in force: the pools are those of `now` in its
 * order, and values that cannot change while it runs are those of `now`, with a line each in `warnings`.
 * `changed` gets the keys whose values are new, comma-separated, cut off with dots at its bound. */
void sl_config_follow(struct sl_config *next, const struct sl_config *now, struct sl_buf *warnings,
                      struct sl_buf *changed);
/* The effective values as YAML, each with its source as a comment (`# default`, `# file:12`); secrets as ***.
 */
void sl_config_print(const struct sl_config *c, struct sl_buf *out);
/* docs/configuration.md from the tables. */
void sl_config_docs(struct sl_buf *out);
void sl_config_free(struct sl_config *c); /* wipes secrets; NULL ok */
