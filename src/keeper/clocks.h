/* Whether the wall clock can be believed. A step of it, ahead or back, is taken over when it has stood for a
 * minute, or when Redis' clock, which has not stepped, says the same; until then tokens and dates follow the
 * clock from before (base/steady.h). And how far Redis' clock is away from ours. The story: clocks.c. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

struct sl_keeper;

#define SL_CLOCK_NEAR_MS 2000 /* clocks that are no further apart say the same */

/* Of the keeper. Offsets are a wall clock minus the monotonic one. */
struct sl_clocks {
    /* A step of our wall clock that is not believed: how far, and since when it has stood there. */
    bool doubted;
    int64_t step_ms;
    uint64_t stepped_ns;
    /* Redis' clock as last seen, and since when it has not stepped. */
    bool redis_known, redis_told;
    int64_t redis_ms; /* its offset */
    uint64_t redis_ns;
};

void sl_keeper_clocks_init(struct sl_keeper *k);
/* Every sweep. */
void sl_keeper_judge_clock(struct sl_keeper *k);
/* Redis said `redis_ms` in answer to a question that was sent at `asked_ns`. */
void sl_keeper_note_redis_time(struct sl_keeper *k, int64_t redis_ms, uint64_t asked_ns);
/* The latest iat that a token may have, in seconds: a little ahead of our clock, or of Redis' if that is
 * ahead. */
int64_t sl_keeper_latest_iat(const struct sl_keeper *k);
/* A token of this iat comes from a clock that is not believed any more: no reader may see it. */
bool sl_keeper_is_from_future(const struct sl_keeper *k, int64_t iat);
/* As a sentence; nothing when all clocks agree. */
void sl_keeper_put_clocks(const struct sl_keeper *k, struct sl_buf *out);
void sl_keeper_clock_gauges(const struct sl_keeper *k);
