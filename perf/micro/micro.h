/* Micro-benchmarks: each measures one part of the service by itself and reports rows. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Monotonic nanoseconds. */
uint64_t micro_now(void);
/* How long one measurement runs, in nanoseconds; shorter with --quick. */
uint64_t micro_span(void);
/* A row: what was measured, the figure and its unit; `detail` may be "". */
void micro_report(const char *name, double figure, const char *unit, const char *detail);

/* Runs `work(arg, n)` with growing n until one call takes micro_span; reports n per second as `unit` and the
 * time of one in `detail`. */
void micro_rate(const char *name, void (*work)(void *arg, uint64_t n), void *arg, const char *unit);

/* Keeps a result alive against the optimiser. */
static inline void micro_use(const void *p)
{
    __asm__ __volatile__("" : : "r"(p) : "memory");
}

/* Random bytes that are the same at every run. */
uint64_t micro_random(uint64_t *state);
/* Status list bytes with a share of one-bit entries set. */
void micro_list(uint8_t *bytes, uint32_t entries, double share);

void micro_ring(void);
void micro_core(void);  /* index order, base64url, Accept */
void micro_token(void); /* compression by density and level, signing, a whole token */
void micro_table(void);
void micro_auth(void);
void micro_update(const char *socket); /* the update script on the Redis behind the unix socket */
