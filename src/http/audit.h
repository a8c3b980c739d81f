/* The audit record: who reserved and set what and when, a line of JSON per list (docs/audit.md). Nothing
 * about holders: we know of none. Never a credential, but the first 8 bytes of its SHA-256. The thread's that
 * has the call; nothing here waits for the file (loop/journal.h). */
#pragma once
#include "http/auth.h"
#include "http/call.h"
#include "worker/update.h"

/* What will be written of a call once its outcome is known: in the request's pool. */
struct sl_audit {
    struct sl_span what; /* an object's end per list: `"list":..,"indices":[..]`, with line feeds; empty:
                            nothing is recorded */
    uint8_t credential[8];
    const struct sl_pool *pool;
    const char *action;
};

/* Issuers are served only while their calls can be recorded, unless the configuration says otherwise. */
bool sl_audit_stops(const struct sl_http *h);
static inline bool sl_audits(const struct sl_call *c)
{
    return c->t->http->journal != NULL;
}

/* The parts that are known before; nothing is done unless sl_audits. */
struct sl_audit sl_audit_update(const struct sl_call *c, const struct sl_identity *who,
                                const struct sl_list *l, uint32_t index, uint32_t value);
struct sl_audit sl_audit_batch(const struct sl_call *c, const struct sl_identity *who,
                               const struct sl_pool *p, const struct sl_batch_entry *entries, size_t n);
/* `amount`: until it is known which. */
struct sl_audit sl_audit_reserve(const struct sl_call *c, const struct sl_identity *who,
                                 const struct sl_pool *p, uint32_t amount);
void sl_audit_slots(const struct sl_call *c, struct sl_audit *a, const uint64_t *slots, uint32_t n);
void sl_audit_answer(const struct sl_call *c, struct sl_audit *a,
                     struct sl_span answer); /* of worker/keyed.h */

/* Once per call, before its answer. A failure other than OUTCOME_UNKNOWN is `refused`. */
void sl_audit_write(const struct sl_call *c, const struct sl_audit *a, enum sl_err err);
/* The client has left before the outcome was known. */
void sl_audit_gone(const struct sl_call *c, const struct sl_audit *a);
