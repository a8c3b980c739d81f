/* What export and import share beside the file: their Redis. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct sl_ctl;

/* The connection that the options describe. NULL after a complaint, with the exit status in *ret_exit. */
struct sl_direct *sl_redis_of(const struct sl_ctl *c, bool writes, int *ret_exit);
/* Says on stderr why the last operation on it failed; returns false. */
bool sl_redis_failed(const struct sl_direct *redis);
