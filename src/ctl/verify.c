/* verify: fetches a token as a verifier does, checks it, and turns the status into the exit status. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/show.h"
#include "ctl/verify.h"

const char *sl_accept_of(enum sl_format_choice format)
{
    switch (format) {
    case SL_FORMAT_JWT:
        return "Accept: application/statuslist+jwt";
    case SL_FORMAT_CWT:
        return "Accept: application/statuslist+cwt";
    case SL_FORMAT_ANY:
        break;
    }
    return "Accept: application/statuslist+jwt, application/statuslist+cwt;q=0.9";
}

static bool format_of_type(const char *type, enum statuslist_format *ret)
{
    if (strcmp(type, "application/statuslist+jwt") == 0)
        *ret = STATUSLIST_JWT;
    else if (strcmp(type, "application/statuslist+cwt") == 0)
        *ret = STATUSLIST_CWT;
    else
        return false;
    return true;
}

bool sl_fetch_token(const struct sl_ctl *c, struct sl_web *web, const char *url, struct sl_answer *ret,
                    enum statuslist_format *ret_format)
{
    char why[256], type[64];
    enum sl_format_choice format = c->format;
    if (format == SL_FORMAT_ANY && sl_profile_of(c) == STATUSLIST_ISO_MDOC)
        format = SL_FORMAT_CWT; /* an mdoc's list is nothing else */
    struct sl_ask ask = {.method = "GET", .url = url, .fields = {sl_accept_of(format)}, .gzip = true};
    if (!sl_web_get(web, &ask, ret, why, NULL, NULL)) {
        sl_complain("%s: %s", url, why);
        return false;
    }
    sl_answer_type(ret, type);
    if (ret->status < 200 || ret->status > 299)
        sl_complain("%s: the server responded %ld", url, ret->status);
    else if (!format_of_type(type, ret_format))
        sl_complain(
            "%s: Content-Type is \"%s\"; expected application/statuslist+jwt or application/statuslist+cwt",
            url, type);
    else
        return true;
    return false;
}

static void show_verdict(const struct sl_ctl *c, const struct statuslist_report *r, uint64_t index)
{
    int status = statuslist_report_status(r);
    bool accepted = statuslist_report_accepted(r);
    const char *name = status >= 0 ? statuslist_status_name((unsigned)status) : NULL;
    if (c->json) {
        json_t *j = json_pack("{s:s, s:I, s:b, s:o}", "uri", c->words[0], "index", (json_int_t)index,
                              "accepted", accepted, "checks", sl_json_checks(r));
        json_object_set_new(j, "status", status >= 0 ? json_integer(status) : json_null());
        json_object_set_new(j, "name", name != NULL ? json_string(name) : json_null());
        sl_print_json(j);
        return;
    }
    const struct statuslist_check *check;
    for (size_t i = 0; (check = statuslist_report_check(r, i)) != NULL; i++)
        sl_print_check(sl_outcome_name(check->outcome), check->name, check->detail, check->section);
    if (accepted)
        printf("\n%s (0x%02x)\n", name, (unsigned)status);
    else
        printf("\nREFUSED: do not use anything that this token says\n");
}

static int exit_of(const struct statuslist_report *r)
{
    int status = statuslist_report_status(r);
    if (status < 0)
        return SL_EXIT_REFUSED_TOKEN;
    return status <= STATUSLIST_SUSPENDED ? status : SL_EXIT_OTHER_STATUS;
}

/* A token from a moment that is still to come shows two clocks that differ, while the difference is small. */
static void explain_clock(const struct statuslist_report *r, int64_t now)
{
    enum { CLOCKS_DIFFER_S = 300 };
    const struct statuslist_check *iat = statuslist_report_find(r, "iat");
    int64_t ahead = statuslist_report_claims(r)->iat - now;
    if (iat != NULL && iat->outcome == STATUSLIST_FAIL && ahead > 0 && ahead <= CLOCKS_DIFFER_S)
        sl_complain("the clock that signed is %" PRId64
                    " s ahead of this one: set this clock, or allow for the difference with --skew %" PRId64,
                    ahead, ahead);
}

static int verify(const struct sl_ctl *c, struct sl_web *web, struct statuslist_verifier *v, uint64_t index)
{
    struct sl_answer a;
    enum statuslist_format format;
    int code = SL_EXIT_NO_ANSWER;
    if (sl_fetch_token(c, web, c->words[0], &a, &format)) {
        statuslist_verifier_set_format(v, format);
        int64_t now = (int64_t)time(NULL);
        struct statuslist_report *r = statuslist_verify(v, a.body.data, a.body.len, c->words[0], &index, now);
        if (r == NULL)
            abort();
        show_verdict(c, r, index);
        explain_clock(r, now);
        code = exit_of(r);
        statuslist_report_free(r);
    }
    sl_answer_free(&a);
    return code;
}

int sl_run_verify(const struct sl_ctl *c, struct sl_web *web)
{
    uint64_t index;
    bool keys;
    if (!sl_read_number(c->words[1], UINT64_MAX, &index)) {
        sl_complain("INDEX: \"%s\" is not valid; expected a whole number from 0 to %" PRIu64, c->words[1],
                    UINT64_MAX);
        return SL_EXIT_USAGE;
    }
    struct statuslist_verifier *v = sl_verifier_of(c, &keys);
    if (v == NULL)
        return SL_EXIT_USAGE;
    if (!keys)
        sl_complain("no key to trust; expected --cert, --jwk or --anchors, because a key inside the token "
                    "proves nothing");
    int code = verify(c, web, v, index);
    statuslist_verifier_free(v);
    return code;
}
