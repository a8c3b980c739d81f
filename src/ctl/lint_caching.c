/* Caches and conditional requests: nothing may promise more than the token itself. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>

#include "base/number.h"
#include "ctl/lint_int.h"

#define SECONDS_MAX (INT64_MAX / 2) /* so that a sum of two does not overflow */

/* The number of a directive of Cache-Control, -1 when it is absent (RFC 9111 section 5.2). */
static int64_t directive(const char *field, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = field; *at != '\0';) {
        at += strspn(at, ", \t");
        if (strncasecmp(at, name, n) == 0 && at[n] == '=') {
            const char *value = at + n + 1 + (at[n + 1] == '"');
            struct sl_digits d = sl_digits(sl_span(value, strlen(value)));
            return d.value < SECONDS_MAX ? (int64_t)d.value : SECONDS_MAX;
        }
        at += strcspn(at, ",");
    }
    return -1;
}

static bool has_word(const char *field, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = field; *at != '\0'; at += strcspn(at, ",")) {
        at += strspn(at, ", \t");
        if (strncasecmp(at, name, n) == 0 && strchr(", \t=", at[n]) != NULL)
            return true;
    }
    return false;
}

/* How long a cache may keep the answer, in seconds; -1: nothing is said, or it may not. */
static int64_t freshness(struct sl_answer *a)
{
    const char *control = sl_answer_field(a, "cache-control");
    int64_t age = directive(control, "max-age"), shared = directive(control, "s-maxage");
    if (has_word(control, "no-store") || has_word(control, "no-cache"))
        return 0;
    const char *expires = sl_answer_field(a, "expires");
    if (age < 0 && shared < 0 && *expires != '\0') {
        time_t end = curl_getdate(expires, NULL);
        return end > time(NULL) ? (int64_t)(end - time(NULL)) : 0;
    }
    return shared > age ? shared : age;
}

/* What the token allows: the less of ttl and what is left until exp. A second of tolerance: the answer is a
 * moment old. */
static int64_t allowed(const struct statuslist_claims *claims, int64_t now)
{
    int64_t most = claims->has_ttl ? claims->ttl : INT64_MAX;
    if (claims->has_exp && claims->exp - now < most)
        most = claims->exp > now ? claims->exp - now : 0;
    return most < INT64_MAX - 1 ? most + 1 : most;
}

static void cache_control(struct sl_lint *l, const struct sl_variant_seen *s, struct sl_answer *a,
                          const char *name)
{
    int64_t fresh = freshness(a), most = allowed(s->claims, (int64_t)time(NULL));
    if (fresh > most)
        sl_find(l, SL_FOUND_FAIL, name, SL_CACHING,
                "fresh for %" PRId64 " s, but the token allows %" PRId64
                " s (the smaller of ttl and exp - now)",
                fresh, most - 1);
    else if (fresh < 0)
        sl_find(l, SL_FOUND_WARN, name, SL_CACHING,
                "neither Cache-Control nor Expires: a cache has to guess how long the token is fresh");
    else
        sl_find(l, SL_FOUND_PASS, name, SL_CACHING, "fresh for %" PRId64 " s, which the token allows", fresh);
}

