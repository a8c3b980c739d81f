#include "base/option.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/text.h"

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

static bool same_texts(const struct sl_texts *a, const struct sl_texts *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = strcmp(a->at[i], b->at[i]) == 0;
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
