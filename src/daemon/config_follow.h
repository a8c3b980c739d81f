/* A file that was read again, beside the configuration in force. The main thread. */
#pragma once
#include "daemon/config.h"

/* Makes `next` what a service that runs with `now` may put in force: the pools are those of `now` in its
 * order, and values that cannot change while it runs are those of `now`, with a line each in `warnings`.
 * `changed` gets the keys whose values are new, comma-separated, cut off with dots at its bound. */
void sl_config_follow(struct sl_config *next, const struct sl_config *now, struct sl_buf *warnings,
                      struct sl_buf *changed);
