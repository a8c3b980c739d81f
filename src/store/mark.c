#include "store/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/number.h"
#include "store/files_int.h"

/* "mark 1 " + 20 digits + " " + 16 hex digits of checksum + "\n": always as long, so that it is written in
 * place. */
#define MARK_HEAD "mark 1 "
#define MARK_DIGITS 20
#define MARK_LEN (sizeof MARK_HEAD - 1 + MARK_DIGITS + 1 + 16 + 1)

/* FNV-1a, 64 bits (G. Fowler, L. C. Noll, K.-P. Vo): finds torn writes, not intent. */
static uint64_t checksum_of(const char *s, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (uint8_t)s[i]) * 0x100000001b3u;
    return h;
}

static void compose_mark(uint64_t v, char out[static MARK_LEN + 1])
{
    int n = snprintf(out, MARK_LEN + 1, MARK_HEAD "%0*" PRIu64, MARK_DIGITS, v);
    snprintf(out + n, MARK_LEN + 1 - (size_t)n, " %016" PRIx64 "\n", checksum_of(out, (size_t)n));
}

static bool path_of_mark(const char *storage, const char *pool, char *out, size_t cap)
{
    int n = snprintf(out, cap, "%s/marks/%s", storage, pool);
    return n > 0 && (size_t)n < cap;
}

bool sl_mark_read(const char *storage, const char *pool, uint64_t *ret)
{
    char path[PATH_MAX], have[MARK_LEN + 1], want[MARK_LEN + 1];
    size_t len = 0;
    uint64_t v;
    if (!path_of_mark(storage, pool, path, sizeof path) || !sl_file_read(path, have, sizeof have, &len) ||
        len != MARK_LEN)
        return false;
    const char *digits = have + sizeof MARK_HEAD - 1;
    if (*digits != '0' || !sl_number_parse(sl_span(digits + 1, MARK_DIGITS - 1), INT64_MAX, &v))
        return false;
    compose_mark(v, want);
    if (memcmp(have, want, MARK_LEN) != 0)
        return false;
    *ret = v;
    return true;
}

static bool make_directory(const char *storage)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/marks", storage);
    return n > 0 && (size_t)n < sizeof path && (mkdir(path, 0700) == 0 || errno == EEXIST);
}

bool sl_mark_write(const char *storage, const char *pool, uint64_t taken)
{
    char path[PATH_MAX], text[MARK_LEN + 1];
    if (taken > INT64_MAX || !path_of_mark(storage, pool, path, sizeof path))
        return false;
    compose_mark(taken, text);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) /* the first time: the name must be durable too */
        return errno == ENOENT && make_directory(storage) && sl_file_replace(path, text, MARK_LEN);
    bool ok = pwrite(fd, text, MARK_LEN, 0) == (ssize_t)MARK_LEN && fdatasync(fd) == 0;
    ok &= close(fd) == 0;
    return ok;
}
