/* The configuration file as one struct. Loaded once before the threads start; immutable afterwards. */
#pragma once
#include <stdio.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
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
    char *runtime; /* runtime-directory, or NULL */
    uint32_t shutdown_delay_ms, shutdown_deadline_ms;
    bool core_dumps;
    enum sl_log_level log_level;
    enum sl_log_format log_format;

    /* For sl_config_print: where each value came from, by row of the scope (daemon/schema.h); of the pools
     * one after another. */
    struct sl_origin *app_origins, *pool_origins;
    struct sl_key_options *keys; /* of each pool; the secrets are gone */
    struct sl_credentials *credentials;
    bool *departed; /* by pool, after sl_config_follow: the file no longer has it; NULL: the file has all */
    /* Lines like errors, for files that cannot be used, of single pools or of the audit record; NULL: none.
     * What they would have given is not there: a credential opens nothing. */
    char *faults;
    char *path;
};
