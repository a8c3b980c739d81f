/* Signing keys and rings of all pools. The main thread. */
#pragma once
#include <stdbool.h>

struct sl_config;
struct sl_daemon;
struct sl_key;

bool sl_keys_load(struct sl_daemon *d); /* at start */
/* The keys of a configuration by pool number, a share of each. A pool that is gone from the file keeps its
 * key of before, and so does one whose files cannot be used, after a line in the log: `ret_kept` says which.
 * Without a key of before (NULL: at start) it gets one that is absent. */
void sl_keys_read(const struct sl_config *c, struct sl_key *const *before, struct sl_key **ret,
                  bool *ret_kept);
/* For --check: the key files that the configuration names, each problem on stderr; makes nothing. */
bool sl_keys_check(const struct sl_config *c);
void sl_keys_free(struct sl_daemon *d);
