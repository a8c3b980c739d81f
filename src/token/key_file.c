/* Files of a signing key: read whole, into memory that is wiped. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "token/digest.h"
#include "token/key_int.h"

const char sl_key_no_memory[] = "there is too little memory to load the signing key: give the process more";

void sl_key_file_free(struct sl_key_file *f)
{
    if (f->at != NULL)
        sl_wipe(f->at, f->cap);
    free(f->at);
    *f = (struct sl_key_file){0};
}

static bool read_all(int fd, size_t max, struct sl_key_file *f)
{
    f->cap = max + 1;
    f->at = malloc(f->cap);
    if (f->at == NULL)
        return false;
    while (f->len < f->cap) {
        ssize_t n = read(fd, f->at + f->len, f->cap - f->len);
        if (n == 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            f->len += (size_t)n;
    }
    errno = EFBIG;
    return false;
}

bool sl_key_file_read(const struct sl_key_file_kind *kind, const char *path, struct sl_buf *why,
                      struct sl_key_file *ret)
{
    struct stat st;
    struct sl_key_file f = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        sl_buf_printf(why, "the %s %s cannot be opened (%s): name a %s that this user may read", kind->what,
                      path, strerror(errno), kind->form);
    } else if (!S_ISREG(st.st_mode)) {
        sl_buf_printf(why, "the %s %s is not a regular file: name a %s", kind->what, path, kind->form);
    } else if (kind->secret && (st.st_mode & 077) != 0) {
        sl_buf_printf(why, "the %s %s is open to other users (mode %04o): chmod 600 it", kind->what, path,
                      (unsigned)(st.st_mode & 07777));
    } else if (!read_all(fd, kind->max, &f)) {
        sl_buf_printf(why, "the %s %s cannot be read (%s): name a %s of at most %zu bytes", kind->what, path,
                      strerror(errno), kind->form, kind->max);
    } else {
        close(fd);
        *ret = f;
        return true;
    }
    if (fd >= 0)
        close(fd);
    sl_key_file_free(&f);
    return false;
}

bool sl_key_password_read(const char *path, struct sl_buf *why, struct sl_key_file *ret)
{
    static const struct sl_key_file_kind kind = {"password file", "file with the password in one line",
                                                 SL_KEY_PASSWORD_MAX + 2, true};
    struct sl_key_file f = {0};
    if (!sl_key_file_read(&kind, path, why, &f))
        return false;
    if (f.len > 0 && f.at[f.len - 1] == '\n')
        f.len--;
    if (f.len > 0 && f.at[f.len - 1] == '\r')
        f.len--;
    const char *wrong = f.len == 0                    ? "is empty"
                        : f.len > SL_KEY_PASSWORD_MAX ? "is too long"
                        : memchr(f.at, '\n', f.len) != NULL || memchr(f.at, 0, f.len) != NULL
                            ? "has more than one line"
                            : NULL;
    if (wrong != NULL) {
        sl_buf_printf(why, "the password file %s %s: put the password into one line of at most %d bytes",
                      path, wrong, SL_KEY_PASSWORD_MAX);
        sl_key_file_free(&f);
        return false;
    }
    f.at[f.len] = '\0'; /* there is room: the file was read with a byte to spare */
    *ret = f;
    return true;
}
