#include "base/option.h"

#include <stdlib.h>
#include <string.h>
#include "base/assert.h"
#include "base/number.h"
#include "base/text.h"

#define TEXT_MAX 4096
#define UNITS_MAX 999999999 /* so that no product overflows */

struct unit {
    const char *suffix;
    uint64_t factor;
};

/* Largest first: the order in which values are shown. */
static const struct unit duration_units[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};
static const struct unit size_units[] = {
    {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}, {NULL, 0}};

/* A number that is no good here: with a sign, too large or without its unit. */
static bool looks_like_number(struct sl_span text)
{
    bool negative = text.len > 0 && text.at[0] == '-';
    struct sl_span digits = negative ? sl_span(text.at + 1, text.len - 1) : text;
    bool zeros_ahead = !negative && digits.len > 1 && digits.at[0] == '0';
    return digits.len > 0 && sl_digits(digits).count == digits.len && !zeros_ahead;
}

static bool parse_with_unit(struct sl_span text, const struct unit *units, uint64_t *ret)
{
    size_t count = sl_digits(text).count;
    struct sl_span number = sl_span(text.at, count), suffix = sl_span(text.at + count, text.len - count);
    uint64_t n;
    if (!sl_number_parse_strict(number, UNITS_MAX, &n))
        return false;
    for (; units->suffix != NULL; units++) {
        if (sl_span_eq(suffix, sl_span(units->suffix, strlen(units->suffix)))) {
            *ret = n * units->factor;
            return true;
        }
    }
    *ret = 0;
    return suffix.len == 0 && n == 0;
}

static void show_with_unit(uint64_t v, const struct unit *units, struct sl_buf *out)
{
    while (v % units->factor != 0)
        units++;
    sl_buf_u64(out, v / units->factor);
    sl_buf_puts(out, units->suffix);
}

void sl_option_show_duration(uint64_t ms, struct sl_buf *out)
{
    if (ms == 0)
        sl_buf_puts(out, "0s");
    else
        show_with_unit(ms, duration_units, out);
}

void sl_option_show_size(uint64_t bytes, struct sl_buf *out)
{
    if (bytes == 0)
        sl_buf_putc(out, '0');
    else
        show_with_unit(bytes, size_units, out);
}

void sl_option_echo(struct sl_span text, struct sl_buf *out)
{
    if (memchr(text.at, '@', text.len) != NULL || memmem(text.at, text.len, "-----BEGIN", 10) != NULL) {
        sl_buf_puts(out, "the value (not shown)");
        return;
    }
    size_t n = text.len > 60 ? 60 : text.len;
    sl_buf_putc(out, '\'');
    for (size_t i = 0; i < n; i++)
        sl_buf_putc(out, text.at[i] >= 0x20 && text.at[i] < 0x7f ? text.at[i] : '?');
    sl_buf_puts(out, n < text.len ? "...'" : "'");
}

static bool words_are_numbers(const struct sl_option *row)
{
    return row->type == SL_OPT_UNSIGNED && row->words != NULL;
}

static void expected_words(const char *const *words, struct sl_buf *out)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        if (i > 0)
            sl_buf_puts(out, words[i + 1] != NULL ? ", " : " or ");
        sl_buf_puts(out, words[i]);
    }
}

static void expected_range(const struct sl_option *row, struct sl_buf *out)
{
    switch (row->type) {
    case SL_OPT_DURATION:
    case SL_OPT_LONG_DURATION:
        sl_buf_puts(out,
                    row->flags & SL_OPT_SECONDS ? "a duration of whole seconds from " : "a duration from ");
        sl_option_show_duration((uint64_t)row->min, out);
        sl_buf_puts(out, " to ");
        sl_option_show_duration((uint64_t)row->max, out);
        sl_buf_puts(out,
                    row->flags & SL_OPT_SECONDS ? ", like 40s, 1m or 24h" : ", like 500ms, 40s, 1m or 24h");
        break;
    case SL_OPT_SIZE:
        sl_buf_puts(out, "a size from ");
        sl_option_show_size((uint64_t)row->min, out);
        sl_buf_puts(out, " to ");
        sl_option_show_size((uint64_t)row->max, out);
        sl_buf_puts(out, ", like 512, 64KiB or 1MiB");
        break;
    default:
        sl_buf_printf(out, "a whole number from %lld to %lld", (long long)row->min, (long long)row->max);
    }
}

