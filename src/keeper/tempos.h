/* The update-intervals of the other living instances, which their feeds show (store/feed.h): what a worker
 * promises counts the longest of all (worker/visible.h).
 *
 * An instance that others do not know of yet, because it has just started or its feed was away, or that has
 * a longer interval since a moment, must not be the one that is late. So for some seconds it publishes by
 * the shortest of all instead (keeper/owed.h), until every other has looked again. A promise counts only
 * what was seen a moment ago, and is not given where that is not known. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct sl_keeper;

/* Of one pool. In ms. */
struct sl_pool_tempos {
    uint32_t longest_ms; /* of the others, as promises count it */
    uint32_t lower_ms;   /* of those that were seen since `lower_ns`, where that is less */
    uint64_t lower_ns;   /* 0: it is not */
    bool unknown;        /* to the others, perhaps; and how short their intervals are is not known */
};

/* Of the keeper. */
struct sl_tempos {
    bool asking;
    uint64_t asked_ns;
    uint64_t shown_ns; /* since when this instance shows what it has; 0: it does not */
};

/* The feed has come up: from now on the others can see this instance. */
void sl_keeper_tempos_shown(struct sl_keeper *k);
/* The feed is down: nothing is promised. */
void sl_keeper_tempos_hidden(struct sl_keeper *k);
/* Every sweep, and when a connection is up. */
void sl_keeper_ask_tempos(struct sl_keeper *k);
