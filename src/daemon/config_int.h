/* What config_*.c share while a file is loaded. Every check reports into `errors` or `warnings` and
 * continues, so that one run finds every mistake. */
#pragma once
#include "daemon/config.h"
#include "daemon/config_report.h"
#include "daemon/schema.h"
#include "daemon/yaml.h"

struct sl_loading {
    struct sl_config *config;
    struct sl_config_report errors, warnings, faults;
    struct sl_section app;
    struct sl_section *pools; /* config->pool_count of them */
    struct sl_node *pools_node;
};

/* Fills a section from its map: defaults first, then each key by its row. A row of the type SL_OPT_MAP is
 * left to the caller: `*ret_map` becomes its node. */
void sl_config_walk(struct sl_loading *l, const struct sl_section *s, const struct sl_node *map,
                    struct sl_node **ret_map);

/* Rules that hold between values. */
void sl_config_check_app(struct sl_loading *l);
void sl_config_check_pool(struct sl_loading *l, const struct sl_section *s);
/* Whether the other values make the `app` key meaningless, as a socket does to the host. */
bool sl_config_idle(const struct sl_config *c, const char *path);
/* Trims the URL's trailing slashes. */
void sl_config_check_url(struct sl_loading *l);
void sl_config_check_listen(struct sl_loading *l);
void sl_config_check_tls(struct sl_loading *l);
void sl_config_check_redis_tls(struct sl_loading *l); /* the map redis.tls */
bool sl_config_tls_idle(const struct sl_config *c, const char *path);

/* Reads password-file. */
void sl_config_read_password(struct sl_loading *l);
/* Makes the config's credentials: hashes the keys of all pools, then wipes them; reads the key files. */
void sl_config_credentials(struct sl_loading *l);
/* The pool's rules for bearer tokens. */
void sl_config_jwt(struct sl_loading *l, size_t pool);

#define SL_LINE_MAX 4096 /* bytes of a file with a secret, or with a public key */
/* A whole file without the line break at its end. NULL, or why it cannot be used. *ret_exposed: every user
 * can read it. */
const char *sl_config_read_line(const char *path, char text[static SL_LINE_MAX + 1], size_t *ret_len,
                                bool *ret_exposed);
/* The secret in the file that `key` names; the caller wipes it. False after a report: a fault where it is a
 * pool's, else an error. */
bool sl_config_load_secret(struct sl_loading *l, const struct sl_section *s, const char *key,
                           const char *path, char text[static SL_LINE_MAX + 1], size_t *ret_len);
