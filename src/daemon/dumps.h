/* Core dumps would hold signing keys and credentials: none is written unless the configuration asks for it.
 */
#pragma once
#include <stdbool.h>
#include <sys/resource.h>

struct sl_dumps {
    struct rlimit limit; /* of the process before */
    int dumpable;
    bool known;
};

/* From now on the process leaves no core and only root may look into it: before any secret is read, and
 * inherited by children as far as the limit goes. What was before is returned. */
struct sl_dumps sl_dumps_forbid(void);
/* As it was before. */
void sl_dumps_allow(const struct sl_dumps *before);
