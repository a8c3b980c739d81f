/* How long publications take, measured: the keeper stores it in sl_shared, and the workers' Status-Visible-By
 * rests on it (worker/visible.h). */
#pragma once
#include <stdint.h>

struct sl_keeper;
struct sl_token_cost;

struct sl_lag {
    uint64_t longest_ns;  /* from queued to published; fades with every sweep */
    uint64_t cost_ns;     /* to compress and sign one list, smoothed */
    uint64_t progress_ns; /* when a publication last ended, or the first one of a new queue began */
};

/* A list joins the queue; `unfinished`: lists queued or under way before it. Returns the time. */
uint64_t sl_keeper_lag_queued(struct sl_keeper *k, unsigned unfinished);
void sl_keeper_lag_published(struct sl_keeper *k, uint64_t queued_ns, const struct sl_token_cost *cost);
/* Every sweep: old values fade, unless nothing comes out of the queue. */
void sl_keeper_lag_fade(struct sl_keeper *k, unsigned unfinished);
/* For the workers: after each change of what the lag depends on. `queued`: lists that wait. */
void sl_keeper_store_lag(struct sl_keeper *k, unsigned queued);
