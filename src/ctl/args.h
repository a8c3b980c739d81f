/* The command line, and the files and numbers that it names. */
#pragma once
#include "ctl/ctl.h"

/* Reads the options in front of, between and behind the words. False after saying what is wrong. */
bool sl_args_read(int argc, char **argv, struct sl_ctl *ret, bool *ret_help, bool *ret_version);
void sl_args_free(struct sl_ctl *c);

/* One line on stderr: "statuslistctl: ...". */
void sl_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The whole file, or stdin for "-"; NUL-terminated, the caller's. NULL after a complaint. */
char *sl_read_file(const char *path, size_t *ret_len);
/* A whole number from 0 to `most`; false when `text` is none. */
bool sl_read_number(const char *text, uint64_t most, uint64_t *ret);
