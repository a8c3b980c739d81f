/* Options of the store layer (rows in store/options.c): the `redis` map. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/option.h"

enum sl_redis_mode { SL_REDIS_EXTERNAL, SL_REDIS_EMBEDDED };
enum sl_persistence { SL_PERSIST_ALWAYS, SL_PERSIST_EVERYSEC, SL_PERSIST_DISABLED };

struct sl_redis_options {
    enum sl_redis_mode mode;
    char *host; /* name or address; ignored when `socket` is set */
    uint16_t port;
    char *socket;        /* unix socket path, or NULL */
    char *username;      /* ACL user, or NULL */
    char *password;      /* from password or password-file; a secret; or NULL */
    char *password_file; /* where `password` was read from, or NULL */
    unsigned database;
    enum sl_persistence persistence;
    bool assume_persistence;     /* CONFIG is forbidden: take the operator's word */
    unsigned wait_replicas;      /* WAIT for so many before an update is acknowledged; 0 = none */
    uint32_t command_timeout_ms; /* no reply for so long while one is awaited: the connection is given up */
};

extern const struct sl_option sl_redis_option_rows[];
