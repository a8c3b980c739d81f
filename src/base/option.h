/* Options as tables: a row says everything about one key of the configuration. From the rows come parsing, range checks,
 * defaults, --print-config and docs/configuration.md. A layer declares its options struct and its rows; daemon/ joins them
 * and alone knows YAML. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum sl_option_type {
    SL_OPT_BOOL,     /* bool */
    SL_OPT_UINT,     /* uint32_t; `min`..`max` */
    SL_OPT_PORT,     /* uint16_t */
    SL_OPT_INT,      /* int; -1 when absent */
    SL_OPT_UNSIGNED, /* unsigned */
    SL_OPT_DURATION, /* uint32_t milliseconds: 500ms 40s 1m 24h */
    SL_OPT_SIZE,     /* uint32_t bytes: 512 64KiB 1MiB */
    SL_OPT_TEXT,     /* char *, owned by the struct; NULL when absent */
    SL_OPT_SECRET,   /* char *: like TEXT, never printed or logged */
    SL_OPT_WORD,     /* an enum stored as int; `words` in the enum's order */
    SL_OPT_LATER,    /* a key whose feature does not exist yet: refused with "not available yet" */
};

enum sl_option_flag {
    SL_OPT_REQUIRED = 1,
    SL_OPT_RELOAD = 2, /* may change while the service runs */
};

struct sl_option {
    const char *name; /* the key, as in the file; dots lead into a map: "prefetch.threshold" */
    enum sl_option_type type;
    size_t offset; /* in the layer's options struct */
    int64_t min, max;
    const char *fallback;     /* the default as text, parsed like a value; NULL: absent */
    const char *const *words; /* NULL-terminated */
    unsigned flags;
    const char *help; /* one sentence for docs/configuration.md */
};
