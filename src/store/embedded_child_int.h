/* The child's side of the embedded redis-server. Internal to the store layer. */
#pragma once
#include <limits.h>

struct sl_embedded_child {
    char program[PATH_MAX]; /* path of redis-server */
    char dir[PATH_MAX];     /* its working directory: socket, append-only file, lock */
    int lock_fd;            /* inherited, so that an orphan holds the lock */
    int log_fd;             /* its stdout and stderr */
};

/* Forks and executes; the child's pid, or -1 with errno. Only from the thread that lives as long as the
 * process: the child's death signal follows it. */
int sl_embedded_fork(const struct sl_embedded_child *c);
/* Writes "<our pid> <its pid>" into the lock file, for the message of a process that finds it locked. */
void sl_embedded_note_pid(const struct sl_embedded_child *c, int pid);
