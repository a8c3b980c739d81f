/* How findings and checks are printed: as aligned text or as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/output.h"
#include "ctl/show.h"

const char *sl_outcome_name(enum statuslist_outcome o)
{
    switch (o) {
    case STATUSLIST_PASS:
        return "pass";
    case STATUSLIST_WARN:
        return "warn";
    case STATUSLIST_FAIL:
        return "fail";
    case STATUSLIST_SKIP:
        return "skip";
    }
    return "?";
}

char *sl_tame(const char *text, size_t len)
{
    char *s = malloc(len + 1);
    if (s == NULL)
        abort();
    for (size_t i = 0; i < len; i++)
        s[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    s[len] = '\0';
    return s;
}

void sl_print_check(const char *outcome, const char *name, const char *detail, const char *section)
{
    bool loud = strcmp(outcome, "fail") == 0 || strcmp(outcome, "warn") == 0;
    printf("%-4s  %-20s  %s", outcome, name, detail);
    if (loud && section != NULL)
        printf(" [%s]", section);
    putchar('\n');
}

json_t *sl_json_check(const char *outcome, const char *name, const char *detail, const char *section)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "outcome", outcome, "name", name, "section",
                     section != NULL ? section : "", "detail", detail);
}

json_t *sl_json_checks(const struct statuslist_report *r)
{
    json_t *all = json_array();
    const struct statuslist_check *check;
    for (size_t i = 0; (check = statuslist_report_check(r, i)) != NULL; i++)
        json_array_append_new(
            all, sl_json_check(sl_outcome_name(check->outcome), check->name, check->detail, check->section));
    return all;
}

void sl_print_json(json_t *j)
{
    json_dumpf(j, stdout, JSON_INDENT(1));
    putchar('\n');
    json_decref(j);
    sl_output_has_value();
}

static bool add_file(struct statuslist_verifier *v, const char *path, bool anchor)
{
    char why[STATUSLIST_WHY];
    size_t len;
    char *bytes = sl_read_file(path, &len);
    if (bytes == NULL)
        return false;
    bool ok = anchor ? statuslist_verifier_add_anchor(v, bytes, len, why)
                     : statuslist_verifier_add_key(v, bytes, len, why);
    if (!ok)
        sl_complain("%s: %s", path, why);
    free(bytes);
    return ok;
}

static bool read_profile(const char *text, enum statuslist_profile *ret)
{
    *ret = text == NULL                    ? STATUSLIST_NO_PROFILE
           : strcmp(text, "haip") == 0     ? STATUSLIST_HAIP
           : strcmp(text, "iso-mdoc") == 0 ? STATUSLIST_ISO_MDOC
                                           : STATUSLIST_NO_PROFILE;
    if (text == NULL || *ret != STATUSLIST_NO_PROFILE)
        return true;
    sl_complain("--profile: \"%.60s\" is not valid; expected haip or iso-mdoc", text);
    return false;
}

enum statuslist_profile sl_profile_of(const struct sl_ctl *c)
{
    enum statuslist_profile profile;
    return read_profile(c->profile, &profile) ? profile : STATUSLIST_NO_PROFILE;
}

static bool add_signer(const struct sl_ctl *c, struct statuslist_verifier *v)
{
    char why[STATUSLIST_WHY];
    if (c->signer == NULL)
        return true;
    if (c->anchors == NULL)
        sl_complain("--signer is about certificates below --anchors; expected both");
    else if (!statuslist_verifier_expect_signer(v, c->signer, why))
        sl_complain("--signer: \"%.60s\" is %s", c->signer, why);
    else
        return true;
    return false;
}

struct statuslist_verifier *sl_verifier_of(const struct sl_ctl *c, bool *ret_keys)
{
    struct statuslist_verifier *v = statuslist_verifier_new();
    enum statuslist_profile profile = STATUSLIST_NO_PROFILE;
    bool ok = v != NULL;
    ok = ok && (c->cert == NULL || add_file(v, c->cert, false));
    ok = ok && (c->jwk == NULL || add_file(v, c->jwk, false));
    ok = ok && (c->anchors == NULL || add_file(v, c->anchors, true));
    ok = ok && add_signer(c, v) && read_profile(c->profile, &profile);
    if (!ok) {
        statuslist_verifier_free(v);
        return NULL;
    }
    statuslist_verifier_set_profile(v, profile);
    statuslist_verifier_set_skew(v, c->skew);
    statuslist_verifier_set_inflate_limit(v, c->inflate_limit);
    *ret_keys = c->cert != NULL || c->jwk != NULL || c->anchors != NULL;
    return v;
}
