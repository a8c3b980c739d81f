/* Micro-benchmarks: each measures one part of the service by itself and reports rows. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Monotonic. */
uint64_t micro_now_ns(void);
/* How long one measurement runs, in nanoseconds; shorter with --quick. */
uint64_t micro_run_ns(void);
/* A row: what was measured, the figure and its unit; `detail` may be "". */
void micro_report(const char *name, double figure, const char *unit, const char *detail);

/* Does a piece of work n times. */
typedef void(micro_work)(void *arg, uint64_t n);

/* Calls `work` with a growing n until one call takes micro_run_ns; reports n a second as `unit`, and the time
 * of one piece. */
void micro_rate(const char *name, micro_work *work, void *arg, const char *unit);

/* Keeps the optimiser from removing the computation of a result. */
static inline void micro_keep(const void *p)
{
    __asm__ __volatile__("" : : "r"(p) : "memory");
}

/* Random bytes that are the same at every run. */
uint64_t micro_random(uint64_t *state);
/* Sets a share of the one-bit entries of a list. */
void micro_fill_list(uint8_t *bytes, uint32_t entries, double share);

void micro_ring(void);
/* Index order, base64url, Accept. */
void micro_core(void);
/* Compression by density and level, signing, a whole token. */
void micro_token(void);
void micro_table(void);
void micro_auth(void);
/* The update script, on the Redis at a Unix socket. */
void micro_update(const char *socket);
