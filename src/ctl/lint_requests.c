/* Browsers, history, lists that are not there, privacy. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "base/hex.h"
#include "ctl/lint_int.h"

#define ORIGIN "https://wallet.example"

static bool allows(struct sl_answer *a)
{
    const char *origin = sl_answer_field(a, "access-control-allow-origin");
    return strcmp(origin, "*") == 0 || strcmp(origin, ORIGIN) == 0;
}

static void cors(struct sl_lint *l)
{
    struct sl_variant_seen *s = sl_lint_any(l);
    struct sl_answer a;
    if (sl_lint_get(l, "cors", s->accept, "Origin: " ORIGIN, &a)) {
        bool ok = allows(&a);
        sl_find(l, ok ? SL_FOUND_PASS : SL_FOUND_WARN, "cors", SL_RESPONSE,
                ok ? "a web page of another origin can read the token"
                   : "no Access-Control-Allow-Origin: a verifier in a browser cannot read the list");
    }
    sl_answer_free(&a);
    struct sl_ask ask = {.method = "OPTIONS",
                         .url = s->answer.url,
                         .fields = {"Origin: " ORIGIN, "Access-Control-Request-Method: GET",
                                    "Access-Control-Request-Headers: if-none-match"}};
    if (sl_lint_ask(l, "cors.preflight", &ask, &a)) {
        bool ok = a.status >= 200 && a.status <= 299 && allows(&a);
        sl_find(l, ok ? SL_FOUND_PASS : SL_FOUND_WARN, "cors.preflight", SL_RESPONSE, "OPTIONS: %ld%s",
                a.status, ok ? "" : ": a page cannot revalidate with If-None-Match");
    }
    sl_answer_free(&a);
}

static char *with_query(const char *url, const char *query)
{
    char *out;
    if (asprintf(&out, "%s%c%s", url, strchr(url, '?') != NULL ? '&' : '?', query) < 0)
        abort();
    return out;
}

static bool get_time(struct sl_lint *l, const char *name, const char *value, struct sl_answer *ret)
{
    char query[64];
    snprintf(query, sizeof query, "time=%s", value);
    char *url = with_query(sl_lint_any(l)->answer.url, query);
    struct sl_ask ask = {.method = "GET", .url = url, .fields = {sl_lint_any(l)->accept}};
    bool ok = sl_lint_ask(l, name, &ask, ret);
    free(url);
    return ok;
}

/* Whether the token was valid at `time`; clients reject any other. */
static bool covers(struct sl_lint *l, const struct sl_answer *a, int64_t then)
{
    statuslist_verifier_set_format(l->v, sl_lint_any(l)->format);
    struct statuslist_report *r =
        statuslist_verify(l->v, a->body.data != NULL ? a->body.data : "", a->body.len, NULL, NULL, then);
    const struct statuslist_claims *claims = r != NULL ? statuslist_report_claims(r) : NULL;
    bool ok =
        claims != NULL && claims->has_iat && claims->iat <= then && (!claims->has_exp || claims->exp >= then);
    statuslist_report_free(r);
    return ok;
}

static void history(struct sl_lint *l)
{
    struct sl_answer a;
    int64_t then = 86400; /* the second day of 1970: no server has a token for it */
    if (get_time(l, "time", "86400", &a)) {
        if (a.status == 501 || a.status == 404)
            sl_find(l, SL_FOUND_PASS, "time", SL_HISTORY,
                    a.status == 501 ? "501: the server keeps no history" : "404: no token for that time");
        else if (a.status >= 200 && a.status <= 299 && !covers(l, &a, then))
            sl_find(l, SL_FOUND_FAIL, "time", SL_HISTORY,
                    "?time=86400: %ld with a token that was not valid then; a server without history "
                    "responds 501",
                    a.status);
        else
            sl_find(l, a.status >= 200 && a.status <= 299 ? SL_FOUND_PASS : SL_FOUND_FAIL, "time", SL_HISTORY,
                    "?time=86400: %ld", a.status);
    }
    sl_answer_free(&a);
    if (get_time(l, "time.malformed", "yesterday", &a)) {
        bool ok = a.status >= 400 && a.status <= 501 && a.status != 500;
        sl_find(l,
                ok                ? SL_FOUND_PASS
                : a.status == 500 ? SL_FOUND_FAIL
                                  : SL_FOUND_WARN,
                "time.malformed", SL_HISTORY, "?time=yesterday: %ld", a.status);
    }
    sl_answer_free(&a);
}

