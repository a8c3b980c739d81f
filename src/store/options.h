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
    char *ca;          /* PEM file of the authorities to trust; NULL: those of the system */
    char *certificate; /* PEM file of our certificate and its chain, with `key`; both NULL: none */
    char *key;
    char *password_file; /* of an encrypted key, or NULL */
    char *server_name;   /* name or address that Redis' certificate must be for; NULL: `host` */
    enum sl_redis_verify verify;
};

/* The names under which the user gives the settings, for messages about them. */
struct sl_redis_names {
    const char *ca, *certificate, *server_name, *port;
};
extern const struct sl_redis_names sl_redis_keys; /* of the configuration */

#define SL_WAIT_ALL UINT32_MAX /* of wait_replicas: as many as there are */

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
    bool assume_persistence;     /* where CONFIG is forbidden: trust the operator */
    uint32_t wait_replicas;      /* replicas that must have an update before it is acknowledged; 0 = none */
    uint32_t command_timeout_ms; /* without a reply for this long the connection is closed */
};

extern const struct sl_option sl_redis_option_rows[];
