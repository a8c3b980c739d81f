/* Options of the store layer (rows in store/options.c): the `redis` map. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/option.h"

enum sl_redis_mode { SL_REDIS_EXTERNAL, SL_REDIS_EMBEDDED };
enum sl_persistence { SL_PERSIST_ALWAYS, SL_PERSIST_EVERYSEC, SL_PERSIST_DISABLED };

enum sl_redis_verify { SL_VERIFY_FULL, SL_VERIFY_CHAIN, SL_VERIFY_NONE };

struct sl_redis_tls_options {
    bool enabled;
    char *ca;          /* PEM certificates that Redis' must lead to; NULL: those of the system */
    char *certificate; /* PEM chain that we show, with `key`; both NULL: none */
    char *key;
    char *password_file; /* of an encrypted key, or NULL */
    char *server_name;   /* who Redis has to be: a name or an address; NULL: `host` */
    enum sl_redis_verify verify;
};

/* What settings are called where the user gives them: what goes wrong with them is said in these words. */
struct sl_redis_names {
    const char *ca, *certificate, *server_name, *port;
};
extern const struct sl_redis_names sl_redis_keys; /* of the configuration */

struct sl_redis_options {
    enum sl_redis_mode mode;
    char *host; /* name or address; ignored when `socket` is set */
    uint16_t port;
    char *socket;        /* unix socket path, or NULL */
    char *username;      /* ACL user, or NULL */
    char *password;      /* from password or password-file; a secret; or NULL */
    char *password_file; /* where `password` was read from, or NULL */
    struct sl_redis_tls_options tls;
    const struct sl_redis_names *names; /* static; NULL: sl_redis_keys */
    unsigned database;
    enum sl_persistence persistence;
    bool assume_persistence;     /* CONFIG is forbidden: take the operator's word */
    unsigned wait_replicas;      /* WAIT for so many before an update is acknowledged; 0 = none */
    uint32_t command_timeout_ms; /* no reply for so long while one is awaited: the connection is given up */
};

extern const struct sl_option sl_redis_option_rows[];
