/* Files with a secret, or with a public key: read whole, never shown. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config_int.h"

const char *sl_config_read_line(const char *path, char text[static SL_LINE_MAX + 1], size_t *ret_len,
                                bool *ret_exposed)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return strerror(errno);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return "not a regular file";
    }
    ssize_t n = read(fd, text, SL_LINE_MAX + 1);
    const char *error = n < 0 ? strerror(errno) : n > SL_LINE_MAX ? "too large" : NULL;
    close(fd);
    if (error != NULL)
        return error;
    size_t len = (size_t)n;
    if (len > 0 && text[len - 1] == '\n')
        len--;
    if (len > 0 && len < (size_t)n && text[len - 1] == '\r')
        len--;
    *ret_len = len;
    *ret_exposed = (st.st_mode & S_IROTH) != 0;
    return len == 0 ? "empty" : NULL;
}

bool sl_config_load_secret(struct sl_loading *l, const struct sl_section *s, const char *key,
                           const char *path, char text[static SL_LINE_MAX + 1], size_t *ret_len)
{
    bool exposed = false;
    const char *error = sl_config_read_line(path, text, ret_len, &exposed);
    if (error == NULL) {
        if (exposed)
            sl_config_warn(l, s, key, "every user can read the file; expected mode 0600 or 0640");
        return true;
    }
    char mem[128];
    struct sl_buf b;
    sl_buf_over(&b, mem, sizeof mem);
    sl_option_echo(sl_span(path, strlen(path)), &b);
    static const char what[] = "%s cannot be used (%s); expected a readable file with the secret in one line";
    if (s == &l->app)
        sl_config_refuse(l, s, key, what, sl_buf_cstr(&b), error);
    else
        sl_config_fault(l, s, key, what, sl_buf_cstr(&b), error);
    return false;
}

void sl_config_read_password(struct sl_loading *l)
{
    struct sl_redis_options *r = &l->config->redis;
    if (r->password_file == NULL || sl_config_bad(&l->app, "redis.password-file"))
        return;
    char text[SL_LINE_MAX + 1], mem[512];
    struct sl_buf why;
    sl_buf_over(&why, mem, sizeof mem);
    size_t len;
    if (sl_config_load_secret(l, &l->app, "redis.password-file", r->password_file, text, &len)) {
        struct sl_row row =
            sl_scope_row(&sl_app_scope, (size_t)sl_scope_find(&sl_app_scope, "redis.password"));
        if (!sl_option_set(row.option, r, sl_span(text, len), &why))
            sl_config_refuse(l, &l->app, "redis.password-file", "%s", sl_buf_cstr(&why));
    }
    explicit_bzero(text, sizeof text);
}
