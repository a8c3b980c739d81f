/* Options as tables: a row says everything about one key of the configuration. From the rows come parsing,
 * range checks, defaults, --print-config and docs/configuration.md. A layer declares its options struct and
 * its rows (an array that ends with a row without a name); daemon/ joins them and alone knows YAML. Nothing
 * here keeps state; any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

enum sl_option_type {
    SL_OPT_BOOL,          /* bool */
    SL_OPT_UINT,          /* uint32_t; `min`..`max`, or a word of `words` (see flags) */
    SL_OPT_PORT,          /* uint16_t */
    SL_OPT_INT,           /* int; -1 when absent */
    SL_OPT_UNSIGNED,      /* unsigned; with `words` only those numbers */
    SL_OPT_DURATION,      /* uint32_t milliseconds: 500ms 40s 1m 24h, and a bare 0 */
    SL_OPT_LONG_DURATION, /* uint64_t milliseconds: likewise */
    SL_OPT_SIZE,          /* uint32_t bytes: 512 64KiB 1MiB 1GiB */
    SL_OPT_TEXT,          /* char *, owned by the struct; NULL when absent; at most `max` bytes (0: 4096) */
    SL_OPT_TEXTS,         /* struct sl_texts: one or a list of them, each like TEXT */
    SL_OPT_SECRET,        /* char *: like TEXT, never printed or logged, wiped when freed */
    SL_OPT_SECRETS,       /* struct sl_texts: one or a list of them, each like SECRET */
    SL_OPT_WORD,          /* an enum stored as int; `words` in the enum's order */
    SL_OPT_MAP,           /* a map whose keys the user names; has no field, the reader walks it */
};

enum sl_option_flag {
    SL_OPT_REQUIRED = 1,
    SL_OPT_RELOAD = 2,        /* a reload changes it: nothing stored or shared depends on it */
    SL_OPT_SECONDS = 4,       /* a duration of whole seconds */
    SL_OPT_WORD_AS_MAP = 8,   /* `key: word` may also be written `key: {word: true}` */
    SL_OPT_SHARED = 16,       /* all instances of a pool must have the same value */
    SL_OPT_FIXED = 64,        /* cannot change once it is in use: another value needs another pool */
    SL_OPT_WORD_IS_MOST = 32, /* of UINT: the word is stored as UINT32_MAX; without this as 0 */
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

struct sl_texts {
    char **at;
    size_t count;
};

/* Sets the row's field of `options` from the text of a scalar; a TEXT that was set is replaced, TEXTS and
 * SECRETS gain one. False, the field untouched, and `why` = "what is wrong; expected what would be right". A
 * secret is never in `why`. */
bool sl_option_set(const struct sl_option *row, void *options, struct sl_span text, struct sl_buf *why);
/* Gives every field its default. `options` is zeroed memory. */
void sl_option_defaults(const struct sl_option *rows, void *options);
/* Leaves the row's field without a value: a list that was given replaces the default. */
void sl_option_clear(const struct sl_option *row, void *options);
/* Frees (and wipes) the texts of `options`, leaving NULL. */
void sl_option_release(const struct sl_option *rows, void *options);
/* Likewise, the secrets only. */
void sl_option_wipe(const struct sl_option *rows, void *options);
/* Whether both structs have the same value there; keys without a field always do. */
bool sl_option_same(const struct sl_option *row, const void *a, const void *b);
/* Gives the field of `to` the value of `from`'s, with texts of its own; what was there is freed. */
void sl_option_copy(const struct sl_option *row, const void *from, void *to);
/* The field's value as a YAML scalar in the file's own units: secrets as ***, an absent one as nothing. */
void sl_option_show(const struct sl_option *row, const void *options, struct sl_buf *out);
/* struct sl_texts. */
static inline bool sl_option_is_list(const struct sl_option *row)
{
    return row->type == SL_OPT_TEXTS || row->type == SL_OPT_SECRETS;
}
bool sl_option_absent(const struct sl_option *row, const void *options);
/* What would be right, as a noun phrase: "a whole number from 1 to 256 or auto". */
void sl_option_expected(const struct sl_option *row, struct sl_buf *out);

/* Milliseconds in the largest unit that divides them; bytes likewise. */
void sl_option_show_duration(uint64_t ms, struct sl_buf *out);
void sl_option_show_size(uint64_t bytes, struct sl_buf *out);
/* `text` in quotes for a message: at most 60 bytes, control characters and bytes beyond ASCII as '?'. Text
 * with an '@' (credentials in a URL) or a PEM header is not shown. */
void sl_option_echo(struct sl_span text, struct sl_buf *out);
