/* lint: tests a server from outside. The tokens come first, because all other parts ask about them. */
#include "ctl/args.h"
#include "ctl/lint_int.h"
#include "ctl/show.h"

#include <stdio.h>
#include <unistd.h>

static void run_checks(struct sl_lint *l)
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
    sl_progress_begin(&l.progress, "lint", "requests", 0);
    if (!c->json && isatty(STDOUT_FILENO)) /* the findings themselves show it */
        l.progress.terminal = false;
    run_checks(&l);
    sl_progress_end(&l.progress);
    if (!l.reached)
        sl_complain("%s: no response", l.url);
    sum_up(&l);
    for (int i = 0; i < SL_SEEN_COUNT; i++) {
        statuslist_report_free(l.seen[i].report);
        sl_answer_free(&l.seen[i].answer);
    }
    statuslist_verifier_free(l.v);
    json_decref(l.findings);
    return l.count[SL_FOUND_FAIL] == 0 ? SL_EXIT_OK : l.reached ? SL_EXIT_LINT_FAILED : SL_EXIT_NO_ANSWER;
}
