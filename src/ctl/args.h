/* The command line, and the files and numbers that it names. */
#pragma once
#include "ctl/ctl.h"

struct sl_command; /* ctl/options.h */

/* Reads the options in front of, between and behind the words. *ret_command: the command that is to run or to
 * be explained; untouched without one. False after saying what is wrong. */
bool sl_args_read(int argc, char **argv, struct sl_ctl *ret, const struct sl_command **ret_command);
/* The credential, from the options or the environment; none is none. False after saying what is wrong. */
bool sl_args_credential(struct sl_ctl *c);
void sl_args_free(struct sl_ctl *c);

/* One line on stderr: "statuslistctl: ...". */
void sl_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The whole file, or stdin for "-"; NUL-terminated, the caller's. NULL after a complaint. */
char *sl_read_file(const char *path, size_t *ret_len);
/* A whole number from 0 to `most`; false when `text` is none. */
bool sl_read_number(const char *text, uint64_t most, uint64_t *ret);
