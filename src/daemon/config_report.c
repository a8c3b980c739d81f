#include "daemon/config_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/assert.h"
#include "daemon/config_int.h"

#define KEY_SHOWN 200
#define TEXT_SHOWN 1200

static void put_key(struct sl_buf *b, const char *key)
{
    for (size_t i = 0; key[i] != '\0' && i < KEY_SHOWN; i++)
        sl_buf_putc(b, key[i] >= 0x20 && key[i] < 0x7f ? key[i] : '?');
    if (strlen(key) > KEY_SHOWN)
        sl_buf_puts(b, "...");
}

static void add_problem(struct sl_config_report *r, unsigned line, const char *key, const char *what,
                        size_t n)
{
    if (r->count++ >= SL_REPORT_MAX)
        return;
    if (r->entries == NULL)
        r->entries = sl_xcalloc(SL_REPORT_MAX, sizeof *r->entries);
    char mem[TEXT_SHOWN];
    struct sl_buf b;
    sl_buf_over(&b, mem, sizeof mem);
    put_key(&b, key);
    sl_buf_puts(&b, ": ");
    sl_buf_put(&b, what, n < b.cap - b.len ? n : b.cap - b.len);
    r->entries[r->count - 1] =
        (struct sl_config_report_entry){.line = line, .text = sl_xstrdup(sl_buf_cstr(&b))};
}

void sl_config_report_add(struct sl_config_report *r, unsigned line, const char *key, const char *what, ...)
{
    char mem[TEXT_SHOWN];
    va_list args;
    va_start(args, what);
    int n = vsnprintf(mem, sizeof mem, what, args);
    va_end(args);
    sl_assert(n >= 0);
    add_problem(r, line, key, mem, strlen(mem));
}

void sl_config_report_add_buf(struct sl_config_report *r, unsigned line, const char *key,
                              const struct sl_buf *what)
{
    add_problem(r, line, key, what->data, what->len);
}

/* Insertion sort: stable, and there are at most SL_REPORT_MAX. */
static void sort_problems(struct sl_config_report_entry *e, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct sl_config_report_entry moved = e[i];
        size_t at = i;
        for (; at > 0 && e[at - 1].line > moved.line; at--)
            e[at] = e[at - 1];
        e[at] = moved;
    }
}

void sl_config_report_flush(struct sl_config_report *r, const char *file, struct sl_buf *out)
{
    size_t kept = r->count < SL_REPORT_MAX ? r->count : SL_REPORT_MAX;
    sort_problems(r->entries, kept);
    for (size_t i = 0; i < kept; i++) {
        sl_buf_puts(out, file);
        if (r->entries[i].line > 0)
            sl_buf_printf(out, ":%u", r->entries[i].line);
        sl_buf_printf(out, ": %s\n", r->entries[i].text);
        free(r->entries[i].text);
    }
    if (r->count > kept)
        sl_buf_printf(out, "%s: and %zu more\n", file, r->count - kept);
    free(r->entries);
    *r = (struct sl_config_report){0};
}

__attribute__((format(printf, 4, 0))) static void report_key(struct sl_config_report *r,
                                                             const struct sl_section *s, const char *key,
                                                             const char *what, va_list args)
{
    char why[1024], path[512];
    vsnprintf(why, sizeof why, what, args);
    const struct sl_origin *origin = sl_section_origin(s, key);
    snprintf(path, sizeof path, "%.250s.%s", s->path, key);
    sl_config_report_add(r, origin->line ? origin->line : s->line, path, "%s", why);
}

void sl_config_refuse(struct sl_loading *l, const struct sl_section *s, const char *key, const char *what,
                      ...)
{
    va_list args;
    va_start(args, what);
    report_key(&l->errors, s, key, what, args);
    va_end(args);
    sl_section_origin(s, key)->bad = true;
}

void sl_config_fault(struct sl_loading *l, const struct sl_section *s, const char *key, const char *what, ...)
{
    va_list args;
    va_start(args, what);
    report_key(&l->faults, s, key, what, args);
    va_end(args);
}

void sl_config_warn(struct sl_loading *l, const struct sl_section *s, const char *key, const char *what, ...)
{
    va_list args;
    va_start(args, what);
    report_key(&l->warnings, s, key, what, args);
    va_end(args);
}

bool sl_config_given(const struct sl_section *s, const char *key)
{
    return sl_section_origin(s, key)->line != 0;
}

bool sl_config_bad(const struct sl_section *s, const char *key)
{
    return sl_section_origin(s, key)->bad;
}
