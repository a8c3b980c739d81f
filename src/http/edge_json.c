/* jansson parses (RFC 8259; it refuses duplicate members and bad UTF-8, and bounds the nesting). What does
 * not fit its integers is an error to it without a place; then the text is parsed once more, in a way in
 * which our own range checks can name the member. */
#include "http/edge_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

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
    case json_error_stack_overflow:
        what = "the body is nested too deeply";
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

/* A whole number of floating point as an integer; what is beyond every range that we accept stays beyond. */
static json_t *to_integer(double value)
{
    enum { FAR = 1000000000 };
    const double far = (double)FAR * FAR;
    return json_integer(value >= far    ? (json_int_t)FAR * FAR
                        : value <= -far ? -(json_int_t)FAR * FAR
                                        : (json_int_t)value);
}

static bool is_whole(const json_t *value)
{
    return json_is_real(value) && floor(json_real_value(value)) == json_real_value(value);
}

static void make_integers(json_t *value)
{
    size_t i;
    const char *name;
    json_t *each;
    json_array_foreach(value, i, each)
    {
        if (is_whole(each))
            json_array_set_new(value, i, to_integer(json_real_value(each)));
        else
            make_integers(each);
    }
    json_object_foreach(value, name, each)
    {
        if (is_whole(each))
            json_object_iter_set_new(value, json_object_key_to_iter(name), to_integer(json_real_value(each)));
        else
            make_integers(each);
    }
}

/* A number is too large for jansson. Where it is an integer, this reads the text as if all integers were
 * floating point and then makes integers of them again. That cannot tell 1.0 from 1 any more, but a text with
 * such a number is refused in any case: no member of ours may be that large. */
static json_t *parse_large(struct sl_span text, json_error_t *error)
{
    json_t *root = json_loadb(text.at, text.len,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, error);
    if (root != NULL)
        make_integers(root);
    return root;
}

enum sl_err sl_json_object(struct sl_span json, const char *shape, char why[static SL_WHY], json_t **ret)
{
    json_error_t error;
    json_t *root;
    if (json.len == 0) {
        snprintf(why, SL_WHY, "the body is empty; send %s", shape);
        return SL_ERR_MALFORMED_REQUEST;
    }
    root = json_loadb(json.at, json.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (root == NULL && json_error_code(&error) == json_error_numeric_overflow)
        root = parse_large(json, &error);
    if (root == NULL)
        return syntax_error(&error, why);
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
