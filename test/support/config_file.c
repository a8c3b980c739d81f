#include "config_file.h"

static char directory[] = "/tmp/sl-config-XXXXXX";

int enter(void **state)
{
    (void)state;
    return mkdtemp(directory) == NULL || chdir(directory) != 0;
}

int leave(void **state)
{
    (void)state;
    unlink(FILE_NAME);
    unlink("secret");
    return chdir("/") != 0 || rmdir(directory) != 0;
}

void write_file(const char *name, const void *bytes, size_t n, mode_t mode)
{
    unlink(name);
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(name, mode), 0);
}

struct loaded load_path(const char *path)
{
    struct loaded l = {0};
    sl_buf_init(&l.errors, 1 << 20);
    sl_buf_init(&l.warnings, 1 << 20);
    l.ok = sl_config_load(path, &l.errors, &l.warnings, &l.config);
    /* Faults of single pools are told like errors, though nothing else is refused for them. */
    bool fault = l.ok && l.config->faults != NULL;
    if (fault)
        sl_buf_puts(&l.errors, l.config->faults);
    sl_buf_putc(&l.errors, '\0');
    sl_buf_putc(&l.warnings, '\0');
    assert_true(l.ok == (l.config != NULL));
    assert_true((l.ok && !fault) == (l.errors.len == 1));
    return l;
}

struct loaded load_bytes(const char *text, size_t n)
{
    write_file(FILE_NAME, text, n, 0600);
    return load_path(FILE_NAME);
}

struct loaded load(const char *text)
{
    return load_bytes(text, strlen(text));
}

void unload(struct loaded *l)
{
    sl_config_free(l->config);
    sl_buf_free(&l->errors);
    sl_buf_free(&l->warnings);
}
