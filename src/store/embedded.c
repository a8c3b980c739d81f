#include "store/embedded.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/number.h"
#include "store/embedded_child_int.h"

#define LOCK_WAIT_MS 10000
#define STOP_WAIT_MS 10000
#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS 5000
#define STEADY_NS (10 * SL_NS_PER_S) /* after a run of this length the backoff begins anew */

struct sl_embedded {
    struct sl_loop *loop;
    struct sl_embedded_child child;
    char socket[sizeof((struct sockaddr_un *)0)->sun_path];
    struct sl_watch *exit_watch, *log_watch; /* own the pidfd and the pipe's reading end */
    int pidfd, log_fd;
    struct sl_timer again;
    uint64_t started_ns;
    uint32_t restarts, failures;
    int pid;
    char line[1024]; /* of the child's log, not ended yet */
    size_t line_len;
};

/* ---- its log */

/* What redis-server says: its own "1:M 30 Nov 2026 18:00:00.000 # text", from which process, role and time
 * are cut, and the mark becomes the level. False: another form. */
static bool read_line(struct sl_span *line, enum sl_log_level *ret_level)
{
    static const char marks[] = ".-*#";
    static const enum sl_log_level levels[] = {SL_DEBUG, SL_DEBUG, SL_INFO, SL_WARN};
    const char *colon = line->len > 0 ? memchr(line->at, ':', line->len) : NULL;
    size_t before = colon != NULL ? (size_t)(colon - line->at) : 0;
    size_t head = before + sizeof ":M 30 Nov 2026 18:00:00.000 # " - 1;
    if (before == 0 || sl_digits(*line).count != before || line->len < head || line->at[head - 1] != ' ')
        return false;
    const char *mark = strchr(marks, line->at[head - 2]);
    if (mark == NULL || *mark == '\0' || line->at[head - 3] != ' ')
        return false;
    *ret_level = levels[mark - marks];
    *line = sl_span(line->at + head, line->len - head);
    return true;
}

static void log_line(struct sl_embedded *e)
{
    struct sl_span line = sl_span(e->line, e->line_len);
    enum sl_log_level level = SL_INFO;
    if (e->line_len > 0) {
        (void)read_line(&line, &level);
        sl_log(level, "redis-server", "log", SL_KN("line", line.at, line.len));
    }
    e->line_len = 0;
}

static void on_log(void *arg)
{
    struct sl_embedded *e = arg;
    char bytes[4096];
    ssize_t n = read(e->log_fd, bytes, sizeof bytes);
    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] == '\n' || e->line_len == sizeof e->line)
            log_line(e);
        if (bytes[i] != '\n')
            e->line[e->line_len++] = bytes[i];
    }
}

/* ---- start and restart */

static void start_again_later(struct sl_embedded *e)
{
    uint64_t ms = BACKOFF_FIRST_MS << (e->failures < 6 ? e->failures : 6);
    e->failures++;
    sl_timer_start(e->loop, &e->again, (ms < BACKOFF_LAST_MS ? ms : BACKOFF_LAST_MS) * SL_NS_PER_MS);
}

