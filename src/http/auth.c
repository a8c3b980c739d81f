#include "http/auth.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "http/respond.h"
#include "http/verified.h"

#define TOKENS_KEPT 1024 /* verified tokens that a thread remembers */
/* Verifying a signature costs as much as a hundred fetches, and any client can send a forged token. So forged
 * tokens may take a quarter of a thread's time; beyond that, a token that the thread does not remember is
 * refused with 503. */
#define FORGED_SHARE 4
#define FORGED_BURST_NS (SL_NS_PER_S / 4)

struct sl_bearers {
    struct sl_verified *verified; /* NULL: no token was verified yet */
    uint64_t generation;          /* of the credentials that they were verified with */
    /* Time spent on forged tokens that is not paid off yet, and until when it was paid off. */
    uint64_t forged_ns, paid_ns;
};

struct sl_bearers *sl_bearers_new(void)
{
    return sl_xcalloc(1, sizeof(struct sl_bearers));
}

void sl_bearers_free(struct sl_bearers *bearers)
{
    if (bearers == NULL)
        return;
    sl_verified_free(bearers->verified);
    free(bearers);
}

enum refusal { NO_CREDENTIAL, TWO_CREDENTIALS, MALFORMED, EXPIRED, TOO_EARLY, NOT_ACCEPTED, PUT_OFF };

/* RFC 6750 section 3.1. The answer to a bad token does not depend on the keys and issuers that are
 * configured. */
static const struct {
    enum sl_err err;
    const char *challenge, *detail;
} refusals[] = {
#define BEARER(error, what)                                                                                  \
    "Bearer realm=\"statuslist\", error=\"" error "\", error_description=\"" what "\"", what
    [NO_CREDENTIAL] = {SL_ERR_UNAUTHORIZED, "Bearer realm=\"statuslist\"",
                       "Send a valid API key in X-Api-Key or a bearer token in Authorization"},
    [TWO_CREDENTIALS] = {SL_ERR_MALFORMED_REQUEST,
                         BEARER("invalid_request",
                                "Send exactly one credential: in X-Api-Key or in Authorization")},
    [MALFORMED] = {SL_ERR_UNAUTHORIZED,
                   BEARER("invalid_token", "The token is not a JWT of the form that is accepted here")},
    [EXPIRED] = {SL_ERR_UNAUTHORIZED, BEARER("invalid_token", "The token has expired")},
    [TOO_EARLY] = {SL_ERR_UNAUTHORIZED, BEARER("invalid_token", "The token is not valid yet")},
    [NOT_ACCEPTED] = {SL_ERR_UNAUTHORIZED, BEARER("invalid_token", "The token is not accepted here")},
    [PUT_OFF] = {SL_ERR_UNAVAILABLE, NULL, "Too many tokens are being verified: try again shortly"},
#undef BEARER
};

static bool refuse_caller(const struct sl_call *c, const struct sl_keyring *k, enum refusal r)
{
    const char *challenge = refusals[r].challenge, *detail = refusals[r].detail;
    bool bearers = sl_keyring_takes_bearers(k);
    if (bearers && challenge != NULL)
        sl_call_add_header(c, "www-authenticate", sl_span(challenge, strlen(challenge)));
    if (refusals[r].err == SL_ERR_UNAUTHORIZED)
        sl_call_add_header(c, "www-authenticate", SL_SPAN("ApiKey header=\"X-Api-Key\""));
    if (r == NO_CREDENTIAL && !bearers)
        detail = "Send a valid API key in X-Api-Key";
    sl_respond_error(c, refusals[r].err, detail);
    return false;
}

/* ---- bearer tokens */

static void count_bearer(struct sl_http_thread *t, enum sl_bearer_outcome outcome)
{
    sl_metric_add_label(t->metrics, SL_HT_BEARERS, outcome, 1);
    if (t->bearers->verified != NULL)
        sl_metric_set(t->metrics, SL_HT_BEARERS_KEPT, sl_verified_count(t->bearers->verified));
}

/* `why` is for us alone: an answer that said so much would tell what is configured. */
static bool refuse_token(const struct sl_call *c, const struct sl_keyring *k, enum refusal r, const char *why)
{
    count_bearer(c->t, r == PUT_OFF ? SL_BO_PUT_OFF : SL_BO_REFUSED);
    sl_log(SL_INFO, "auth", "bearer token refused", SL_KS("reason", why),
           SL_KN("request", c->id.at, c->id.len));
    return refuse_caller(c, k, r);
}

/* Forgets tokens that were verified with credentials that are no longer in force. */
static struct sl_verified *verified_now(struct sl_http_thread *t, const struct sl_credentials *all)
{
    struct sl_bearers *bearers = t->bearers;
    if (bearers->verified != NULL && bearers->generation != all->generation) {
        sl_verified_free(bearers->verified);
        bearers->verified = NULL;
    }
    if (bearers->verified == NULL)
        bearers->verified = sl_verified_new(t->clock, TOKENS_KEPT, sl_keyring_words(all->keyring));
    bearers->generation = all->generation;
    return bearers->verified;
}

/* Time spent on forged tokens is a debt that passing time pays off. */
static uint64_t forgery_debt(struct sl_bearers *bearers, uint64_t now_ns)
{
    uint64_t paid = (now_ns - bearers->paid_ns) / FORGED_SHARE;
    bearers->paid_ns = now_ns;
    bearers->forged_ns -= paid < bearers->forged_ns ? paid : bearers->forged_ns;
    return bearers->forged_ns;
}

