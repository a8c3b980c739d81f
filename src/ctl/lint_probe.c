/* The two things that every part of lint does: send requests to the server, and record findings. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/lint_int.h"
#include "ctl/show.h"

static const char *const names[] = {"pass", "note", "skip", "warn", "fail"};

void sl_find(struct sl_lint *l, enum sl_found found, const char *name, const char *section, const char *fmt,
             ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    char *tame = sl_tame(text, n < 0 ? 0 : strlen(text));
    l->count[found]++;
    if (!l->c->json)
        sl_print_check(names[found], name, tame, section);
    json_t *finding = sl_json_check(names[found], name, tame, section);
    const char *level = found == SL_FOUND_FAIL ? "MUST" : found == SL_FOUND_WARN ? "SHOULD" : NULL;
    if (level != NULL)
        json_object_set_new(finding, "level", json_string(level));
    json_array_append_new(l->findings, finding);
    free(tame);
}

bool sl_lint_ask(struct sl_lint *l, const char *name, const struct sl_ask *ask, struct sl_answer *ret)
{
    char why[256];
    sl_progress_at(&l->progress, l->asked++);
    if (sl_web_ask(l->web, ask, ret, why))
        return true;
    sl_find(l, SL_FOUND_FAIL, name, "RFC 9110", "%s: no response: %s", ask->method, why);
    return false;
}

bool sl_lint_get(struct sl_lint *l, const char *name, const char *field, const char *other,
                 struct sl_answer *ret)
{
    char why[256];
    struct sl_ask ask = {.method = "GET", .url = l->url, .fields = {field, field != NULL ? other : NULL}};
    sl_progress_at(&l->progress, l->asked++);
    if (sl_web_get(l->web, &ask, ret, why, NULL, NULL))
        return true;
    sl_find(l, SL_FOUND_FAIL, name, "RFC 9110", "GET: no response: %s", why);
    return false;
}

struct sl_variant_seen *sl_lint_any(struct sl_lint *l)
{
    return l->seen[SL_SEEN_JWT].offered ? &l->seen[SL_SEEN_JWT] : &l->seen[SL_SEEN_CWT];
}
