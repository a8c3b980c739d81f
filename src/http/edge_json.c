/* jansson parses (RFC 8259; it refuses duplicate members and bad UTF-8). It does not bound the nesting, so
 * that is bounded here before it sees the text. And integers that do not fit its type are cut to 18 digits,
 * which is still out of every range that we accept. */
#include "http/edge_json.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

#define DEPTH_MAX 4   /* levels of arrays and objects; a batch needs 3 */
#define DIGITS_MAX 18 /* of an integer that certainly fits json_int_t */

/* What can be said of a text before it is parsed. Both members are right for a text that is lexically JSON up
 * to where the parser stops; where it is not, the parser stops no later than this survey is wrong. */
struct survey {
    bool deep;          /* nested deeper than DEPTH_MAX */
    bool long_integers; /* some integer has more than DIGITS_MAX digits */
};

/* Where the string that begins at `i` ends: at its closing quote, or after the text. */
static size_t string_end(struct sl_span text, size_t i)
{
    const char *at = text.at + i + 1, *quote = memchr(at, '"', text.len - i - 1);
    if (quote != NULL && memchr(at, '\\', (size_t)(quote - at)) == NULL)
        return (size_t)(quote - text.at);
    for (i++; i < text.len && text.at[i] != '"'; i++)
        if (text.at[i] == '\\')
            i++;
    return i;
}

static bool is_number_char(char c)
{
    return (c >= '0' && c <= '9') || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-';
}

/* The end of the number that begins at `i`. *ret_long: an integer with more digits than the parser's type
 * holds. */
static size_t number_end(struct sl_span text, size_t i, bool *ret_long)
{
    size_t begin = i + (text.at[i] == '-');
    size_t digits = begin;
    while (digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9')
        digits++;
    size_t end = digits;
    while (end < text.len && is_number_char(text.at[end]))
        end++;
    *ret_long = end == digits && digits - begin > DIGITS_MAX;
    return end > i ? end : i + 1;
}

static struct survey survey_text(struct sl_span text)
{
    struct survey s = {.deep = false};
    size_t depth = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == '"') {
            i = string_end(text, i);
        } else if (c == '{' || c == '[') {
            s.deep = s.deep || ++depth > DEPTH_MAX;
        } else if (c == '}' || c == ']') {
            depth -= depth > 0;
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            bool is_long;
            i = number_end(text, i, &is_long) - 1;
            s.long_integers = s.long_integers || is_long;
        }
    }
    return s;
}

/* A copy in which every long integer is cut to DIGITS_MAX digits and padded with spaces. It is still far out
 * of any range that we accept, and now the range check can say so. NULL: no memory. */
static char *cut_integers(struct sl_span text)
{
    char *copy = malloc(text.len);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text.at, text.len);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == '"') {
            i = string_end(text, i);
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            bool is_long;
            size_t end = number_end(text, i, &is_long);
            size_t keep = i + (c == '-') + DIGITS_MAX;
            if (is_long)
                memset(copy + keep, ' ', end - keep);
            i = end - 1;
        }
    }
    return copy;
}

/* In our words, because jansson's own messages quote the input. */
static enum sl_err syntax_error(const json_error_t *error, char why[static SL_WHY])
{
    const char *what = "the body is not valid JSON";
    switch (json_error_code(error)) {
    case json_error_out_of_memory:
        snprintf(why, SL_WHY, "out of memory");
        return SL_ERR_INTERNAL;
    case json_error_premature_end_of_input:
        what = "the body ends in the middle of its JSON";
        break;
    case json_error_end_of_input_expected:
        what = "the body goes on after its JSON value";
        break;
    case json_error_invalid_utf8:
        what = "the body is not UTF-8";
        break;
    case json_error_null_character:
    case json_error_null_byte_in_key:
        what = "a string contains \\u0000";
        break;
    case json_error_duplicate_key:
        what = "a member appears twice in one object";
        break;
    case json_error_numeric_overflow:
        what = "a number is too large";
        break;
    default: /* jansson's enum, not ours: the rest is plain syntax */
        break;
    }
    snprintf(why, SL_WHY, "%s (line %d, column %d)", what, error->line, error->column);
    return SL_ERR_MALFORMED_REQUEST;
}

static enum sl_err parse_text(struct sl_span text, bool long_integers, char why[static SL_WHY], json_t **ret)
{
    json_error_t error;
    char *copy = NULL;
    if (long_integers && (copy = cut_integers(text)) == NULL) {
        snprintf(why, SL_WHY, "out of memory");
        return SL_ERR_INTERNAL;
    }
    json_t *root =
        json_loadb(copy != NULL ? copy : text.at, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    free(copy);
    if (root == NULL)
        return syntax_error(&error, why);
    *ret = root;
    return SL_OK;
}

enum sl_err sl_json_object(struct sl_span json, const char *shape, char why[static SL_WHY], json_t **ret)
{
    json_t *root;
    if (json.len == 0) {
        snprintf(why, SL_WHY, "the body is empty; send %s", shape);
        return SL_ERR_MALFORMED_REQUEST;
    }
    struct survey s = survey_text(json);
    if (s.deep) {
        snprintf(why, SL_WHY, "the body is nested deeper than %d levels; send %s", DEPTH_MAX, shape);
        return SL_ERR_MALFORMED_REQUEST;
    }
    enum sl_err err = parse_text(json, s.long_integers, why, &root);
    if (err != SL_OK)
        return err;
    if (!json_is_object(root)) {
        snprintf(why, SL_WHY, "the body must be a JSON object; send %s", shape);
        json_decref(root);
        return SL_ERR_MALFORMED_REQUEST;
    }
    *ret = root;
    return SL_OK;
}

void sl_json_memory(void)
{
    json_set_alloc_funcs(sl_xmalloc, free);
}
