/* The commands, their options and their exit statuses, each once: what is read, refused and shown by --help
 * comes from these tables. */
#pragma once
#include <stddef.h>
#include <stdio.h>
#include "ctl/ctl.h"

struct sl_command {
    const char *name, *words, *help;
    int least, most; /* words */
};
extern const struct sl_command sl_commands[]; /* ends with a row without a name */

/* Which commands a row is for: bits, in the order of sl_commands. */
enum {
    SL_FOR_RESERVE = 1,
    SL_FOR_SET = 2,
    SL_FOR_GET = 4,
    SL_FOR_VERIFY = 8,
    SL_FOR_INSPECT = 16,
    SL_FOR_LINT = 32,
    SL_FOR_EXPORT = 64,
    SL_FOR_IMPORT = 128,
    SL_FOR_ISSUERS = SL_FOR_RESERVE | SL_FOR_SET | SL_FOR_GET,
    SL_FOR_READERS = SL_FOR_VERIFY | SL_FOR_INSPECT | SL_FOR_LINT,
    SL_FOR_WEB = SL_FOR_ISSUERS | SL_FOR_READERS,
    SL_FOR_REDIS = SL_FOR_EXPORT | SL_FOR_IMPORT,
    SL_FOR_ALL = SL_FOR_WEB | SL_FOR_REDIS
};

enum sl_option_kind {
    SL_OPTION_TEXT,   /* const char * of struct sl_ctl */
    SL_OPTION_FILE,   /* likewise; names a file that is read */
    SL_OPTION_NUMBER, /* unsigned of struct sl_ctl */
    SL_OPTION_FLAG,   /* bool of struct sl_ctl */
    SL_OPTION_FORMAT  /* enum sl_format_choice of struct sl_ctl */
};

struct sl_option_row {
    const char *name, *argument; /* NULL: none */
    enum sl_option_kind kind;
    size_t at; /* in struct sl_ctl */
    unsigned commands;
    uint64_t least, most; /* of a number */
    const char *help;
};
extern const struct sl_option_row sl_options[]; /* ends with a row without a name */

/* NULL: there is none with that name. */
const struct sl_command *sl_command_find(const char *name);
unsigned sl_command_bit(const struct sl_command *command);
/* Those of `commands`, the word `last` before the last of several: "reserve, set or get". */
void sl_command_names(unsigned commands, const char *last, char out[static 128]);

/* Of one command, or of all if it is NULL. */
void sl_usage(FILE *to, const struct sl_command *command);
