/* Forks and becomes redis-server. Between fork and exec only async-signal-safe calls are made, because other
 * threads may have held any lock at the moment of the fork. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "store/embedded_child_int.h"

#define LOCK_AT 3 /* where the child finds the lock: the first after the standard ones */

_Noreturn static void fail(const char *what)
{
    ssize_t n = write(STDERR_FILENO, what, strlen(what));
    _exit(n > 0 ? 127 : 126);
}

/* Paths are relative to the working directory, so none has to be quoted for Redis' configuration. */
static char *const arguments[] = {"redis-server",
                                  "--port",
                                  "0",
                                  "--unixsocket",
                                  "redis.sock",
                                  "--unixsocketperm",
                                  "700",
                                  "--dir",
                                  "./",
                                  "--daemonize",
                                  "no",
                                  "--protected-mode",
                                  "yes",
                                  "--loglevel",
                                  "warning",
                                  "--save",
                                  "",
                                  "--appendonly",
                                  "yes",
                                  "--appendfsync",
                                  "always",
                                  "--no-appendfsync-on-rewrite",
                                  "no",
                                  "--maxmemory-policy",
                                  "noeviction",
                                  "--shutdown-timeout",
                                  "1",
                                  "--enable-debug-command",
                                  "no",
                                  NULL};

_Noreturn static void become_server(const struct sl_embedded_child *c, int parent, int null_fd)
{
    sigset_t none;
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigemptyset(&none);
    for (int s = 1; s < 32; s++)
        sigaction(s, &plain, NULL); /* ignored signals would stay ignored */
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent)
        _exit(126); /* the parent was gone before we asked */
    setsid();       /* the terminal's ^C is for the daemon, which stops us last */
    if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(c->log_fd, STDOUT_FILENO) < 0 ||
        dup2(c->log_fd, STDERR_FILENO) < 0)
        _exit(126);
    if (dup2(c->lock_fd, LOCK_AT) < 0 || fcntl(LOCK_AT, F_SETFD, 0) != 0)
        fail("cannot inherit the lock\n");
    if (syscall(SYS_close_range, LOCK_AT + 1, ~0u, 0) != 0)
        for (int fd = LOCK_AT + 1; fd < 4096; fd++)
            close(fd);
    if (chdir(c->dir) != 0)
        fail("cannot enter the directory\n");
    execv(c->program, arguments);
    fail("cannot execute redis-server\n");
}

int sl_embedded_fork(const struct sl_embedded_child *c)
{
    int parent = getpid();
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0)
        return -1;
    /* No handler of ours may run in the child. */
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    int pid = fork();
    if (pid == 0)
        become_server(c, parent, null_fd);
    int saved = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(null_fd);
    errno = saved;
    return pid;
}

void sl_embedded_note_pid(const struct sl_embedded_child *c, int pid)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%d %d\n", getpid(), pid);
    if (ftruncate(c->lock_fd, 0) != 0 || pwrite(c->lock_fd, text, (size_t)n, 0) != n)
        return; /* the pids are only for a message */
}