/* By issuer and subject, not by token: tokens are short-lived, and a caller goes on with the next one. */
static void name_caller(const struct sl_call *c, const struct sl_bearer *bearer,
                        uint8_t out[static SL_SHA256])
{
    const char *issuer = bearer->issuer != NULL ? bearer->issuer : "",
               *subject = bearer->subject != NULL ? bearer->subject : "";
    size_t n = strlen(issuer) + 1, m = strlen(subject) + 1;
    char *text = sl_call_alloc(c, n + m + sizeof "bearer");
    memcpy(text, "bearer", sizeof "bearer");
    memcpy(text + sizeof "bearer", issuer, n);
    memcpy(text + sizeof "bearer" + n, subject, m);
    sl_sha256(c->t->hasher, text, n + m + sizeof "bearer", out);
}

/* Whether a key of ours signed the token. The time of a failed check is added to the debt. */
static bool is_signed(const struct sl_call *c, const struct sl_keyring *k, const struct sl_bearer *bearer,
                      struct sl_span token, uint64_t *pools)
{
    struct sl_http_thread *t = c->t;
    uint64_t begun_ns = sl_mono_ns(t->clock);
    if (forgery_debt(t->bearers, begun_ns) > FORGED_BURST_NS)
        return refuse_token(c, k, PUT_OFF, refusals[PUT_OFF].detail);
    if (sl_keyring_bearer(k, bearer, token, pools) == SL_BEARER_GOOD)
        return true;
    t->bearers->forged_ns += sl_mono_ns(t->clock) - begun_ns;
    return refuse_token(c, k, NOT_ACCEPTED, sl_keyring_misfit(k, bearer));
}

/* A token that the thread does not remember. */
static bool verify_token(const struct sl_call *c, const struct sl_keyring *k, struct sl_span token,
                         const uint8_t hash[static SL_SHA256], struct sl_identity *ret)
{
    int64_t now_ms = sl_wall_ms(c->t->clock);
    size_t bytes = sl_keyring_words(k) * sizeof(uint64_t);
    uint64_t *pools = memset(sl_call_alloc(c, bytes), 0, bytes);
    struct sl_bearer bearer;
    const char *fault = sl_bearer_fault(token, &bearer);
    if (fault != NULL)
        return refuse_token(c, k, MALFORMED, fault);
    struct sl_verified_token v = {.from_ms = bearer.from_ms, .until_ms = bearer.until_ms, .pools = pools};
    bool ok;
    if (now_ms < bearer.from_ms)
        ok = refuse_token(c, k, TOO_EARLY, "its nbf or iat lies ahead of our clock");
    else if (now_ms >= bearer.until_ms)
        ok = refuse_token(c, k, EXPIRED, "its exp has passed by our clock");
    else
        ok = is_signed(c, k, &bearer, token, pools);
    if (ok) {
        name_caller(c, &bearer, v.caller);
        sl_verified_add(c->t->bearers->verified, hash, &v);
        count_bearer(c->t, SL_BO_VERIFIED);
        memcpy(ret->hash, v.caller, SL_SHA256);
        ret->pools = pools;
    }
    sl_bearer_free(&bearer);
    return ok;
}

static bool authenticate_bearer(const struct sl_call *c, const struct sl_credentials *all,
                                struct sl_span token, struct sl_identity *ret)
{
    uint8_t hash[SL_SHA256];
    if (token.len > SL_BEARER_BYTES)
        return refuse_token(c, all->keyring, MALFORMED, "it is longer than 4096 bytes");
    sl_sha256(c->t->hasher, token.at, token.len, hash);
    const struct sl_verified_token *v =
        sl_verified_find(verified_now(c->t, all), hash, sl_wall_ms(c->t->clock));
    if (v == NULL)
        return verify_token(c, all->keyring, token, hash, ret);
    count_bearer(c->t, SL_BO_REMEMBERED);
    memcpy(ret->hash, v->caller, SL_SHA256);
    ret->pools = v->pools;
    return true;
}

/* ---- the credential of a call */

bool sl_authenticate(const struct sl_call *c, struct sl_identity *ret)
{
    const struct sl_credentials *all = sl_http_credentials(c->t->http);
    const struct sl_keyring *k = all->keyring;
    const struct sl_fields *fields = c->f;
    /* While no pool takes bearer tokens, and where the scheme is another one, Authorization is ignored: a
     * proxy may have put it there. */
    bool bears = sl_keyring_takes_bearers(k) && fields->bears;
    if (fields->api_keys > 1 || (bears && (fields->authorizations > 1 || fields->api_keys > 0)))
        return refuse_caller(c, k, TWO_CREDENTIALS);
    if (bears)
        return authenticate_bearer(c, all, fields->bearer, ret);
    if (fields->api_keys == 0)
        return refuse_caller(c, k, NO_CREDENTIAL);
    sl_sha256(c->t->hasher, fields->api_key.at, fields->api_key.len, ret->hash);
    ret->pools = sl_keyring_api_key(k, ret->hash);
    return ret->pools != NULL || refuse_caller(c, k, NO_CREDENTIAL);
}

struct sl_identity sl_identity_keep(const struct sl_call *c, const struct sl_identity *who)
{
    size_t bytes = sl_keyring_words(sl_http_credentials(c->t->http)->keyring) * sizeof(uint64_t);
    struct sl_identity kept = *who;
    kept.pools = memcpy(sl_call_alloc(c, bytes), who->pools, bytes);
    return kept;
}
