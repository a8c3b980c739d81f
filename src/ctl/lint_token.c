/* Both formats of the list: are they there, is each right, do they say the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "ctl/lint_int.h"
#include "ctl/show.h"
#include "ctl/url.h"

static void on_hop(void *arg, const struct sl_answer *from)
{
    struct sl_lint *l = arg;
    sl_find(l, SL_FOUND_NOTE, "redirect", SL_RESPONSE, "%ld to %s", from->status, from->redirect);
}

/* Whether the answer is this variant; says so when it is something wrong. */
static bool offered(struct sl_lint *l, struct sl_variant_seen *s)
{
    char type[64];
    sl_answer_type(&s->answer, type);
    long status = s->answer.status;
    char name[32];
    snprintf(name, sizeof name, "%s.content-type", s->name);
    if (status == 406 || status == 415) {
        sl_find(l, SL_FOUND_NOTE, name, SL_RESPONSE, "%ld: the server does not offer this format", status);
        return false;
    }
    if (status < 200 || status > 299) {
        sl_find(l, SL_FOUND_FAIL, name, SL_RESPONSE, "the server responded %ld instead of 2xx", status);
        return false;
    }
    if (strcmp(type, s->type) == 0) {
        sl_find(l, SL_FOUND_PASS, name, SL_RESPONSE, "%ld, %s, %zu bytes", status, type, s->answer.body.len);
        return true;
    }
    sl_find(l, SL_FOUND_FAIL, name, SL_RESPONSE, "Content-Type \"%s\", although Accept allows only %s", type,
            s->type);
    return false;
}

/* Without a key from the options, and none in the token, nothing about the signature can be said. */
static bool unknowable(const struct sl_lint *l, const struct sl_variant_seen *s, const char *check)
{
    return !l->keys && s->claims->certificates == 0 && statuslist_report_find(s->report, "alg") != NULL &&
           statuslist_report_find(s->report, "alg")->outcome == STATUSLIST_PASS &&
           statuslist_report_find(s->report, "x5chain") == NULL &&
           statuslist_report_find(s->report, "x5c") == NULL && strcmp(check, "key") == 0;
}

static void checks(struct sl_lint *l, struct sl_variant_seen *s)
{
    static const enum sl_found found[] = {[STATUSLIST_PASS] = SL_FOUND_PASS,
                                          [STATUSLIST_WARN] = SL_FOUND_WARN,
                                          [STATUSLIST_FAIL] = SL_FOUND_FAIL,
                                          [STATUSLIST_SKIP] = SL_FOUND_SKIP};
    const struct statuslist_check *check;
    char name[48];
    for (size_t i = 0; (check = statuslist_report_check(s->report, i)) != NULL; i++) {
        snprintf(name, sizeof name, "%s.%s", s->name, check->name);
        enum sl_found f = found[check->outcome];
        if (strcmp(check->name, "key") == 0 && !l->keys && check->outcome == STATUSLIST_WARN)
            f = SL_FOUND_NOTE; /* what was asked for */
        if (unknowable(l, s, check->name))
            sl_find(l, SL_FOUND_NOTE, name, check->section, "not checked without --cert, --jwk or --anchors");
        else
            sl_find(l, f, name, check->section, "%s", check->detail);
    }
}

/* What the list itself shows. */
static void contents(struct sl_lint *l, const struct sl_variant_seen *s)
{
    const struct statuslist_claims *c = s->claims;
    char name[32];
    uint8_t *best;
    size_t len;
    uint64_t reserved = 0;
    if (c->size == 0)
        return;
    for (uint64_t i = 0; c->bits > 2 && i < c->size; i++) {
        int v = statuslist_get(c->list, c->list_len, c->bits, i);
        reserved += strcmp(statuslist_status_name((unsigned)v), "RESERVED") == 0;
    }
    snprintf(name, sizeof name, "%s.statuses", s->name);
    if (reserved > 0)
        sl_find(l, SL_FOUND_WARN, name, "Status Types", "%llu entries have a reserved value",
                (unsigned long long)reserved);
    else
        sl_find(l, SL_FOUND_PASS, name, "Status Types", "no entry has a reserved value");
    snprintf(name, sizeof name, "%s.compression", s->name);
    if (statuslist_compress(c->list, c->list_len, &best, &len) != STATUSLIST_OK)
        abort();
    statuslist_free(best);
    bool good = c->compressed <= len + len / 10 + 16;
    sl_find(l, good ? SL_FOUND_PASS : SL_FOUND_NOTE, name, "Compressed Byte Array",
            "%zu bytes; %zu at zlib's highest level", c->compressed, len);
}