void sl_option_expected(const struct sl_option *row, struct sl_buf *out)
{
    switch (row->type) {
    case SL_OPT_BOOL:
        sl_buf_puts(out, "true or false");
        return;
    case SL_OPT_TEXT:
    case SL_OPT_SECRET:
        sl_buf_printf(out, "a text of 1 to %lld bytes", row->max ? (long long)row->max : TEXT_MAX);
        return;
    case SL_OPT_TEXTS:
    case SL_OPT_SECRETS:
        sl_buf_printf(out, "a text of 1 to %lld bytes or a list of them",
                      row->max ? (long long)row->max : TEXT_MAX);
        return;
    case SL_OPT_WORD:
        expected_words(row->words, out);
        return;
    case SL_OPT_MAP:
        sl_buf_puts(out, "a map");
        return;
    default:
        if (words_are_numbers(row)) {
            expected_words(row->words, out);
            return;
        }
        expected_range(row, out);
        if (row->words != NULL) {
            sl_buf_puts(out, ", or ");
            expected_words(row->words, out);
        }
    }
}

static bool refuse_value(const struct sl_option *row, struct sl_span text, const char *what,
                         struct sl_buf *why)
{
    if (text.len == 0) {
        sl_buf_puts(why, "it is empty");
    } else if (row->type == SL_OPT_SECRET || row->type == SL_OPT_SECRETS) {
        sl_buf_printf(why, "the value (not shown) %s", what);
    } else {
        sl_option_echo(text, why);
        sl_buf_printf(why, " %s", what);
    }
    sl_buf_puts(why, "; expected ");
    sl_option_expected(row, why);
    return false;
}

static int find_word(const struct sl_option *row, struct sl_span text)
{
    for (int i = 0; row->words != NULL && row->words[i] != NULL; i++)
        if (sl_span_eq(text, sl_span(row->words[i], strlen(row->words[i]))))
            return i;
    return -1;
}

static bool set_bool(const struct sl_option *row, bool *field, struct sl_span text, struct sl_buf *why)
{
    bool yes = sl_span_eq(text, SL_SPAN("true"));
    if (!yes && !sl_span_eq(text, SL_SPAN("false")))
        return refuse_value(row, text, "is not valid", why);
    *field = yes;
    return true;
}

static uint32_t word_as_number(const struct sl_option *row)
{
    return row->flags & SL_OPT_WORD_IS_MOST ? UINT32_MAX : 0;
}

static bool parse_number(const struct sl_option *row, struct sl_span text, uint64_t *ret, struct sl_buf *why)
{
    if (words_are_numbers(row) && find_word(row, text) < 0)
        return refuse_value(row, text, "is not valid", why);
    if (row->type == SL_OPT_UINT && find_word(row, text) >= 0) {
        *ret = word_as_number(row);
        return true;
    }
    uint64_t v;
    if (row->type == SL_OPT_DURATION || row->type == SL_OPT_LONG_DURATION) {
        if (!parse_with_unit(text, duration_units, &v))
            return refuse_value(row, text, looks_like_number(text) ? "has no unit" : "is not a duration",
                                why);
    } else if (row->type == SL_OPT_SIZE) {
        if (!parse_with_unit(text, size_units, &v))
            return refuse_value(row, text, "is not a size", why);
    } else if (!sl_number_parse_strict(text, INT64_MAX, &v)) {
        return refuse_value(row, text, looks_like_number(text) ? "is out of range" : "is not a whole number",
                            why);
    }
    if (v < (uint64_t)row->min || v > (uint64_t)row->max)
        return refuse_value(row, text, "is out of range", why);
    if ((row->flags & SL_OPT_SECONDS) && v % 1000 != 0)
        return refuse_value(row, text, "is not whole seconds", why);
    *ret = v;
    return true;
}

static void store_number(const struct sl_option *row, void *field, uint64_t v)
{
    switch (row->type) {
    case SL_OPT_PORT:
        *(uint16_t *)field = (uint16_t)v;
        break;
    case SL_OPT_INT:
        *(int *)field = (int)v;
        break;
    case SL_OPT_UNSIGNED:
        *(unsigned *)field = (unsigned)v;
        break;
    case SL_OPT_LONG_DURATION:
        *(uint64_t *)field = v;
        break;
    default:
        *(uint32_t *)field = (uint32_t)v;
    }
}

static void drop_text(char **field)
{
    if (*field != NULL)
        explicit_bzero(*field, strlen(*field));
    free(*field);
    *field = NULL;
}

