/* Accept, Accept-Encoding and what a cache has to know of them (RFC 9110 section 12). */
#include <stdio.h>
#include <string.h>

#include "ctl/lint_int.h"

static bool both(const struct sl_lint *l)
{
    return l->seen[SL_SEEN_JWT].offered && l->seen[SL_SEEN_CWT].offered;
}

static bool is_token_type(const char *type)
{
    return strcmp(type, "application/statuslist+jwt") == 0 || strcmp(type, "application/statuslist+cwt") == 0;
}

static void without_accept(struct sl_lint *l)
{
    struct sl_answer a;
    char type[64];
    if (sl_lint_get(l, "accept.none", "Accept:", NULL, &a)) {
        sl_answer_type(&a, type);
        bool ok = a.status == 200 && is_token_type(type);
        sl_find(l, ok ? SL_FOUND_PASS : SL_FOUND_FAIL, "accept.none", SL_REQUEST, "without Accept: %ld, %s",
                a.status, type);
    }
    sl_answer_free(&a);
}

/* A field that prefers, or leaves, one of the two. */
static void prefers(struct sl_lint *l, const char *name, const char *field, int wanted)
{
    struct sl_answer a;
    char type[64];
    if (!both(l))
        return;
    if (sl_lint_get(l, name, field, NULL, &a)) {
        sl_answer_type(&a, type);
        bool ok = a.status == 200 && strcmp(type, l->seen[wanted].type) == 0;
        sl_find(l, ok ? SL_FOUND_PASS : SL_FOUND_WARN, name, "RFC 9110 section 12.5.1", "%s: %ld, %s", field,
                a.status, type);
    }
    sl_answer_free(&a);
}

static void unacceptable(struct sl_lint *l)
{
    struct sl_answer a;
    const char *name = "accept.unacceptable";
    if (sl_lint_get(l, name, "Accept: image/png", NULL, &a)) {
        enum sl_found f = a.status == 406                      ? SL_FOUND_PASS
                          : a.status >= 500 || a.status == 404 ? SL_FOUND_FAIL
                                                               : SL_FOUND_WARN;
        sl_find(l, f, name, "RFC 9110 section 15.5.7", "Accept: image/png: %ld%s", a.status,
                f == SL_FOUND_PASS ? "" : ", not 406");
    }
    sl_answer_free(&a);
}

/* No encoding that the request did not ask for; and with gzip, the same token. */
static void encoding(struct sl_lint *l)
{
    struct sl_variant_seen *s = sl_lint_any(l);
    const char *section = "RFC 9110 section 12.5.3", *plain = sl_answer_field(&s->answer, "content-encoding");
    bool coded = *plain != '\0' && strcmp(plain, "identity") != 0;
    sl_find(l, coded ? SL_FOUND_FAIL : SL_FOUND_PASS, "encoding.identity", section,
            coded ? "Content-Encoding %.30s without Accept-Encoding"
                  : "no encoding without Accept-Encoding%.0s",
            plain);
    struct sl_ask ask = {.method = "GET", .url = l->url, .fields = {s->accept}, .gzip = true};
    struct sl_answer a;
    char why[256];
    if (!sl_web_get(l->web, &ask, &a, why, NULL, NULL)) {
        sl_find(l, SL_FOUND_FAIL, "encoding.gzip", section, "Accept-Encoding: gzip: %s", why);
    } else {
        bool gzip = strcmp(sl_answer_field(&a, "content-encoding"), "gzip") == 0;
        statuslist_verifier_set_format(l->v, s->format);
        struct statuslist_report *r =
            statuslist_verify(l->v, a.body.data != NULL ? a.body.data : "", a.body.len, NULL, NULL, 0);
        const struct statuslist_check *c = r != NULL ? statuslist_report_find(r, "encoding") : NULL;
        bool token = c != NULL && c->outcome == STATUSLIST_PASS;
        bool first = statuslist_report_find(s->report, "encoding")->outcome == STATUSLIST_PASS;
        if (!token && first)
            sl_find(l, SL_FOUND_FAIL, "encoding.gzip", section, "Accept-Encoding: gzip: %ld, and no token",
                    a.status);
        else
            sl_find(l, SL_FOUND_PASS, "encoding.gzip", section,
                    gzip ? "a token in gzip" : "the server does not use gzip");
        statuslist_report_free(r);
    }
    sl_answer_free(&a);
}

static void vary(struct sl_lint *l)
{
    struct sl_variant_seen *s = sl_lint_any(l);
    const char *field = sl_answer_field(&s->answer, "vary");
    if (!both(l))
        return;
    bool ok = strcasestr(field, "accept") != NULL || strcmp(field, "*") == 0;
    const char *at = strcasestr(field, "accept");
    while (ok && at != NULL && at[6] == '-') /* Accept-Encoding alone is not Accept */
        at = strcasestr(at + 6, "accept");
    ok = ok && (at != NULL || strcmp(field, "*") == 0);
    sl_find(l, ok ? SL_FOUND_PASS : SL_FOUND_WARN, "vary", "RFC 9110 section 12.5.5",
            ok ? "%.60s" : "\"%.60s\" does not contain Accept: a cache can mix up the two formats", field);
}

static void check_entity_tags(struct sl_lint *l)
{
    const char *jwt = sl_answer_field(&l->seen[SL_SEEN_JWT].answer, "etag");
    const char *cwt = sl_answer_field(&l->seen[SL_SEEN_CWT].answer, "etag");
    if (!both(l) || *jwt == '\0' || *cwt == '\0')
        return;
    bool same = strcmp(jwt, cwt) == 0;
    sl_find(l, same ? SL_FOUND_FAIL : SL_FOUND_PASS, "etag.distinct", "RFC 9110 section 8.8.3",
            same ? "JWT and CWT have the same ETag: a 304 may confirm the wrong one"
                 : "JWT and CWT have different ETags");
}

void sl_lint_negotiation(struct sl_lint *l)
{
    without_accept(l);
    prefers(l, "accept.q.cwt", "Accept: application/statuslist+jwt;q=0.1, application/statuslist+cwt;q=0.9",
            SL_SEEN_CWT);
    prefers(l, "accept.q.jwt", "Accept: application/statuslist+jwt;q=0.9, application/statuslist+cwt;q=0.1",
            SL_SEEN_JWT);
    prefers(l, "accept.q.zero", "Accept: application/statuslist+jwt;q=0, application/*", SL_SEEN_CWT);
    unacceptable(l);
    encoding(l);
    vary(l);
    check_entity_tags(l);
}
