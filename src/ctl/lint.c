#include "ctl/lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    if (sl_web_ask(l->web, ask, ret, why))
        return true;
    sl_find(l, SL_FOUND_FAIL, name, "RFC 9110", "%s: no answer: %s", ask->method, why);
    return false;
}

bool sl_lint_get(struct sl_lint *l, const char *name, const char *field, const char *other,
                 struct sl_answer *ret)
{
    char why[256];
    struct sl_ask ask = {.method = "GET", .url = l->url, .fields = {field, field != NULL ? other : NULL}};
    if (sl_web_get(l->web, &ask, ret, why, NULL, NULL))
        return true;
    sl_find(l, SL_FOUND_FAIL, name, "RFC 9110", "GET: no answer: %s", why);
    return false;
}

struct sl_variant_seen *sl_lint_any(struct sl_lint *l)
{
    return l->seen[SL_SEEN_JWT].offered ? &l->seen[SL_SEEN_JWT] : &l->seen[SL_SEEN_CWT];
}

static void run(struct sl_lint *l)
{
    if (!sl_lint_tokens(l))
        return;
    for (int i = 0; i < SL_SEEN_COUNT; i++)
        if (l->seen[i].offered)
            sl_lint_caching(l, &l->seen[i]);
    sl_lint_negotiation(l);
    sl_lint_requests(l);
    sl_lint_aggregation(l);
}

static void sum_up(struct sl_lint *l)
{
    unsigned failed = l->count[SL_FOUND_FAIL], warned = l->count[SL_FOUND_WARN];
    if (l->c->json)
        sl_print_json(json_pack("{s:s, s:b, s:i, s:i, s:i, s:O}", "url", l->url, "ok", failed == 0, "passed",
                                (int)l->count[SL_FOUND_PASS], "warnings", (int)warned, "failures",
                                (int)failed, "findings", l->findings));
    else
        printf("\npassed: %u, warnings (SHOULD): %u, failures (MUST): %u\n", l->count[SL_FOUND_PASS], warned,
               failed);
}

int sl_run_lint(const struct sl_ctl *c, struct sl_web *web)
{
    struct sl_lint l = {.c = c,
                        .web = web,
                        .url = c->words[0],
                        .seen = {{.name = "jwt",
                                  .type = "application/statuslist+jwt",
                                  .accept = "Accept: application/statuslist+jwt",
                                  .format = STATUSLIST_JWT},
                                 {.name = "cwt",
                                  .type = "application/statuslist+cwt",
                                  .accept = "Accept: application/statuslist+cwt",
                                  .format = STATUSLIST_CWT}},
                        .findings = json_array()};
    l.v = sl_verifier_of(c, &l.keys);
    if (l.v == NULL)
        return SL_EXIT_USAGE;
    statuslist_verifier_trust_carried_key(l.v, !l.keys);
    run(&l);
    sum_up(&l);
    bool reached = l.count[SL_FOUND_PASS] > 0;
    for (int i = 0; i < SL_SEEN_COUNT; i++) {
        statuslist_report_free(l.seen[i].report);
        sl_answer_free(&l.seen[i].answer);
    }
    statuslist_verifier_free(l.v);
    json_decref(l.findings);
    return l.count[SL_FOUND_FAIL] == 0 ? SL_EXIT_OK : reached ? SL_EXIT_LINT_FAILED : SL_EXIT_NO_ANSWER;
}