/* Another list's URI of the same form: every digit of the last segment is drawn anew. NULL: there is none. */
static char *sibling(const char *url)
{
    char *out = strdup(url), *host = out != NULL ? strstr(out, "://") : NULL;
    char *path = host != NULL ? strchr(host + 3, '/') : NULL;
    char *last = path != NULL ? strrchr(path, '/') + 1 : NULL;
    size_t changed = 0;
    unsigned char random;
    for (char *p = last; p != NULL && *p != '\0' && *p != '?'; p++) {
        if (sl_hex_lower(*p) < 0 || getrandom(&random, 1, 0) != 1)
            continue;
        *p = "0123456789abcdef"[random & 15];
        changed++;
    }
    if (changed == 0 || strcmp(out, url) == 0) {
        free(out);
        return NULL;
    }
    return out;
}

static void unknown(struct sl_lint *l)
{
    char *url = sibling(sl_lint_any(l)->answer.url);
    struct sl_ask ask = {.method = "GET", .url = url, .fields = {sl_lint_any(l)->accept}};
    struct sl_answer a;
    if (url == NULL) {
        sl_find(l, SL_FOUND_SKIP, "unknown-list", SL_RESPONSE,
                "skipped: no other URI can be derived from this one");
        return;
    }
    if (sl_lint_ask(l, "unknown-list", &ask, &a)) {
        enum sl_found f = a.status == 404                      ? SL_FOUND_PASS
                          : a.status >= 400 && a.status <= 499 ? SL_FOUND_WARN
                                                               : SL_FOUND_FAIL;
        sl_find(l, f, "unknown-list", SL_RESPONSE, "another URI of this form: %ld%s", a.status,
                f == SL_FOUND_PASS ? "" : ", not 404");
    }
    sl_answer_free(&a);
    free(url);
}

static void cookies(struct sl_lint *l)
{
    bool none = sl_answer_count(&sl_lint_any(l)->answer, "set-cookie") == 0;
    sl_find(l, none ? SL_FOUND_PASS : SL_FOUND_WARN, "cookies", "Privacy Considerations",
            none ? "no cookies" : "Set-Cookie: the server can track a client across lists");
}

void sl_lint_requests(struct sl_lint *l)
{
    cors(l);
    history(l);
    unknown(l);
    cookies(l);
}

/* ---- the list of lists that a token points to */

/* What is wrong with the body; NULL: nothing. */
static const char *wrong_with(const struct sl_answer *a, const char *url, size_t *ret_count)
{
    json_error_t e;
    json_t *j = json_loadb(a->body.data != NULL ? a->body.data : "", a->body.len, JSON_REJECT_DUPLICATES, &e);
    const json_t *list = json_object_get(j, "status_lists");
    const char *why = !json_is_object(j)     ? "not a JSON object"
                      : !json_is_array(list) ? "status_lists is missing or not an array"
                                             : NULL;
    bool there = false;
    size_t i;
    json_t *uri;
    json_array_foreach(list, i, uri)
    {
        if (!json_is_string(uri) && why == NULL)
            why = "an entry of status_lists is not a string";
        there = there || (json_is_string(uri) && strcmp(json_string_value(uri), url) == 0);
    }
    *ret_count = json_array_size(list);
    json_decref(j);
    return why != NULL ? why : there ? NULL : "status_lists does not contain this list";
}

void sl_lint_aggregation(struct sl_lint *l)
{
    const struct statuslist_claims *claims = sl_lint_any(l)->claims;
    char why[256], type[64];
    size_t count;
    if (claims->aggregation_uri == NULL) {
        sl_find(l, SL_FOUND_NOTE, "aggregation", SL_AGGREGATION, "the token has no aggregation_uri");
        return;
    }
    struct sl_ask ask = {
        .method = "GET", .url = claims->aggregation_uri, .fields = {"Accept: application/json"}};
    struct sl_answer a;
    if (!sl_web_get(l->web, &ask, &a, why, NULL, NULL)) {
        sl_find(l, SL_FOUND_FAIL, "aggregation", SL_AGGREGATION, "no response: %s", why);
    } else {
        sl_answer_type(&a, type);
        const char *wrong = wrong_with(&a, l->url, &count);
        if (a.status < 200 || a.status > 299)
            sl_find(l, SL_FOUND_FAIL, "aggregation", SL_AGGREGATION, "the server responded %ld", a.status);
        else if (strcmp(type, "application/json") != 0)
            sl_find(l, SL_FOUND_FAIL, "aggregation", SL_AGGREGATION,
                    "Content-Type \"%s\", not application/json", type);
        else if (wrong != NULL)
            sl_find(l, SL_FOUND_FAIL, "aggregation", SL_AGGREGATION, "%s", wrong);
        else
            sl_find(l, SL_FOUND_PASS, "aggregation", SL_AGGREGATION, "%zu lists, including this one", count);
    }
    sl_answer_free(&a);
}
