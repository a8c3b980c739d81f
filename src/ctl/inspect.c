/* inspect: shows what a token says, with any signature. The token comes from a URL, a file, the standard
 * input or the command line. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"
#include "ctl/args.h"
#include "ctl/show.h"
#include "ctl/verify.h"

struct token {
    char *bytes;
    size_t len;
    enum statuslist_format format;
};

/* Hex, as CWTs are often shown; false when it is none. */
static bool decode_hex(const char *text, struct token *t)
{
    struct sl_span hex = sl_span(text, strlen(text));
    t->len = hex.len / 2;
    t->bytes = t->len > 0 ? malloc(t->len) : NULL;
    if (t->bytes != NULL && sl_hex_decode(hex, (uint8_t *)t->bytes, t->len))
        return true;
    free(t->bytes);
    *t = (struct token){0};
    return false;
}

/* A file holds the token as it is; white space at the end of a text comes from an editor. */
static void trim_text(struct token *t)
{
    if (t->len > 0 && ((unsigned char)t->bytes[0] & 0x80) == 0)
        while (t->len > 0 && strchr(" \t\r\n", t->bytes[t->len - 1]) != NULL)
            t->len--;
}

static int read_token(const struct sl_ctl *c, struct sl_web *web, const char *word, struct token *t)
{
    if (strncmp(word, "http://", 7) == 0 || strncmp(word, "https://", 8) == 0) {
        struct sl_answer a;
        bool ok = sl_fetch_token(c, web, word, &a, &t->format);
        if (ok) {
            t->bytes = a.body.data;
            t->len = a.body.len;
            a.body.data = NULL;
        }
        sl_answer_free(&a);
        return ok ? SL_EXIT_OK : SL_EXIT_NO_ANSWER;
    }
    if (strcmp(word, "-") == 0 || access(word, F_OK) == 0) {
        t->bytes = sl_read_file(word, &t->len);
        if (t->bytes != NULL)
            trim_text(t);
        return t->bytes != NULL ? SL_EXIT_OK : SL_EXIT_USAGE;
    }
    if (strchr(word, '.') == NULL && !decode_hex(word, t)) {
        sl_complain("\"%.60s\" is not valid; expected a token, a file or a URL", word);
        return SL_EXIT_USAGE;
    }
    if (t->bytes == NULL) {
        t->bytes = strdup(word);
        t->len = strlen(word);
    }
    return SL_EXIT_OK;
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

static void show_json(const struct token *t, const struct statuslist_report *r, const struct density *d)
{
    const struct statuslist_claims *s = statuslist_report_claims(r);
    json_t *statuses = json_object();
    char name[8];
    for (unsigned value = 0; value < 256; value++) {
        snprintf(name, sizeof name, "%u", value);
        if (d->of[value] > 0)
            json_object_set_new(statuses, name, json_integer((json_int_t)d->of[value]));
    }
    sl_print_json(json_pack("{s:s, s:o, s:{s:I, s:I, s:I}, s:I, s:o, s:o}", "format",
                            s->format == STATUSLIST_CWT ? "cwt" : "jwt", "claims", claims_json(s), "sizes",
                            "token", (json_int_t)t->len, "compressed", (json_int_t)s->compressed, "list",
                            (json_int_t)s->list_len, "entries", (json_int_t)s->size, "statuses", statuses,
                            "checks", sl_json_checks(r)));
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
    printf("%-16s token %zu bytes, compressed list %zu, list %zu\n", "sizes", t->len, s->compressed,
           s->list_len);
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

int sl_run_inspect(const struct sl_ctl *c, struct sl_web *web)
{
    bool keys;
    struct token t = {.format = STATUSLIST_ANY_FORMAT};
    int code = read_token(c, web, c->words[0], &t);
    struct statuslist_verifier *verifier = code == SL_EXIT_OK ? sl_verifier_of(c, &keys) : NULL;
    if (code == SL_EXIT_OK && verifier == NULL)
        code = SL_EXIT_USAGE;
    if (verifier != NULL) {
        statuslist_verifier_trust_carried_key(verifier, !keys);
        statuslist_verifier_set_format(verifier, t.format);
        struct statuslist_report *r =
            statuslist_verify(verifier, t.bytes, t.len, NULL, NULL, (int64_t)time(NULL));
        if (r == NULL)
            abort();
        struct density d;
        count_statuses(statuslist_report_claims(r), &d);
        if (c->json)
            show_json(&t, r, &d);
        else
            show_token(&t, r, &d);
        if (statuslist_report_claims(r)->list == NULL)
            code = SL_EXIT_REFUSED_TOKEN;
        statuslist_report_free(r);
    }
    statuslist_verifier_free(verifier);
    free(t.bytes);
    return code;
}
