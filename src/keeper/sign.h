/* Signing one list: a job for a publisher thread, which compresses the list and makes its JWT and CWT. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "loop/crew.h"
#include "token/build.h"

struct sl_keeper;
struct sl_klist;
struct sl_kpool;

/* Of one pool. */
struct sl_signing {
    struct sl_level_chooser levels;
    uint64_t edition; /* counts changes of key and claims: tokens of an earlier one are replaced */
    struct sl_buf aggregation_uri;
};

/* Comes back as SL_KEEPER_MAIL_SIGNED. */
struct sl_sign_job {
    struct sl_job job;
    struct sl_klist *list;
    struct sl_token_spec spec;
    struct sl_key *key; /* a share */
    uint64_t edition;   /* the pool's when the job began */
    /* The result. */
    enum sl_err err;
    struct sl_token *token;
    struct sl_token_cost cost;
    uint8_t bytes[]; /* of the list; behind them the texts that the spec names */
};

void sl_keeper_signing_init(struct sl_kpool *p);
void sl_keeper_signing_free(struct sl_kpool *p);
/* The pool's aggregation-uri option may have changed. */
void sl_keeper_name_aggregation(struct sl_kpool *p);
/* Key or claims have changed: every token is replaced, little by little, as sl_keeper_schedule finds it. */
void sl_keeper_new_edition(struct sl_kpool *p);
uint64_t sl_keeper_edition(const struct sl_kpool *p);

/* `bytes`: all statuses, copied, of the state `head`, which contains `line`; `last_iat`: the new token's iat
 * is not below it; `hurry`: speed before size. NULL, or why nothing was started. */
const char *sl_keeper_start_signing(struct sl_klist *t, struct sl_head head, const struct sl_line *line,
                                    struct sl_span bytes, int64_t last_iat, bool hurry);
/* A token was made, and is not shown yet. When its list joined the queue, and when it was asked for. */
void sl_keeper_count_signing(const struct sl_sign_job *j, uint64_t queued_ns, uint64_t loading_ns);
/* The caller has read the result, and owns the token: frees the rest. */
void sl_keeper_end_sign_job(struct sl_sign_job *j);