static void fetch(struct sl_lint *l, struct sl_variant_seen *s)
{
    char why[256], name[32];
    struct sl_ask ask = {.method = "GET", .url = l->url, .fields = {s->accept}};
    bool first = s == &l->seen[0];
    sl_progress_at(&l->progress, l->asked++);
    if (!sl_web_get(l->web, &ask, &s->answer, why, first ? on_hop : NULL, l)) {
        snprintf(name, sizeof name, "%s.content-type", s->name);
        sl_find(l, SL_FOUND_FAIL, name, SL_REQUEST, "no response: %s", why);
        return;
    }
    l->reached = true;
    s->offered = offered(l, s);
    if (!s->offered)
        return;
    statuslist_verifier_set_format(l->v, s->format);
    enum statuslist_profile profile = sl_profile_of(l->c);
    bool concerned = profile != STATUSLIST_ISO_MDOC || s->format == STATUSLIST_CWT;
    statuslist_verifier_set_profile(l->v, concerned ? profile : STATUSLIST_NO_PROFILE);
    const char *bytes = s->answer.body.data != NULL ? s->answer.body.data : "";
    s->report = statuslist_verify(l->v, bytes, s->answer.body.len, l->url, NULL, (int64_t)time(NULL));
    if (s->report == NULL)
        abort();
    s->claims = statuslist_report_claims(s->report);
    checks(l, s);
    contents(l, s);
    if (s->claims->has_ttl && s->claims->has_exp && s->claims->has_iat &&
        s->claims->ttl > s->claims->exp - s->claims->iat) {
        snprintf(name, sizeof name, "%s.ttl-exp", s->name);
        sl_find(l, SL_FOUND_WARN, name, SL_CACHING, "ttl of %lld s is longer than the token is valid",
                (long long)s->claims->ttl);
    }
}

static void compare(struct sl_lint *l)
{
    const struct statuslist_claims *jwt = l->seen[SL_SEEN_JWT].claims, *cwt = l->seen[SL_SEEN_CWT].claims;
    if (jwt == NULL || cwt == NULL || jwt->list == NULL || cwt->list == NULL || jwt->size == 0 ||
        cwt->size == 0)
        return;
    if (jwt->bits != cwt->bits)
        sl_find(l, SL_FOUND_FAIL, "same-list", SL_RESPONSE, "%u bits in the JWT, %u in the CWT", jwt->bits,
                cwt->bits);
    else if (jwt->list_len != cwt->list_len)
        sl_find(l, SL_FOUND_FAIL, "same-list", SL_RESPONSE, "%zu bytes in the JWT, %zu in the CWT",
                jwt->list_len, cwt->list_len);
    else if (jwt->has_iat && cwt->has_iat && jwt->iat == cwt->iat &&
             memcmp(jwt->list, cwt->list, jwt->list_len) != 0)
        sl_find(l, SL_FOUND_WARN, "same-list", SL_RESPONSE,
                "JWT and CWT have the same iat but different statuses");
    else
        sl_find(l, SL_FOUND_PASS, "same-list", SL_RESPONSE, "JWT and CWT have the same bits and size");
}

static void transport(struct sl_lint *l)
{
    bool https = strncasecmp(l->url, "https://", 8) == 0;
    bool near = sl_url_is_loopback(l->url);
    sl_find(l,
            https  ? SL_FOUND_PASS
            : near ? SL_FOUND_NOTE
                   : SL_FOUND_WARN,
            "https", SL_REQUEST,
            https ? "https"
            : near
                ? "http, on this machine"
                : "http: others on the network path can see who fetches which list, and serve an old token");
}

bool sl_lint_tokens(struct sl_lint *l)
{
    transport(l);
    for (int i = 0; i < SL_SEEN_COUNT; i++)
        fetch(l, &l->seen[i]);
    if (!l->seen[SL_SEEN_JWT].offered && !l->seen[SL_SEEN_CWT].offered) {
        if (l->count[SL_FOUND_FAIL] == 0)
            sl_find(l, SL_FOUND_FAIL, "content-type", SL_RESPONSE, "the server offers neither format");
        return false;
    }
    if (sl_profile_of(l->c) == STATUSLIST_ISO_MDOC && !l->seen[SL_SEEN_CWT].offered)
        sl_find(l, SL_FOUND_FAIL, "cwt.profile.format", "ISO/IEC 18013-5 second edition, 12.3.6.3",
                "the server offers no CWT, and an mdoc's status list is nothing else");
    compare(l);
    return true;
}
