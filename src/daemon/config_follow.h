/* A file that was read again, beside the configuration in force. The main thread. */
#pragma once
#include "daemon/config.h"

/* Makes `next` what a service that runs with `now` may put in force: the pools are those of `now` in its
 * order, and values that cannot change while it runs are those of `now`, with a line each in `warnings`. */
void sl_config_follow(struct sl_config *next, const struct sl_config *now, struct sl_buf *warnings);

/* After that, for what cannot come into force: gives `next` the values of `now` of a pool's options that all
 * instances share, of a pool's signer, and of the keys of `app` that begin with `prefix`. */
void sl_config_keep_shared(struct sl_config *next, const struct sl_config *now, size_t pool);
void sl_config_keep_signer(struct sl_config *next, const struct sl_config *now, size_t pool);
void sl_config_keep_map(struct sl_config *next, const struct sl_config *now, const char *prefix);

/* The keys whose values differ, comma-separated; like sl_config_note. */
void sl_config_changes(const struct sl_config *now, const struct sl_config *next, struct sl_buf *changed);
/* Adds `section.key` to such a list; dots where there is no room for more. */
void sl_config_note(struct sl_buf *changed, const char *section, const char *key);
