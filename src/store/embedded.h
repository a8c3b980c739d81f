/* A private redis-server child: unix socket only, in `<storage>/redis` (mode 0700), append-only file with
 * fsync always.
 *
 * The child dies with the process: PR_SET_PDEATHSIG follows the thread that forks, so the main thread must
 * fork; it owns this struct and its loop. Two servers never run on one directory: the child inherits the
 * descriptor of an flock on
 * `<storage>/redis/lock`, so that an orphan still holds it. A child that crashes is started again, with
 * backoff. Its log lines are logged as ours (subject=redis-server). */
#pragma once
#include "base/buf.h"
#include "loop/loop.h"

/* Below the storage directory, whose path is as much shorter than that of a socket may be. */
#define SL_EMBEDDED_SOCKET "/redis/redis.sock"

struct sl_embedded;

/* Takes the lock (waits up to 10 s for a dying orphan) and starts the child. False: one sentence in `why` (no
 * redis-server in PATH, directory not writable, locked by process N, socket path longer than a sun_path). */
bool sl_embedded_start(struct sl_loop *loop, const char *storage, struct sl_buf *why,
                       struct sl_embedded **ret);
const char *sl_embedded_socket(const struct sl_embedded *e); /* path; the server may not listen yet */
uint32_t sl_embedded_restarts(const struct sl_embedded *e);
int sl_embedded_pid(const struct sl_embedded *e); /* 0 while it is down */
/* SIGTERM, waits (SIGKILL after 10 s), releases the lock. Blocks: after the loops have ended. NULL ok. */
void sl_embedded_stop(struct sl_embedded *e);
