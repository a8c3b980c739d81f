/* How far a long command is: a line on stderr, rewritten in place; nothing where stderr is no terminal. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct sl_progress {
    const char *what, *unit;
    uint64_t told_ns, total; /* total 0: not known before the end */
    bool terminal, shown;
};
void sl_progress_begin(struct sl_progress *p, const char *what, const char *unit, uint64_t total);
void sl_progress_at(struct sl_progress *p, uint64_t done);
/* Takes the line away. */
void sl_progress_end(struct sl_progress *p);
