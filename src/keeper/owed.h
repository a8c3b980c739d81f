/* What a list owes: since when its token lacks a change, and after which update-interval that was promised to
 * be published (worker/visible.h). A reload may change the interval in between; a promise stays. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct sl_klist;
struct sl_kpool;

/* Of one list. Times are monotonic. */
struct sl_owed {
    uint64_t since_ns;    /* when the keeper learnt of the first version above the published one; 0: none */
    uint64_t later_ns;    /* the same since the present load was asked for, which may have that version */
    uint64_t interval_ns; /* the shortest update-interval since then */
};

/* Of one pool: the update-interval for new changes before `raise_ns`; from then on it is the configured one.
 */
struct sl_interval {
    uint64_t before_ns, raise_ns;
    uint64_t most_ns; /* what it was when sl_keeper_hurry came */
};

/* The update-interval for changes of which the keeper learns now. */
uint64_t sl_keeper_interval(const struct sl_kpool *p);
/* The configured one may have changed; `before_ns` is what sl_keeper_interval gave before. A longer one is in
 * force a moment later: changes of which this instance has not heard yet were promised by the one before. */
void sl_keeper_new_interval(struct sl_kpool *p, uint64_t before_ns);

/* Other instances may not know of this one yet, so nothing waits for a moment; or, once their intervals are
 * known, nothing waits longer than by the shortest of them. */
void sl_keeper_hurry(struct sl_kpool *p);
void sl_keeper_limit_interval(struct sl_kpool *p, uint64_t shortest_ns);

/* The keeper learns of a change. */
void sl_owed_note(struct sl_klist *t, uint64_t when_ns, bool under_way);
void sl_owed_loading(struct sl_klist *t);
/* Another token is in the slot. `more`: it lacks a change. Returns since when it was owed; 0: nothing was. */
uint64_t sl_owed_published(struct sl_klist *t, bool more);
uint64_t sl_owed_since(const struct sl_klist *t);
/* The update-interval by which it is due. At a shutdown nothing waits. */
uint64_t sl_owed_interval(const struct sl_klist *t);
