/* What is wrong with a configuration file: lines added while it is read, written in the order of the file. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"

#define SL_REPORT_MAX 100 /* more are counted, not kept */

struct sl_config_report_entry {
    unsigned line;
    char *text;
};

struct sl_config_report {
    struct sl_config_report_entry *entries;
    size_t count; /* all of them, kept or not */
};

/* `what` must not contain a secret. `key` is escaped and shortened. Line 0: the file as a whole. */
void sl_config_report_add(struct sl_config_report *r, unsigned line, const char *key, const char *what, ...)
    __attribute__((format(printf, 4, 5)));
/* As above with the text that a buffer holds. */
void sl_config_report_add_buf(struct sl_config_report *r, unsigned line, const char *key,
                              const struct sl_buf *what);
/* `file:line: key: what`, one a line, sorted by line. Frees the entries. */
void sl_config_report_flush(struct sl_config_report *r, const char *file, struct sl_buf *out);

struct sl_loading;
struct sl_section;

/* Reports at the key's line, or at its map's where the key has a default, and marks it as bad. */
void sl_config_refuse(struct sl_loading *l, const struct sl_section *s, const char *key, const char *what,
                      ...) __attribute__((format(printf, 4, 5)));
/* Likewise about a file that the configuration names, for which nothing else is refused. */
void sl_config_fault(struct sl_loading *l, const struct sl_section *s, const char *key, const char *what, ...)
    __attribute__((format(printf, 4, 5)));
void sl_config_warn(struct sl_loading *l, const struct sl_section *s, const char *key, const char *what, ...)
    __attribute__((format(printf, 4, 5)));
bool sl_config_given(const struct sl_section *s, const char *key);
bool sl_config_bad(const struct sl_section *s, const char *key);
