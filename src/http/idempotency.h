/* The Idempotency-Key of a request. */
#pragma once
#include "http/auth.h"
#include "http/call.h"
#include "store/store.h"

/* Requests with a key that this process is answering at present. */
struct sl_claims *sl_claims_new(void);
void sl_claims_free(struct sl_claims *all); /* NULL ok */

/* One request's place among them: in the request's pool, released with the request at the latest. */
struct sl_claim;

enum sl_keyed_request { SL_KEYED_NONE, SL_KEYED_YES, SL_KEYED_ANSWERED };
/* Whether the request has a key. YES: *ret_key is set, with the hash of `request`, which is what makes it
 * this request and no other, and *ret_claim. ANSWERED: the key is malformed, or another request with it is
 * under way; the call was refused. */
enum sl_keyed_request sl_claim_key(const struct sl_call *c, const struct sl_identity *who,
                                   struct sl_span request, struct sl_record_key *ret_key,
                                   struct sl_claim **ret_claim);
/* Before the answer: its reader may ask again at once. NULL ok. */
void sl_claim_release(struct sl_claim *claim);
