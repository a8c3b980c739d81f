/* HTTP by libcurl: one request at a time, follows redirects and decodes bodies only when asked to. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"

struct sl_ctl;

struct sl_ask {
    const char *method, *url;
    const char *fields[8]; /* "Name: value"; "Name:" removes what libcurl would send. NULL-terminated */
    const char *body;      /* NULL: none */
    bool gzip;             /* ask for gzip, and decode it */
};

#define SL_FIELDS_MAX 64

struct sl_field {
    char *name, *value; /* the values of all fields of that name, joined with ", " */
    size_t count;
};

struct sl_answer {
    long status;
    char *url;      /* of the request */
    char *redirect; /* the absolute target of a 3xx; NULL: none */
    struct sl_field fields[SL_FIELDS_MAX];
    size_t field_count;
    struct sl_buf body;
};

/* One per process; NULL after a complaint. */
struct sl_web *sl_web_new(const struct sl_ctl *c);
void sl_web_free(struct sl_web *web);

/* False, with a sentence in `why`, without a response. Free *ret in either case. */
bool sl_web_ask(struct sl_web *web, const struct sl_ask *ask, struct sl_answer *ret, char why[static 256]);
void sl_answer_free(struct sl_answer *a);
/* The values of a field, joined with ", "; "" when absent. A name in any case. */
const char *sl_answer_field(struct sl_answer *a, const char *name);
/* How many fields of that name there are. */
size_t sl_answer_count(struct sl_answer *a, const char *name);
/* The media type of Content-Type without parameters, in lower case. */
void sl_answer_type(struct sl_answer *a, char out[static 64]);

/* GET that follows up to five redirects, never from https to http. Calls `hop` for each; may be NULL. */
bool sl_web_get(struct sl_web *web, const struct sl_ask *ask, struct sl_answer *ret, char why[static 256],
                void (*hop)(void *arg, const struct sl_answer *from), void *arg);
