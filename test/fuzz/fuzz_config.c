/* A whole configuration file, from YAML to the checked struct: refused with lines that name the file, or
 * loaded within the limits that the other layers rely on, and printable. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "daemon/config_load.h"
#include "daemon/config_print.h"
#include "fuzz_help.h"

static void check_lines(const struct sl_buf *out, const char *path)
{
    size_t n = strlen(path);
    sl_assert(!out->failed);
    sl_assert(out->len == 0 || out->data[out->len - 1] == '\n');
    struct sl_span rest = {out->data, out->len};
    while (rest.len > 0) {
        struct sl_span line = fuzz_part(&rest);
        sl_assert(line.len > n && memcmp(line.at, path, n) == 0);
        for (size_t i = 0; i < line.len; i++)
            sl_assert((unsigned char)line.at[i] >= 0x20);
    }
}

static void check_loaded(struct sl_config *c)
{
    struct sl_buf out;
    sl_assert(c->workers >= 1 && c->pool_count >= 1);
    for (size_t i = 0; i < c->pool_count; i++) {
        const struct sl_pool_options *o = &c->pools[i];
        sl_assert(o->size >= 8 && o->size <= 100000000 && (uint64_t)o->size * o->bits % 8 == 0);
        sl_assert(o->bits == 1 || o->bits == 2 || o->bits == 4 || o->bits == 8);
        sl_assert(o->threshold >= 1 && o->threshold < o->capacity && o->capacity <= o->size);
    }
    sl_buf_init(&out, 64 << 20);
    sl_config_print(c, &out);
    sl_assert(!out.failed && out.len > 0);
    sl_buf_free(&out);
    sl_config_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct sl_buf errors, warnings;
    struct sl_config *c = NULL;
    int fd = memfd_create("config", MFD_CLOEXEC);
    sl_assert(fd >= 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    for (size_t at = 0; at < size;) {
        ssize_t n = write(fd, data + at, size - at);
        sl_assert(n > 0);
        at += (size_t)n;
    }
    sl_buf_init(&errors, 1 << 20);
    sl_buf_init(&warnings, 64 << 20);
    bool ok = sl_config_load(path, &errors, &warnings, &c);
    sl_assert(ok == (errors.len == 0) && ok == (c != NULL));
    check_lines(&errors, path);
    check_lines(&warnings, path);
    if (ok)
        check_loaded(c);
    sl_buf_free(&errors);
    sl_buf_free(&warnings);
    close(fd);
    return 0;
}
