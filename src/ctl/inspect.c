/* inspect: shows what a token says, with any signature, or what a bare list contains. It comes from a URL, a
 * file, the standard input or the command line. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl/args.h"
#include "ctl/inspect_text.h"
#include "ctl/show.h"
#include "ctl/verify.h"

struct token {
    struct sl_inspected in;
    enum statuslist_format format;
};

/* An exit status; *ret has a token or a list if it is OK. */
static int read_token(const struct sl_ctl *c, struct sl_web *web, const char *word, struct token *ret)
{
    if (strncmp(word, "http://", 7) == 0 || strncmp(word, "https://", 8) == 0) {
        struct sl_answer a;
        bool ok = sl_fetch_token(c, web, word, &a, &ret->format);
        if (ok) {
            ret->in = (struct sl_inspected){.bytes = a.body.data, .len = a.body.len};
            a.body.data = NULL;
        }
        sl_answer_free(&a);
        return ok ? SL_EXIT_OK : SL_EXIT_NO_ANSWER;
    }
    size_t len;
    char *bytes;
    if (strcmp(word, "-") == 0 || access(word, F_OK) == 0) {
        bytes = sl_read_file(word, &len);
    } else {
        bytes = strdup(word);
        len = strlen(word);
    }
    return bytes != NULL ? sl_inspect_text(word, bytes, len, &ret->in) : SL_EXIT_USAGE;
}

struct density {
    uint64_t of[256];
};

static void count_statuses(const struct statuslist_claims *s, struct density *d)
{
    *d = (struct density){.of = {0}};
    for (size_t i = 0; s->list != NULL && s->bits > 0 && i < s->list_len; i++)
        for (unsigned shift = 0; shift < 8; shift += s->bits)
            d->of[s->list[i] >> shift & ((1u << s->bits) - 1)]++;
}

static json_t *claims_json(const struct statuslist_claims *s)
{
    json_t *j = json_object();
    const struct {
        const char *name, *text;
    } texts[] = {{"alg", s->alg}, {"typ", s->typ}, {"kid", s->kid},
                 {"sub", s->sub}, {"iss", s->iss}, {"aggregation_uri", s->aggregation_uri}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].text != NULL)
            json_object_set_new(j, texts[i].name, json_string(texts[i].text));
    json_object_set_new(j, "certificates", json_integer(s->certificates));
    if (s->has_iat)
        json_object_set_new(j, "iat", json_integer(s->iat));
    if (s->has_exp)
        json_object_set_new(j, "exp", json_integer(s->exp));
    if (s->has_ttl)
        json_object_set_new(j, "ttl", json_integer(s->ttl));
    if (s->bits > 0)
        json_object_set_new(j, "bits", json_integer(s->bits));
    return j;
}

static json_t *statuses_json(const struct density *d)
{
    json_t *statuses = json_object();
    char name[8];
    for (unsigned value = 0; value < 256; value++) {
        snprintf(name, sizeof name, "%u", value);
        if (d->of[value] > 0)
            json_object_set_new(statuses, name, json_integer((json_int_t)d->of[value]));
    }
    return statuses;
}

static void show_json(const struct token *t, const struct statuslist_report *r, const struct density *d)
{
    const struct statuslist_claims *s = statuslist_report_claims(r);
    sl_print_json(json_pack("{s:s, s:o, s:{s:I, s:I, s:I}, s:I, s:o, s:o}", "format",
                            s->format == STATUSLIST_CWT ? "cwt" : "jwt", "claims", claims_json(s), "sizes",
                            "token", (json_int_t)t->in.len, "compressed", (json_int_t)s->compressed, "list",
                            (json_int_t)s->list_len, "entries", (json_int_t)s->size, "statuses",
                            statuses_json(d), "checks", sl_json_checks(r)));
}

static void show_time(const char *name, bool has, int64_t at, int64_t now)
{
    char text[32] = "";
    struct tm tm;
    time_t seconds = (time_t)at;
    if (!has)
        return;
    if (gmtime_r(&seconds, &tm) != NULL)
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    printf("%-16s %" PRId64 "  %s, %" PRId64 " s %s\n", name, at, text, at < now ? now - at : at - now,
           at < now ? "ago" : "from now");
}

static void print_field(const char *name, const char *text)
{
    char *tame = text != NULL ? sl_tame(text, strlen(text)) : NULL;
    if (tame != NULL)
        printf("%-16s %s\n", name, tame);
    free(tame);
}

