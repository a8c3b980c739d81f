/* What the commands print, and the verifier that those which check tokens share. */
#pragma once
#include "ctl/ctl.h"

/* A verifier with the keys that the options name; *ret_keys: there was one. NULL after a complaint. */
struct statuslist_verifier *sl_verifier_of(const struct sl_ctl *c, bool *ret_keys);

/* The profile that the options name. */
enum statuslist_profile sl_profile_of(const struct sl_ctl *c);

/* "pass", "warn", "fail", "skip". */
const char *sl_outcome_name(enum statuslist_outcome o);
/* A line of text: outcome, name, what was found, who asks for it. */
void sl_print_check(const char *outcome, const char *name, const char *detail, const char *section);
json_t *sl_json_check(const char *outcome, const char *name, const char *detail, const char *section);
/* The checks of a report as a JSON array. */
json_t *sl_json_checks(const struct statuslist_report *r);
/* Writes and frees a JSON value. */
void sl_print_json(json_t *j);
/* A copy of text from elsewhere that does a terminal no harm: control characters become '?'. The caller's. */
char *sl_tame(const char *text, size_t len);
