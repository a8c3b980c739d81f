#include "http/idempotency.h"

#include <stdlib.h>

#include "base/assert.h"
#include "http/edge_header.h"
#include "http/respond.h"

#define PROBES 16

/* Requests with an Idempotency-Key that this process is answering: part of each key's record id, 0 where
 * free. Only a courtesy (409 instead of a second try at the same time): Redis decides what may happen once,
 * so two requests that claim one id at the same moment, or find no room, do no harm. */
#define CLAIM_SLOTS 4096
struct sl_claims {
    _Atomic uint64_t slots[CLAIM_SLOTS];
};

struct sl_claims *sl_claims_new(void)
{
    return sl_xcalloc(1, sizeof(struct sl_claims));
}

void sl_claims_free(struct sl_claims *all)
{
    free(all);
}

struct sl_claim {
    _Atomic uint64_t *slot; /* NULL: released, or there was no free slot */
};

void sl_claim_release(struct sl_claim *claim)
{
    if (claim == NULL || claim->slot == NULL)
        return;
    atomic_store_explicit(claim->slot, 0, memory_order_release);
    claim->slot = NULL;
}

static void on_request_gone(void *claim)
{
    sl_claim_release(claim);
}

/* False: another request has it. */
static bool claim_id(struct sl_claims *all, const uint8_t id[static SL_RECORD_ID], _Atomic uint64_t **ret)
{
    uint64_t name;
    memcpy(&name, id, sizeof name);
    name |= name == 0;
    for (unsigned i = 0; i < PROBES; i++) {
        _Atomic uint64_t *slot = &all->slots[(name + i) % CLAIM_SLOTS];
        uint64_t there = 0;
        if (atomic_compare_exchange_strong_explicit(slot, &there, name, memory_order_acq_rel,
                                                    memory_order_acquire)) {
            *ret = slot;
            return true;
        }
        if (there == name)
            return false;
    }
    *ret = NULL;
    return true;
}

/* The one line of the field. False: there are several, or it is malformed; answered. */
static bool read_key(const struct sl_call *c, const h2o_header_t *line, char out[static SL_IDEMPOTENCY_KEY],
                     size_t *ret_len, ssize_t at)
{
    bool again = h2o_find_header_by_str(&c->req->headers, H2O_STRLIT("idempotency-key"), at) != -1;
    if (!again && sl_idempotency_key(sl_header_value(line), out, ret_len))
        return true;
    sl_respond_error(c, SL_ERR_MALFORMED_REQUEST,
                     "Idempotency-Key must be given once, as a string of 1 to 255 characters in quotes");
    return false;
}

/* A key means one request of one caller on one route. The name of the record in Redis has the pool. */
static void record_id(const struct sl_call *c, const struct sl_identity *who, const char *key, size_t len,
                      uint8_t out[static SL_RECORD_ID])
{
    uint8_t text[SL_SHA256 + 1 + SL_IDEMPOTENCY_KEY];
    memcpy(text, who->hash, SL_SHA256);
    text[SL_SHA256] = (uint8_t)c->route;
    memcpy(text + SL_SHA256 + 1, key, len);
    sl_sha256(c->t->hasher, text, SL_SHA256 + 1 + len, out);
}

enum sl_keyed_request sl_claim_key(const struct sl_call *c, const struct sl_identity *who,
                                   struct sl_span request, struct sl_record_key *ret_key,
                                   struct sl_claim **ret_claim)
{
    ssize_t at = h2o_find_header_by_str(&c->req->headers, H2O_STRLIT("idempotency-key"), -1);
    char key[SL_IDEMPOTENCY_KEY];
    size_t len;
    if (at == -1)
        return SL_KEYED_NONE;
    if (!read_key(c, &c->req->headers.entries[at], key, &len, at))
        return SL_KEYED_ANSWERED;
    record_id(c, who, key, len, ret_key->id);
    sl_sha256(c->t->hasher, request.at, request.len, ret_key->fingerprint);
    ret_key->keep_ms = c->t->http->options->idempotency_ms;
    struct sl_claim *claim = h2o_mem_alloc_shared(&c->req->pool, sizeof *claim, on_request_gone);
    claim->slot = NULL;
    if (!claim_id(c->t->http->claims, ret_key->id, &claim->slot)) {
        sl_respond_error(
            c, SL_ERR_REQUEST_IN_PROGRESS,
            "The first request with this Idempotency-Key is still being answered: try again shortly");
        return SL_KEYED_ANSWERED;
    }
    *ret_claim = claim;
    return SL_KEYED_YES;
}
