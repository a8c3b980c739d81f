/* The file that `export` writes. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/args.h"
#include "ctl/backup_file.h"
#include "ctl/ctl.h"

#define FRAME SL_BACKUP_FRAME

static void put32(char *at, size_t v)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (char)(uint8_t)(v >> 8 * i);
}

static bool append_bytes(struct sl_backup *b, const void *bytes, size_t n)
{
    if (fwrite(bytes, 1, n, b->file) == n)
        return true;
    b->failed = true;
    sl_complain("%s: %m", b->path);
    return false;
}

/* Who ends us may not leave a part of a backup behind, which would be taken for one. */
static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { ENDS = sizeof ends / sizeof *ends };
static char *volatile to_unlink; /* changed while the signals are blocked */

static void on_end(int number)
{
    if (to_unlink != NULL)
        unlink(to_unlink);
    signal(number, SIG_DFL);
    raise(number); /* pending until this returns */
}

/* With the signals blocked: their state before, for unguard(). */
static sigset_t guard(void)
{
    sigset_t these, before;
    sigemptyset(&these);
    for (int i = 0; i < ENDS; i++)
        sigaddset(&these, ends[i]);
    sigprocmask(SIG_BLOCK, &these, &before);
    return before;
}

static void unguard(const sigset_t *before)
{
    sigprocmask(SIG_SETMASK, before, NULL);
}

/* One that whoever started us ignores (nohup) stays ignored. */
static void handle_ends(void)
{
    struct sigaction now;
    for (int i = 0; i < ENDS; i++)
        if (sigaction(ends[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
            sigaction(ends[i], &(struct sigaction){.sa_handler = on_end}, NULL);
}

/* False after a complaint. */
static bool may_replace(const char *path)
{
    struct stat st;
    if (strcmp(path, "-") == 0) {
        sl_complain("FILE: \"-\" is not valid; expected a file, because only a complete backup may replace "
                    "an older one");
        return false;
    }
    if (lstat(path, &st) != 0 || S_ISREG(st.st_mode))
        return true; /* what lstat finds wrong, the creation says */
    sl_complain("%s: is a %s; expected a plain file, or a name that is free", path,
                S_ISLNK(st.st_mode)   ? "symbolic link"
                : S_ISDIR(st.st_mode) ? "folder"
                                      : "device, pipe or socket");
    return false;
}

bool sl_backup_create(struct sl_backup *b, const char *path)
{
    *b = (struct sl_backup){.path = path};
    sl_chain_begin(&b->chain, SL_BACKUP_MAGIC);
    if (!may_replace(path))
        return false;
    if (asprintf(&b->temporary, "%s.XXXXXX", path) < 0)
        abort();
    handle_ends();
    sigset_t before = guard();
    int fd = mkostemp(b->temporary, O_CLOEXEC); /* mode 0600 */
    if (fd >= 0)
        to_unlink = b->temporary;
    unguard(&before);
    b->file = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (b->file == NULL) {
        sl_complain("%s: %m", path);
        if (fd < 0) {
            free(b->temporary);
            b->temporary = NULL;
        }
        return false;
    }
    return append_bytes(b, SL_BACKUP_MAGIC, sizeof SL_BACKUP_MAGIC - 1);
}

bool sl_backup_write(struct sl_backup *b, enum sl_backup_kind kind, json_t *head, struct sl_span body)
{
    char *text = head != NULL ? json_dumps(head, JSON_COMPACT) : NULL;
    json_decref(head);
    size_t len = text != NULL ? strlen(text) : 0, n = FRAME + len + body.len;
    bool fits = text != NULL && len <= SL_BACKUP_HEAD_MAX && body.len <= SL_BACKUP_BODY_MAX, ok = false;
    char *at = fits ? sl_chain_room(&b->chain, n) : NULL;
    if (!fits)
        sl_complain("%s: a list is too large for a record", b->path);
    else if (at == NULL)
        sl_complain("%s: no memory for a record of %zu bytes", b->path, n);
    else {
        at[0] = (char)kind;
        put32(at + 1, len);
        put32(at + 5, body.len);
        memcpy(at + FRAME, text, len);
        if (body.len > 0)
            memcpy(at + FRAME + len, body.at, body.len);
        sl_chain_sum(&b->chain, n, b->chain.sum);
        ok = append_bytes(b, at, n) && append_bytes(b, b->chain.sum, SL_SHA256);
    }
    free(text);
    return ok;
}

static bool sync_directory(const char *path)
{
    char *copy = strdup(path);
    int fd = copy != NULL ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    free(copy);
    return ok;
}

/* The new file is a backup, or gone. */
static void settle(struct sl_backup *b, bool keep)
{
    sigset_t before = guard();
    if (!keep)
        unlink(b->temporary);
    to_unlink = NULL;
    free(b->temporary);
    b->temporary = NULL;
    unguard(&before);
}

bool sl_backup_finish(struct sl_backup *b)
{
    b->failed = true;
    if (fflush(b->file) != 0 || fsync(fileno(b->file)) != 0) {
        sl_complain("%s: %m", b->path);
        return false;
    }
    if (!may_replace(b->path)) /* who put it there meanwhile wants it */
        return false;
    if (rename(b->temporary, b->path) != 0) {
        sl_complain("%s: %m", b->path);
        return false;
    }
    settle(b, true);
    if (!sync_directory(b->path)) {
        sl_complain("%s: cannot sync its directory: %m", b->path);
        return false;
    }
    b->failed = false;
    return true;
}

void sl_backup_close(struct sl_backup *b)
{
    if (b->file != NULL)
        fclose(b->file);
    if (b->temporary != NULL)
        settle(b, false);
    sl_chain_free(&b->chain);
    *b = (struct sl_backup){.file = NULL};
}
