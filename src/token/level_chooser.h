/* How much effort the compression of a pool's next token may take. One thread. */
#pragma once
#include <stdint.h>

/* The levels worth using, ascending in effort (libdeflate: 1, 6, 9, 12), 0-terminated. */
extern const int sl_compress_levels[];

/* Chooses the level of a pool's next token: the best whose measured time for a list of this size stays under
 * the budget. Starts at level 6; a level that was not tried is assumed to cost 6 times the one below, and is
 * tried only once that one was, so the choice climbs a level at a time. Each measurement of a level makes the
 * costs remembered for higher ones 1/256 smaller: one slow moment does not bar a level for ever. */
struct sl_level_chooser {
    uint64_t ns[4]; /* smoothed cost per level; 0 = not tried */
};
int sl_level_choose(const struct sl_level_chooser *c, uint64_t budget_ns);
void sl_level_measured(struct sl_level_chooser *c, int level, uint64_t ns);
