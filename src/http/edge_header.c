#include "http/edge_header.h"

#include "base/number.h"
#include "http/field.h"

/* A String of RFC 8941 section 4.2.5; `s` keeps what follows it. */
static bool read_string(struct sl_span *s, char out[static SL_IDEMPOTENCY_KEY], size_t *ret_len)
{
    size_t n = 0, i = 1;
    for (; i < s->len && s->at[i] != '"'; i++) {
        if (s->at[i] == '\\' && (++i == s->len || (s->at[i] != '"' && s->at[i] != '\\')))
            return false;
        if (s->at[i] < ' ' || s->at[i] > '~' || n == SL_IDEMPOTENCY_KEY)
            return false;
        out[n++] = s->at[i];
    }
    if (i >= s->len)
        return false;
    *s = sl_span(s->at + i + 1, s->len - i - 1);
    *ret_len = n;
    return true;
}

static bool read_bare(struct sl_span s, char out[static SL_IDEMPOTENCY_KEY], size_t *ret_len)
{
    if (s.len > SL_IDEMPOTENCY_KEY)
        return false;
    struct sl_span rest = s, part;
    while (rest.len > 0)
        if (!sl_field_token(&rest, &part) && !sl_field_char(&rest, ':') && !sl_field_char(&rest, '/') &&
            !sl_field_char(&rest, '='))
            return false;
    memcpy(out, s.at, s.len);
    *ret_len = s.len;
    return true;
}

bool sl_idempotency_key(struct sl_span field, char out[static SL_IDEMPOTENCY_KEY], size_t *ret_len)
{
    struct sl_span s = sl_field_trim(field);
    size_t n = 0;
    if (s.len == 0)
        return false;
    if (s.at[0] != '"') {
        if (!read_bare(s, out, &n))
            return false;
    } else {
        struct sl_field_parameter p;
        enum sl_field_step step;
        if (!read_string(&s, out, &n))
            return false;
        while ((step = sl_field_next_parameter(&s, &p)) == SL_FIELD_PARAMETER)
            ;
        if (step != SL_FIELD_END)
            return false;
    }
    if (n > 0)
        *ret_len = n;
    return n > 0;
}

/* Digits, with or without quotes; a number that is too large counts as the largest. */
static bool read_seconds(struct sl_span s, uint32_t *ret)
{
    if (s.len >= 2 && s.at[0] == '"' && s.at[s.len - 1] == '"')
        s = sl_span(s.at + 1, s.len - 2);
    struct sl_digits d = sl_digits(s);
    if (d.count == 0 || d.count != s.len)
        return false;
    *ret = d.value < SL_PREFER_WAIT ? (uint32_t)d.value : SL_PREFER_WAIT;
    return true;
}

/* `wait` "=" value, then perhaps a semicolon and parameters, which are ignored. */
static bool is_wait(struct sl_span member, uint32_t *ret)
{
    struct sl_span name;
    if (!sl_field_token(&member, &name) || !sl_field_is(name, SL_SPAN("wait")))
        return false;
    member = sl_field_trim(member);
    if (!sl_field_char(&member, '='))
        return false;
    size_t end = 0;
    while (end < member.len && member.at[end] != ';')
        end++;
    return read_seconds(sl_field_trim(sl_span(member.at, end)), ret);
}

bool sl_is_request_id(struct sl_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
              c == '_' || c == '-'))
            return false;
    }
    return s.len > 0 && s.len <= SL_REQUEST_ID;
}

uint32_t sl_prefer_wait(const struct sl_span *lines, size_t count)
{
    struct sl_field_list list = {.fields = lines, .count = count};
    struct sl_span member;
    uint32_t seconds;
    while (sl_field_next(&list, &member))
        if (is_wait(member, &seconds))
            return seconds;
    return 0;
}
