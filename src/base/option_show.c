#include "base/option.h"

#include <string.h>

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
        if (row->words != NULL && *(const uint32_t *)field == 0)
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
