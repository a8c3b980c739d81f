/* The storage directory: made when it is missing, held by one process at a time. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/daemon_int.h"
#include "store/identity.h"

static bool make_directories(const char *path)
{
    char at[4096];
    int n = snprintf(at, sizeof at, "%s", path);
    if (n <= 0 || (size_t)n >= sizeof at) {
        errno = ENAMETOOLONG;
        return false;
    }
    for (char *p = at + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char end = *p;
        *p = '\0';
        if (mkdir(at, 0700) != 0 && errno != EEXIST)
            return false;
        if (end == '\0')
            return true;
        *p = end;
    }
}

bool sl_storage_open(struct sl_daemon *d)
{
    char path[4200];
    const char *dir = d->config->storage;
    if (!make_directories(dir)) {
        sl_log(SL_ERROR, "storage", "cannot create storage-directory", SL_KS("path", dir),
               SL_KS("error", strerror(errno)));
        return false;
    }
    snprintf(path, sizeof path, "%s/lock", dir);
    d->storage_lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (d->storage_lock < 0 || flock(d->storage_lock, LOCK_EX | LOCK_NB) != 0) {
        sl_log(SL_ERROR, "storage",
               errno == EWOULDBLOCK ? "another statuslistd uses this storage-directory: give each its own"
                                    : "cannot lock storage-directory",
               SL_KS("path", path), SL_KS("error", strerror(errno)));
        return false;
    }
    char text[256];
    struct sl_buf why;
    sl_buf_over(&why, text, sizeof text);
    if (!sl_store_identity_load(dir, &sl_clock_system, &why, &d->identity)) {
        sl_log(SL_ERROR, "storage", sl_buf_cstr(&why));
        return false;
    }
    return true;
}
