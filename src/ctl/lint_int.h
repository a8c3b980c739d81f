/* Tests of a server from outside: requests, and findings about the responses. */
#pragma once
#include "ctl/ctl.h"
#include "ctl/progress.h"
#include "ctl/web.h"

/* Sections that findings name. */
#define SL_REQUEST "Status List Request"
#define SL_RESPONSE "Status List Response"
#define SL_HISTORY "Historical Resolution"
#define SL_AGGREGATION "Status List Aggregation"
#define SL_CACHING "Update Interval and Caching"

enum sl_found { SL_FOUND_PASS, SL_FOUND_NOTE, SL_FOUND_SKIP, SL_FOUND_WARN, SL_FOUND_FAIL };

/* One format of the token as the server gave it. */
struct sl_variant_seen {
    const char *name, *type, *accept; /* "jwt", its media type, the Accept field that asks for it alone */
    enum statuslist_format format;
    bool offered;
    struct sl_answer answer;
    struct statuslist_report *report; /* NULL: none */
    const struct statuslist_claims *claims;
};

enum { SL_SEEN_JWT, SL_SEEN_CWT, SL_SEEN_COUNT };

struct sl_lint {
    const struct sl_ctl *c;
    struct sl_web *web;
    const char *url;
    struct statuslist_verifier *v;
    bool keys; /* the options name a key: then the signature must be its */
    struct sl_variant_seen seen[SL_SEEN_COUNT];
    bool reached; /* there was a response, whatever it said */
    struct sl_progress progress;
    uint64_t asked;
    json_t *findings;
    unsigned count[SL_FOUND_FAIL + 1];
};

void sl_find(struct sl_lint *l, enum sl_found found, const char *name, const char *section, const char *fmt,
             ...) __attribute__((format(printf, 5, 6)));
/* GET of the list with one or two fields more (NULL: none). False after a failed finding `name`: no answer.
 * *ret is to be freed in either case. */
bool sl_lint_get(struct sl_lint *l, const char *name, const char *field, const char *other,
                 struct sl_answer *ret);
bool sl_lint_ask(struct sl_lint *l, const char *name, const struct sl_ask *ask, struct sl_answer *ret);
/* A variant that is offered: the JWT before the CWT. */
struct sl_variant_seen *sl_lint_any(struct sl_lint *l);

/* Fetches both formats and checks the tokens. False: there is nothing to go on with. */
bool sl_lint_tokens(struct sl_lint *l);
/* Cache-Control, ETag, 304, HEAD: of one variant. */
void sl_lint_caching(struct sl_lint *l, struct sl_variant_seen *s);
/* Accept, Accept-Encoding, Vary. */
void sl_lint_negotiation(struct sl_lint *l);
/* CORS, ?time=, a list that does not exist, cookies. */
void sl_lint_requests(struct sl_lint *l);
void sl_lint_aggregation(struct sl_lint *l);
