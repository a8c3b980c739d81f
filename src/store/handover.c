#include "store/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/hex.h"
#include "base/log.h"

#define NAME "hand-over"
#define MOST_BYTES (64u << 20) /* of a file that is read: half a million lists */

struct sl_handover {
    struct sl_handover_scope scope;
    int directory; /* open and locked as long as the process lives */
    int file;      /* -1: given up */
    struct sl_handed *lists;
    uint32_t slots, room;
    uint32_t free_from; /* no slot before it is free */
    bool stuck;         /* it is wrong, and can neither be written nor removed */
};

/* Where a unit hides /proc/sys, it names the boot itself. */
static size_t read_boot(char *out, size_t room)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, room) : -1;
    if (fd >= 0)
        close(fd);
    const char *named = getenv("STATUSLISTD_BOOT_ID");
    if (n > 0 || named == NULL)
        return n > 0 ? (size_t)n : 0;
    size_t len = strnlen(named, room);
    memcpy(out, named, len);
    return len;
}

bool sl_handover_scope_of(uint64_t database, struct sl_handover_scope *ret)
{
    char text[64], digits[2 * sizeof ret->boot];
    struct sl_handover_scope scope = {.database = database};
    size_t n = read_boot(text, sizeof text), used = 0;
    for (size_t i = 0; i < n && text[i] != '\n'; i++) {
        if (text[i] == '-')
            continue;
        if (used == sizeof digits)
            return false;
        digits[used++] = text[i];
    }
    if (!sl_hex_decode(sl_span(digits, used), scope.boot, sizeof scope.boot))
        return false;
    *ret = scope;
    return true;
}

/* ---- the directory */

static bool in_memory(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 &&
           ((unsigned long)fs.f_type == TMPFS_MAGIC || (unsigned long)fs.f_type == RAMFS_MAGIC);
}

/* The reason why the directory cannot be used; NULL: it can. */
static const char *directory_flaw(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return "cannot be examined";
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return "belongs to another user";
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return "may be written by other users";
    if (!in_memory(fd))
        return "is not in memory (tmpfs)";
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? "is used by another process" : "cannot be locked";
    return NULL;
}

static int open_directory(const char *path, struct sl_buf *why)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *flaw = fd < 0 ? strerror(errno) : directory_flaw(fd);
    if (flaw == NULL)
        return fd;
    sl_buf_printf(why, fd < 0 ? "%s: %s" : "%s %s", path, flaw);
    if (fd >= 0)
        close(fd);
    return -1;
}

/* ---- the file of the process before */

static const char *file_flaw(const struct stat *st, const struct stat *directory)
{
    if (!S_ISREG(st->st_mode))
        return "is not a regular file";
    if (st->st_uid != geteuid())
        return "belongs to another user";
    if ((st->st_mode & 07777) != 0600)
        return "has another mode than 0600";
    if (st->st_nlink != 1)
        return "has more than one name";
    if (st->st_dev != directory->st_dev)
        return "is on another file system";
    if (st->st_size > MOST_BYTES)
        return "is too large";
    return NULL;
}

