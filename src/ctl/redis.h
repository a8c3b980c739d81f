/* What export and import share beside the file: their Redis, and the line that shows how far they are. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct sl_ctl;

/* The connection that the options describe. NULL after a complaint, with the exit status in *ret_exit. */
struct sl_direct *sl_redis_of(const struct sl_ctl *c, bool writes, int *ret_exit);
/* Says on stderr why the last operation on it failed; returns false. */
bool sl_redis_failed(const struct sl_direct *redis);

/* A line of progress on stderr: rewritten in place on a terminal, otherwise written every ten seconds. */
struct sl_progress {
    const char *what;
    uint64_t told_ns, total;
    bool terminal, shown;
};
void sl_progress_begin(struct sl_progress *p, const char *what, uint64_t total);
void sl_progress_at(struct sl_progress *p, uint64_t done);
void sl_progress_end(struct sl_progress *p);