static void conditional(struct sl_lint *l, struct sl_variant_seen *s, const char *etag)
{
    char name[48], field[512];
    struct sl_answer a;
    snprintf(name, sizeof name, "%s.not-modified", s->name);
    snprintf(field, sizeof field, "If-None-Match: %.400s", etag);
    if (sl_lint_get(l, name, s->accept, field, &a)) {
        bool expired = s->claims->has_exp && s->claims->exp <= (int64_t)time(NULL);
        const char *now_etag = sl_answer_field(&a, "etag");
        if (a.status == 304 && expired)
            sl_find(l, SL_FOUND_FAIL, name, SL_CACHING, "304 confirms a token that has expired");
        else if (a.status == 304 && a.body.len > 0)
            sl_find(l, SL_FOUND_FAIL, name, "RFC 9110 section 15.4.5", "304 with a body");
        else if (a.status == 304 && strcmp(now_etag, etag) != 0)
            sl_find(l, SL_FOUND_FAIL, name, "RFC 9110 section 15.4.5", "304 without the ETag of the 200");
        else if (a.status == 304 && freshness(&a) > freshness(&s->answer) &&
                 freshness(&a) > allowed(s->claims, (int64_t)time(NULL)))
            sl_find(l, SL_FOUND_FAIL, name, SL_CACHING, "304 promises more than the token allows");
        else if (a.status == 200 && !expired && strcmp(now_etag, etag) == 0)
            sl_find(l, SL_FOUND_WARN, name, "RFC 9110 section 13.1.2",
                    "200 although the ETag is current; a 304 would save the body");
        else if (a.status == 304 || a.status == 200)
            sl_find(l, SL_FOUND_PASS, name, "RFC 9110 section 13.1.2",
                    a.status == 304 ? "304" : "200, a newer token");
        else
            sl_find(l, SL_FOUND_FAIL, name, "RFC 9110 section 13.1.2", "the server responded %ld", a.status);
    }
    sl_answer_free(&a);
    snprintf(name, sizeof name, "%s.modified", s->name);
    if (sl_lint_get(l, name, s->accept, "If-None-Match: \"of-no-token\"", &a))
        sl_find(l, a.status == 200 ? SL_FOUND_PASS : SL_FOUND_FAIL, name, "RFC 9110 section 13.1.2",
                "an ETag that no token has: %ld%s", a.status,
                a.status == 304 ? ", which confirms a token that does not exist" : "");
    sl_answer_free(&a);
}

static void etag(struct sl_lint *l, struct sl_variant_seen *s)
{
    char name[48];
    snprintf(name, sizeof name, "%s.etag", s->name);
    const char *tag = sl_answer_field(&s->answer, "etag");
    size_t n = strlen(tag);
    if (*tag == '\0') {
        sl_find(l, SL_FOUND_WARN, name, "RFC 9110 section 8.8.3",
                "no ETag: a client cannot ask whether there is a newer token");
        return;
    }
    if (strncmp(tag, "W/\"", 3) != 0 && (n < 2 || tag[0] != '"' || tag[n - 1] != '"')) {
        sl_find(l, SL_FOUND_FAIL, name, "RFC 9110 section 8.8.3", "%.100s is not an entity tag", tag);
        return;
    }
    sl_find(l, SL_FOUND_PASS, name, "RFC 9110 section 8.8.3", "%.100s", tag);
    conditional(l, s, tag);
}

static void check_head(struct sl_lint *l, struct sl_variant_seen *s)
{
    char name[48], type[64], length[32];
    struct sl_ask ask = {.method = "HEAD", .url = s->answer.url, .fields = {s->accept}};
    struct sl_answer a;
    snprintf(name, sizeof name, "%s.head", s->name);
    if (sl_lint_ask(l, name, &ask, &a)) {
        const char *section = "RFC 9110 section 9.3.2", *tag = sl_answer_field(&s->answer, "etag");
        const char *got = sl_answer_field(&a, "content-length");
        snprintf(length, sizeof length, "%zu", s->answer.body.len);
        sl_answer_type(&a, type);
        bool same = strcmp(sl_answer_field(&a, "etag"), tag) == 0;
        if (a.status != 200)
            sl_find(l, SL_FOUND_FAIL, name, section, "%ld, but GET gives %ld", a.status, s->answer.status);
        else if (strcmp(type, s->type) != 0)
            sl_find(l, SL_FOUND_FAIL, name, section, "Content-Type \"%s\", but GET gives %s", type, s->type);
        else if (*tag != '\0' && sl_answer_field(&a, "etag")[0] == '\0')
            sl_find(l, SL_FOUND_WARN, name, section, "no ETag, but GET gives one");
        else if (same && *tag != '\0' && *got != '\0' && strcmp(got, length) != 0)
            sl_find(l, SL_FOUND_FAIL, name, section, "Content-Length %s, but GET gives %s bytes", got,
                    length);
        else
            sl_find(l, SL_FOUND_PASS, name, section, "the same header fields as GET");
    }
    sl_answer_free(&a);
}

void sl_lint_caching(struct sl_lint *l, struct sl_variant_seen *s)
{
    char name[48];
    snprintf(name, sizeof name, "%s.cache-control", s->name);
    cache_control(l, s, &s->answer, name);
    etag(l, s);
    check_head(l, s);
}
