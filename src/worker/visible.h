/* When verifiers see a change: what the worker may promise about it, and waiting for it. One thread: the
 * worker's.
 *
 * A verifier that follows the draft uses a token at most `ttl` after it fetched it, and never beyond `exp`
 * (draft-ietf-oauth-status-list, section "Status List Token"). A change that is committed at T is in the
 * token of every instance at P <= T + a sweep, the longest time until an instance hears of the change, + the
 * longest update-interval of all living instances (keeper/tempos.h) + twice the present time of a
 * publication, since one that lacks the change may be under way. Until P a verifier may fetch the token from
 * before the change, and use it for a ttl more; for two ttls if a cache kept it for one already. A token with
 * a longer ttl, which a reload or a restart has replaced, counts as long as somebody may use it. All tokens
 * without the change have expired at the latest `exp` among them, so the promise is never later than that.
 *
 * That this instance has published the change says nothing about others: only where this process is alone
 * with its own Redis does P count as past. */
#pragma once
#include "worker/state.h"

/* Seconds since 1970: from then on every verifier that follows the draft sees what the list had at `head`.
 * `lists`: how many lists the same request changed; `ttls`: 1, or 2 if shared caches stand between. 0: no
 * promise, since the store or the signer fails, or the intervals of others are not known. No lock, no
 * allocation. */
int64_t sl_visible_by(const struct sl_pool_worker *w, const struct sl_list *list, struct sl_head head,
                      uint32_t lists, unsigned ttls);

/* Whether this instance gives out a token that has what the list had at `head`. */
bool sl_is_published(const struct sl_list *list, struct sl_head head);

struct sl_follower;

typedef void(sl_follow_cb)(void *arg, bool published);

/* Waits until sl_is_published, at most `wait_ns`. `done` is never called inside this call; at shutdown it
 * gets what is true then. */
struct sl_follower *sl_follow(struct sl_pool_worker *w, struct sl_list *list, struct sl_head head,
                              uint64_t wait_ns, sl_follow_cb *done, void *arg);
/* The request of this struct sl_follower is gone: `done` is not called. */
void sl_follow_cancel(void *follower);

/* Internal to the layer. */
/* The list has a new token. */
void sl_followers_look(struct sl_pool_worker *w, uint32_t list);
void sl_followers_drain(struct sl_pool_worker *w);
void sl_followers_free(struct sl_pool_worker *w);
