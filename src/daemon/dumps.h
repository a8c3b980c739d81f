/* Core dumps would hold signing keys and credentials: none is written unless the configuration allows it. */
#pragma once
#include <stdbool.h>
#include <sys/resource.h>

struct sl_dumps {
    struct rlimit limit; /* of the process before */
    int dumpable;
    bool known;
};

/* From now on a crash writes no core dump and only root can inspect the process; children inherit the limit.
 * Call it before any secret is read. Returns the state before. */
struct sl_dumps sl_dumps_forbid(void);
/* Restores that state. */
void sl_dumps_allow(const struct sl_dumps *before);
