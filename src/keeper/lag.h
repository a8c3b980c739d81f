/* How long publications take, measured: the keeper stores it in sl_shared, and the workers' Status-Visible-By
 * rests on it (worker/visible.h). Small lists are measured by the time from the queue to the slot; what large
 * ones take is reckoned from their bytes, because one of them tells nothing about a list of another size. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct sl_keeper;
struct sl_token_cost;

struct sl_lag {
    uint64_t longest_ns;  /* of a small list from queued to published; fades with every sweep */
    uint64_t cost_ns;     /* to compress and sign one small list, smoothed */
    uint64_t kib_ns;      /* to load, compress and sign 1 KiB of a large list; fades with every publication */
    uint64_t progress_ns; /* when a publication last ended, or the first one of a new queue began */
};

/* A publication that has ended well. */
struct sl_lag_sample {
    size_t bytes; /* of the list */
    uint64_t queued_ns, loading_ns;
    const struct sl_token_cost *cost;
};

/* A list joins the queue; `unfinished`: lists queued or under way before it. Returns the time. */
uint64_t sl_keeper_lag_queued(struct sl_keeper *k, unsigned unfinished);
void sl_keeper_lag_published(struct sl_keeper *k, const struct sl_lag_sample *sample);
/* Every sweep: old values fade, unless nothing comes out of the queue. */
void sl_keeper_lag_fade(struct sl_keeper *k, unsigned unfinished);
/* For the workers: after each change of what the lag depends on. */
void sl_keeper_store_lag(struct sl_keeper *k);
void sl_keeper_lag_init(struct sl_keeper *k);
