/* What is wrong with a configuration file: lines gathered while it is read, written in the order of the file.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"

#define SL_REPORT_MAX 100 /* more are counted, not kept */

struct sl_report_entry {
    unsigned line;
    char *text;
};

struct sl_report {
    struct sl_report_entry *entries;
    size_t count; /* all of them, kept or not */
};

/* `what` must not contain a secret. `key` is escaped and shortened. Line 0: the file as a whole. */
void sl_report_add(struct sl_report *r, unsigned line, const char *key, const char *what, ...)
    __attribute__((format(printf, 4, 5)));
/* As above with the text that a buffer holds. */
void sl_report_add_buf(struct sl_report *r, unsigned line, const char *key, const struct sl_buf *what);
/* `file:line: key: what`, one a line, sorted by line. Frees the entries. */
void sl_report_flush(struct sl_report *r, const char *file, struct sl_buf *out);