static bool copy_text(const struct sl_option *row, struct sl_span text, char **ret, struct sl_buf *why)
{
    size_t max = row->max ? (size_t)row->max : TEXT_MAX;
    if (text.len == 0)
        return refuse_value(row, text, "", why);
    if (text.len > max)
        return refuse_value(row, text, "is too long", why);
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
            return refuse_value(row, text, "has a line break or another control character", why);
    char *copy = sl_xcalloc(1, text.len + 1);
    memcpy(copy, text.at, text.len);
    *ret = copy;
    return true;
}

static bool set_text(const struct sl_option *row, void *field, struct sl_span text, struct sl_buf *why)
{
    char *copy = NULL; /* gcc 12 at -O2 does not see that success sets it */
    if (!copy_text(row, text, &copy, why))
        return false;
    if (sl_option_is_list(row)) {
        struct sl_texts *list = field;
        list->at = sl_xrealloc(list->at, (list->count + 1) * sizeof *list->at);
        list->at[list->count++] = copy;
    } else {
        drop_text(field);
        *(char **)field = copy;
    }
    return true;
}

bool sl_option_set(const struct sl_option *row, void *options, struct sl_span text, struct sl_buf *why)
{
    void *field = (char *)options + row->offset;
    uint64_t v = 0; /* as above */
    int word;
    switch (row->type) {
    case SL_OPT_BOOL:
        return set_bool(row, field, text, why);
    case SL_OPT_TEXT:
    case SL_OPT_TEXTS:
    case SL_OPT_SECRET:
    case SL_OPT_SECRETS:
        return set_text(row, field, text, why);
    case SL_OPT_WORD:
        if ((word = find_word(row, text)) < 0)
            return refuse_value(row, text, "is not valid", why);
        *(int *)field = word;
        return true;
    case SL_OPT_MAP:
        return refuse_value(row, text, "is not a map", why);
    default:
        if (!parse_number(row, text, &v, why))
            return false;
        store_number(row, field, v);
        return true;
    }
}

void sl_option_defaults(const struct sl_option *rows, void *options)
{
    for (const struct sl_option *row = rows; row->name != NULL; row++) {
        if (row->fallback != NULL) {
            char mem[512];
            struct sl_buf why;
            sl_buf_over(&why, mem, sizeof mem);
            bool set = sl_option_set(row, options, sl_span(row->fallback, strlen(row->fallback)), &why);
            sl_assert(set);
        } else if (row->type == SL_OPT_INT) {
            *(int *)((char *)options + row->offset) = -1;
        }
    }
}

static void release_value(const struct sl_option *row, void *field)
{
    if (row->type == SL_OPT_TEXT || row->type == SL_OPT_SECRET)
        drop_text(field);
    if (!sl_option_is_list(row))
        return;
    struct sl_texts *list = field;
    for (size_t i = 0; i < list->count; i++)
        drop_text(&list->at[i]);
    free(list->at);
    *list = (struct sl_texts){0};
}

void sl_option_clear(const struct sl_option *row, void *options)
{
    release_value(row, (char *)options + row->offset);
}

void sl_option_release(const struct sl_option *rows, void *options)
{
    for (const struct sl_option *row = rows; row->name != NULL; row++)
        release_value(row, (char *)options + row->offset);
}

void sl_option_wipe(const struct sl_option *rows, void *options)
{
    for (const struct sl_option *row = rows; row->name != NULL; row++)
        if (row->type == SL_OPT_SECRET || row->type == SL_OPT_SECRETS)
            release_value(row, (char *)options + row->offset);
}

/* ---- showing */

bool sl_option_absent(const struct sl_option *row, const void *options)
{
    const void *field = (const char *)options + row->offset;
    switch (row->type) {
    case SL_OPT_TEXT:
    case SL_OPT_SECRET:
        return *(char *const *)field == NULL;
    case SL_OPT_TEXTS:
    case SL_OPT_SECRETS:
        return ((const struct sl_texts *)field)->count == 0;
    case SL_OPT_INT:
        return *(const int *)field < 0;
    case SL_OPT_MAP:
        return true;
    default:
        return false;
    }
}

/* Plain where YAML reads it back as the same text, quoted (a JSON string is YAML) otherwise. */
static void show_text(const char *s, struct sl_buf *out)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:+";
    size_t n = strlen(s);
    if (strspn(s, safe) == n && strchr("-.:", s[0]) == NULL && s[n - 1] != ':' && strcmp(s, "null") != 0)
        sl_buf_puts(out, s);
    else
        sl_buf_json(out, sl_span(s, n));
}

