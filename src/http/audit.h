/* The audit record: who reserved or set what, and when; a line of JSON for each list (docs/audit.md). It has
 * no holders, because the service knows none, and no credential, only the first 8 bytes of its SHA-256. In
 * the call's thread; nothing here waits for the file (loop/journal.h). */
#pragma once
#include "http/auth.h"
#include "http/call.h"
#include "worker/batch.h"

/* What will be written once the outcome of the call is known. */
struct sl_audit {
    /* The end of a JSON object for each list, `"list":..,"indices":[..]}`, each with a line feed; in the
     * request's pool. Empty: nothing is recorded. */
    struct sl_span what;
    uint8_t credential[8];
    const struct sl_pool *pool;
    const char *action;
};

/* Whether the record is full and the configuration wants issuers refused until it can be written again. */
bool sl_audit_stops(const struct sl_http *h);
static inline bool sl_audits(const struct sl_call *c)
{
    return c->t->http->journal != NULL;
}

/* The parts that are known before the outcome. They do nothing unless sl_audits. */
struct sl_audit sl_audit_update(const struct sl_call *c, const struct sl_identity *who,
                                const struct sl_list *l, uint32_t index, uint32_t value);
struct sl_audit sl_audit_batch(const struct sl_call *c, const struct sl_identity *who,
                               const struct sl_pool *p, const struct sl_batch_entry *entries, size_t n);
/* With the amount, until it is known which references they are: then call one of the next two. */
struct sl_audit sl_audit_reserve(const struct sl_call *c, const struct sl_identity *who,
                                 const struct sl_pool *p, uint32_t amount);
void sl_audit_slots(const struct sl_call *c, struct sl_audit *a, const uint64_t *slots, uint32_t n);
void sl_audit_answer(const struct sl_call *c, struct sl_audit *a,
                     struct sl_span answer); /* of worker/keyed.h */

/* Once per call, before its answer. A failure other than OUTCOME_UNKNOWN is `refused`. */
void sl_audit_write(const struct sl_call *c, const struct sl_audit *a, enum sl_err err);
/* The client has left before the outcome was known. */
void sl_audit_gone(const struct sl_call *c, const struct sl_audit *a);
