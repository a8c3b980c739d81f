#include "http/field.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* tchar of RFC 9110 section 5.6.2. */
static bool is_token(char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static struct sl_span advance(struct sl_span s, size_t n)
{
    return n == 0 ? s : sl_span(s.at + n, s.len - n);
}

static void skip_space(struct sl_span *rest)
{
    size_t n = 0;
    while (n < rest->len && is_space(rest->at[n]))
        n++;
    *rest = advance(*rest, n);
}

struct sl_span sl_field_trim(struct sl_span s)
{
    skip_space(&s);
    while (s.len > 0 && is_space(s.at[s.len - 1]))
        s.len--;
    return s;
}

/* Offset of the comma that ends the member which begins at `from`, or the line's length. */
static size_t member_end(struct sl_span line, size_t from)
{
    bool quoted = false;
    for (size_t i = from; i < line.len; i++) {
        if (quoted && line.at[i] == '\\')
            i++;
        else if (line.at[i] == '"')
            quoted = !quoted;
        else if (line.at[i] == ',' && !quoted)
            return i;
    }
    return line.len;
}

bool sl_field_next(struct sl_field_list *list, struct sl_span *ret)
{
    while (list->line < list->count) {
        struct sl_span line = list->fields[list->line];
        if (list->at >= line.len) {
            list->line++;
            list->at = 0;
            continue;
        }
        size_t begin = list->at, end = member_end(line, begin);
        list->at = end + 1;
        struct sl_span member = sl_field_trim(sl_span(line.at + begin, end - begin));
        if (member.len > 0) {
            *ret = member;
            return true;
        }
    }
    return false;
}

bool sl_field_token(struct sl_span *rest, struct sl_span *ret)
{
    size_t n = 0;
    while (n < rest->len && is_token(rest->at[n]))
        n++;
    if (n == 0)
        return false;
    *ret = sl_span(rest->at, n);
    *rest = advance(*rest, n);
    return true;
}

bool sl_field_char(struct sl_span *rest, char c)
{
    if (rest->len == 0 || rest->at[0] != c)
        return false;
    *rest = advance(*rest, 1);
    return true;
}

static bool is_text(char c)
{
    return c == '\t' || ((unsigned char)c >= 0x20 && c != 0x7f);
}

static bool quoted_string(struct sl_span *rest, struct sl_span *ret)
{
    if (rest->len == 0 || rest->at[0] != '"')
        return false;
    for (size_t i = 1; i < rest->len; i++) {
        if (rest->at[i] == '"') {
            *ret = sl_span(rest->at + 1, i - 1);
            *rest = advance(*rest, i + 1);
            return true;
        }
        if (rest->at[i] == '\\')
            i++;
        if (i < rest->len && !is_text(rest->at[i]))
            return false;
    }
    return false;
}

enum sl_field_step sl_field_next_parameter(struct sl_span *rest, struct sl_field_parameter *ret)
{
    struct sl_span s = *rest;
    struct sl_field_parameter p = {.quoted = false};
    for (;;) {
        skip_space(&s);
        if (s.len == 0) {
            *rest = s;
            return SL_FIELD_END;
        }
        if (!sl_field_char(&s, ';'))
            return SL_FIELD_BAD;
        skip_space(&s);
        if (sl_field_token(&s, &p.name))
            break;
    }
    if (!sl_field_char(&s, '='))
        return SL_FIELD_BAD;
    p.quoted = quoted_string(&s, &p.value);
    if (!p.quoted && !sl_field_token(&s, &p.value))
        return SL_FIELD_BAD;
    *rest = s;
    *ret = p;
    return SL_FIELD_PARAMETER;
}

bool sl_field_value_is(const struct sl_field_parameter *p, const char *lower)
{
    size_t at = 0, n = strlen(lower);
    for (size_t i = 0; i < p->value.len; i++) {
        if (p->quoted && p->value.at[i] == '\\')
            i++; /* the reader has made sure that a character follows */
        if (at == n || to_lower(p->value.at[i]) != lower[at])
            return false;
        at++;
    }
    return at == n;
}

bool sl_field_is(struct sl_span a, struct sl_span lower)
{
    if (a.len != lower.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (to_lower(a.at[i]) != lower.at[i])
            return false;
    return true;
}
