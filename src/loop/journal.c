#include "loop/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/container_of.h"
#include "base/log.h"
#include "loop/crew.h"
#include "loop/mailbox.h"

#define RETRY_MS 200
#define PATH_ROOM 4200

#define X(id, name, type, help, label, values, bounds, scale)                                                \
    {name, type, help, label, values, bounds, scale},
static const struct sl_metric_def defs[] = {SL_JOURNAL_METRICS(X)};
#undef X
const struct sl_metric_table sl_journal_metric_table = {defs, sizeof defs / sizeof defs[0]};

enum { LINES = 1, END };

struct entry {
    struct sl_mail mail;
    size_t len, written;
    unsigned lines;
    char bytes[];
};

struct sl_journal {
    struct sl_journal_setup s;
    struct sl_mailbox box;
    struct sl_thread *thread;
    struct sl_mail end;
    _Atomic uint64_t backlog, lost;
    _Atomic int error; /* 0: not failing */
    _Atomic int last_error;
    _Atomic bool reopen;
    /* the thread's */
    int fd;                        /* -1: could not be opened */
    uint64_t size, full_at;        /* bytes */
    struct sl_mail *first, **last; /* of entries, oldest first */
    uint64_t lost_told, dirty_ns;  /* when what is not synced was first written; 0: all is */
    bool ending;
};

/* ---- the file */

static bool note_failure(struct sl_journal *j, int error)
{
    atomic_store_explicit(&j->last_error, error, memory_order_relaxed);
    if (atomic_exchange_explicit(&j->error, error, memory_order_relaxed) == 0) {
        sl_metric_add(j->s.metrics, SL_JM_FAILURES, 1);
        sl_log(SL_ERROR, "audit", "the audit record cannot be written", SL_KS("file", j->s.path),
               SL_KS("error", strerror(error)));
    }
    sl_metric_set(j->s.metrics, SL_JM_FAILING, 1);
    return false;
}

static void note_recovery(struct sl_journal *j)
{
    if (atomic_exchange_explicit(&j->error, 0, memory_order_relaxed) != 0)
        sl_log(SL_INFO, "audit", "the audit record can be written again", SL_KS("file", j->s.path));
    sl_metric_set(j->s.metrics, SL_JM_FAILING, 0);
}

/* A process that was killed may have left half a line: ours begin on one of their own. */
static bool end_last_line(int fd, uint64_t *size)
{
    char c;
    if (*size == 0 || pread(fd, &c, 1, (off_t)*size - 1) != 1 || c == '\n')
        return true;
    (*size)++;
    return write(fd, "\n", 1) == 1;
}

static int open_file(struct sl_journal *j)
{
    struct stat st;
    uint64_t size;
    int fd = open(j->s.path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0)
        return errno;
    bool ok = fstat(fd, &st) == 0;
    size = ok ? (uint64_t)st.st_size : 0;
    if (!ok || !end_last_line(fd, &size)) {
        int error = errno;
        close(fd);
        return error;
    }
    j->fd = fd;
    j->size = size;
    j->full_at = S_ISREG(st.st_mode) ? j->s.max_size : UINT64_MAX; /* of a pipe no other is begun */
    return 0;
}

static bool sync_file(struct sl_journal *j)
{
    /* EINVAL: a pipe or a terminal, which cannot be synced. */
    if (j->fd >= 0 && fdatasync(j->fd) != 0 && errno != EINVAL)
        return note_failure(j, errno);
    j->dirty_ns = 0;
    return true;
}

static void close_file(struct sl_journal *j)
{
    sync_file(j);
    if (j->fd >= 0)
        close(j->fd);
    j->fd = -1;
    j->dirty_ns = 0;
}

static void file_name(const struct sl_journal *j, unsigned i, char out[static PATH_ROOM])
{
    if (i == 0)
        snprintf(out, PATH_ROOM, "%s", j->s.path);
    else
        snprintf(out, PATH_ROOM, "%s.%u", j->s.path, i);
}

/* <path>.1 and so on one further, the last one overwritten. What stays where it is is not overwritten. */
static bool move_full(struct sl_journal *j, char from[static PATH_ROOM])
{
    char to[PATH_ROOM];
    for (unsigned i = j->s.keep; i-- > 0;) {
        file_name(j, i, from);
        file_name(j, i + 1, to);
        if (rename(from, to) != 0 && errno != ENOENT)
            return false;
    }
    file_name(j, 0, from);
    return j->s.keep > 0 || unlink(from) == 0 || errno == ENOENT;
}

static void rotate_file(struct sl_journal *j)
{
    char from[PATH_ROOM];
    if (!move_full(j, from)) {
        sl_log(SL_ERROR, "audit", "a full audit file cannot be renamed; writing to it goes on",
               SL_KS("file", from), SL_KS("error", strerror(errno)));
        j->full_at = j->size + j->s.max_size; /* not with every line again */
        return;
    }
    close_file(j);
    sl_metric_add(j->s.metrics, SL_JM_ROTATIONS, 1);
}

static bool ready_file(struct sl_journal *j, const struct entry *e)
{
    if (e->written == 0 && atomic_exchange_explicit(&j->reopen, false, memory_order_relaxed))
        close_file(j);
    if (e->written == 0 && j->fd >= 0 && j->size > 0 && j->size + e->len > j->full_at)
        rotate_file(j);
    int error = j->fd < 0 ? open_file(j) : 0;
    return error == 0 || note_failure(j, error);
}

