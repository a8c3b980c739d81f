/* Whether Redis is at present what the options promise to users: it is fit, or it is unfit for a reason. All
 * connections of a process share one of these. The keeper's check (store/check_int.h) judges; an answer of
 * Redis to any connection can raise a doubt at once, which stands until the next check. While Redis is unfit,
 * operations that must be durable are refused (SL_OP_DURABLE in store/operations.h), and all others go on.
 *
 * Any thread reads and doubts; one thread judges, the keeper's. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/metric.h"

#define SL_FITNESS_TEXTS 64

struct sl_fitness {
    _Atomic(const char *) reason;  /* NULL: fit. What it points to lives as long as the process uses this */
    _Atomic bool doubted;          /* the next check is due now */
    _Atomic uint64_t acknowledged; /* statuses and answers to keys that were acknowledged as durable */
    _Atomic uint32_t replicas;     /* for `wait-replicas: all`: how many that is at present */
    /* The judging thread's. */
    struct sl_metric_slab *metrics; /* of sl_fitness_metric_table, or NULL */
    uint64_t counted;               /* of `acknowledged`: up to the last check */
    char *texts[SL_FITNESS_TEXTS];  /* reasons that were given, each once; owned */
    unsigned text_count;
};

void sl_fitness_init(struct sl_fitness *f, struct sl_metric_slab *metrics);
/* Once no thread uses it any more. */
void sl_fitness_free(struct sl_fitness *f);

/* Why Redis is unfit; NULL: it is fit. Valid until sl_fitness_free. */
static inline const char *sl_fitness_reason(const struct sl_fitness *f)
{
    return atomic_load_explicit(&f->reason, memory_order_relaxed);
}
/* Redis itself has said that something is wrong. `reason`: static; NULL: only have it checked. */
void sl_fitness_doubt(struct sl_fitness *f, const char *reason);

/* The end of a check. `reason`: NULL when Redis is fit. `risky`: what was acknowledged since the check before
 * may not be as durable as it was said to be; it is counted. */
void sl_fitness_judge(struct sl_fitness *f, const char *reason, bool risky);

/* The metrics; a slab per process. */
#define SL_FITNESS_METRICS(X)                                                                                \
    X(UNFIT, "redis_unfit", SL_GAUGE,                                                                        \
      "1 while Redis is not as the options demand: updates, batches, keyed reservations and new references " \
      "are refused.",                                                                                        \
      NULL, NULL, NULL, 0)                                                                                   \
    X(ACKNOWLEDGED, "acknowledged_unfit_total", SL_COUNTER,                                                  \
      "Statuses and keyed reservations that were acknowledged between the last good check of Redis and one " \
      "that found it unfit: how many at most are less durable than was said.",                               \
      NULL, NULL, NULL, 0)                                                                                   \
    X(REPLICAS, "redis_replicas", SL_GAUGE, "Replicas of Redis that are connected and keep up.", NULL, NULL, \
      NULL, 0)

enum sl_fitness_metric {
#define X(id, ...) SL_FITNESS_M_##id,
    SL_FITNESS_METRICS(X)
#undef X
        SL_FITNESS_M_COUNT
};

extern const struct sl_metric_table sl_fitness_metric_table;

/* Before the metrics are read; the judging thread. */
static inline void sl_fitness_gauges(struct sl_fitness *f)
{
    if (f->metrics != NULL)
        sl_metric_set(f->metrics, SL_FITNESS_M_UNFIT, sl_fitness_reason(f) != NULL);
}