static void show_list(const struct sl_texts *list, struct sl_buf *out)
{
    if (list->count == 1) {
        show_text(list->at[0], out);
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        sl_buf_puts(out, i > 0 ? ", " : "[");
        show_text(list->at[i], out);
    }
    sl_buf_putc(out, ']');
}

void sl_option_show(const struct sl_option *row, const void *options, struct sl_buf *out)
{
    const void *field = (const char *)options + row->offset;
    if (sl_option_absent(row, options))
        return;
    switch (row->type) {
    case SL_OPT_BOOL:
        sl_buf_puts(out, *(const bool *)field ? "true" : "false");
        break;
    case SL_OPT_UINT:
        if (row->words != NULL && *(const uint32_t *)field == word_as_number(row))
            sl_buf_puts(out, row->words[0]);
        else
            sl_buf_u64(out, *(const uint32_t *)field);
        break;
    case SL_OPT_PORT:
        sl_buf_u64(out, *(const uint16_t *)field);
        break;
    case SL_OPT_INT:
        sl_buf_i64(out, *(const int *)field);
        break;
    case SL_OPT_UNSIGNED:
        sl_buf_u64(out, *(const unsigned *)field);
        break;
    case SL_OPT_DURATION:
        sl_option_show_duration(*(const uint32_t *)field, out);
        break;
    case SL_OPT_LONG_DURATION:
        sl_option_show_duration(*(const uint64_t *)field, out);
        break;
    case SL_OPT_SIZE:
        sl_option_show_size(*(const uint32_t *)field, out);
        break;
    case SL_OPT_TEXT:
        show_text(*(char *const *)field, out);
        break;
    case SL_OPT_TEXTS:
        show_list(field, out);
        break;
    case SL_OPT_WORD:
        sl_buf_puts(out, row->words[*(const int *)field]);
        break;
    case SL_OPT_SECRET:
    case SL_OPT_SECRETS:
        sl_buf_puts(out, "***");
        break;
    case SL_OPT_MAP:
        break;
    }
}

/* ---- comparing and copying */

static size_t field_size(const struct sl_option *row)
{
    switch (row->type) {
    case SL_OPT_BOOL:
        return sizeof(bool);
    case SL_OPT_PORT:
        return sizeof(uint16_t);
    case SL_OPT_INT:
    case SL_OPT_WORD:
        return sizeof(int);
    case SL_OPT_UNSIGNED:
        return sizeof(unsigned);
    case SL_OPT_UINT:
    case SL_OPT_DURATION:
    case SL_OPT_SIZE:
        return sizeof(uint32_t);
    case SL_OPT_LONG_DURATION:
        return sizeof(uint64_t);
    case SL_OPT_TEXT:
    case SL_OPT_TEXTS:
    case SL_OPT_SECRET:
    case SL_OPT_SECRETS:
    case SL_OPT_MAP:
        return 0;
    }
    return 0;
}

static bool same_texts(const struct sl_texts *one, const struct sl_texts *other)
{
    bool same = one->count == other->count;
    for (size_t i = 0; same && i < one->count; i++)
        same = strcmp(one->at[i], other->at[i]) == 0;
    return same;
}

bool sl_option_same(const struct sl_option *row, const void *a, const void *b)
{
    const void *x = (const char *)a + row->offset, *y = (const char *)b + row->offset;
    if (row->type == SL_OPT_TEXT || row->type == SL_OPT_SECRET)
        return sl_same_text(*(char *const *)x, *(char *const *)y);
    if (sl_option_is_list(row))
        return same_texts(x, y);
    return field_size(row) == 0 || memcmp(x, y, field_size(row)) == 0;
}

static void copy_texts(const struct sl_texts *from, struct sl_texts *to)
{
    to->at = from->count > 0 ? sl_xcalloc(from->count, sizeof *to->at) : NULL;
    to->count = from->count;
    for (size_t i = 0; i < from->count; i++)
        to->at[i] = sl_xstrdup(from->at[i]);
}

void sl_option_copy(const struct sl_option *row, const void *from, void *to)
{
    const void *source = (const char *)from + row->offset;
    void *field = (char *)to + row->offset;
    const struct sl_option alone[] = {*row, {.name = NULL}};
    sl_option_release(alone, to);
    if (row->type == SL_OPT_TEXT || row->type == SL_OPT_SECRET) {
        const char *text = *(char *const *)source;
        *(char **)field = text != NULL ? sl_xstrdup(text) : NULL;
    } else if (sl_option_is_list(row)) {
        copy_texts(source, field);
    } else if (field_size(row) > 0) {
        memcpy(field, source, field_size(row));
    }
}