static bool read_all(int fd, uint8_t *out, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(fd, out + done, n - done, (off_t)done);
        if (got == 0 || (got < 0 && errno != EINTR)) /* 0: it has become shorter */
            return false;
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static void keep_list(struct sl_handover *h, const struct sl_handed *handed)
{
    if (h->slots == h->room) {
        h->room = h->room > 0 ? 2 * h->room : 16;
        h->lists = sl_xrealloc(h->lists, h->room * sizeof *h->lists);
    }
    h->lists[h->slots++] = *handed;
}

static const char *parse_lists(struct sl_handover *h, const uint8_t *bytes, size_t n)
{
    static const char *const flaws[] = {[SL_HANDOVER_LENGTH] = "has a wrong length",
                                        [SL_HANDOVER_OTHER] = "is no hand-over file of this version",
                                        [SL_HANDOVER_BOOT] = "is of another boot",
                                        [SL_HANDOVER_DATABASE] = "is of another Redis",
                                        [SL_HANDOVER_TORN] = "is torn"};
    enum sl_handover_flaw flaw = sl_handover_check_head(&h->scope, bytes, n);
    for (size_t at = SL_HANDOVER_RECORD; flaw == SL_HANDOVER_WHOLE && at < n; at += SL_HANDOVER_RECORD) {
        struct sl_handed handed;
        if (!sl_handover_get_list(&h->scope, bytes + at, &handed))
            flaw = SL_HANDOVER_TORN;
        else if (handed.pool[0] != '\0')
            keep_list(h, &handed);
    }
    if (flaw != SL_HANDOVER_WHOLE)
        h->slots = 0;
    return flaws[flaw];
}

static const char *read_lists(struct sl_handover *h, int fd)
{
    struct stat st, directory;
    if (fstat(fd, &st) != 0 || fstat(h->directory, &directory) != 0)
        return "cannot be examined";
    const char *flaw = file_flaw(&st, &directory);
    if (flaw != NULL)
        return flaw;
    size_t n = (size_t)st.st_size;
    uint8_t *bytes = malloc(n + 1);
    flaw = bytes == NULL             ? "needs more memory than there is"
           : !read_all(fd, bytes, n) ? "cannot be read"
                                     : parse_lists(h, bytes, n);
    free(bytes);
    return flaw;
}

/* False: it is still there. */
static bool consume(struct sl_handover *h, struct sl_buf *why)
{
    int fd = openat(h->directory, NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return true;
    const char *flaw = fd < 0 ? strerror(errno) : read_lists(h, fd);
    if (fd >= 0)
        close(fd);
    if (flaw != NULL)
        sl_buf_printf(why, "the file of the process before, " NAME ", %s%s",
                      fd < 0 ? "cannot be opened: " : "", flaw);
    if (unlinkat(h->directory, NAME, 0) == 0 || errno == ENOENT)
        return true;
    h->slots = 0;
    why->len = 0;
    sl_buf_printf(why, "the file of the process before, " NAME ", cannot be removed: %s", strerror(errno));
    return false;
}

/* ---- the own file */

/* A file that says less than what is so must not stay. */
static bool give_up(struct sl_handover *h)
{
    int error = errno;
    bool gone = unlinkat(h->directory, NAME, 0) == 0 || errno == ENOENT || ftruncate(h->file, 0) == 0;
    if (gone || !h->stuck)
        sl_log(SL_ERROR, "runtime-directory",
               gone ? "the hand-over file cannot be written and is given up: the next start begins new lists"
                    : "the hand-over file can be neither written nor removed: no references are taken",
               SL_KS("error", strerror(error)));
    h->stuck = !gone;
    if (gone) {
        close(h->file);
        h->file = -1;
    }
    return gone;
}

static bool write_record(struct sl_handover *h, uint32_t number, const uint8_t *record)
{
    ssize_t n = pwrite(h->file, record, SL_HANDOVER_RECORD, (off_t)number * SL_HANDOVER_RECORD);
    if (n >= 0 && n < SL_HANDOVER_RECORD)
        errno = ENOSPC;
    return n == SL_HANDOVER_RECORD;
}

static bool write_list(struct sl_handover *h, uint32_t slot)
{
    uint8_t record[SL_HANDOVER_RECORD];
    sl_handover_put_list(&h->scope, &h->lists[slot], record);
    return write_record(h, slot + 1, record);
}

/* False: the file says something else, and that could not be helped. */
static bool write_slot(struct sl_handover *h, uint32_t slot)
{
    return h->file < 0 || (!h->stuck && write_list(h, slot)) || give_up(h);
}

static bool begin_file(struct sl_handover *h)
{
    uint8_t head[SL_HANDOVER_RECORD];
    h->file = openat(h->directory, NAME, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (h->file < 0)
        return false;
    sl_handover_put_head(&h->scope, head);
    bool ok = fchmod(h->file, 0600) == 0 && write_record(h, 0, head);
    for (uint32_t slot = 0; ok && slot < h->slots; slot++)
        ok = write_list(h, slot);
    int error = errno;
    if (!ok)
        unlinkat(h->directory, NAME, 0);
    errno = error;
    return ok;
}

struct sl_handover *sl_handover_open(const char *directory, const struct sl_handover_scope *scope,
                                     struct sl_buf *why)
{
    int fd = open_directory(directory, why);
    if (fd < 0)
        return NULL;
    struct sl_handover *h = sl_xcalloc(1, sizeof *h);
    *h = (struct sl_handover){.scope = *scope, .directory = fd, .file = -1};
    if (consume(h, why) && begin_file(h))
        return h;
    if (why->len == 0)
        sl_buf_printf(why, "cannot write %s/" NAME ": %s", directory, strerror(errno));
    sl_handover_close(h);
    return NULL;
}

void sl_handover_close(struct sl_handover *h)
{
    if (h == NULL)
        return;
    if (h->file >= 0)
        close(h->file);
    close(h->directory);
    free(h->lists);
    free(h);
}

uint32_t sl_handover_slots(const struct sl_handover *h)
{
    return h != NULL ? h->slots : 0;
}

const struct sl_handed *sl_handover_at(const struct sl_handover *h, uint32_t slot)
{
    return &h->lists[slot];
}

static uint32_t free_slot(struct sl_handover *h)
{
    while (h->free_from < h->slots && h->lists[h->free_from].pool[0] != '\0')
        h->free_from++;
    if (h->free_from == h->slots)
        keep_list(h, &(struct sl_handed){0});
    return h->free_from;
}

bool sl_handover_put(struct sl_handover *h, uint32_t *slot, const struct sl_handed *handed)
{
    if (h == NULL)
        return true;
    if (*slot == SL_HANDOVER_NONE)
        *slot = free_slot(h);
    h->lists[*slot] = *handed;
    return write_slot(h, *slot);
}

void sl_handover_drop(struct sl_handover *h, uint32_t slot)
{
    if (h == NULL || slot == SL_HANDOVER_NONE)
        return;
    h->lists[slot] = (struct sl_handed){0};
    h->free_from = slot < h->free_from ? slot : h->free_from;
    (void)write_slot(h, slot); /* a file that is stuck then refuses every put */
}

bool sl_handover_used(const struct sl_handover *h)
{
    return h != NULL && h->file >= 0;
}
