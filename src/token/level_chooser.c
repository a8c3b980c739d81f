#include "token/level_chooser.h"

#include <stdbool.h>

#include "base/assert.h"

enum { LEVELS = 4, START = 1, STEP_UP = 6 };

const int sl_compress_levels[LEVELS + 1] = {1, 6, 9, 12, 0};

int sl_level_choose(const struct sl_level_chooser *c, uint64_t budget_ns)
{
    bool tried = false;
    for (unsigned i = 0; i < LEVELS; i++)
        tried |= c->ns[i] != 0;
    if (!tried)
        return sl_compress_levels[START];
    for (unsigned i = LEVELS - 1; i > 0; i--) {
        uint64_t ns = c->ns[i];
        if (ns == 0 && c->ns[i - 1] != 0)
            ns = c->ns[i - 1] < UINT64_MAX / STEP_UP ? c->ns[i - 1] * STEP_UP : UINT64_MAX;
        if (ns != 0 && ns < budget_ns)
            return sl_compress_levels[i];
    }
    return sl_compress_levels[0];
}

void sl_level_measured(struct sl_level_chooser *c, int level, uint64_t ns)
{
    unsigned i = 0;
    while (i < LEVELS && sl_compress_levels[i] != level)
        i++;
    sl_assert(i < LEVELS);
    if (ns == 0)
        ns = 1;
    c->ns[i] = c->ns[i] == 0 ? ns : c->ns[i] - c->ns[i] / 4 + ns / 4;
    if (c->ns[i] == 0)
        c->ns[i] = 1;
    for (unsigned above = i + 1; above < LEVELS; above++)
        c->ns[above] -= c->ns[above] / 256;
}