static bool write_entry(struct sl_journal *j, struct entry *e)
{
    if (!ready_file(j, e))
        return false;
    while (e->written < e->len) {
        ssize_t n = write(j->fd, e->bytes + e->written, e->len - e->written);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return note_failure(j, n < 0 ? errno : ENOSPC);
        e->written += (size_t)n;
        j->size += (uint64_t)n;
    }
    if (j->dirty_ns == 0)
        j->dirty_ns = sl_mono_ns(&sl_clock_system);
    return true;
}

/* ---- the thread */

static void take_mail(struct sl_journal *j)
{
    for (struct sl_mail *m = sl_mailbox_take(&j->box), *next; m != NULL; m = next) {
        next = m->next;
        if (m == &j->end) {
            j->ending = true;
            continue;
        }
        m->next = NULL;
        *j->last = m;
        j->last = &m->next;
    }
}

static struct entry *first_entry(const struct sl_journal *j)
{
    return sl_container_of(j->first, struct entry, mail);
}

static void drop_first(struct sl_journal *j)
{
    struct entry *e = first_entry(j);
    j->first = j->first->next;
    if (j->first == NULL)
        j->last = &j->first;
    atomic_fetch_sub_explicit(&j->backlog, e->len, memory_order_relaxed);
    free(e);
}

static void work_off(struct sl_journal *j)
{
    while (j->first != NULL && write_entry(j, first_entry(j))) {
        sl_metric_add(j->s.metrics, SL_JM_LINES, first_entry(j)->lines);
        drop_first(j);
    }
    uint64_t now = sl_mono_ns(&sl_clock_system), lost = atomic_load_explicit(&j->lost, memory_order_relaxed);
    bool ok = j->first == NULL;
    if (j->dirty_ns != 0 && (j->ending || now - j->dirty_ns >= j->s.flush_ms * SL_NS_PER_MS))
        ok = sync_file(j) && ok;
    if (ok && atomic_load_explicit(&j->error, memory_order_relaxed) != 0)
        note_recovery(j);
    sl_metric_add(j->s.metrics, SL_JM_LOST, lost - j->lost_told);
    j->lost_told = lost;
    sl_metric_set(j->s.metrics, SL_JM_BACKLOG, atomic_load_explicit(&j->backlog, memory_order_relaxed));
}

static int patience_ms(const struct sl_journal *j)
{
    if (atomic_load_explicit(&j->error, memory_order_relaxed) != 0)
        return RETRY_MS;
    if (j->dirty_ns == 0)
        return -1;
    uint64_t due = j->dirty_ns + j->s.flush_ms * SL_NS_PER_MS, now = sl_mono_ns(&sl_clock_system);
    return due > now ? (int)((due - now) / SL_NS_PER_MS) + 1 : 0;
}

static void run_journal(void *arg)
{
    struct sl_journal *j = arg;
    while (!j->ending) {
        struct pollfd p = {.fd = j->box.event_fd, .events = POLLIN};
        if (poll(&p, 1, patience_ms(j)) == 1)
            sl_mailbox_wait(&j->box);
        take_mail(j);
        work_off(j);
    }
    if (j->first != NULL)
        sl_log(SL_ERROR, "audit", "shutdown: the last lines of the audit record are lost",
               SL_KU("bytes", atomic_load_explicit(&j->backlog, memory_order_relaxed)));
    while (j->first != NULL)
        drop_first(j);
    close_file(j);
}

bool sl_journal_new(const struct sl_journal_setup *setup, struct sl_buf *why, struct sl_journal **ret)
{
    struct sl_journal *j = sl_xcalloc(1, sizeof *j);
    j->s = *setup;
    j->fd = -1;
    j->last = &j->first;
    j->end.kind = END;
    int error = open_file(j);
    if (error != 0) {
        sl_buf_printf(why, "the audit record %s cannot be opened: %s", setup->path, strerror(error));
        free(j);
        return false;
    }
    sl_mailbox_init(&j->box, NULL, j);
    j->thread = sl_thread_start("audit", run_journal, j);
    *ret = j;
    return true;
}

void sl_journal_free(struct sl_journal *j)
{
    if (j == NULL)
        return;
    sl_mailbox_send(&j->box, &j->end);
    sl_thread_join(j->thread);
    sl_mailbox_close(&j->box);
    free(j);
}

/* ---- any thread */

void sl_journal_lose(struct sl_journal *j)
{
    atomic_fetch_add_explicit(&j->lost, 1, memory_order_relaxed);
}

void sl_journal_put(struct sl_journal *j, const char *bytes, size_t len, unsigned lines)
{
    uint64_t behind = atomic_load_explicit(&j->backlog, memory_order_relaxed);
    struct entry *e = j->s.drops && behind > SL_JOURNAL_BACKLOG ? NULL : malloc(sizeof *e + len);
    if (e == NULL) {
        sl_journal_lose(j);
        return;
    }
    *e = (struct entry){.mail = {.kind = LINES}, .len = len, .lines = lines};
    memcpy(e->bytes, bytes, len);
    atomic_fetch_add_explicit(&j->backlog, len, memory_order_relaxed);
    sl_mailbox_send(&j->box, &e->mail);
}

bool sl_journal_failing(const struct sl_journal *j)
{
    return atomic_load_explicit(&j->error, memory_order_relaxed) != 0;
}

bool sl_journal_full(const struct sl_journal *j)
{
    return sl_journal_failing(j) ||
           atomic_load_explicit(&j->backlog, memory_order_relaxed) > SL_JOURNAL_BACKLOG;
}

void sl_journal_reopen(struct sl_journal *j)
{
    atomic_store_explicit(&j->reopen, true, memory_order_relaxed);
}

int sl_journal_error(const struct sl_journal *j)
{
    return atomic_load_explicit(&j->last_error, memory_order_relaxed);
}