static void print_list(const struct token *t, const struct statuslist_claims *s, const struct density *d)
{
    if (t->in.is_list)
        printf("%-16s compressed list %zu bytes, list %zu\n", "sizes", s->compressed, s->list_len);
    else
        printf("%-16s token %zu bytes, compressed list %zu, list %zu\n", "sizes", t->in.len, s->compressed,
               s->list_len);
    if (t->in.is_list && s->bits == 0)
        printf("%-16s %zu of 1 bit, %zu of 2, %zu of 4 or %zu of 8: give {\"bits\": N, \"lst\": \"...\"} to "
               "see the "
               "statuses\n",
               "entries", 8 * s->list_len, 4 * s->list_len, 2 * s->list_len, s->list_len);
    if (s->size == 0)
        return;
    printf("%-16s %" PRIu64 " of %u bit\n", "entries", s->size, s->bits);
    for (unsigned value = 0; value < 256; value++)
        if (d->of[value] > 0)
            printf("  0x%02x %-22s %" PRIu64 " (%.4f %%)\n", value, statuslist_status_name(value),
                   d->of[value], 100.0 * (double)d->of[value] / (double)s->size);
}

static void show_token(const struct token *t, const struct statuslist_report *r, const struct density *d)
{
    const struct statuslist_claims *s = statuslist_report_claims(r);
    int64_t now = (int64_t)time(NULL);
    print_field("format", s->format == STATUSLIST_CWT ? "CWT" : "JWT");
    print_field("typ", s->typ);
    print_field("alg", s->alg);
    print_field("kid", s->kid);
    printf("%-16s %u\n", "certificates", s->certificates);
    print_field("sub", s->sub);
    print_field("iss", s->iss);
    show_time("iat", s->has_iat, s->iat, now);
    show_time("exp", s->has_exp, s->exp, now);
    if (s->has_ttl)
        printf("%-16s %" PRId64 " s\n", "ttl", s->ttl);
    print_field("aggregation_uri", s->aggregation_uri);
    print_list(t, s, d);
    const struct statuslist_check *check;
    for (size_t i = 0; (check = statuslist_report_check(r, i)) != NULL; i++)
        if (check->outcome != STATUSLIST_PASS)
            sl_print_check(sl_outcome_name(check->outcome), check->name, check->detail, check->section);
}

static bool failed(const struct statuslist_report *r)
{
    const struct statuslist_check *check;
    for (size_t i = 0; (check = statuslist_report_check(r, i)) != NULL; i++)
        if (check->outcome == STATUSLIST_FAIL)
            return true;
    return false;
}

/* A bare list has no signature and no claims: only what it contains can be shown. */
static int inspect_list(const struct sl_ctl *c, const struct token *t)
{
    uint8_t *list;
    struct statuslist_claims s = {.bits = t->in.bits, .compressed = t->in.len};
    struct density d;
    enum statuslist_result result =
        statuslist_inflate(t->in.bytes, t->in.len, c->inflate_limit, &list, &s.list_len);
    if (result != STATUSLIST_OK) {
        sl_complain("the list cannot be inflated: %s", statuslist_result_text(result));
        return SL_EXIT_REFUSED_TOKEN;
    }
    s.list = list;
    s.size = s.bits > 0 ? (uint64_t)s.list_len * 8 / s.bits : 0;
    count_statuses(&s, &d);
    if (c->json) {
        sl_print_json(json_pack("{s:s, s:o, s:{s:I, s:I}, s:o, s:o}", "format", "list", "bits",
                                s.bits > 0 ? json_integer(s.bits) : json_null(), "sizes", "compressed",
                                (json_int_t)s.compressed, "list", (json_int_t)s.list_len, "entries",
                                s.bits > 0 ? json_integer((json_int_t)s.size) : json_null(), "statuses",
                                statuses_json(&d)));
    } else {
        print_field("format", "a list, which is not signed");
        print_list(t, &s, &d);
    }
    statuslist_free(list);
    return SL_EXIT_OK;
}

static int inspect_token(const struct sl_ctl *c, const struct token *t, struct statuslist_verifier *verifier,
                         bool keys)
{
    struct density d;
    statuslist_verifier_trust_carried_key(verifier, !keys);
    statuslist_verifier_set_format(verifier, t->format);
    struct statuslist_report *r =
        statuslist_verify(verifier, t->in.bytes, t->in.len, NULL, NULL, (int64_t)time(NULL));
    if (r == NULL)
        abort();
    count_statuses(statuslist_report_claims(r), &d);
    if (c->json)
        show_json(t, r, &d);
    else
        show_token(t, r, &d);
    int code = failed(r) ? SL_EXIT_REFUSED_TOKEN : SL_EXIT_OK;
    statuslist_report_free(r);
    return code;
}

int sl_run_inspect(const struct sl_ctl *c, struct sl_web *web)
{
    bool keys;
    struct token t = {.format = STATUSLIST_ANY_FORMAT};
    struct statuslist_verifier *verifier = sl_verifier_of(c, &keys);
    int code = verifier != NULL ? read_token(c, web, c->words[0], &t) : SL_EXIT_USAGE;
    if (code == SL_EXIT_OK)
        code = t.in.is_list ? inspect_list(c, &t) : inspect_token(c, &t, verifier, keys);
    statuslist_verifier_free(verifier);
    free(t.in.bytes);
    return code;
}
