/* The grammar that HTTP field values share (RFC 9110 section 5.6): list members, tokens, quoted strings,
 * parameters. Readers over the caller's memory, which allocate nothing and keep nothing between calls. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/span.h"

/* Without the white space around it: blanks and tabs, which are no part of a value (section 5.5). */
struct sl_span sl_field_trim(struct sl_span s);

/* All lines of one field as one list. Start with {.fields = lines, .count = n}. */
struct sl_field_list {
    const struct sl_span *fields;
    size_t count;
    size_t line, at; /* where the next member begins */
};
/* The next member that is not empty, without the white space around it. Commas inside quoted strings do not
 * separate; a string that is never closed ends with its line. */
bool sl_field_next(struct sl_field_list *list, struct sl_span *ret);

/* The readers take what they recognise off the front of `rest`. False: it does not begin so, and `rest` is
 * unchanged. */
bool sl_field_token(struct sl_span *rest, struct sl_span *ret);
bool sl_field_char(struct sl_span *rest, char c);

enum sl_field_step { SL_FIELD_END, SL_FIELD_PARAMETER, SL_FIELD_BAD };
struct sl_field_parameter {
    struct sl_span name, value; /* a quoted value without its quotes, its backslashes still in it */
    bool quoted;
};
/* The next of *( OWS ";" OWS [ parameter ] ). BAD: what follows is something else, down to a lone space after
 * the equals sign. */
enum sl_field_step sl_field_next_parameter(struct sl_span *rest, struct sl_field_parameter *ret);
/* Compares a parameter's value, unquoted, without regard to case; `lower` is lower case. */
bool sl_field_value_is(const struct sl_field_parameter *p, const char *lower);
/* Without regard to the case of ASCII letters in `a`; `lower` is lower case. */
bool sl_field_is(struct sl_span a, struct sl_span lower);
