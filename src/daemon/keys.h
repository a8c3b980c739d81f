/* Signing keys and rings of all pools. The main thread. */
#pragma once
#include <stdbool.h>

struct sl_config;
struct sl_daemon;
struct sl_key;

bool sl_keys_load(struct sl_daemon *d); /* at start */
/* The keys of a configuration by pool number, a share of each; a pool that is gone from the file keeps its
 * key. False after logging what is wrong with each; what was loaded is in `ret`. */
bool sl_keys_read(const struct sl_config *c, struct sl_key *const *before, struct sl_key **ret);
/* For --check: the key files that the configuration names, each problem on stderr; makes nothing. */
bool sl_keys_check(const struct sl_config *c);
void sl_keys_free(struct sl_daemon *d);
