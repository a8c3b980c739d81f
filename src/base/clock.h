/* Time and randomness, behind one struct so that a test can replace them. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct sl_clock {
    uint64_t (*mono_ns)(void *arg); /* CLOCK_BOOTTIME: deadlines, durations; a suspend counts */
    int64_t (*wall_ms)(void *arg);  /* CLOCK_REALTIME, ms since 1970: iat, exp, HTTP dates */
    void (*random)(void *arg, void *out, size_t n); /* cryptographic; never fails */
    void *arg;
};

extern const struct sl_clock sl_clock_system;

#define SL_NS_PER_MS 1000000ull
#define SL_NS_PER_S 1000000000ull

static inline uint64_t sl_mono_ns(const struct sl_clock *c)
{
    return c->mono_ns(c->arg);
}

static inline int64_t sl_wall_ms(const struct sl_clock *c)
{
    return c->wall_ms(c->arg);
}

static inline void sl_random(const struct sl_clock *c, void *out, size_t n)
{
    c->random(c->arg, out, n);
}

/* Processor time of the calling thread so far, the kernel's on its behalf included. A system call. */
uint64_t sl_thread_cpu_ns(void);

/* Uniform in [0, bound), bound > 0; rejection sampling, so without bias. */
uint64_t sl_random_below(const struct sl_clock *c, uint64_t bound);
