/* Who calls: an API key in X-Api-Key, or a bearer token in Authorization, never both. */
#pragma once
#include "http/keyring.h"

struct sl_call;
struct sl_bearers;

struct sl_identity {
    /* SHA-256 of the API key; of issuer and subject of a bearer token, whichever token it is. */
    uint8_t hash[SL_SHA256];
    /* What the credential opens (http/keyring.h); until the present loop turn ends. */
    const uint64_t *pools;
};

/* False: the request has no credential that we know; it was answered. */
bool sl_authenticate(const struct sl_call *c, struct sl_identity *ret);
/* A copy that lives as long as the request. */
struct sl_identity sl_identity_keep(const struct sl_call *c, const struct sl_identity *who);
static inline bool sl_identity_can_use(const struct sl_identity *who, unsigned pool)
{
    return sl_pool_in(who->pools, pool);
}

/* What a thread remembers of bearer tokens. */
struct sl_bearers *sl_bearers_new(void);
void sl_bearers_free(struct sl_bearers *bearers); /* NULL ok */