static void on_exit_of_child(void *arg)
{
    struct sl_embedded *e = arg;
    int status = 0;
    if (waitpid(e->pid, &status, WNOHANG) != e->pid)
        return;
    sl_watch_free(e->exit_watch);
    e->exit_watch = NULL;
    sl_log(SL_ERROR, "redis-server", "the embedded redis-server has exited; starting it again",
           SL_KI("pid", e->pid), SL_KI("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
           SL_KI("exit", WIFEXITED(status) ? WEXITSTATUS(status) : 0));
    e->pid = 0;
    if (sl_mono_ns(sl_loop_clock(e->loop)) - e->started_ns > STEADY_NS)
        e->failures = 0;
    start_again_later(e);
}

static bool start_server(struct sl_embedded *e)
{
    int pid = sl_embedded_fork(&e->child);
    if (pid < 0)
        return false;
    e->pid = pid;
    e->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (e->pidfd < 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        e->pid = 0;
        return false;
    }
    e->started_ns = sl_mono_ns(sl_loop_clock(e->loop));
    e->exit_watch = sl_watch_new(e->loop, e->pidfd, e);
    sl_watch_read(e->exit_watch, on_exit_of_child);
    sl_embedded_note_pid(&e->child, pid);
    return true;
}

static void on_again(void *arg)
{
    struct sl_embedded *e = arg;
    if (start_server(e)) {
        e->restarts++;
        return;
    }
    sl_log(SL_ERROR, "redis-server", "cannot start the embedded redis-server",
           SL_KS("error", strerror(errno)));
    start_again_later(e);
}

/* ---- what it needs */

static bool find_server(struct sl_embedded_child *child, struct sl_buf *why)
{
    const char *path = getenv("PATH");
    char dirs[4096], *rest = dirs;
    snprintf(dirs, sizeof dirs, "%s", path != NULL ? path : "/usr/bin:/bin");
    for (char *dir; (dir = strsep(&rest, ":")) != NULL;) {
        int n = snprintf(child->program, sizeof child->program, "%s/redis-server", dir);
        if (n > 0 && (size_t)n < sizeof child->program && access(child->program, X_OK) == 0)
            return true;
    }
    sl_buf_puts(why, "there is no redis-server in PATH: install it, or use redis mode external");
    return false;
}

static bool lock_directory(struct sl_embedded_child *child, struct sl_buf *why)
{
    char path[PATH_MAX + 8], holder[64] = {0};
    size_t n = 0;
    snprintf(path, sizeof path, "%s/lock", child->dir);
    child->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (child->lock_fd < 0) {
        sl_buf_printf(why, "cannot open %s: %s", path, strerror(errno));
        return false;
    }
    for (int waited = 0; flock(child->lock_fd, LOCK_EX | LOCK_NB) != 0; waited += 50) {
        ssize_t got = pread(child->lock_fd, holder, sizeof holder - 1, 0);
        n = got > 0 ? strcspn(holder, "\n") : 0;
        int owner = atoi(holder); /* our own second start need not wait for us to die */
        if (waited >= LOCK_WAIT_MS || owner == getpid()) {
            sl_buf_printf(why, "%s is in use by another redis-server (processes %.*s)", child->dir, (int)n,
                          holder);
            close(child->lock_fd);
            return false;
        }
        nanosleep(&(struct timespec){.tv_nsec = 50 * 1000000}, NULL);
    }
    return true;
}

static bool prepare_directory(struct sl_embedded *e, const char *storage, struct sl_buf *why)
{
    struct sl_embedded_child *child = &e->child;
    int n = snprintf(child->dir, sizeof child->dir, "%s/redis", storage);
    int m = snprintf(e->socket, sizeof e->socket, "%s" SL_EMBEDDED_SOCKET, storage);
    if (n < 0 || (size_t)n >= sizeof child->dir || m < 0 || (size_t)m >= sizeof e->socket) {
        sl_buf_printf(why, "the path of the socket in the storage directory is longer than %zu bytes",
                      sizeof e->socket - 1);
        return false;
    }
    if ((mkdir(child->dir, 0700) != 0 && errno != EEXIST) || chmod(child->dir, 0700) != 0 ||
        access(child->dir, W_OK | X_OK) != 0) {
        sl_buf_printf(why, "cannot use the directory %s: %s", child->dir, strerror(errno));
        return false;
    }
    return true;
}

bool sl_embedded_start(struct sl_loop *loop, const char *storage, struct sl_buf *why,
                       struct sl_embedded **ret)
{
    struct sl_embedded *e = sl_xcalloc(1, sizeof *e);
    int pipe_fds[2];
    e->loop = loop;
    sl_timer_init(&e->again, on_again, e);
    if (!find_server(&e->child, why) || !prepare_directory(e, storage, why) ||
        !lock_directory(&e->child, why)) {
        free(e);
        return false;
    }
    bool piped = pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) == 0;
    sl_assert(piped);
    e->log_fd = pipe_fds[0];
    e->child.log_fd = pipe_fds[1];
    e->log_watch = sl_watch_new(loop, e->log_fd, e);
    sl_watch_read(e->log_watch, on_log);
    if (!start_server(e)) {
        sl_buf_printf(why, "cannot start redis-server: %s", strerror(errno));
        sl_embedded_stop(e);
        return false;
    }
    *ret = e;
    return true;
}

const char *sl_embedded_socket(const struct sl_embedded *e)
{
    return e->socket;
}

uint32_t sl_embedded_restarts(const struct sl_embedded *e)
{
    return e->restarts;
}

int sl_embedded_pid(const struct sl_embedded *e)
{
    return e->pid;
}

void sl_embedded_stop(struct sl_embedded *e)
{
    if (e == NULL)
        return;
    sl_timer_stop(e->loop, &e->again);
    if (e->pid > 0) {
        struct pollfd poll_fd = {.fd = e->pidfd, .events = POLLIN};
        kill(e->pid, SIGTERM);
        int rc;
        while ((rc = poll(&poll_fd, 1, STOP_WAIT_MS)) < 0 && errno == EINTR)
            ;
        if (rc == 0) {
            sl_log(SL_ERROR, "redis-server", "the embedded redis-server does not stop; killing it");
            kill(e->pid, SIGKILL);
        }
        while (waitpid(e->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    on_log(e);
    log_line(e);
    sl_watch_free(e->exit_watch);
    sl_watch_free(e->log_watch);
    close(e->child.log_fd);
    close(e->child.lock_fd);
    free(e);
}
