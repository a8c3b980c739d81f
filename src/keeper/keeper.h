/* The keeper: one thread that fills the rings, creates lists ahead of need, learns of changed versions, and
 * decides what is published and when. It owns the Redis connections for commands, for large loads and for the
 * subscription. Every function is for the keeper's thread.
 *
 * Its parts, each a file with a header and a struct of its own, from the bottom up: what the keeper knows of
 * a pool's data (state), lists, tokens that wait to be freed (reclaim), the history that workers may write
 * under (history), certificates, how long publications
 * take (lag); when and how a list is published (schedule, sign, publish); options that instances share
 * (agree), and what they do not share (tempos), learning a list record (learn), references in stock, taking
 * more of them (take); unknown ids (lookup), restoring what Redis lost (mend), retirement (lease); opening
 * pools and reading changes (sync); reload, drain, health; and the keeper itself, which puts them together
 * (keeper_int.h) and passes mail and news to them. Calls go down this list; news that has to go up does so
 * through struct sl_keeper_hooks. */
#pragma once
#include "base/buf.h"
#include "keeper/setup.h"

struct sl_keeper;

struct sl_keeper *sl_keeper_new(const struct sl_keeper_setup *setup);
void sl_keeper_mail(struct sl_keeper *k, struct sl_mail *mail);
/* Takes over the options that are now in force (sl_pool_options), and a share of each key, by pool number.
 * Lists whose tokens would now look different are signed again little by little. */
void sl_keeper_reload(struct sl_keeper *k, struct sl_key *const *keys);

/* Compares these options, by pool number, with those of the other living instances: `differs` for each pool
 * where something differs (where Redis could not be asked nothing does), then `done`, in this call or later;
 * `options` and `arg` outlive it. One question at a time. */
void sl_keeper_check_options(struct sl_keeper *k, const struct sl_pool_options *options,
                             sl_keeper_differs_cb *differs, sl_keeper_checked_cb *done, void *arg);

struct sl_ready_question {
    bool issuer;                /* for reservations and updates, and not only for fetches */
    const struct sl_pool *pool; /* NULL: the service */
};
#define SL_READY_NAMED 32 /* pools that an answer names */
/* Readiness: false, and the first condition that fails as a sentence. The service is ready for fetches when
 * every pool was read, or refused, and no list of some pool is without a fresh token; for issuers also: store
 * up, persistence as configured, references of such a pool ready. One pool is ready when all of this holds
 * for it. `pools` (or NULL) gets a JSON member for each pool that is not, or does not sign: its name and a
 * sentence. */
bool sl_keeper_ready(struct sl_keeper *k, const struct sl_ready_question *q, struct sl_buf *why,
                     struct sl_buf *pools);
/* What an operator should look at although it stops nothing; nothing: all is well. */
void sl_keeper_put_detail(struct sl_keeper *k, struct sl_buf *out);
/* Brings gauges up to date; before /metrics is rendered. */
void sl_keeper_gauges(struct sl_keeper *k);

/* The end has been announced: from now on not ready, so that clients are led elsewhere. All else goes on, for
 * those who have not been led away yet. */
void sl_keeper_leave(struct sl_keeper *k);
/* The workers finish: waiting reservations and cold requests are answered UNAVAILABLE, nothing new is taken,
 * and what is owed is published at once. */
void sl_keeper_begin_drain(struct sl_keeper *k);
/* After the workers have ended: waits for takes under way, empties the rings and gives back what they held,
 * once; then `done`. At most `deadline_ns`. */
void sl_keeper_give_back(struct sl_keeper *k, uint64_t deadline_ns, sl_keeper_gave_back_cb *done, void *arg);
/* Turn messages are with the workers. They are the keeper's memory: it is freed after they have come back. */
bool sl_keeper_turning(const struct sl_keeper *k);
/* Frees lists and tokens too; rings and keys are the shared struct's owner's. No job may be pending with a
 * crew. */
void sl_keeper_free(struct sl_keeper *k);
