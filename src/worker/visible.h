/* When a change is seen: what the worker may promise about it, and waiting for it. One thread: the worker's.
 *
 * A verifier honours a token if it uses it no longer than `ttl` after it was given out and never beyond `exp`
 * (draft-ietf-oauth-status-list, section "Status List Token"). A change that is committed at T is in the
 * token of every instance at P <= T + update-interval + what publishing takes at present + a sweep, which is
 * how long an instance may take to hear of it. Until P the one before may be given out, and be used for a ttl
 * more; for two where a cache may have kept it for one already. All tokens without the change have ended at
 * the latest `exp` of those made from before, so nothing without it is valid beyond. */
#pragma once
#include "worker/worker.h"

/* Seconds since 1970: from then on whoever honours the token sees `version` of the list. `lists`: how many
 * were changed with it; `ttls`: 1, or 2 where shared caches stand in between. 0: nothing can be promised,
 * the store or the signer is not well. No lock, no allocation. */
int64_t sl_visible_by(const struct sl_pool_worker *w, const struct sl_list *l, uint64_t version,
                      uint32_t lists, unsigned ttls);

/* Whether this instance gives out a token with that version. */
bool sl_is_published(const struct sl_list *l, uint64_t version);

/* Waits until sl_is_published, at most `wait_ns`. `done` tells whether; at the worker's end false. Never
 * called inside this call. */
struct sl_follower;
struct sl_follower *sl_follow(struct sl_pool_worker *w, struct sl_list *l, uint64_t version, uint64_t wait_ns,
                              void (*done)(void *arg, bool published), void *arg);
void sl_follow_cancel(struct sl_follower *f);

/* Internal to the layer. */
void sl_followers_look(struct sl_pool_worker *w, uint32_t list); /* it has a new token */
void sl_followers_drain(struct sl_pool_worker *w);
void sl_followers_free(struct sl_pool_worker *w);
