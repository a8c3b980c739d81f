#include "daemon/dumps.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/log.h"

static void log_failure(const char *what)
{
    sl_log(SL_WARN, "core-dumps", what, SL_KS("error", strerror(errno)));
}

/* Not dumpable: the kernel writes no core whatever the limit, a core_pattern with a program included, and
 * /proc/PID belongs to root (prctl(2), core(5)). The limit: for children, which start dumpable. */
struct sl_dumps sl_dumps_forbid(void)
{
    struct sl_dumps before = {.dumpable = prctl(PR_GET_DUMPABLE)};
    before.known = getrlimit(RLIMIT_CORE, &before.limit) == 0;
    struct rlimit none = {.rlim_cur = 0, .rlim_max = before.limit.rlim_max};
    if (before.known && setrlimit(RLIMIT_CORE, &none) != 0)
        log_failure("cannot set the limit of core dumps");
    if (prctl(PR_SET_DUMPABLE, 0) != 0)
        log_failure("cannot forbid core dumps");
    return before;
}

void sl_dumps_allow(const struct sl_dumps *before)
{
    if (before->known && setrlimit(RLIMIT_CORE, &before->limit) != 0)
        log_failure("cannot set the limit of core dumps");
    /* Only the kernel sets 2, for programs that changed their user. */
    if (before->dumpable == 1 && prctl(PR_SET_DUMPABLE, 1) != 0)
        log_failure("cannot allow core dumps");
}
